"""Repair of the lake: what is damaged, what can be written again, a catalogue made anew."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from store.raw_lake import (
    SPAN,
    Kind,
    LakeDamagedError,
    LakeFile,
    RawLake,
    catalogue_row,
    content_of,
)
from store.tables.journal import ingest_lake_files


def damaged(lake: RawLake, kind: Kind) -> list[tuple[LakeFile, str]]:
    """Return the files that are not what the catalogue says, each with what is wrong."""
    found = []
    for file in lake.files(kind=kind):
        try:
            content_of(file)
        except LakeDamagedError as problem:
            found.append((file, str(problem)))
    return found


def mend(lake: RawLake, kind: Kind, now: datetime) -> tuple[list[LakeFile], list[LakeFile]]:
    """Write damaged files anew from the journal; return those, and those it no longer holds."""
    mended, lost = [], []
    for file, _ in damaged(lake, kind):
        try:
            lake.write_again(kind, file, now)
        except LakeDamagedError:
            lost.append(file)
        else:
            mended.append(file)
    return mended, lost


def sweep(lake: RawLake, kind: Kind) -> list[Path]:
    """Remove files that nothing needs; return them."""
    with lake.sealing():
        paths = lake.leftovers(kind)
        for path in paths:
            path.unlink(missing_ok=True)
        return paths


def rebuild_catalogue(lake: RawLake, kind: Kind, now: datetime) -> int:
    """Catalogue the files of the folder anew (the catalogue was lost); return how many.

    Of overlapping files the one covering the widest range wins; torn files are left out.
    """
    with lake.sealing():
        chosen = _widest(_readable(lake.folder(kind)))
        with lake.writing() as connection:
            connection.execute(
                sa.delete(ingest_lake_files).where(ingest_lake_files.c.lake == kind.name)
            )
            for file in chosen:
                connection.execute(
                    sa.insert(ingest_lake_files).values(**catalogue_row(kind, file, now))
                )
        return len(chosen)


def _readable(folder: Path) -> Iterator[LakeFile]:
    for path in sorted(folder.glob("*.parquet")):
        span = SPAN.fullmatch(path.name)
        if span is None:
            continue  # no file of ours
        first, last = int(span[1]), int(span[2])
        content = path.read_bytes()
        try:
            rows = pq.read_metadata(pa.BufferReader(content)).num_rows
        except pa.ArrowInvalid:
            continue  # torn: the journal still holds its batch as planned
        if rows == last - first + 1:
            yield LakeFile(first, last, path, len(content), hashlib.sha256(content).hexdigest())


def _widest(files: Iterator[LakeFile]) -> list[LakeFile]:
    chosen: list[LakeFile] = []
    for file in sorted(files, key=lambda f: (f.first_offset, -f.last_offset)):
        if not chosen or file.first_offset > chosen[-1].last_offset:
            chosen.append(file)
    return chosen
