"""Reads the bodies of the snapshot calls, strictly; all violations come at once."""

import re
from collections.abc import Callable
from typing import Any

from ingest_api.reading import Refusal, RefusedError, invalid, read_object, whole_number
from store.shapes.checks import Violation, check_provider_identifier
from store.shapes.vocabulary import PropertyType, Transaction

MAX_SNAPSHOT_BYTES = 4 * 1024
MOST_EXPECTED = 2**53

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")

_Check = Callable[[str, Any], list[Violation]]


def read_opening(payload: bytes) -> tuple[str, str | None, str | None]:
    """Return provider, transaction and type of a snapshot to open. Raises RefusedError."""
    asked = _read(payload, _OPENING, "providerIdentifier")
    return asked["providerIdentifier"], asked.get("transaction"), asked.get("type")


def read_closing(payload: bytes) -> int:
    """Return how many listings the sender means to have sent. Raises RefusedError."""
    expected = whole_number(_read(payload, _CLOSING, "expectedCount")["expectedCount"])
    assert expected is not None  # as _count saw
    return expected


def _read(payload: bytes, members: dict[str, _Check], required: str) -> dict[str, Any]:
    document = read_object(payload)
    if isinstance(document, Refusal):
        raise RefusedError(document)
    found: list[Violation] = []
    for name, value in document.items():
        check = members.get(name)
        if check is not None:
            found += check(name, value)
        else:
            shown = name if _PLAIN_NAME.fullmatch(name) else "?"
            found.append(Violation(shown, "unknown_field", "is not part of this document"))
    if required not in document:
        found.append(Violation(required, "required", "must be there"))
    if found:
        raise RefusedError(invalid(tuple(found)))
    return document


def _provider(_name: str, value: Any) -> list[Violation]:
    return check_provider_identifier(value)


def _code_of(codes: list[str]) -> _Check:
    def check(name: str, value: Any) -> list[Violation]:
        if value is None or value in codes:
            return []
        return [Violation(name, "invalid_choice", f"must be one of {', '.join(codes)}")]

    return check


def _count(name: str, value: Any) -> list[Violation]:
    number = whole_number(value)
    if number is None:
        return [Violation(name, "wrong_type", "must be a whole number")]
    if not 0 <= number <= MOST_EXPECTED:
        return [Violation(name, "out_of_range", f"must be 0 to {MOST_EXPECTED}")]
    return []


_OPENING: dict[str, _Check] = {
    "providerIdentifier": _provider,
    "transaction": _code_of([code.value for code in Transaction]),
    "type": _code_of([code.value for code in PropertyType]),
}
_CLOSING: dict[str, _Check] = {"expectedCount": _count}
