"""Reads what is asked of keys: bodies, strictly, and the few parameters of lists.

All violations come at once, in the names that were sent; what only the stored keys can tell is
left to `store.keys`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ingest_api.reading import Refusal, RefusedError, invalid, read_object, whole_number
from store.keys import DEFAULT_OVERLAP, MAX_OVERLAP, KeyWish, wrong_fields
from store.shapes.checks import Violation, parse_rfc3339
from store.shapes.vocabulary import Environment

MAX_KEY_BYTES = 64 * 1024
MAX_LOGIN_BYTES = 4 * 1024
MAX_USAGE_DAYS = 366

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")


@dataclass(slots=True)
class _Found:
    """What was understood so far, by the fields of KeyWish, and what was not."""

    values: dict[str, Any] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)

    def refuse(self, path: str, code: str, message: str) -> None:
        self.violations.append(Violation(path, code, message))


def read_wish(payload: bytes, now: datetime) -> KeyWish:
    """Read the body that makes a key. Raises RefusedError."""
    found = _read(payload, _MEMBERS, now, required=("partner", "permissions"))
    return KeyWish(**found)


def read_changes(payload: bytes, now: datetime) -> dict[str, Any]:
    """Read the body that changes a key: fields of KeyWish; absent keeps. Raises RefusedError."""
    return _read(payload, _CHANGEABLE, now, required=())


def read_overlap(payload: bytes, now: datetime) -> timedelta:
    """Read the body that rotates a key; it may be empty. Raises RefusedError."""
    if not payload:
        return DEFAULT_OVERLAP
    seconds = _read(payload, {"overlapSeconds": _overlap}, now, required=()).get("overlap")
    return DEFAULT_OVERLAP if seconds is None else timedelta(seconds=seconds)


def asked_number(query: Mapping[str, str], name: str, default: int, bounds: tuple[int, int]) -> int:
    """Return a whole number of the query. Raises RefusedError for anything else."""
    text, (low, high) = query.get(name), bounds
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= 18 and low <= int(text) <= high:
        return int(text)
    wrong = Violation(name, "out_of_range", f"must be a whole number of {low} to {high}")
    raise RefusedError(invalid((wrong,)))


_Read = Callable[[_Found, str, Any], None]


def _read(
    payload: bytes, members: dict[str, _Read], now: datetime, required: tuple[str, ...]
) -> dict[str, Any]:
    document = read_object(payload)
    if isinstance(document, Refusal):
        raise RefusedError(document)
    found = _Found()
    for name, value in document.items():
        if name in members:
            members[name](found, name, value)
        else:
            shown = name if _PLAIN_NAME.fullmatch(name) else "?"
            found.refuse(shown, "unknown_field", "is not part of this document")
    for name in required:
        if name not in document:
            found.refuse(name, "required", "must be there")
    violations = (*found.violations, *wrong_fields(found.values, now))
    if violations:
        raise RefusedError(invalid(violations))
    return found.values


def _text(found: _Found, name: str, value: Any) -> None:
    if type(value) is str:
        found.values[name] = value
    else:
        found.refuse(name, "wrong_type", "must be a string")


def _texts(found: _Found, name: str, value: Any) -> None:
    if type(value) is not list:
        found.refuse(name, "wrong_type", "must be an array of strings")
        return
    wrong = [place for place, each in enumerate(value) if type(each) is not str]
    for place in wrong:
        found.refuse(f"{name}[{place}]", "wrong_type", "must be a string")
    if not wrong:
        found.values[name] = value


def _providers(found: _Found, name: str, value: Any) -> None:
    if value is None:
        found.values[name] = None
    else:
        _texts(found, name, value)


def _expiry(found: _Found, name: str, value: Any) -> None:
    moment = parse_rfc3339(value) if type(value) is str else None
    if value is None or moment is not None:
        found.values["expires_at"] = moment
    else:
        found.refuse(
            name, "invalid_instant", "must be RFC 3339 with a zone, as 2027-03-01T09:00:00Z"
        )


def _environment(found: _Found, name: str, value: Any) -> None:
    known = [environment.value for environment in Environment]
    if value in known:
        found.values[name] = Environment(value)
    else:
        found.refuse(name, "invalid_choice", f"must be one of {', '.join(known)}")


def _rate(found: _Found, name: str, value: Any) -> None:
    if value is None:
        found.values |= {"rate_per_minute": None, "rate_burst": None}
        return
    if type(value) is not dict:
        found.refuse(name, "wrong_type", "must be an object of perMinute and burst, or null")
        return
    for member, each in value.items():
        if member not in ("perMinute", "burst"):
            shown = member if _PLAIN_NAME.fullmatch(member) else "?"
            found.refuse(f"{name}.{shown}", "unknown_field", "is not part of this document")
        elif (number := whole_number(each)) is None:
            found.refuse(f"{name}.{member}", "wrong_type", "must be a whole number")
        else:
            found.values[_RATE_FIELDS[member]] = number
    if "perMinute" not in value:
        found.refuse(f"{name}.perMinute", "required", "must be there")
        found.values.pop("rate_burst", None)


_RATE_FIELDS = {"perMinute": "rate_per_minute", "burst": "rate_burst"}


def _overlap(found: _Found, name: str, value: Any) -> None:
    most, seconds = int(MAX_OVERLAP.total_seconds()), whole_number(value)
    if seconds is None:
        found.refuse(name, "wrong_type", "must be a whole number")
    elif not 0 <= seconds <= most:
        found.refuse(name, "out_of_range", f"must be at least 0 and at most {most:,}")
    else:
        found.values["overlap"] = seconds


_CHANGEABLE: dict[str, _Read] = {
    "name": _text, "permissions": _texts, "providers": _providers, "expiresAt": _expiry,
    "rateLimit": _rate,
}  # fmt: skip
_MEMBERS: dict[str, _Read] = {**_CHANGEABLE, "partner": _text, "environment": _environment}
