"""The check at the door: one posted document against the wire table. Pure.

All violations are collected, and none repeats what was posted. Values come out canonical:
instants in UTC with a fixed width (they sort as text), whole numbers as int where the field
counts, codes as the vocabulary writes them; everything else as posted. What is written another
way but can mean one thing only is read so, with the warning `coerced` that says from and to.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from store.shapes.coercions import code_of, numbers_of, truth_of
from store.shapes.name_hints import NameHints
from store.shapes.remarks import remarks_on
from store.shapes.wire import (
    BY_NAME,
    EARLIEST_YEAR,
    FIELDS,
    MAX_ATTRIBUTE_NAME,
    MAX_ATTRIBUTE_TEXT,
    MAX_DAYS_AHEAD,
    REQUIRED_ON_UPDATE,
    Field,
    Kind,
)

VIOLATION_CODES: dict[str, str] = {
    "required": "The field must be in every post.",
    "required_on_create": "The field must be in the first post of a listing.",
    "not_nullable": "The field cannot be cleared: leave it out to keep its value.",
    "wrong_type": "The value is of another JSON type than the field's.",
    "blank": "The text is empty or white space only.",
    "too_long": "The text is longer than the field's maxLength.",
    "too_many_items": "The list or object has more members than allowed.",
    "out_of_range": "The number or instant lies outside the field's bounds.",
    "invalid_choice": "The value is none of the field's codes.",
    "invalid_characters": "The text holds characters that are refused here.",
    "invalid_url": "The value is no http or https address.",
    "invalid_instant": "The value is no RFC 3339 instant with a time zone.",
    "in_the_future": f"The instant lies more than {MAX_DAYS_AHEAD} day in the future.",
    "in_the_past": "The instant has passed already.",
    "unknown_field": "The member is none of the document's (documents of keys only).",
    "illegal_move": "The status cannot follow the stored one: see its `moves`.",
    "unknown_parameter": "The call takes no query parameter of this name.",
    "repeated_parameter": "The query parameter was sent more than once.",
    "not_supported": "The call does not take this here.",
    "snapshot_scope": "The listing is of another provider than the snapshot.",
    "provider_not_owned": "The provider identifier belongs to another partner.",
}
"""Codes of violations and what they mean; the reference document lists them."""

WARNING_CODES: dict[str, str] = {
    "unknown_field": "The field is not part of the contract: kept with the raw post, used nowhere.",
    "coerced": "The value was read as `to`: it is written another way than the contract says.",
    "not_on_market": "The status takes the listing off the market: it leaves stock and figures.",
    "sold_price_without_sale": "soldPrice has no effect while the status is not sold or rented.",
    "usable_area_above_total": "usableArea is larger than totalArea: one of them is wrong.",
    "floor_above_top": "floor lies above floorMax: both are left out of the market tables.",
    "point_incomplete": "A point needs latitude and longitude: half of one places nothing.",
    "point_swapped": "latitude and longitude look swapped: the point lies outside Romania.",
    "revived": "The listing had been deleted: this post brought it back.",
    "stale": "The body is older than the stored one by sourceUpdatedAt: nothing was taken of it.",
}
"""Codes of warnings: the post was accepted, but has an effect the sender may not expect."""

MAX_WARNINGS = 50
"""Most warnings about single values; the few about their relations always come."""

MAX_COMPARED = 5
"""How many unknown names of a post are compared letter by letter with the known ones."""

MAX_SHOWN = 60
"""Longest posted text that a warning shows as `from`."""

_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
URL_PATTERN = r"[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#\\\x00-\x20\x7f]+[^\s\x00-\x20\x7f]*"
_URL = re.compile(URL_PATTERN)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")


@dataclass(frozen=True, slots=True)
class Violation:
    """Why a document is refused: where, which rule, and what was expected."""

    path: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Warned:
    """What had no effect, or not the effect the sender may expect.

    from_value and to_value: of a coerced value, as posted (when short and printable) and as read.
    """

    path: str
    code: str
    message: str
    from_value: str | float | bool | None = None
    to_value: str | float | bool | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """A document after the check.

    patch: wire names to canonical values, None clears; complete only without violations.
    """

    patch: dict[str, Any]
    warnings: list[Warned]
    violations: list[Violation]


class _Findings:
    """What the checks of one document found so far."""

    __slots__ = ("compared", "now", "violations", "warnings")

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.violations: list[Violation] = []
        self.warnings: list[Warned] = []
        self.compared = 0

    def refuse(self, path: str, code: str, message: str) -> None:
        self.violations.append(Violation(path, code, message))

    def warn(self, path: str, code: str, message: str) -> None:
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(Warned(path, code, message))

    def coerce(self, path: str, posted: str | float, read: str | float) -> None:
        if len(self.warnings) < MAX_WARNINGS:
            told = _shown_value(posted)
            self.warnings.append(Warned(path, "coerced", f"read as {_in_json(read)}", told, read))


def check(document: dict[str, Any], now: datetime) -> Checked:
    """Check one posted document; now bounds instants from above.

    Fields that only a first post needs are the register's to judge: it knows what is stored.
    """
    findings = _Findings(now)
    patch = _check_fields(document, _PLAN, "", findings)
    for name in REQUIRED_ON_UPDATE:
        if name not in document:
            findings.refuse(name, "required", "must be in every post")
    if not findings.violations:
        findings.warnings += [Warned(*remark) for remark in remarks_on(patch)]
    return Checked(patch, findings.warnings, findings.violations)


def check_provider_identifier(text: str) -> list[Violation]:
    """Return what is wrong with a provider identifier; empty when it may be used."""
    findings = _Findings(datetime.min.replace(tzinfo=UTC))
    _identifier(BY_NAME["providerIdentifier"], text, "providerIdentifier", findings)
    return findings.violations


def _check_fields(
    document: dict[str, Any], plan: "_Plan", prefix: str, findings: _Findings
) -> dict[str, Any]:
    patch: dict[str, Any] = {}
    for name, value in document.items():
        planned = plan.get(name)
        if planned is None:
            _unknown(name, prefix, findings)
        elif value is not None:
            patch[name] = planned[1](planned[0], value, prefix + name, findings)
        elif planned[0].is_clearable:
            patch[name] = None
        else:
            findings.refuse(prefix + name, "not_nullable", "cannot be null: leave it out to keep")
    return patch


def _unknown(name: str, prefix: str, findings: _Findings) -> None:
    if len(findings.warnings) >= MAX_WARNINGS:
        return
    hints, meant = _HINTS[prefix], None
    if _PLAIN_NAME.fullmatch(name):
        meant = hints.same(name)
        if meant is None and findings.compared < MAX_COMPARED:
            findings.compared += 1
            meant = hints.near(name)
    asked = f": did you mean {prefix}{meant}?" if meant else ""
    findings.warn(prefix + _shown(name), "unknown_field", f"not part of the contract{asked}")


def _shown_value(value: str | float) -> str | float | None:
    """A posted value as a warning may show it: numbers, and short text without tricks."""
    if type(value) is str and not (len(value) <= MAX_SHOWN and value.isprintable()):
        return None
    return value


def _in_json(value: str | float) -> str:
    return str(value).lower() if type(value) is bool else str(value)


def _shown(name: str) -> str:
    """A posted name as a path may show it: plain names only, so that nothing is smuggled out."""
    return name if _PLAIN_NAME.fullmatch(name) else "?"


def _text(field: Field, value: Any, path: str, findings: _Findings) -> str | None:
    if type(value) is not str:
        findings.refuse(path, "wrong_type", "must be a string")
    elif field.max_length is not None and len(value) > field.max_length:
        findings.refuse(path, "too_long", f"must have at most {field.max_length} characters")
    elif not field.may_be_blank and (not value or value.isspace()):
        findings.refuse(path, "blank", "must not be blank")
    elif not _is_storable(value):
        findings.refuse(path, "invalid_characters", "must not hold NUL or lone surrogates")
    else:
        return value
    return None


def _is_storable(text: str) -> bool:
    """PostgreSQL refuses NUL in text; a lone surrogate has no UTF-8."""
    if "\x00" in text:
        return False
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _identifier(field: Field, value: Any, path: str, findings: _Findings) -> str | None:
    text = _text(field, value, path, findings)
    if text is None:
        return None
    if not text.isprintable() or text[0].isspace() or text[-1].isspace():
        findings.refuse(
            path, "invalid_characters", "must be printable, without white space at its ends"
        )
    elif any(letter in text for letter in field.forbidden):
        findings.refuse(path, "invalid_characters", f"must not hold '{field.forbidden}'")
    return text


def _enum(field: Field, value: Any, path: str, findings: _Findings) -> str | None:
    if type(value) is not str:
        findings.refuse(path, "wrong_type", "must be a string")
    elif value in _CODES[field.name]:
        return value
    elif field.choices is not None and (code := code_of(field.choices, value)) is not None:
        findings.coerce(path, value, code)
        return code
    else:
        codes = ", ".join(_CODES[field.name])
        findings.refuse(path, "invalid_choice", f"must be one of {codes}")
    return None


def _codes(field: Field, value: Any, path: str, findings: _Findings) -> list[str | None] | None:
    if type(value) is not list:
        findings.refuse(path, "wrong_type", "must be an array")
        return None
    if field.max_items is not None and len(value) > field.max_items:
        findings.refuse(path, "too_many_items", f"must have at most {field.max_items} items")
        return None
    return [_listed(field, code, f"{path}[{at}]", findings) for at, code in enumerate(value)]


def _listed(field: Field, value: Any, path: str, findings: _Findings) -> str | None:
    if value is None:
        findings.refuse(path, "not_nullable", "cannot be null")
        return None
    return _enum(field, value, path, findings)


def _boolean(field: Field, value: Any, path: str, findings: _Findings) -> bool | None:
    if type(value) is bool:
        return value
    truth = truth_of(value)
    if truth is None:
        findings.refuse(path, "wrong_type", "must be true or false")
    else:
        findings.coerce(path, value, truth)
    return truth


def _decimal(field: Field, value: Any, path: str, findings: _Findings) -> float | None:
    if type(value) is not int and type(value) is not float:
        readings = numbers_of(value) if type(value) is str else ()
        return _read_number(field, value, readings, "must be a number", path, findings)
    return _bounded(field, value, path, findings)


def _integer(field: Field, value: Any, path: str, findings: _Findings) -> float | None:
    # JSON knows one kind of number: 3.0 is the whole number 3 (JSON Schema, "integer").
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        readings = numbers_of(value) if type(value) is str else ()
        whole = [number for number in readings if type(number) is int]
        return _read_number(field, value, whole, "must be a whole number", path, findings)
    return _bounded(field, value, path, findings)


def _read_number(
    field: Field, value: Any, readings: Sequence[float], told: str, path: str, findings: _Findings
) -> float | None:
    """Take the one reading that the field's bounds allow; two that they allow are a guess."""
    aside = _Findings(findings.now)
    fitting = [n for n in readings if _bounded(field, n, path, aside) is not None]
    if len(fitting) == 1:
        findings.coerce(path, value, fitting[0])
        return fitting[0]
    if len(readings) == 1:
        findings.violations += aside.violations
    else:
        findings.refuse(path, "wrong_type", told)
    return None


