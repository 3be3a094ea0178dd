"""Rows of a file, one after the other, however large it is: CSV, JSON lines, Parquet."""

import csv
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from cli.import_mapping import ImportMapping
from cli.wrong_use import WrongUseError

FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl",
           ".parquet": "parquet", ".pq": "parquet"}  # fmt: skip
"""What a suffix says."""

BATCH_ROWS = 1_000
_NO_LIMIT = min(sys.maxsize, 2**31 - 1)


@dataclass(frozen=True, slots=True)
class Row:
    """A row. number: the line it begins on; in Parquet its place, from 1.

    fault: why it cannot be read; then it has no cells.
    """

    number: int
    cells: Mapping[str, Any]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A file being read. position says how much of total is behind us (bytes, or rows).

    columns: the file's, None where each row names its own.
    """

    rows: Iterator[Row]
    columns: tuple[str, ...] | None
    total: int
    position: Callable[[], int]


@contextmanager
def open_source(path: Path, mapping: ImportMapping, format: str | None) -> Iterator[Source]:
    """Open a file. format: csv, jsonl or parquet; else the mapping or the suffix says it.

    Raises WrongUseError for a file that is not what it should be.
    """
    chosen = format or mapping.format or FORMATS.get(path.suffix.lower())
    opener = _OPENERS.get(chosen or "")
    if opener is None:
        known = ", ".join(_OPENERS)
        raise WrongUseError(f"{path}: which format is it? Say --format, one of {known}")
    try:
        with path.open("rb") as file:
            yield opener(path, file, mapping)
    except OSError as problem:
        raise WrongUseError(f"cannot read {path}: {problem.strerror or problem}") from problem
    except UnicodeDecodeError:
        raise WrongUseError(
            f"{path} is not {mapping.encoding}: set `encoding` in {mapping.path}"
        ) from None


def _csv(path: Path, file: IO[bytes], mapping: ImportMapping) -> Source:
    csv.field_size_limit(_NO_LIMIT)  # descriptions are long, and the server knows its limits
    size = path.stat().st_size
    text = _text(file, mapping)
    reader = csv.reader(text, delimiter=mapping.delimiter)
    header = next(reader, None)
    if not header:
        raise WrongUseError(f"{path}, line 1: there is no header")
    columns = tuple(name.strip() for name in header)
    doubled = {name for name in columns if columns.count(name) > 1}
    if doubled:
        raise WrongUseError(f"{path}, line 1: two columns are called {min(doubled)!r}")
    return Source(_csv_rows(reader, columns), columns, size, _position(text, file))


def _csv_rows(reader: Any, columns: tuple[str, ...]) -> Iterator[Row]:
    number = reader.line_num + 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as problem:
            yield Row(number, {}, f"no CSV: {problem}")
            number = reader.line_num + 1
            continue
        if cells is None:
            return
        if len(cells) > len(columns):
            yield Row(number, {}, f"{len(cells)} cells under {len(columns)} columns")
        elif cells:
            yield Row(number, dict(zip(columns, cells, strict=False)))
        number = reader.line_num + 1


def _jsonl(path: Path, file: IO[bytes], mapping: ImportMapping) -> Source:
    text = _text(file, mapping)
    return Source(_jsonl_rows(text), None, path.stat().st_size, _position(text, file))


def _jsonl_rows(lines: TextIOWrapper) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if line.isspace():
            continue
        try:
            row = json.loads(line, parse_constant=_no_constant, parse_float=_finite)
            if "\\u" in line:
                json.dumps(row, ensure_ascii=False).encode()  # a lone surrogate has no UTF-8
        except (ValueError, RecursionError):
            yield Row(number, {}, "no JSON")
            continue
        yield Row(number, row) if isinstance(row, dict) else Row(number, {}, "no JSON object")


def _no_constant(_name: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("no double holds the number")
    return number


def _parquet(path: Path, file: IO[bytes], _mapping: ImportMapping) -> Source:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        content = ParquetFile(file)
    except pyarrow.ArrowInvalid as problem:
        raise WrongUseError(f"{path} is no Parquet: {problem}") from None
    counted = _Counted()
    rows = counted.of(content)
    columns = tuple(content.schema_arrow.names)
    return Source(rows, columns, content.metadata.num_rows, lambda: counted.count)


class _Counted:
    """Rows of a Parquet file, batch by batch, and how many were given out."""

    def __init__(self) -> None:
        self.count = 0

    def of(self, content: Any) -> Iterator[Row]:
        for batch in content.iter_batches(BATCH_ROWS):
            for cells in batch.to_pylist():
                self.count += 1
                yield Row(self.count, cells)


def _position(text: TextIOWrapper, file: IO[bytes]) -> Callable[[], int]:
    def position() -> int:
        # Holds the text too: it would close the file when it is forgotten.
        return 0 if text.closed else file.tell()

    return position


def _text(file: IO[bytes], mapping: ImportMapping) -> TextIOWrapper:
    return TextIOWrapper(file, encoding=mapping.encoding, newline="")


_OPENERS: dict[str, Callable[[Path, IO[bytes], ImportMapping], Source]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
}
