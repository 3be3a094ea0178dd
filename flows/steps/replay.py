"""Replay: builds the warehouse anew from the lake beside the current one, then swaps the pointer.

Readers never notice. When events were loaded and published, and what failed then, is history, so
core_batches, market_runs, market_delays and market_check_failures are carried over.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import repeat
from pathlib import Path

from sqlalchemy.engine import Engine

from flows.steps.advance import load, with_market
from flows.steps.batch import COLUMNS, take_batch
from flows.steps.check import check
from flows.steps.publish import publish
from flows.steps.resident import read_resident
from flows.steps.stored import Stored
from store.crash_points import crash_at
from store.database import open_warehouse, point_warehouse, reading, warehouse_path, writing
from store.frames import insert_missing, read_frame
from store.home import Home
from store.objects import open_objects
from store.raw_lake import RawLake
from store.schema import migrate_warehouse
from store.settings import Settings
from store.tables.warehouse import core_batches, market_check_failures, market_delays, market_runs
from store.warehouse import (
    Lease,
    Progress,
    claim,
    read_progress,
    set_progress,
    take_lease,
)


class ReplayBusyError(Exception):
    """A worker holds the lease: stop it first."""


class ReplayStoppedError(Exception):
    """The rebuilt tables failed a severe check."""


def replay(
    settings: Settings,
    clock: Callable[[], datetime],
    batch_sizes: Iterable[int] | None = None,
    on_batch: Callable[[int, int], None] = lambda _offset, _last: None,
) -> Path:
    """Rebuild everything from the lake and let readers use it; return the new warehouse's path.

    batch_sizes: how many events each cycle takes (default: the setting); the result does not
    depend on it. Raises ReplayBusyError while a worker runs, LakeDamagedError when a file is not
    what was sealed, ReplayStoppedError when a severe check fails; readers then keep what they had.
    """
    home = Home(settings.home)
    taken = take_lease(home, clock())
    if taken is None:
        raise ReplayBusyError("a worker is running: stop `imo360 up` or `imo360 work` first")
    old, lease = taken
    try:
        warehouse = warehouse_path(home)
        path = home.warehouses / _next_name(warehouse.name)
        _remove(path)
        migrate_warehouse(path)
        engine = open_warehouse(path)
        crash_at("replay_begun")
        _carry_history(old, engine)
        sizes = batch_sizes or repeat(settings.batch_events)
        beside = claim(engine, lease.owner, lease.descriptor, clock())
        _load_all(settings, engine, beside, clock, sizes, on_batch)
        engine.dispose()
        crash_at("replay_loaded")
        point_warehouse(home, path.name)
        crash_at("replay_swapped")
        _sweep(home, warehouse, path)
    finally:
        lease.release()
        old.dispose()
    return path


def _load_all(
    settings: Settings,
    engine: Engine,
    lease: Lease,
    clock: Callable[[], datetime],
    batch_sizes: Iterable[int],
    on_batch: Callable[[int, int], None],
) -> None:
    lake, objects = RawLake(settings), open_objects(Home(settings.home).objects)
    last = lake.seal(clock())
    resident = read_resident(engine, objects)
    lake.verify()
    for size in batch_sizes:
        done = resident.progress.watermark
        most = min(size, last - done)  # what comes in meanwhile is the next worker's
        batch = take_batch(lake.read(done, most, COLUMNS), most) if most else None
        if batch is None:
            return
        started = clock()
        with reading(engine) as connection:
            stored = Stored(connection)
            step = load(resident, batch, stored, objects)
            if batch.last_offset == last:
                step = with_market(step, stored)
        checks = check(step.market) if step.market else []
        resident, report = publish(engine, lease, step, checks, "replay", started, clock())
        if report.failed_checks:
            raise ReplayStoppedError(
                "readers keep the present tables, the rebuilt ones failed: "
                + ", ".join(report.failed_checks)
            )
        on_batch(batch.last_offset, last)


def _carry_history(old: Engine, new: Engine) -> None:
    """Take over what is history: runs, times of loading, the number of the newest publication."""
    history = (market_runs, market_delays, market_check_failures, core_batches)
    with reading(old) as connection:
        frames = [read_frame(connection, table) for table in history]
        publication = read_progress(connection).publication
    with writing(new) as connection:
        for table, frame in zip(history, frames, strict=True):
            insert_missing(connection, table, frame)
        set_progress(connection, Progress(publication=publication))


def _next_name(name: str) -> str:
    (number,) = re.findall(r"\d+", name)
    return f"warehouse-{int(number) + 1:06d}.sqlite"


def _sweep(home: Home, old: Path, new: Path) -> None:
    """Remove the warehouses of earlier replays; the one just left may still be read."""
    for path in home.warehouses.glob("warehouse-*.sqlite"):
        if path not in (old, new):
            _remove(path)


def _remove(path: Path) -> None:
    """Remove what a killed replay left beside the current warehouse."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
