"""Tables on the command line: what there is, and its rows in three formats."""

import sys
from pathlib import Path
from typing import IO

import polars as pl
import sqlalchemy as sa

from cli.history import read_instant
from cli.wrong_use import WrongUseError
from store.database import open_warehouse_reader, reading
from store.frames import read_frame, schema_of
from store.history_reader import versions_as_of
from store.settings import Settings
from store.tables.warehouse import WAREHOUSE, core_listing_versions

HIDDEN = ("core_lease", "core_progress")
CHUNK_ROWS = 50_000
FORMATS = ("jsonl", "csv", "parquet")


def list_tables(settings: Settings) -> list[str]:
    """Return one line per table: rows, name, purpose."""
    lines = []
    with reading(open_warehouse_reader(settings)) as connection:
        for name, table in sorted(WAREHOUSE.tables.items()):
            if name in HIDDEN:
                continue
            count = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar()
            lines.append(f"{count:>9,}  {name:<24} {(table.comment or '').split('. ')[0]}")
    return lines


def export_table(
    settings: Settings, name: str, format: str, output: Path | None,
    as_of: str | None = None, known_at: str | None = None,
) -> None:  # fmt: skip
    """Write a table's rows in key order; geometry is left to `zones.geojson`.

    as_of, known_at: each listing's version as of two instants, of core_listing_versions only.
    Raises WrongUseError for an unknown table, format or instant.
    """
    if name not in WAREHOUSE.tables or name in HIDDEN:
        known = ", ".join(sorted(set(WAREHOUSE.tables) - set(HIDDEN)))
        raise WrongUseError(f"no table {name}; there are {known}")
    if format not in FORMATS:
        raise WrongUseError(f"no format {format}; there are {', '.join(FORMATS)}")
    is_dated = as_of is not None or known_at is not None
    if is_dated and name != core_listing_versions.name:
        raise WrongUseError(f"--as-of and --known-at are for {core_listing_versions.name} alone")
    with reading(open_warehouse_reader(settings)) as connection:
        if is_dated:
            statement = versions_as_of(read_instant(as_of), read_instant(known_at))
            rows = [tuple(row) for row in connection.execute(statement)]
            frame = pl.DataFrame(rows, schema=schema_of(core_listing_versions), orient="row")
        else:
            frame = read_frame(connection, WAREHOUSE.tables[name])
    if output is None:
        _write(frame, format, sys.stdout.buffer)
    else:
        try:
            with output.open("wb") as file:
                _write(frame, format, file)
        except OSError as problem:
            raise WrongUseError(f"cannot write {output}: {problem.strerror}") from problem


def _write(frame: pl.DataFrame, format: str, target: IO[bytes]) -> None:
    if format == "parquet":
        frame.write_parquet(target)
        return
    shown = frame.drop(name for name, kind in frame.schema.items() if kind == pl.Binary)
    readable = shown.with_columns(
        pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
        for name, kind in shown.schema.items() if isinstance(kind, pl.Datetime)
    )  # fmt: skip
    for start in range(0, max(1, readable.height), CHUNK_ROWS):
        part = readable.slice(start, CHUNK_ROWS)
        as_csv, is_first = format == "csv", start == 0
        text = part.write_csv(include_header=is_first) if as_csv else part.write_ndjson()
        target.write(text.encode())
