"""The doctor: looks at everything a home holds and says what is wrong, where, and what mends it.

`examine` changes nothing and may run beside everything else. `mend` does what can be done without
losing anything; what needs a decision it leaves to a person, with the command to use.
"""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from store import lake_repair
from store.database import (
    database_bytes,
    expect_home,
    open_journal_database,
    open_warehouse_reader,
    reading,
    warehouse_name,
    warehouse_names,
)
from store.home import Home, try_lock
from store.objects import ObjectError, open_objects
from store.raw_lake import KINDS, RawLake
from store.schema import SchemaError, expect_current
from store.settings import Settings
from store.tables.journal import ingest_batches, ingest_counters, ingest_lake_files
from store.tables.warehouse import core_editions, core_listing_versions
from store.warehouse import progress_of

OK, WARNING, BAD = "ok", "warning", "bad"

EDITION_SUFFIX = "edition"
"""What editions are kept as among the objects."""

WEEK = timedelta(days=7)

FULL_WITHIN_DAYS = 30.0
"""Disk that is full sooner than this at the pace of the last week is worth a warning."""


@dataclass(frozen=True)
class Finding:
    """What one look found. mends: a command, or what `mend` will do; None when all is well."""

    look: str
    level: str
    message: str
    mends: str | None = None


def examine(settings: Settings, now: datetime) -> list[Finding]:
    """Look at everything; raise HomeError when there is no home."""
    expect_home(settings)
    try:
        expect_current(settings)
    except SchemaError as problem:
        # Nothing further can be read with certainty.
        return [Finding("schema", BAD, str(problem), "imo360 migrate")]
    return [
        Finding("schema", OK, "both databases are of this code's schema"),
        *_databases(settings),
        *_lake(settings),
        *_strays(settings),
        *_journal(settings, now),
        *_warehouse(settings),
        *_objects(settings),
        *_exports(settings),
        *_disk(settings, now),
    ]


def rebuild_catalogue(settings: Settings, now: datetime) -> list[str]:
    """Catalogue the lake's files anew; return what was done."""
    lake = RawLake(settings)
    return [
        f"catalogued {lake_repair.rebuild_catalogue(lake, kind, now)} files of {kind.name}"
        for kind in KINDS
    ]


def mend(settings: Settings, now: datetime) -> list[str]:
    """Mend what nothing is lost by; return what was done, one line each."""
    done = []
    lake = RawLake(settings)
    for kind in KINDS:
        mended, _ = lake_repair.mend(lake, kind, now)
        done += [f"wrote {kind.name}/{f.path.name} again from the journal" for f in mended]
        removed = lake_repair.sweep(lake, kind)
        done += [f"removed {kind.name}/{path.name}, which nothing needs" for path in removed]
    home = Home(settings.home)
    if any(finding.level != OK for finding in _exports(settings)):
        (home.exports / "MANIFEST.json").unlink(missing_ok=True)
        done.append("removed the exports' manifest; the next refresh writes the exports anew")
    return done


def _databases(settings: Settings) -> Iterator[Finding]:
    engines = {
        "journal": open_journal_database(settings), "warehouse": open_warehouse_reader(settings),
    }  # fmt: skip
    mends = {
        "journal": "imo360 restore, from a backup",
        "warehouse": "imo360 replay",
    }
    for name, engine in engines.items():
        if engine.dialect.name == "postgresql":
            yield Finding(name, OK, "on PostgreSQL, which looks after its pages by itself")
            continue
        with reading(engine) as connection:
            told = connection.exec_driver_sql("PRAGMA quick_check(5)").scalars().all()
        if told == ["ok"]:
            yield Finding(name, OK, "the database's pages are whole")
        else:
            yield Finding(name, BAD, f"the {name} is damaged: {told[0]}", mends[name])
    engines["journal"].dispose()