def _bounded(field: Field, value: float, path: str, findings: _Findings) -> float | None:
    if (
        value == value
        and (field.minimum is None or value >= field.minimum)
        and (field.maximum is None or value <= field.maximum)
        and (field.above is None or value > field.above)
        and (field.below is None or value < field.below)
    ):
        return value
    findings.refuse(path, "out_of_range", f"must be {bounds_text(field)}")
    return None


def bounds_text(field: Field) -> str:
    """Say a number field's bounds in words."""
    words = (("at least", field.minimum), ("greater than", field.above),
             ("at most", field.maximum), ("less than", field.below))  # fmt: skip
    return " and ".join(f"{word} {bound:,.10g}" for word, bound in words if bound is not None)


def _instant(field: Field, value: Any, path: str, findings: _Findings) -> str | None:
    if type(value) is not str:
        findings.refuse(path, "wrong_type", "must be a string")
        return None
    moment = parse_rfc3339(value)
    if moment is None:
        findings.refuse(
            path, "invalid_instant", "must be RFC 3339 with a zone, as 2026-03-01T09:00:00Z"
        )
    elif moment.year < EARLIEST_YEAR:
        findings.refuse(path, "out_of_range", f"must not lie before {EARLIEST_YEAR}")
    elif moment > findings.now + timedelta(days=MAX_DAYS_AHEAD):
        findings.refuse(
            path, "in_the_future", f"must not lie more than {MAX_DAYS_AHEAD} day in the future"
        )
    else:
        return wire_instant(moment)
    return None


