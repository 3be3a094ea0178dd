"""The wire table as JSON Schema (for OpenAPI) and as a pydantic model (for clients, benchmarks).

Generated from `wire.FIELDS`, so that neither can disagree with the check at the door.
"""

from types import GenericAlias
from typing import Annotated, Any, Literal

import pydantic

from store.shapes.checks import URL_PATTERN
from store.shapes.wire import (
    FIELDS,
    MAX_ATTRIBUTE_NAME,
    MAX_ATTRIBUTE_TEXT,
    REQUIRED_ON_UPDATE,
    WIRE_VERSION,
    Field,
    Kind,
)

Schema = dict[str, Any]

_JSON_TYPES: dict[Kind, str] = {
    Kind.IDENTIFIER: "string",
    Kind.TEXT: "string",
    Kind.ENUM: "string",
    Kind.DECIMAL: "number",
    Kind.INTEGER: "integer",
    Kind.BOOLEAN: "boolean",
    Kind.INSTANT: "string",
    Kind.URLS: "array",
    Kind.CODES: "array",
    Kind.OBJECT: "object",
    Kind.ATTRIBUTES: "object",
}

# Patterns of regular expressions that ECMAScript, Python and Rust read alike.
_WITHOUT_NUL = r"^[^\x00]*$"
_NOT_BLANK = r"^[^\x00]*[^\x00\x1c-\x1f\x85\s][^\x00]*$"
_IDENTIFIER = r"^[^\x00-\x20\x7f-\xa0%s](?:[^\x00-\x1f\x7f-\xa0%s]*[^\x00-\x20\x7f-\xa0%s])?$"
"""Nearly: what is printable beyond Latin-1, `checks` decides by Unicode's categories."""

_LARGEST = 2**53
_SCALAR: Schema = {
    "type": ["string", "number", "boolean", "null"],
    "maxLength": MAX_ATTRIBUTE_TEXT,
    "pattern": _WITHOUT_NUL,
    "minimum": -_LARGEST,
    "maximum": _LARGEST,
}


def json_type(field: Field) -> str:
    """Return the JSON type of a field's value."""
    return _JSON_TYPES[field.kind]


def listing_schema() -> Schema:
    """Return the JSON Schema 2020-12 of one post, as an update needs it.

    A first post must also hold the fields whose description says so: only what is stored tells
    the two apart. Unknown fields are allowed; they are answered with a warning, and so are
    values written another way (`coercions`), which the schema does not allow.
    """
    return {
        "type": "object",
        "title": "Listing",
        "description": f"A listing as posted (wire contract {WIRE_VERSION}). Absent keeps, null "
        "clears, [] empties. Also accepted, each with the warning `coerced`: numbers as text "
        'that can mean one number only ("185000", "85,5"), codes in any case or by their labels '
        'and aliases ("decomandat"), "da"/"nu", "true"/"false" and 0/1 for truth values.',
        "required": list(REQUIRED_ON_UPDATE),
        "properties": {field.name: field_schema(field) for field in FIELDS},
    }


def field_schema(field: Field) -> Schema:
    """Return the JSON Schema of one field, null included where null clears."""
    schema = _described(field) | _bounds(field) | _shape(field)
    if not field.is_clearable:
        return schema
    if "enum" in schema:
        # Not a null among the codes: generators of clients make three types of that.
        ours = [name for name in ("type", "enum", _NAMES) if name in schema]
        codes = {name: schema.pop(name) for name in ours}
        return schema | {"anyOf": [codes, {"type": "null"}]}
    return schema | {"type": [schema["type"], "null"]}


def _described(field: Field) -> Schema:
    needed = " Required in a listing's first post." if field.is_required_on_create else ""
    unit = f" Unit: {field.unit}." if field.unit else ""
    return {
        "type": json_type(field),
        "description": field.description + unit + needed,
        "examples": [field.example],
    }


def _bounds(field: Field) -> Schema:
    limits = {
        "minimum": field.minimum,
        "maximum": field.maximum,
        "exclusiveMinimum": field.above,
        "exclusiveMaximum": field.below,
    }
    return {name: limit for name, limit in limits.items() if limit is not None}