def _lake(settings: Settings) -> Iterator[Finding]:
    lake = RawLake(settings)
    for kind in KINDS:
        files, damaged = lake.files(kind=kind), lake_repair.damaged(lake, kind)
        for _, complaint in damaged:
            yield Finding(
                f"lake/{kind.name}", BAD, complaint,
                "imo360 doctor --repair; the file from a backup, when the journal lacks its events",
            )  # fmt: skip
        gaps = [
            (before.last_offset, after.first_offset)
            for before, after in pairwise(files)
            if after.first_offset != before.last_offset + 1
        ]
        if files and files[0].first_offset != 1:
            gaps.insert(0, (0, files[0].first_offset))
        for last, first in gaps:
            yield Finding(
                f"lake/{kind.name}", BAD, f"the catalogue jumps from offset {last} to {first}",
                "imo360 doctor --rebuild-catalogue",
            )  # fmt: skip
        if not damaged and not gaps:
            last = files[-1].last_offset if files else 0
            yield Finding(
                f"lake/{kind.name}",
                OK,
                f"{len(files)} files up to offset {last} have their checksums",
            )


def _strays(settings: Settings) -> Iterator[Finding]:
    lake = RawLake(settings)
    held = {path for kind in KINDS for path in lake.leftovers(kind)}
    for path in [path for kind in KINDS for path in lake.strays(kind)]:
        is_held = path in held
        yield Finding(
            "lake/strays", WARNING,
            f"{path.name} is not catalogued" + (", and not needed" if is_held else ""),
            "imo360 doctor --repair" if is_held else "imo360 doctor --rebuild-catalogue",
        )  # fmt: skip


