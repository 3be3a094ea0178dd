"""Readings of values that are written another way than the contract writes them. Pure.

Only what can mean one thing is read. Everything else is left to the check, which refuses it.
"""

import re
import unicodedata
from enum import StrEnum
from typing import Any

from store.shapes.vocabulary import LABELS

MAX_READ = 60
"""Longest text that is read: no number and no spelling of a code is longer."""

_SPACES = re.compile("[\u00a0\u2009\u202f]")
"""Spaces that people and spreadsheets put between groups of digits."""

_DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)(?:[.,]\d+)?", re.ASCII)
_GROUPED = re.compile(
    r"(?P<whole>-?[1-9]\d{0,2}(?P<gap>[., ])\d{3}(?:(?P=gap)\d{3})*)"
    r"(?:(?!(?P=gap))[.,](?P<rest>\d+))?",
    re.ASCII,
)
_JOINTS = re.compile(r"[\s_\-./]+")
_TRUTHS = {
    "true": True, "yes": True, "da": True, "1": True,
    "false": False, "no": False, "nu": False, "0": False,
}  # fmt: skip


def numbers_of(text: str) -> tuple[float, ...]:
    """Return every number that a text can mean; none when it is no number.

    The decimal mark is a point or a comma, groups of three digits stand apart by a space, a
    point or a comma. "185000", "85,5", "1.250.000" and "1.250,50" mean one number each; "1.250"
    can mean two, and the caller must know which of them can be. Leading zeros (telephones),
    signs of currencies and exponents are not read.
    """
    if len(text) > MAX_READ:
        return ()
    plain = _SPACES.sub(" ", text.strip())
    readings = []
    if _DECIMAL.fullmatch(plain):
        readings.append(_number(plain.replace(",", ".")))
    if grouped := _GROUPED.fullmatch(plain):
        whole = grouped["whole"].replace(grouped["gap"], "")
        readings.append(_number(f"{whole}.{grouped['rest'] or '0'}"))
    return tuple(readings)


def _number(plain: str) -> float:
    """Return an int where nothing stands behind the point but zeros: exact at any length."""
    whole, _, rest = plain.partition(".")
    return float(plain) if rest.strip("0") else int(whole)


def truth_of(value: Any) -> bool | None:
    """Return the truth that a text or number says; None when it says none."""
    if type(value) is str and len(value) <= MAX_READ:
        return _TRUTHS.get(value.strip().casefold())
    if type(value) in (int, float) and value in (0, 1):
        return bool(value)
    return None


def code_of(choices: type[StrEnum], text: str) -> str | None:
    """Return the code that a text names by code, label or alias; None when it names none."""
    return _SPELLINGS[choices].get(folded(text)) if len(text) <= MAX_READ else None


def folded(text: str) -> str:
    """Return a spelling without case, diacritics and what joins words."""
    if not text.isascii():
        letters = unicodedata.normalize("NFKD", text)
        text = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return _JOINTS.sub("", text).casefold()


def spellings(choices: type[StrEnum]) -> dict[str, str]:
    """Return the code of every spelling of an enumeration.

    Raises ValueError when one spelling would mean two codes.
    """
    found: dict[str, str] = {}
    for code, label in LABELS[choices].items():
        for spelling in (code, label.en, label.ro, *label.aliases):
            if found.setdefault(folded(spelling), code) != code:
                raise ValueError(f"{choices.__name__}: {spelling!r} means two codes")
    return found


_SPELLINGS = {choices: spellings(choices) for choices in LABELS}
