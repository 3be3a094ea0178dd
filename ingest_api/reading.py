"""Reads posted bytes strictly: JSON that means one thing only, then the check of the contract.

Refused here: what parsers disagree about (NaN, numbers no double holds, duplicate names, lone
surrogates, trailing bytes, bytes that are not UTF-8, nesting beyond the parser's depth) and what
breaks a limit. No message repeats what was posted.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from store.shapes.checks import Violation, Warned, check
from store.shapes.plain import read_plain
from store.shapes.posts import Post, post_of
from store.shapes.wire import MAX_BULK_ITEMS, MAX_LISTING_BYTES


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not done. code: a key of `problems.PROBLEMS`.

    limit: the bound that was broken. provider, external_id: the listing it names, when known.
    headers: what the answer carries beside the problem.
    """

    code: str
    detail: str
    violations: tuple[Violation, ...] = ()
    limit: int | None = None
    provider: str | None = None
    external_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def codes(self) -> tuple[str, ...]:
        """What it is counted as: the codes of the violations, or its own."""
        return tuple(sorted({each.code for each in self.violations})) or (self.code,)


class RefusedError(Exception):
    """Carries a refusal up to the place that answers it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


class Understood(msgspec.Struct, frozen=True, gc=False):
    """A valid post and what the sender should know about it."""

    post: Post
    warnings: Sequence[Warned]


NO_WARNINGS: tuple[Warned, ...] = ()


class _BadJsonError(ValueError):
    """The bytes are no JSON that means one thing only; offset in bytes where it is known."""

    def __init__(self, reason: str, offset: int | None = None) -> None:
        super().__init__(reason)
        self.offset = offset

    def refusal(self) -> Refusal:
        place = "" if self.offset is None else f" at byte {self.offset}"
        return Refusal("invalid_json", f"The body is no valid JSON{place}: {self}.")


def read_listing(payload: bytes, now: datetime) -> Understood | Refusal:
    """Read one posted listing; now bounds its instants from above."""
    if len(payload) > MAX_LISTING_BYTES:
        return too_large(MAX_LISTING_BYTES, "listing")
    plain = read_plain(payload)
    return Understood(plain, NO_WARNINGS) if plain is not None else _read_listing(payload, now)


def _read_listing(payload: bytes, now: datetime) -> Understood | Refusal:
    document = read_object(payload)
    if isinstance(document, Refusal):
        return document
    checked = check(document, now)
    if checked.violations:
        return _invalid(tuple(checked.violations), checked.patch)
    patch = checked.patch
    post = post_of(patch["providerIdentifier"], patch["externalId"], patch, payload)
    return Understood(post, checked.warnings)


def split_bulk(body: bytes) -> list[bytes] | Refusal:
    """Return the bytes of each item of a bulk verbatim; the items themselves are not judged."""
    try:
        members = _parse_members(body)
    except _BadJsonError as problem:
        return problem.refusal()
    if members is None:
        return _invalid((Violation("", "wrong_type", "must be an object"),), {})
    if "items" not in members:
        return _invalid((Violation("items", "required", "must be there"),), {})
    try:
        items = _DECODE_ITEMS(members["items"])
    except msgspec.ValidationError:
        return _invalid((Violation("items", "wrong_type", "must be an array"),), {})
    if len(items) > MAX_BULK_ITEMS:
        detail = f"A bulk has at most {MAX_BULK_ITEMS} items."
        return Refusal("too_many_items", detail, limit=MAX_BULK_ITEMS)
    return [bytes(item) for item in items]


def read_object(payload: bytes) -> dict[str, Any] | Refusal:
    """Return the object that a body is; its members are not judged."""
    try:
        document = _parse(payload)
    except _BadJsonError as problem:
        return problem.refusal()
    if type(document) is not dict:
        return _invalid((Violation("", "wrong_type", "must be an object"),), {})
    return document


def too_large(limit: int, what: str) -> Refusal:
    """Return the refusal of a body or item beyond its limit in bytes."""
    return Refusal("too_large", f"A {what} has at most {limit} bytes.", limit=limit)


def invalid(violations: tuple[Violation, ...]) -> Refusal:
    """Return the refusal of a document that breaks the contract."""
    return _invalid(violations, {})


def _invalid(violations: tuple[Violation, ...], patch: dict[str, Any]) -> Refusal:
    first, others = violations[0], len(violations) - 1
    more = f" ({others} more in violations)" if others else ""
    detail = f"{first.path or 'The body'} {first.message}{more}."
    return Refusal(
        "validation_failed", detail, violations, provider=_text(patch, "providerIdentifier"),
        external_id=_text(patch, "externalId"),
    )  # fmt: skip


def _text(patch: dict[str, Any], name: str) -> str | None:
    value = patch.get(name)
    return value if type(value) is str else None


_DECODE = msgspec.json.Decoder().decode
_ENCODE = msgspec.json.Encoder().encode
_DECODE_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_DECODE_ITEMS = msgspec.json.Decoder(list[msgspec.Raw]).decode


def _parse(payload: bytes) -> Any:
    """Decode JSON. Raises _BadJsonError for anything readers could understand differently."""
    document = _decoded(_DECODE, payload)
    # A lost duplicate takes at least two quotes with it, and only an escaped quote (\u0022, which
    # is written back as \") could make up for them: equal counts prove there was no duplicate.
    if b"\\u0022" in payload or _count_quotes(document) != payload.count(b'"'):
        _expect_unique_names(payload)
    if _ENDLESS.search(payload) and _holds_endless(document):
        raise _BadJsonError("a number is too large")
    return document


_ENDLESS = re.compile(rb"[0-9]{309}")
"""Digits of a number that no double holds (or of a text, or of a long fraction)."""

_LARGEST = 2**1024
"""First whole number that no double holds."""


def _holds_endless(value: Any) -> bool:
    """Whether a whole number is beyond every double: a fraction of that size fails to decode."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if type(each) is dict:
            waiting += each.values()
        elif type(each) is list:
            waiting += each
        elif type(each) is int and abs(each) >= _LARGEST:
            return True
    return False