def _journal(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Every acknowledged event is in the lake or still in the journal."""
    engine = open_journal_database(settings)
    batch, file = ingest_batches.c, ingest_lake_files.c
    with reading(engine) as connection:
        given = connection.execute(
            sa.select(ingest_counters.c.value).where(ingest_counters.c.name == "event_offset")
        ).scalar_one()
        sealed = connection.execute(
            sa.select(sa.func.max(file.last_offset)).where(
                file.lake == "events", file.state != "planned"
            )
        ).scalar() or 0  # fmt: skip
        waiting = connection.execute(
            sa.select(sa.func.sum(batch.last_offset - batch.first_offset + 1)).where(
                batch.first_offset > sealed
            )
        ).scalar() or 0  # fmt: skip
        oldest = connection.execute(sa.select(sa.func.min(batch.received_at))).scalar()
    engine.dispose()
    if sealed + waiting == given:
        yield Finding(
            "offsets", OK, f"{given} events acknowledged: {sealed} sealed, {waiting} waiting"
        )
    else:
        yield Finding(
            "offsets", BAD,
            f"{given} events acknowledged, but only {sealed} are sealed and {waiting} wait",
            "imo360 restore, from a backup",
        )  # fmt: skip
    kept = timedelta(hours=settings.journal_keep_hours)
    if oldest is not None and now - oldest > kept + timedelta(hours=1) and sealed:
        yield Finding(
            "journal/pruning", WARNING,
            f"commits since {oldest:%Y-%m-%d %H:%M} are in the journal: no worker prunes them",
            "imo360 work",
        )  # fmt: skip


def _warehouse(settings: Settings) -> Iterator[Finding]:
    engine = open_warehouse_reader(settings)
    progress, last = progress_of(engine), RawLake(settings).last_offset()
    with reading(engine) as connection:
        newest = connection.execute(
            sa.select(sa.func.max(core_listing_versions.c.event_offset))
        ).scalar() or 0  # fmt: skip
    if progress.watermark > last or newest > progress.watermark:
        yield Finding(
            "watermark", BAD,
            f"loaded up to {max(newest, progress.watermark)}, the watermark is "
            f"{progress.watermark} and the journal's newest event {last}",
            "imo360 replay",
        )  # fmt: skip
    else:
        yield Finding(
            "watermark", OK,
            f"publication {progress.publication} at offset {progress.watermark} of {last}",
        )  # fmt: skip
    home = Home(settings.home)
    held = try_lock(home.locks / "refresh.lock")
    if held is None:
        yield Finding("worker", OK, "a worker is running")
    else:
        os.close(held)
        level, mends = (WARNING, "imo360 work") if progress.watermark < last else (OK, None)
        yield Finding("worker", level, "no worker is running", mends)
    others = [name for name in warehouse_names(settings) if name != warehouse_name(home)]
    if others:
        size = sum(database_bytes(settings, name) for name in others)
        yield Finding(
            "warehouse/older", OK,
            f"{len(others)} older ({_mib(size)}) may still be read; the next replay removes them",
        )  # fmt: skip


def _objects(settings: Settings) -> Iterator[Finding]:
    objects = open_objects(Home(settings.home).objects)
    with reading(open_warehouse_reader(settings)) as connection:
        editions = connection.execute(
            sa.select(core_editions.c.edition, core_editions.c.artefact_sha256)
        ).all()
    is_whole = True
    for number, sha256 in editions:
        try:
            objects.get(sha256, EDITION_SUFFIX)
        except ObjectError as problem:
            is_whole = False
            yield Finding(
                "objects", BAD, f"edition {number}: {problem}", "imo360 restore, from a backup"
            )
    if is_whole:
        yield Finding("objects", OK, f"{len(editions)} editions have their checksums")


def _exports(settings: Settings) -> Iterator[Finding]:
    home = Home(settings.home)
    manifest = home.exports / "MANIFEST.json"
    try:
        told = json.loads(manifest.read_text())
        folder = home.exports / told["folder"]
        missing = [t["file"] for t in told["tables"].values() if not (folder / t["file"]).is_file()]
    except FileNotFoundError:
        yield Finding("exports", OK, "nothing is exported yet")
        return
    except (ValueError, KeyError) as problem:
        yield Finding("exports", BAD, f"{manifest} is damaged: {problem}", "imo360 doctor --repair")
        return
    if missing:
        yield Finding(
            "exports", BAD, f"{folder.name} lacks {', '.join(missing)}", "imo360 doctor --repair"
        )
    else:
        yield Finding("exports", OK, f"{folder.name} is whole")


def _disk(settings: Settings, now: datetime) -> Iterator[Finding]:
    home = Home(settings.home)
    sizes = {name: _size(home.root / name) for name in ("lake", "objects", "exports")}
    sizes["warehouse"] = sum(database_bytes(settings, name) for name in warehouse_names(settings))
    sizes["journal"] = database_bytes(settings)
    grown = _grown(open_journal_database(settings), now - WEEK)
    free = shutil.disk_usage(home.root).free
    told = ", ".join(f"{name} {_mib(size)}" for name, size in sizes.items())
    a_day = grown / 7
    # A row of the lake comes to several in the warehouse; by how much, the home itself says.
    factor = sum(sizes.values()) / sizes["lake"] if sizes["lake"] else 1.0
    days = free / (a_day * factor) if a_day else float("inf")
    message = f"{told}; {_mib(free)} free; the lake grew {_mib(int(a_day))} a day last week"
    if days < FULL_WITHIN_DAYS:
        yield Finding(
            "disk", WARNING, f"{message}: full in some {days:.0f} days",
            "a larger disk, or shorter IMO360_JOURNAL_KEEP_HOURS and IMO360_EXPORTS_KEPT",
        )  # fmt: skip
    else:
        yield Finding("disk", OK, message)


def _grown(journal: Engine, since: datetime) -> int:
    file = ingest_lake_files.c
    with reading(journal) as connection:
        grown = connection.execute(
            sa.select(sa.func.sum(file.bytes)).where(file.planned_at >= since)
        ).scalar()
    journal.dispose()
    return int(grown or 0)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue  # it went while we looked
    return total


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
