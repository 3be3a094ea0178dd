"""The raw lake: sealed Parquet files of contiguous offsets, and their catalogue.

Sealing is three steps under one lock: fix a batch, write its file deterministically, catalogue
it. A crash between them leaves a planned batch that is simply written again. Readers open
catalogued files only. It leaves the meaning of a row to `flows.steps.normalise`.
"""

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from store.crash_points import crash_at
from store.database import driver_sql, open_journal_database, reading, writing
from store.home import Home, locked, sync_folder, write_durably
from store.lake_rows import EVENT_SCHEMA, event_row, event_table, refusal_table
from store.settings import Settings
from store.shapes.bodies import BodyCodec, EventRow
from store.tables.journal import (
    ingest_batches,
    ingest_counters,
    ingest_lake_files,
    ingest_refusals,
)

MOST_ROWS = 50_000
"""Most rows of one sealed file."""

FIND_ROWS = 1_000
"""Rows decoded at a time on the way to a single one."""

COMPACT_FILES = 32
"""So many small neighbours are rewritten into one file."""

SMALL_ROWS = 10_000
"""A file below this is small."""


class LakeDamagedError(Exception):
    """A lake file is not what the catalogue says."""


class LakeFileMissingError(LakeDamagedError):
    """A catalogued file is not there."""


@dataclass(frozen=True)
class Kind:
    """What differs between the lake of events and the lake of refused bodies.

    offset: the counter that numbers them. fit: the last offset of a batch that begins at one
    offset and ends at the latest at another; the journal keeps events by commits, which are not
    cut. read: the rows from one offset to another.
    """

    name: str
    offset: str
    fit: Callable[[Connection, int, int], int]
    read: Callable[[Connection, int, int], pa.Table]


def _fit_commits(connection: Connection, first: int, most: int) -> int:
    batch = ingest_batches.c
    fits = sa.select(sa.func.max(batch.last_offset)).where(
        batch.first_offset >= first, batch.last_offset <= most
    )
    whole = sa.select(batch.last_offset).where(batch.first_offset == first)
    last = connection.execute(fits).scalar() or connection.execute(whole).scalar()
    if last is None:
        raise LakeDamagedError(
            f"the journal holds no event {first}: restore it from a backup before sealing goes on"
        )
    return int(last)


def _fit_rows(_connection: Connection, _first: int, most: int) -> int:
    return most


def _read_events(connection: Connection, first: int, last: int) -> pa.Table:
    batch, unpack = ingest_batches.c, BodyCodec().unpack_events
    bodies = connection.execute(
        sa.select(batch.body)
        .where(batch.first_offset >= first, batch.last_offset <= last)
        .order_by(batch.first_offset)
    ).scalars()
    return event_table([row for body in bodies for row in unpack(body)])


def _read_refusals(connection: Connection, first: int, last: int) -> pa.Table:
    offset = ingest_refusals.c.refusal_offset
    between = offset.between(sa.bindparam("first"), sa.bindparam("last"))
    statement = driver_sql(sa.select(ingest_refusals).where(between).order_by(offset),
                           connection.engine)  # fmt: skip
    # As the driver gives them: SQLAlchemy's types cost more than all the rest of sealing.
    rows = connection.exec_driver_sql(statement, (first, last)).all()
    return refusal_table(ingest_refusals.columns.keys(), rows)


EVENTS = Kind("events", "event_offset", _fit_commits, _read_events)
REFUSALS = Kind("refusals", "refusal_offset", _fit_rows, _read_refusals)
KINDS = (EVENTS, REFUSALS)


@dataclass(frozen=True)
class LakeFile:
    """A catalogued file."""

    first_offset: int
    last_offset: int
    path: Path
    bytes: int
    sha256: str