def _count_quotes(document: Any) -> int:
    try:
        return _ENCODE(document).count(b'"')
    except RecursionError:
        raise _BadJsonError("it is nested too deeply") from None


def whole_number(value: Any) -> int | None:
    """Return a JSON value as a whole number; None when it is none. 5.0 is 5, as JSON Schema says.

    For bodies of calls; listings' fields are read by `store.shapes.checks`.
    """
    if type(value) is int:
        return value
    return int(value) if type(value) is float and value.is_integer() else None


def _parse_members(body: bytes) -> dict[str, msgspec.Raw] | None:
    """Decode an object one level deep; None when the body is no object.

    The same count of quotes, without writing the members back.
    """
    try:
        members: dict[str, msgspec.Raw] = _decoded(_DECODE_MEMBERS, body)
    except msgspec.ValidationError:
        return None
    quotes = sum(2 + bytes(raw).count(b'"') for raw in members.values())
    if quotes != body.count(b'"') or any('"' in name for name in members):
        _expect_unique_names(body)
    return members


def _decoded(decode: Any, payload: bytes) -> Any:
    try:
        return decode(payload)
    except msgspec.ValidationError as problem:
        if "out of range" in str(problem):
            raise _BadJsonError("a number is too large") from None
        raise
    except msgspec.DecodeError as problem:
        raise _syntax_error(str(problem), payload) from None
    except UnicodeDecodeError:
        raise _BadJsonError("it is not UTF-8", _first_bad_byte(payload)) from None
    except RecursionError:
        raise _BadJsonError("it is nested too deeply") from None


_REASON = re.compile(r"JSON is malformed: ([a-z0-9 -]+) \(byte (\d+)\)")


def _syntax_error(message: str, payload: bytes) -> _BadJsonError:
    """Take reason and place from msgspec's message, which never quotes the input."""
    match = _REASON.fullmatch(message)
    if match is None:
        return _BadJsonError("it ends too early or holds a lone surrogate", len(payload))
    # msgspec counts a trailing character as consumed.
    is_past = match[1] == "trailing characters"
    return _BadJsonError(match[1], int(match[2]) - is_past)


def _first_bad_byte(payload: bytes) -> int | None:
    try:
        payload.decode()
    except UnicodeDecodeError as problem:
        return problem.start
    return None


def _expect_unique_names(payload: bytes) -> None:
    try:
        json.loads(payload, object_pairs_hook=_unique)
    except _BadJsonError:
        raise
    except (ValueError, RecursionError):
        raise _BadJsonError("it is nested too deeply or holds a number too large") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _BadJsonError("an object names a member twice")
    return members
