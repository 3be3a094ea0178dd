"""Parts of the descriptions of operations, put together by `openapi` and its `openapi_*` modules.

An operation says who may call it, its parameters, its body and its answers. Problems are the
registry's, by code, so that a status can be neither forgotten nor invented.
"""

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ingest_api.problems import MEDIA_TYPE, PROBLEMS

Operation = dict[str, Any]
Schema = dict[str, Any]

KEY_SECURITY: list[dict[str, list[str]]] = [{"ApiKey": []}]
OPEN_SECURITY: list[dict[str, list[str]]] = []
"""Said aloud, so that an operation without a key is a decision and not an omission."""

KEY_PROBLEMS = ("missing_api_key", "invalid_api_key", "expired_api_key", "revoked_api_key")

SCHEMAS = "#/components/schemas/"
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}


def ref(name: str) -> Schema:
    """Return the reference to a schema of the components."""
    return {"$ref": f"{SCHEMAS}{name}"}


def list_of(items: Schema) -> Schema:
    """Return the schema of an array."""
    return {"type": "array", "items": items}


INSTANT: Schema = {"type": "string", "format": "date-time"}
_NAMES_INSTANT = re.compile(r"(^at|At|Since)$")


def answer_schemas(answers: Sequence[type[msgspec.Struct]]) -> dict[str, Schema]:
    """Return the schemas of answers and of what they hold, by their names.

    Their instants are texts in our code, and by their names instants in the document.
    """
    _, schemas = msgspec.json.schema_components(answers, ref_template=SCHEMAS + "{name}")
    for schema in schemas.values():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
        for name, member in schema.get("properties", {}).items():
            if _NAMES_INSTANT.search(name):
                _mark_instant(member)
    return schemas


def _mark_instant(schema: Schema) -> None:
    for each in schema.get("anyOf", [schema]):
        if each["type"] == "string":
            each["format"] = INSTANT["format"]


def json_content(schema: Schema, examples: dict[str, Any] | None = None) -> Operation:
    """Return the content of a JSON body; examples by their titles."""
    media: Operation = {"schema": schema}
    if examples:
        media["examples"] = {
            title.lower().replace(" ", "-"): {"summary": title, "value": value}
            for title, value in examples.items()
        }
    return {"application/json": media}


def json_body(schema: Schema, about: str, examples: dict[str, Any] | None = None) -> Operation:
    """Return a required JSON body."""
    return {"required": True, "description": about, "content": json_content(schema, examples)}


def json_answer(
    about: str, schema: Schema, headers: dict[str, Operation] | None = None
) -> Operation:
    """Return an answer with a JSON body."""
    answer: Operation = {"description": about, "content": json_content(schema)}
    return answer | ({"headers": headers} if headers else {})


def header(about: str, schema: Schema = TEXT) -> Operation:
    """Return a header that the answer always has."""
    return {"description": about, "required": True, "schema": schema}


def optional_header(about: str, schema: Schema = TEXT) -> Operation:
    """Return a header that some of the answers have."""
    return {"description": about, "schema": schema}


def parameter(place: str, name: str, about: str, schema: Schema = TEXT) -> Operation:
    """Return a parameter; place is `query`, `header` or `path`, and only `path` is required."""
    return {
        "name": name, "in": place, "required": place == "path", "description": about,
        "schema": schema,
    }  # fmt: skip


IDENTIFIER = parameter(
    "path", "identifier", "`providerIdentifier:externalId`, percent-encoded.",
    TEXT | {"examples": ["my-crm:listing-456"]},
)  # fmt: skip
IF_NONE_MATCH = parameter(
    "header", "If-None-Match", "ETags that are known already: 304 instead of what they stand for."
)


def problem_responses(codes: Iterable[str]) -> Operation:
    """Return the OpenAPI responses of the problems an operation may answer with, by status."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {str(status): _problem(status, by_status[status]) for status in sorted(by_status)}


_SECONDS: Schema = {"type": "integer", "minimum": 1}
RETRY_AFTER = {"Retry-After": header("Seconds to wait.", _SECONDS)}
_HEADERS: dict[int, dict[str, Operation]] = {
    401: {"WWW-Authenticate": header("The scheme that is missing.", {"const": "ApiKey"})},
    429: {
        **RETRY_AFTER,
        "RateLimit": optional_header('What is left: `"items";r=<items>;t=<seconds until all>`.'),
        "RateLimit-Policy": optional_header('The rule: `"items";q=<items at once>;w=60`.'),
    },
    503: {"Retry-After": optional_header("Seconds to wait, when that is known.", _SECONDS)},
}
"""What `problems.problem_response` sends beside the body."""


def _problem(status: int, codes: list[str]) -> Operation:
    told = "; ".join(f"`{code}`: {PROBLEMS[code].title}" for code in dict.fromkeys(codes))
    answer: Operation = {
        "description": told,
        "content": {MEDIA_TYPE: {"schema": ref("Problem")}},
    }
    return answer | ({"headers": _HEADERS[status]} if status in _HEADERS else {})