class RawLake:
    """The lake of one home."""

    def __init__(self, settings: Settings, engine: Engine | None = None) -> None:
        self._home = Home(settings.home)
        self._settings = settings
        self._engine = engine or open_journal_database(settings)

    def seal(self, now: datetime) -> int:
        """Bring what waits when called into the lake; return the last event offset there.

        Safe to call from any process at any time.
        """
        with self.sealing():
            for kind in (REFUSALS, EVENTS):
                # Not until nothing waits: under a stream of posts that never ends, and each round
                # makes a small file and three syncs.
                target = self._given(kind)
                while self._is_planned(kind) or self._sealed(kind) < target:
                    self._seal_one(kind, now)
            return self._sealed(EVENTS)

    def waiting(self) -> bool:
        """Whether an event or a refused body is journaled and not yet sealed."""
        with reading(self._engine) as connection:
            return any(
                _last_given(connection, kind) > _last_catalogued(connection, kind)
                for kind in (EVENTS, REFUSALS)
            )

    def last_offset(self) -> int:
        """Return the offset of the newest acknowledged event; 0 before the first."""
        return self._given(EVENTS)

    def files(
        self,
        after: int = 0,
        states: Sequence[str] = ("catalogued", "verified"),
        kind: Kind = EVENTS,
    ) -> list[LakeFile]:
        """Return the catalogued files with offsets after this one, in order."""
        table = ingest_lake_files.c
        with reading(self._engine) as connection:
            rows = connection.execute(
                sa.select(
                    table.first_offset, table.last_offset, table.path, table.bytes, table.sha256
                )
                .where(table.lake == kind.name, table.state.in_(states), table.last_offset > after)
                .order_by(table.first_offset)
            ).all()
        return [
            LakeFile(row[0], row[1], self.folder(kind) / row[2], row[3], row[4]) for row in rows
        ]

    def read(self, after: int, most: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Return up to `most` events after an offset, in offset order, as EVENT_SCHEMA rows.

        Every file read is checked against its checksum. Raises LakeDamagedError when one differs or
        offsets are missing.
        """
        try:
            return self._read(after, most, columns)
        except LakeFileMissingError:
            # Compaction swapped the catalogue and removed the small files: look again.
            return self._read(after, most, columns)

    def _read(self, after: int, most: int, columns: Sequence[str] | None) -> pa.Table:
        parts, count = [], 0
        for file in self.files(after):
            content = pa.BufferReader(content_of(file))
            part = pq.read_table(content, columns=list(columns) if columns else None)
            part = part.slice(max(0, after + 1 - file.first_offset))[: most - count]
            parts.append(part)
            count += part.num_rows
            if count >= most:
                break
        wanted = [EVENT_SCHEMA.field(name) for name in columns] if columns else EVENT_SCHEMA
        table = pa.concat_tables(parts) if parts else pa.schema(wanted).empty_table()
        _expect_contiguous(table, after)
        return table

    def find(self, offset: int) -> EventRow | None:
        """Return one event as the journal had it; None when no catalogued file holds it.

        Raises LakeDamagedError like `read`.
        """
        try:
            return self._find(offset)
        except LakeFileMissingError:
            return self._find(offset)

    def event_ids(self, offsets: Sequence[int]) -> dict[int, str]:
        """Return the ids of these events by their offsets, without those no file holds.

        Raises LakeDamagedError like `read`.
        """
        try:
            return self._event_ids(sorted(offsets))
        except LakeFileMissingError:
            return self._event_ids(sorted(offsets))

    def _find(self, offset: int) -> EventRow | None:
        file = next(iter(self.files(offset - 1)), None)
        if file is None or file.first_offset > offset:
            return None
        left = offset - file.first_offset
        # In pieces: all columns of a whole file would be a hundred megabytes.
        content = pq.ParquetFile(pa.BufferReader(content_of(file)))
        for part in content.iter_batches(batch_size=FIND_ROWS, columns=list(EventRow._fields)):
            if left < part.num_rows:
                return event_row(part, left)
            left -= part.num_rows
        raise LakeDamagedError(f"lake file {file.path.name} does not hold offset {offset}")

    def _event_ids(self, offsets: Sequence[int]) -> dict[int, str]:
        found: dict[int, str] = {}
        for file in self.files(offsets[0] - 1) if offsets else ():
            start = bisect_left(offsets, file.first_offset)
            wanted = offsets[start : bisect_right(offsets, file.last_offset)]
            if wanted:
                # Not read_table, which imports pandas: the serving process does without.
                content = pq.ParquetFile(pa.BufferReader(content_of(file)))
                ids = content.read(columns=["event_id"]).column("event_id")
                found |= {each: ids[each - file.first_offset].as_py() for each in wanted}
        return found

    def verify(self) -> list[LakeFile]:
        """Check every catalogued file against its checksum; return them.

        Raises LakeDamagedError naming the first file that differs.
        """
        return self._verify_states("catalogued", "verified")

    def verify_new(self) -> list[LakeFile]:
        """Check the files that were never checked; return them. Raises LakeDamagedError."""
        return self._verify_states("catalogued")

    def prune(self, now: datetime) -> int:
        """Delete commits whose files are verified and old enough; return how many."""
        before = now - timedelta(hours=self._settings.journal_keep_hours)
        batch = ingest_batches.c
        table = ingest_lake_files.c
        with reading(self._engine) as connection:
            last = connection.execute(
                sa.select(sa.func.max(table.last_offset)).where(
                    table.lake == EVENTS.name, table.state == "verified"
                )
            ).scalar()
        with self.writing() as connection:
            pruned = connection.execute(
                sa.delete(ingest_batches).where(
                    batch.last_offset <= (last or 0), batch.received_at < before
                )
            ).rowcount
        crash_at("pruned")
        return pruned

    def compact(self, now: datetime) -> int:
        """Rewrite runs of small neighbouring files into one each; return the runs rewritten.

        Removes what a kill left: small files whose rows stand in a catalogued one, torn parts.
        """
        with self.sealing():
            runs = list(_runs_of_small(self.files()))
            for run in runs:
                self._rewrite(run, now)
            for path in self.leftovers():
                path.unlink(missing_ok=True)
            return len(runs)

    def strays(self, kind: Kind = EVENTS) -> list[Path]:
        """Return the files of the folder that the catalogue does not name.

        While something is being sealed or compacted its files may be among them.
        """
        table = ingest_lake_files.c
        with reading(self._engine) as connection:
            named = connection.execute(sa.select(table.path).where(table.lake == kind.name))
            known = set(named.scalars())
        return sorted(path for path in self.folder(kind).iterdir() if path.name not in known)

    def leftovers(self, kind: Kind = EVENTS) -> list[Path]:
        """Return the strays that nothing needs; remove them under the seal lock only."""
        files = self.files(kind=kind)
        return [
            path for path in self.strays(kind) if path.suffix == ".part" or _is_held(path, files)
        ]

    def write_again(self, kind: Kind, file: LakeFile, now: datetime) -> None:
        """Write a catalogued file anew from the journal.

        Raises LakeDamagedError, and leaves all as it was, when the journal no longer holds it.
        """
        with self.sealing():
            content = self._content(kind, file.first_offset, file.last_offset)
            write_durably(file.path, content)
            self._catalogue(kind, file.first_offset, content)

    @contextmanager
    def sealing(self) -> Iterator[None]:
        """Hold the lock that seals, compacts and repairs one at a time."""
        with locked(self._home.locks / "seal.lock"):
            yield

    def folder(self, kind: Kind) -> Path:
        """Return where the files of a lake lie."""
        return self._home.lake / kind.name

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a write transaction when its turn comes.

        In the committer's order: SQLite alone would let one of the two sleep until it is free.
        """
        with locked(self._home.locks / "journal.lock"), writing(self._engine) as connection:
            yield connection

    def _given(self, kind: Kind) -> int:
        with reading(self._engine) as connection:
            return _last_given(connection, kind)

    def _sealed(self, kind: Kind) -> int:
        with reading(self._engine) as connection:
            return _last_catalogued(connection, kind)

    def _is_planned(self, kind: Kind) -> bool:
        """Whether a crash, or a repair of a damaged file, left a batch to be written."""
        table = ingest_lake_files.c
        with reading(self._engine) as connection:
            planned = sa.select(table.first_offset).where(
                table.lake == kind.name, table.state == "planned"
            )
            return connection.execute(planned.limit(1)).first() is not None

    def _seal_one(self, kind: Kind, now: datetime) -> None:
        first, last, name = self._plan(kind, now)
        crash_at("seal_planned")
        content = self._content(kind, first, last)
        crash_at("seal_before_write")
        path = self.folder(kind) / name
        write_durably(path, content)
        crash_at("seal_written")
        self._catalogue(kind, first, content)
        crash_at("seal_catalogued")

    def _plan(self, kind: Kind, now: datetime) -> tuple[int, int, str]:
        """Fix the next batch of what waits, or return the one a crash left planned."""
        table = ingest_lake_files.c
        with reading(self._engine) as connection:
            planned = connection.execute(
                sa.select(table.first_offset, table.last_offset, table.path).where(
                    table.lake == kind.name, table.state == "planned"
                )
            ).first()
            if planned is not None:
                return planned[0], planned[1], planned[2]
            first = _last_catalogued(connection, kind) + 1
            most = min(_last_given(connection, kind), first + MOST_ROWS - 1)
            last = kind.fit(connection, first, most)
        name = _file_name(first, last)
        with self.writing() as connection:
            connection.execute(
                sa.insert(ingest_lake_files).values(
                    lake=kind.name,
                    first_offset=first,
                    last_offset=last,
                    path=name,
                    state="planned",
                    planned_at=now,
                )
            )
        return first, last, name

    def _content(self, kind: Kind, first: int, last: int) -> bytes:
        with reading(self._engine) as connection:
            table = kind.read(connection, first, last)
        if table.num_rows != last - first + 1:
            raise LakeDamagedError(
                f"the journal holds {table.num_rows} of the {kind.name} {first}-{last}: "
                "restore it from a backup before sealing goes on"
            )
        return _parquet(table)

    def _catalogue(self, kind: Kind, first: int, content: bytes) -> None:
        table = ingest_lake_files.c
        with self.writing() as connection:
            connection.execute(
                sa.update(ingest_lake_files)
                .where(table.lake == kind.name, table.first_offset == first)
                .values(
                    state="catalogued",
                    bytes=len(content),
                    sha256=hashlib.sha256(content).hexdigest(),
                )
            )

    def _verify_states(self, *states: str) -> list[LakeFile]:
        files = self.files(states=states)
        for file in files:
            content_of(file)
        self._mark_verified(files)
        return files

    def _mark_verified(self, files: Sequence[LakeFile]) -> None:
        if not files:
            return
        table = ingest_lake_files.c
        with self.writing() as connection:
            connection.execute(
                sa.update(ingest_lake_files)
                .where(
                    table.lake == EVENTS.name,
                    table.state == "catalogued",
                    table.last_offset <= files[-1].last_offset,
                )
                .values(state="verified")
            )

    def _rewrite(self, run: Sequence[LakeFile], now: datetime) -> None:
        small = [pq.read_table(pa.BufferReader(content_of(file))) for file in run]
        content = _parquet(pa.concat_tables(small))
        first, last = run[0].first_offset, run[-1].last_offset
        path = self.folder(EVENTS) / _file_name(first, last)
        write_durably(path, content)
        crash_at("compact_written")
        whole = LakeFile(first, last, path, len(content), hashlib.sha256(content).hexdigest())
        table = ingest_lake_files.c
        with self.writing() as connection:
            connection.execute(
                sa.delete(ingest_lake_files).where(
                    table.lake == EVENTS.name, table.first_offset.between(first, last)
                )
            )
            connection.execute(
                sa.insert(ingest_lake_files).values(**catalogue_row(EVENTS, whole, now))
            )
        crash_at("compact_catalogued")
        for file in run:
            file.path.unlink(missing_ok=True)
        sync_folder(path.parent)


def _last_given(connection: Connection, kind: Kind) -> int:
    given: int = connection.execute(
        sa.select(ingest_counters.c.value).where(ingest_counters.c.name == kind.offset)
    ).scalar_one()
    return given


def _last_catalogued(connection: Connection, kind: Kind) -> int:
    table = ingest_lake_files.c
    return (
        connection.execute(
            sa.select(sa.func.max(table.last_offset)).where(
                table.lake == kind.name, table.state != "planned"
            )
        ).scalar()
        or 0
    )


SPAN = re.compile(r"(\d{15})-(\d{15})\.parquet")
"""A lake file's name: first and last offset."""


def _file_name(first: int, last: int) -> str:
    return f"{first:015d}-{last:015d}.parquet"


def catalogue_row(kind: Kind, file: LakeFile, now: datetime) -> dict[str, Any]:
    return {
        "lake": kind.name,
        "first_offset": file.first_offset,
        "last_offset": file.last_offset,
        "path": file.path.name,
        "state": "catalogued",
        "bytes": file.bytes,
        "sha256": file.sha256,
        "planned_at": now,
    }


def _parquet(table: pa.Table) -> bytes:
    """Write the same bytes for the same rows (and the same pyarrow)."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", row_group_size=MOST_ROWS)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def content_of(file: LakeFile) -> bytes:
    """Return the file's bytes, which are those that were sealed.

    Raises LakeFileMissingError, LakeDamagedError.
    """
    try:
        content = file.path.read_bytes()
    except FileNotFoundError:
        raise LakeFileMissingError(
            f"lake file {file.path.name} is catalogued and missing"
        ) from None
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise LakeDamagedError(
            f"lake file {file.path.name} has checksum {found[:12]}..., "
            f"the catalogue says {file.sha256[:12]}..."
        )
    return content


def _expect_contiguous(table: pa.Table, after: int) -> None:
    if "event_offset" not in table.column_names:
        return
    offsets = table.column("event_offset").to_pylist()
    if offsets != list(range(after + 1, after + 1 + len(offsets))):
        raise LakeDamagedError(f"offsets after {after} are not contiguous in the lake")


def _runs_of_small(files: Sequence[LakeFile]) -> Iterator[list[LakeFile]]:
    run: list[LakeFile] = []
    for file in files:
        is_small = file.last_offset - file.first_offset + 1 < SMALL_ROWS
        fits = not run or file.last_offset - run[0].first_offset < MOST_ROWS
        if not (is_small and fits):
            if len(run) >= COMPACT_FILES:
                yield run
            run = []
        if is_small:
            run.append(file)
    if len(run) >= COMPACT_FILES:
        yield run


def _is_held(path: Path, files: Sequence[LakeFile]) -> bool:
    """Whether all rows that a file's name promises stand in one catalogued file."""
    span = SPAN.fullmatch(path.name)
    if span is None:
        return False
    first, last = int(span[1]), int(span[2])
    return any(file.first_offset <= first and last <= file.last_offset for file in files)
