"""Cells of a file as wire values, by a mapping. Pure.

Only what the mapping makes certain is turned; anything else goes as it stands, and the server says
what is wrong with it.
"""

import math
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from cli.import_mapping import ANYTHING_ELSE, GIVEN, WIRE, ImportMapping

NUMBERS = frozenset({"decimal", "integer"})
TEXTS = frozenset({"identifier", "text"})
LISTS = frozenset({"urls", "codes"})

_SPACES = re.compile(r"[\s\u00a0\u202f]+")
_WITH_POINT = re.compile(r"-?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?", re.ASCII)
_WITH_COMMA = re.compile(r"-?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?", re.ASCII)
_TRUTHS = {
    "true": True, "yes": True, "da": True, "1": True,
    "false": False, "no": False, "nu": False, "0": False,
}  # fmt: skip


def listing_of(
    cells: Mapping[str, Any], mapping: ImportMapping, provider: str
) -> dict[str, Any]:  # fmt: skip
    """Return the wire document of a row. Column names may lead into JSON objects: `agency.name`."""
    listing: dict[str, Any] = {GIVEN: provider}
    for name in dict.fromkeys([*mapping.fields, *mapping.constants]):
        value = _field(cells, mapping, name)
        if value is not None or _is_cleared(cells, mapping, name):
            _set(listing, name, value)
    for name, value in _attributes(cells, mapping).items():
        _set(listing, f"attributes.{name}", value)
    return listing


def cell_of(cells: Mapping[str, Any], column: str) -> Any:
    """Return a cell, None when it is empty or there is none."""
    value: Any = cells
    if column in cells:
        value = cells[column]
    else:
        for part in column.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    return None if _is_empty(value) else value


def number_of(text: str, decimal_comma: bool) -> float | None:
    """Return the number a text says; thousands may be grouped. None when it says none."""
    plain = _SPACES.sub("", text)
    if not (_WITH_COMMA if decimal_comma else _WITH_POINT).fullmatch(plain):
        return None
    plain = plain.replace(".", "").replace(",", ".") if decimal_comma else plain.replace(",", "")
    return float(plain) if "." in plain else int(plain)


def instant_of(value: Any, date_format: str | None, time_zone: str) -> str | None:
    """Return an RFC 3339 instant; a day is its first moment. None when it is none."""
    moment = _moment(value, date_format)
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(time_zone))
    return moment.isoformat()


def _field(cells: Mapping[str, Any], mapping: ImportMapping, name: str) -> Any:
    column = mapping.fields.get(name)
    cell = None if column is None else cell_of(cells, column)
    if cell is None:
        return mapping.constants.get(name)
    spelled = mapping.values.get(name)
    if spelled is not None and not isinstance(cell, list | Mapping):
        key = str(cell).strip().casefold()
        cell = spelled.get(key, spelled.get(ANYTHING_ELSE, cell))
    return _value(cell, WIRE[name].kind.value, mapping)


def _value(cell: Any, kind: str, mapping: ImportMapping) -> Any:
    if kind in NUMBERS and isinstance(cell, str):
        number = number_of(cell, mapping.decimal_comma)
        return cell.strip() if number is None else number
    if kind in TEXTS and not isinstance(cell, str):
        return _text(cell)
    if kind in LISTS and isinstance(cell, str):
        parts = (part.strip() for part in cell.split(mapping.list_separator))
        return [part for part in parts if part]
    if kind == "boolean" and isinstance(cell, str):
        return _TRUTHS.get(cell.strip().casefold(), cell)
    if kind == "instant":
        return instant_of(cell, mapping.date_format, mapping.time_zone) or _plain(cell)
    return cell.strip() if isinstance(cell, str) else _plain(cell)


def _text(cell: Any) -> Any:
    """A spreadsheet's 4071 or 4071.0 is the text 4071."""
    plain = _plain(cell)
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    is_number = isinstance(plain, int | float) and not isinstance(plain, bool)
    return str(plain) if is_number else plain


def _plain(cell: Any) -> Any:
    """Return a value that JSON knows."""
    if isinstance(cell, Decimal):
        return int(cell) if cell == cell.to_integral_value() else float(cell)
    if isinstance(cell, float) and not math.isfinite(cell):
        return str(cell)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, Mapping):
        return {str(name): _plain(value) for name, value in cell.items()}
    if isinstance(cell, list):
        return [_plain(value) for value in cell]
    return cell if isinstance(cell, str | int | float | bool | None) else str(cell)


def _moment(value: Any, date_format: str | None) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if not isinstance(value, str):
        return None
    try:
        if date_format is not None:
            return datetime.strptime(value.strip(), date_format)  # noqa: DTZ007 zone follows
        return datetime.fromisoformat(value.strip())
    except ValueError:
        return None


def _attributes(cells: Mapping[str, Any], mapping: ImportMapping) -> dict[str, Any]:
    named = {name: cell_of(cells, column) for name, column in mapping.attributes.items()}
    if mapping.unmapped_columns == "attributes":
        taken = mapping.columns()
        others = {name: cell_of(cells, name) for name in cells if name not in taken}
        named = others | named
    return {name: _plain(value) for name, value in named.items() if value is not None}


def _is_cleared(cells: Mapping[str, Any], mapping: ImportMapping, name: str) -> bool:
    """Whether an empty cell says null: only of fields that may be cleared, and named by columns."""
    return (
        mapping.empty_cells == "clear"
        and name in mapping.fields
        and WIRE[name].is_clearable
        and cell_of(cells, mapping.fields[name]) is None
    )


def _set(listing: dict[str, Any], name: str, value: Any) -> None:
    outer, _, inner = name.partition(".")
    if not inner:
        listing[outer] = value
        return
    members = listing.get(outer)
    if not isinstance(members, dict):
        members = listing[outer] = {}
    members[inner] = value


def _is_empty(value: Any) -> bool:
    if isinstance(value, str):
        return not value or value.isspace()
    return value is None or (isinstance(value, float) and math.isnan(value))
