"""Query parameters, read strictly: known ones only, each once, of the documented form.

No message repeats a value; an unknown parameter is named where it looks like a name.
"""

import re
from collections.abc import Collection, Sequence
from urllib.parse import parse_qsl

from ingest_api.reading import RefusedError, invalid
from store.shapes.checks import Violation

MAX_INTEGER = 2**63 - 1
"""Offsets have 64 bits with a sign."""

QUERY = "query"
"""The path of what cannot be named."""

_MOST_PARAMETERS = 50
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,39}")
_DIGITS = re.compile(r"[0-9]{1,19}")


class Query:
    """The parameters of one request.

    Each method reads one; wrong ones are collected until `expect_valid`. Raises RefusedError when
    the query cannot be read at all.
    """

    def __init__(self, raw: bytes, known: Sequence[str]) -> None:
        self._found: list[Violation] = []
        self._values: dict[str, str] = {}
        for name, value in _pairs(raw):
            if name not in known:
                path = name if _NAME.fullmatch(name) else QUERY
                told = f"is not known to this call, which takes {', '.join(known) or 'none'}"
                self._wrong(path, "unknown_parameter", told)
            elif name in self._values:
                self._wrong(name, "repeated_parameter", "must be sent once")
            else:
                self._values[name] = value

    def text(self, name: str) -> str | None:
        """Return a parameter as sent; None when it is absent."""
        return self._values.get(name)

    def matched(self, name: str, form: re.Pattern[str], longest: int, told: str) -> str | None:
        """Return a parameter of this form and length; None when it is absent or wrong."""
        value = self._values.get(name)
        if value is None or (len(value) <= longest and form.fullmatch(value)):
            return value
        self._wrong(name, "wrong_type", told)
        return None

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        """Return a whole number; the default when it is absent."""
        value = self._values.get(name)
        if value is None:
            return default
        if not _DIGITS.fullmatch(value):
            self._wrong(name, "wrong_type", "must be a whole number")
        elif not least <= int(value) <= most:
            self._wrong(name, "out_of_range", f"must be {least} to {most}")
        else:
            return int(value)
        return default

    def names(self, name: str, choices: Collection[str], default: Sequence[str]) -> Sequence[str]:
        """Return a comma-separated list of names; the default when it is absent."""
        value = self._values.get(name)
        if value is None:
            return default
        chosen = value.split(",")
        if all(each in choices for each in chosen):
            return tuple(dict.fromkeys(chosen))
        self._wrong(name, "invalid_choice", f"must be names of {', '.join(choices)}")
        return default

    def expect_valid(self) -> None:
        """Raise RefusedError when a parameter is unknown or of a wrong form."""
        if self._found:
            raise RefusedError(invalid(tuple(self._found)))

    def _wrong(self, path: str, code: str, message: str) -> None:
        self._found.append(Violation(path, code, message))


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )  # fmt: skip
    except ValueError:  # a UnicodeDecodeError is one
        told = f"must be at most {_MOST_PARAMETERS} parameters in percent-encoded UTF-8"
        violation = Violation(QUERY, "invalid_characters", told)
        raise RefusedError(invalid((violation,))) from None