def parse_rfc3339(text: str) -> datetime | None:
    """Return the instant in UTC, cut to microseconds, or None when the text is none."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    day, time, fraction, zone = match.groups()
    fraction = (fraction or ".")[:7]
    zone = "+00:00" if zone in "Zz" else zone
    try:
        return datetime.fromisoformat(f"{day}T{time}{fraction:0<7}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def wire_instant(moment: datetime) -> str:
    """Return the canonical text of a UTC instant; the same text that the tables keep."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _urls(field: Field, value: Any, path: str, findings: _Findings) -> list[str] | None:
    if type(value) is not list:
        findings.refuse(path, "wrong_type", "must be an array")
        return None
    if field.max_items is not None and len(value) > field.max_items:
        findings.refuse(path, "too_many_items", f"must have at most {field.max_items} items")
        return None
    for position, url in enumerate(value):
        _url(field, url, f"{path}[{position}]", findings)
    return value


def _url(field: Field, value: Any, path: str, findings: _Findings) -> None:
    if value is None:
        findings.refuse(path, "not_nullable", "cannot be null")
    elif _text(field, value, path, findings) is not None and not _URL.fullmatch(value):
        findings.refuse(path, "invalid_url", "must be an http or https address")


def _object(field: Field, value: Any, path: str, findings: _Findings) -> dict[str, Any] | None:
    if type(value) is not dict:
        findings.refuse(path, "wrong_type", "must be an object")
        return None
    return _check_fields(value, _NESTED[field.name], f"{path}.", findings)


