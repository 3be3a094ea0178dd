"""The content hash as the server computes it, so that a system can find what differs.

The hash is the SHA-256 of a listing's RFC 8785 (JCS) JSON: members sorted by UTF-16 code units,
no white space, strings escaped as little as can be, numbers as ECMAScript writes doubles. What is
hashed are the wire fields as the server reads them back; `as_stored` makes them of a listing as
it is posted.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

Listing = Mapping[str, Any]

PLATFORM_FIELDS = frozenset({"statusSince", "deletedAt", "deletionReason"})
"""What the server adds to a stored listing: no part of the hash."""

_EXACT = 2**53
"""Beyond it not every whole number is a double."""

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.A)


def content_hash(listing: Listing) -> str:
    """Return the hash, in hex, of wire fields as read back (see `as_stored` for one's own copy)."""
    fields = {name: value for name, value in listing.items() if name not in PLATFORM_FIELDS}
    return hashlib.sha256(canonical_json(fields)).hexdigest()


def as_stored(listing: Listing) -> dict[str, Any]:
    """Return what the server keeps of a complete listing that was posted without warnings.

    Fields that are null are gone, here and inside agency, agent and attributes; `status` is
    active when it was never sent; instants (fields whose names end in At) stand in UTC with six
    decimals.
    """
    stored = {name: _kept(name, value) for name, value in listing.items() if value is not None}
    return {"status": "active", **stored}


def canonical_json(value: Any) -> bytes:
    """Return the RFC 8785 text of a JSON value.

    Raises ValueError for NaN, infinities, numbers that no double holds and lone surrogates;
    TypeError for what is no JSON value.
    """
    return "".join(_written(value)).encode()


def _kept(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {inner: each for inner, each in value.items() if each is not None}
    if name.endswith("At") and isinstance(value, str):
        return _instant(value)
    return value


def _instant(text: str) -> str:
    match = _INSTANT.fullmatch(text)
    if match is None:
        return text
    day, time, fraction, zone = match.groups()
    zone = "+00:00" if zone in "Zz" else zone
    moment = datetime.fromisoformat(f"{day}T{time}{(fraction or '.')[:7]:0<7}{zone}")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _written(value: Any) -> Iterator[str]:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        yield json.dumps(value, ensure_ascii=False)
    elif isinstance(value, int | float):
        yield _number(value)
    elif isinstance(value, list | tuple):
        yield "[" + ",".join("".join(_written(each)) for each in value) + "]"
    elif isinstance(value, Mapping):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        yield "{" + ",".join("".join(_member(name, value[name])) for name in names) + "}"
    else:
        raise TypeError(f"{type(value).__name__} is no JSON value")


def _member(name: str, value: Any) -> Iterator[str]:
    yield json.dumps(name, ensure_ascii=False) + ":"
    yield from _written(value)


def _number(number: float) -> str:
    if isinstance(number, int) and abs(number) <= _EXACT:
        return str(number)
    try:
        double = float(number)
    except OverflowError:
        raise ValueError("a number is too large for a double") from None
    if not math.isfinite(double):
        raise ValueError("NaN and infinities are no JSON")
    sign = "-" if double < 0 else ""
    return sign + _ecmascript(abs(double)) if double else "0"


def _ecmascript(double: float) -> str:
    """Write a positive double as ECMA-262, Number::toString does.

    Python's repr has the same shortest digits and other rules for the exponent.
    """
    mantissa, _, power = repr(double).partition("e")
    whole, _, fraction = mantissa.partition(".")
    written = whole + fraction
    digits = written.lstrip("0")
    point = len(whole) + int(power or 0) - (len(written) - len(digits))
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if digits[1:] else ""
    return f"{digits[0]}{rest}e{point - 1:+d}"