def _shape(field: Field) -> Schema:
    match field.kind:
        case Kind.IDENTIFIER | Kind.TEXT:
            return _text_shape(field)
        case Kind.ENUM:
            return _choices(field)
        case Kind.INSTANT:
            return {"format": "date-time"}
        case Kind.URLS:
            address = {"type": "string", "maxLength": field.max_length, "pattern": _URL}
            return {"items": address, "maxItems": field.max_items}
        case Kind.CODES:
            code = {"type": "string", **_choices(field)}
            return {"items": code, "maxItems": field.max_items}
        case Kind.OBJECT:
            return {"properties": {inner.name: field_schema(inner) for inner in field.fields}}
        case Kind.ATTRIBUTES:
            return {
                "additionalProperties": _SCALAR,
                "propertyNames": {"maxLength": MAX_ATTRIBUTE_NAME, "pattern": _NOT_BLANK},
                "maxProperties": field.max_items,
            }
        case _:
            return {}


def _values(field: Field) -> list[str]:
    return [code.value for code in field.choices or ()]


_NAMES = "x-enum-varnames"


def _choices(field: Field) -> Schema:
    """Return the codes; with names for generators of clients where a code makes none ("A+")."""
    codes = list(field.choices or ())
    if all(code.value.isidentifier() for code in codes):
        return {"enum": _values(field)}
    return {"enum": _values(field), _NAMES: [code.name for code in codes]}


_URL = f"^{URL_PATTERN}$"


def _text_shape(field: Field) -> Schema:
    if field.may_be_blank:
        return {"maxLength": field.max_length, "pattern": _WITHOUT_NUL}
    pattern = _NOT_BLANK
    if field.kind is Kind.IDENTIFIER:
        pattern = _IDENTIFIER.replace("%s", field.forbidden)
    return {"maxLength": field.max_length, "minLength": 1, "pattern": pattern}


def pydantic_model() -> type[pydantic.BaseModel]:
    """Return a pydantic model of one post: for clients and for the benchmark's echo.

    Types are strict; absent fields are None. The door itself does not use it.
    """
    return _model("Listing", FIELDS)


def _model(name: str, fields: tuple[Field, ...]) -> type[pydantic.BaseModel]:
    members: dict[str, Any] = {}
    for field in fields:
        held, limits = _python_type(field), _limits(field)
        if field.is_required_on_update:
            members[field.name] = (held, pydantic.Field(**limits))
        else:
            members[field.name] = (held | None, pydantic.Field(None, **limits))
    return pydantic.create_model(
        name, __config__=pydantic.ConfigDict(strict=True, extra="ignore"), **members
    )


def _python_type(field: Field) -> Any:
    match field.kind:
        case Kind.IDENTIFIER | Kind.TEXT:
            return str
        case Kind.ENUM:
            return Literal[tuple(_values(field))]
        case Kind.DECIMAL:
            return float
        case Kind.INTEGER:
            return int
        case Kind.BOOLEAN:
            return bool
        case Kind.INSTANT:
            return Annotated[pydantic.AwareDatetime, pydantic.Strict(False)]
        case Kind.URLS:
            return list[Annotated[str, pydantic.Field(max_length=field.max_length)]]
        case Kind.CODES:
            return GenericAlias(list, (Literal[tuple(_values(field))],))
        case Kind.OBJECT:
            return _model(field.name.capitalize(), field.fields)
        case Kind.ATTRIBUTES:
            return dict[str, str | int | float | bool | None]


def _limits(field: Field) -> dict[str, Any]:
    is_list = field.kind in (Kind.URLS, Kind.CODES, Kind.ATTRIBUTES)
    limits = {
        "ge": field.minimum,
        "le": field.maximum,
        "gt": field.above,
        "lt": field.below,
        "max_length": field.max_items if is_list else field.max_length,
        "description": field.description,
    }
    return {name: limit for name, limit in limits.items() if limit is not None}