def _attributes(field: Field, value: Any, path: str, findings: _Findings) -> dict[str, Any] | None:
    if type(value) is not dict:
        findings.refuse(path, "wrong_type", "must be an object")
        return None
    if field.max_items is not None and len(value) > field.max_items:
        findings.refuse(path, "too_many_items", f"must have at most {field.max_items} members")
        return None
    for name, single in value.items():
        _attribute_name(name, path, findings)
        _attribute(single, f"{path}.{_shown(name)}", findings)
    return value


def _attribute_name(name: str, path: str, findings: _Findings) -> None:
    if len(name) > MAX_ATTRIBUTE_NAME:
        findings.refuse(path, "too_long", f"names have at most {MAX_ATTRIBUTE_NAME} characters")
    elif not name or name.isspace():
        findings.refuse(path, "blank", "names must not be blank")
    elif not _is_storable(name):
        findings.refuse(path, "invalid_characters", "names must not hold NUL or lone surrogates")


def _attribute(value: Any, path: str, findings: _Findings) -> None:
    if value is None or type(value) is bool:
        return
    if type(value) is str:
        if len(value) > MAX_ATTRIBUTE_TEXT:
            findings.refuse(path, "too_long", f"must have at most {MAX_ATTRIBUTE_TEXT} characters")
        elif not _is_storable(value):
            findings.refuse(path, "invalid_characters", "must not hold NUL or lone surrogates")
    elif type(value) is int or type(value) is float:
        # Beyond 2^53 readers that know doubles only would see another whole number.
        if not abs(value) <= 2**53:
            findings.refuse(path, "out_of_range", "must be a number within 2^53")
    else:
        findings.refuse(path, "wrong_type", "must be a string, a number, a truth value or null")


_Check = Callable[[Field, Any, str, _Findings], Any]
_Plan = dict[str, tuple[Field, _Check]]

_CHECKS: dict[Kind, _Check] = {
    Kind.IDENTIFIER: _identifier,
    Kind.TEXT: _text,
    Kind.ENUM: _enum,
    Kind.DECIMAL: _decimal,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
    Kind.INSTANT: _instant,
    Kind.URLS: _urls,
    Kind.CODES: _codes,
    Kind.OBJECT: _object,
    Kind.ATTRIBUTES: _attributes,
}


def _plan(fields: Iterable[Field]) -> _Plan:
    return {field.name: (field, _CHECKS[field.kind]) for field in fields}


_PLAN = _plan(FIELDS)
_NESTED = {field.name: _plan(field.fields) for field in FIELDS if field.fields}
_CODES = {f.name: {code.value: None for code in f.choices} for f in FIELDS if f.choices}
_HINTS = {"": NameHints(_PLAN)} | {f"{name}.": NameHints(plan) for name, plan in _NESTED.items()}
