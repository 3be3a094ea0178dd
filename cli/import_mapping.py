"""The mapping of an import: which column of a file becomes which wire field, from a TOML file.

It judges the mapping itself, before a row is read; cells are `import_values`' part.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cli.wrong_use import WrongUseError
from store.shapes.wire import FIELDS, Field

GIVEN = "providerIdentifier"
"""The field that `--provider` gives."""

OPTIONS: dict[str, tuple[type, Any]] = {
    "format": (str, None),
    "encoding": (str, "utf-8-sig"),
    "delimiter": (str, ","),
    "decimal_comma": (bool, False),
    "date_format": (str, None),
    "time_zone": (str, "UTC"),
    "list_separator": (str, "|"),
    "empty_cells": (str, "keep"),
    "unmapped_columns": (str, "ignore"),
}
"""Names at the top of the file, their types and defaults."""

CHOICES = {
    "format": ("csv", "jsonl", "parquet"),
    "empty_cells": ("keep", "clear"),
    "unmapped_columns": ("ignore", "attributes"),
}
TABLES = ("fields", "constants", "values", "attributes")
ANYTHING_ELSE = "*"
"""The name in `[values.FIELD]` that stands for every value not named."""


def _wire_fields() -> Iterator[tuple[str, Field]]:
    for each in FIELDS:
        yield each.name, each
        yield from ((f"{each.name}.{inner.name}", inner) for inner in each.fields)


WIRE: dict[str, Field] = dict(_wire_fields())
"""Fields by name; those of agency and agent as `agency.name`."""


@dataclass(frozen=True, slots=True)
class ImportMapping:
    """A mapping that makes sense.

    fields: wire field -> column. constants: wire field -> value where there is no column, or its
    cell is empty. values: wire field -> spelling (case-folded) -> value. attributes: attribute
    name -> column.
    """

    path: Path
    fields: dict[str, str]
    constants: dict[str, Any] = field(default_factory=dict)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    format: str | None = None
    encoding: str = "utf-8-sig"
    delimiter: str = ","
    decimal_comma: bool = False
    date_format: str | None = None
    time_zone: str = "UTC"
    list_separator: str = "|"
    empty_cells: str = "keep"
    unmapped_columns: str = "ignore"

    def columns(self) -> dict[str, str]:
        """Return column -> the field it is for."""
        named = {column: name for name, column in self.fields.items()}
        return named | {column: f"attributes.{name}" for name, column in self.attributes.items()}

    def place(self, name: str) -> str:
        """Say where in the mapping a field stands, for messages."""
        line = line_of(self.path.read_text(encoding="utf-8"), name)
        return f"{self.path}, line {line}, field {name}"


def read_mapping(path: Path) -> ImportMapping:
    """Read a mapping. Raises WrongUseError that names file, line and field."""
    try:
        text = path.read_text(encoding="utf-8")
        told = tomllib.loads(text)
    except OSError as problem:
        raise WrongUseError(f"cannot read {path}: {problem.strerror}") from problem
    except ValueError as problem:  # TOML's and UTF-8's; TOML's names the line
        raise WrongUseError(f"{path} is no TOML: {problem}") from None
    return _Reading(path, text).mapping(told)


def line_of(text: str, name: str) -> int:
    """Return the line on which a name is set: by its last part, in its table if it has one."""
    table, _, last = name.rpartition(".")
    found, section = 1, ""
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.strip().replace('"', "").replace("'", "")
        if plain.startswith("["):
            section = plain.strip("[] ")
        key = plain.partition("=")[0].strip() if "=" in plain else section
        whole = f"{section}.{key}" if "=" in plain and section else key
        if key == name or whole == name or whole.endswith(f".{name}"):
            return number
        if last and key == last and (not table or section.endswith(table)):
            found = number
    return found


class _Reading:
    """Judges one mapping file."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text

    def mapping(self, told: dict[str, Any]) -> ImportMapping:
        for name in told:
            if name not in OPTIONS and name not in TABLES:
                self._refuse(name, "no such setting" + _nearest(name, [*OPTIONS, *TABLES]))
        for name in TABLES:
            if not isinstance(told.get(name, {}), dict):
                self._refuse(name, f"must be a table: [{name}]")
        fields = self._columns("fields", _flat(told.get("fields", {})))
        constants = _flat(told.get("constants", {}))
        values = _flat_values(told.get("values", {}))
        for table, names in (("fields", fields), ("constants", constants), ("values", values)):
            for name in names:
                self._expect_field(table, name)
        if "externalId" not in fields:
            self._refuse("fields", "needs externalId: the column that names a listing for good")
        attributes = self._columns("attributes", told.get("attributes", {}))
        options = {name: self._option(name, value) for name, value in told.items()
                   if name in OPTIONS}  # fmt: skip
        return ImportMapping(self._path, fields, constants, values, attributes, **options)

    def _columns(self, table: str, told: dict[str, Any]) -> dict[str, str]:
        for name, column in told.items():
            if not isinstance(column, str) or not column:
                self._refuse(f"{table}.{name}", "must name a column, as text")
        return told

    def _expect_field(self, table: str, name: str) -> None:
        if name == GIVEN:
            self._refuse(f"{table}.{name}", "is given by --provider")
        if name not in WIRE and not (table == "constants" and name.startswith("attributes.")):
            self._refuse(f"{table}.{name}", "no such wire field" + _nearest(name, list(WIRE)))

    def _option(self, name: str, value: Any) -> Any:
        kind = OPTIONS[name][0]
        if type(value) is not kind:
            self._refuse(name, "must be true or false" if kind is bool else "must be text")
        if name in CHOICES and value not in CHOICES[name]:
            self._refuse(name, f"must be one of {', '.join(CHOICES[name])}")
        if name == "delimiter" and len(value) != 1:
            self._refuse(name, "must be one character")
        if name == "list_separator" and not value:
            self._refuse(name, "must not be empty")
        if name == "time_zone":
            self._expect_zone(value)
        if name == "encoding":
            self._expect_encoding(value)
        return value

    def _expect_zone(self, name: str) -> None:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self._refuse("time_zone", "no such time zone; as Europe/Bucharest")

    def _expect_encoding(self, name: str) -> None:
        try:
            "".encode(name)
        except LookupError:
            self._refuse("encoding", "no such encoding; as utf-8 or cp1250")

    def _refuse(self, name: str, reason: str) -> None:
        line = line_of(self._text, name)
        raise WrongUseError(f"{self._path}, line {line}, {name}: {reason}")


def _nearest(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, 1, 0.6)
    return f"; do you mean {close[0]}?" if close else f"; there are {', '.join(known)}"


def _flat(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"agency.name": ...} of {"agency": {"name": ...}}."""
    flat: dict[str, Any] = {}
    for name, value in told.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            flat[name] = value
    return flat


def _flat_values(told: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return field -> spelling -> value; [values.agency.name] is one table deeper."""
    flat: dict[str, dict[str, Any]] = {}
    for name, table in told.items():
        tables = table if isinstance(table, dict) else {ANYTHING_ELSE: table}
        inner = {key: each for key, each in tables.items() if isinstance(each, dict)}
        flat |= {f"{name}.{key}": _folded(each) for key, each in inner.items()}
        if len(inner) < len(tables):
            flat[name] = _folded({key: each for key, each in tables.items() if key not in inner})
    return flat


def _folded(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name.strip().casefold(): value for name, value in table.items()}
