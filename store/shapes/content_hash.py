"""The content hash of a listing: SHA-256 of its RFC 8785 (JCS) JSON, so that a partner's system
can compute the same from its own copy and find what differs. Pure.

JCS has one text per value: members sorted by UTF-16 code units, no white space, strings escaped
as little as JSON allows, numbers as ECMAScript writes doubles. So 85 and 85.0 are the same number
here, and a whole number beyond 2^53 is the double nearest to it.
"""

import hashlib
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

from store.shapes.wire import PLATFORM_FIELDS

_PLAIN_BELOW = 21
"""ECMAScript writes numbers below 10^21 without an exponent..."""
_PLAIN_ABOVE = -7
"""...and from 10^-6 on (ECMA-262, Number::toString, radix 10)."""


def content_hash(document: dict[str, Any]) -> str:
    """Return the SHA-256, in hex, of a stored document's wire fields; `status` is one of them."""
    fields = {name: value for name, value in document.items() if name not in PLATFORM_FIELDS}
    return hashlib.sha256(canonical_json(fields)).hexdigest()


def canonical_json(value: Any) -> bytes:
    """Return the RFC 8785 text of a JSON value in UTF-8.

    Raises ValueError for what JSON cannot say alike everywhere: NaN, infinities, numbers that no
    double holds, lone surrogates; TypeError for what is no JSON value.
    """
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts).encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError


def _write(value: Any, parts: list[str]) -> None:
    if isinstance(value, str):
        parts.append(encode_basestring(value))
    elif value is None or isinstance(value, bool):
        parts.append(_LITERALS[value])
    elif isinstance(value, int | float):
        parts.append(_number(value))
    elif isinstance(value, list | tuple):
        _write_array(value, parts)
    elif isinstance(value, dict):
        _write_object(value, parts)
    else:
        raise TypeError(f"{type(value).__name__} is no JSON value")


_LITERALS = {None: "null", True: "true", False: "false"}


def _write_array(values: list[Any] | tuple[Any, ...], parts: list[str]) -> None:
    separator = "["
    for value in values:
        parts.append(separator)
        _write(value, parts)
        separator = ","
    parts.append("]" if values else "[]")


def _write_object(members: dict[str, Any], parts: list[str]) -> None:
    separator = "{"
    for name in _sorted(members):
        parts += (separator, encode_basestring(name), ":")
        _write(members[name], parts)
        separator = ","
    parts.append("}" if members else "{}")


def _sorted(members: dict[str, Any]) -> list[str]:
    # Code points and UTF-16 code units sort alike unless a letter lies beyond U+FFFF.
    if all(map(str.isascii, members)):
        return sorted(members)
    return sorted(members, key=lambda name: name.encode("utf-16-be", "surrogatepass"))


def _number(number: float) -> str:
    if isinstance(number, int) and abs(number) <= 2**53:
        return str(number)
    try:
        double = float(number)
        sign, digits, exponent = Decimal(repr(double)).normalize().as_tuple()
    except OverflowError:
        raise ValueError("a number is too large for a double") from None
    if not isinstance(exponent, int):
        raise ValueError("NaN and infinities are no JSON")
    if double == 0:
        return "0"
    return ("-" if sign else "") + _ecmascript("".join(map(str, digits)), exponent)


def _ecmascript(digits: str, exponent: int) -> str:
    """Write digits x 10^exponent, digits without zeros at their ends."""
    point = len(digits) + exponent  # how many digits stand before the decimal point
    if exponent >= 0 and point <= _PLAIN_BELOW:
        return digits + "0" * exponent
    if 0 < point <= _PLAIN_BELOW:
        return f"{digits[:point]}.{digits[point:]}"
    if _PLAIN_ABOVE < point - 1 < 0:
        return f"0.{'0' * -point}{digits}"
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{mantissa}e{point - 1:+d}"
