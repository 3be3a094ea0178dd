"""Replay: builds the warehouse anew from the lake beside the current one, then swaps the pointer.

Readers never notice. When events were loaded and published, and what failed then, is history, so
core_batches, market_runs, market_delays and market_check_failures are carried over.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import repeat

import polars as pl
from sqlalchemy.engine import Engine

from flows.steps.advance import Advance, load, with_market
from flows.steps.batch import COLUMNS, RATES_LOADED, Batch, take_batch
from flows.steps.check import check
from flows.steps.difference import TableDifference, differences
from flows.steps.parties import nobody
from flows.steps.publish import forget_listings, publish
from flows.steps.resident import Resident, read_resident
from flows.steps.stored import Stored
from store.crash_points import crash_at
from store.database import (
    next_warehouse,
    open_warehouse,
    point_warehouse,
    reading,
    remove_warehouse,
    warehouse_name,
    warehouse_names,
    writing,
)
from store.frames import insert_missing, read_frame
from store.home import Home
from store.objects import ObjectStore, open_objects
from store.raw_lake import RawLake
from store.schema import copy_warehouse, migrate_warehouse
from store.settings import Settings
from store.tables.warehouse import core_batches, market_check_failures, market_delays, market_runs
from store.warehouse import (
    Lease,
    Progress,
    claim,
    fenced,
    read_progress,
    set_progress,
    take_lease,
)


class ReplayBusyError(Exception):
    """A worker holds the lease: stop it first."""


class ReplayStoppedError(Exception):
    """The rebuilt tables failed a severe check."""


@dataclass(frozen=True)
class Scope:
    """Which listings a replay rebuilds: those with an event from an offset on, of a provider, or
    one. None: no such bound; all None: everything there is."""

    from_offset: int | None = None
    provider: str | None = None
    listing_id: int | None = None

    @property
    def is_everything(self) -> bool:
        return self == Scope()


@dataclass(frozen=True)
class Rebuilt:
    """A warehouse that was rebuilt beside the one in use."""

    name: str
    before: str


OnBatch = Callable[[int, int], None]
"""Called with (offset done, last offset)."""


def replay(
    settings: Settings,
    clock: Callable[[], datetime],
    batch_sizes: Iterable[int] | None = None,
    on_batch: OnBatch = lambda _offset, _last: None,
    scope: Scope | None = None,
) -> str:
    """Rebuild from the lake and let readers use it; return the new warehouse's name.

    batch_sizes: how many events each cycle takes (default: the setting); the result does not
    depend on it. Raises ReplayBusyError while a worker runs, LakeDamagedError when a file is not
    what was sealed, ReplayStoppedError when a severe check fails; readers then keep what they had.
    """
    with rebuilt(settings, clock, batch_sizes, on_batch, scope or Scope()) as made:
        crash_at("replay_loaded")
        point_warehouse(Home(settings.home), made.name)
        crash_at("replay_swapped")
        _sweep(settings, {made.before, made.name})
        return made.name


@contextmanager
def rebuilt(
    settings: Settings,
    clock: Callable[[], datetime],
    batch_sizes: Iterable[int] | None,
    on_batch: OnBatch,
    scope: Scope,
) -> Iterator[Rebuilt]:
    """Rebuild beside the warehouse in use, which nobody changes meanwhile. Raises like `replay`."""
    taken = take_lease(settings, clock())
    if taken is None:
        raise ReplayBusyError("a worker is running: stop `imo360 up` or `imo360 work` first")
    old, lease = taken
    try:
        before = warehouse_name(Home(settings.home))
        name = next_warehouse(settings, before)
        remove_warehouse(settings, name)  # what a killed replay left
        sizes = batch_sizes or repeat(settings.batch_events)
        if scope.is_everything:
            migrate_warehouse(settings, name)
        else:
            copy_warehouse(settings, before, name)
        engine = open_warehouse(settings, name)
        crash_at("replay_begun")
        try:
            beside = claim(engine, lease.owner, lease.descriptor, clock())
            if scope.is_everything:
                _carry_history(old, engine)
                _load_all(settings, engine, beside, clock, sizes, on_batch)
            else:
                load_some(settings, engine, beside, clock, sizes, on_batch, scope)
        except Exception:
            engine.dispose()
            remove_warehouse(settings, name)
            raise
        engine.dispose()
        yield Rebuilt(name, before)
    finally:
        lease.release()
        old.dispose()


def load_some(
    settings: Settings,
    engine: Engine,
    lease: Lease,
    clock: Callable[[], datetime],
    batch_sizes: Iterable[int],
    on_batch: OnBatch,
    scope: Scope,
) -> None:
    """Load the listings of a scope anew into a copy of the warehouse.

    Only events the copy had loaded count. Agencies and agents are made anew with a provider; else
    they stay, for the events that name them are the same.
    """
    lake, objects = RawLake(settings), open_objects(Home(settings.home).objects)
    lake.verify()
    resident = read_resident(engine, objects)
    done = resident.progress
    if not done.watermark:
        return  # nothing was loaded yet
    ids = _listings_of(lake, scope, done.watermark)
    with fenced(engine, lease) as connection:
        forget_listings(connection, ids, scope.provider)
        # Edition 0: whatever is published is made anew.
        set_progress(connection, replace(done, watermark=0, edition=0))
    resident = replace(
        resident,
        progress=replace(done, watermark=0, edition=0),
        rates=resident.rates.clear(),  # each event meets the rates that were known at its offset
    )
    with_parties = scope.provider is not None
    for size in batch_sizes:
        after = resident.progress.watermark
        batch = take_batch(lake.read(after, min(size, done.watermark - after), COLUMNS), size)
        assert batch is not None, "the lake ends before the watermark"
        step = _load_listings(engine, resident, batch, ids, objects, with_parties=with_parties)
        is_last = batch.last_offset == done.watermark
        if is_last:
            with reading(engine) as connection:
                step = with_market(step, Stored(connection))
        resident = _publish_or_stop(engine, lease, step, clock)
        on_batch(batch.last_offset, done.watermark)
        if is_last:
            return


def _load_listings(
    engine: Engine, resident: Resident, batch: Batch, ids: pl.Series, objects: ObjectStore, *,
    with_parties: bool,
) -> Advance:  # fmt: skip
    """Apply what a batch says of these listings, and its rates; all else is loaded already."""
    events = batch.events.filter(pl.col("listing_id").is_in(ids.implode()))
    facts = tuple(fact for fact in batch.facts if fact.kind == RATES_LOADED)
    part = Batch(events, facts, batch.last_offset)
    with reading(engine) as connection:
        step = load(resident, part, Stored(connection), objects)
    return step if with_parties else replace(step, parties=nobody())


def _listings_of(lake: RawLake, scope: Scope, last: int) -> pl.Series:
    """Return the ids of the listings in a scope, as the lake knows them."""
    names = ["event_offset", "kind", "listing_id", "provider_identifier"]
    table = lake.read(0, last, names)
    events = pl.from_arrow(table)
    assert isinstance(events, pl.DataFrame)
    events = events.filter(pl.col("kind") == "listing", pl.col("listing_id").is_not_null())
    if scope.from_offset is not None:
        events = events.filter(pl.col("event_offset") >= scope.from_offset)
    if scope.provider is not None:
        events = events.filter(pl.col("provider_identifier") == scope.provider)
    if scope.listing_id is not None:
        events = events.filter(pl.col("listing_id") == scope.listing_id)
    return events["listing_id"].unique().sort()


def _load_all(
    settings: Settings,
    engine: Engine,
    lease: Lease,
    clock: Callable[[], datetime],
    batch_sizes: Iterable[int],
    on_batch: OnBatch,
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
        with reading(engine) as connection:
            stored = Stored(connection)
            step = load(resident, batch, stored, objects)
            if batch.last_offset == last:
                step = with_market(step, stored)
        resident = _publish_or_stop(engine, lease, step, clock)
        on_batch(batch.last_offset, last)


def _publish_or_stop(
    engine: Engine, lease: Lease, step: Advance, clock: Callable[[], datetime]
) -> Resident:
    started = clock()
    checks = check(step.market) if step.market else []
    resident, report = publish(engine, lease, step, checks, "replay", started, clock())
    if report.failed_checks:
        raise ReplayStoppedError(
            "readers keep the present tables, the rebuilt ones failed: "
            + ", ".join(report.failed_checks)
        )
    return resident


def what_if(
    settings: Settings,
    clock: Callable[[], datetime],
    on_batch: OnBatch = lambda _offset, _last: None,
    scope: Scope | None = None,
) -> list[TableDifference]:
    """Rebuild beside, say what would differ, and leave readers what they have.

    Raises like `replay`.
    """
    with rebuilt(settings, clock, None, on_batch, scope or Scope()) as made:
        old, new = (open_warehouse(settings, name) for name in (made.before, made.name))
        try:
            return differences(old, new)
        finally:
            old.dispose()
            new.dispose()
            remove_warehouse(settings, made.name)


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


def _sweep(settings: Settings, kept: set[str]) -> None:
    """Remove the warehouses of earlier replays; the one just left may still be read."""
    for name in warehouse_names(settings):
        if name not in kept:
            remove_warehouse(settings, name)
