"""Events per second from the lake to rows: normalise and collapse alone, and loaded into SQLite.

The second is what a worker does before the first edition exists: read the lake, normalise,
collapse, locate, and write core tables, history and watermark in one transaction a batch.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing

from flows.steps.batch import COLUMNS, Batch, take_batch
from flows.steps.collapse import collapse
from flows.steps.normalise import normalise
from flows.steps.worker import start_worker
from store.frames import empty_frame, replace_rows
from store.raw_lake import RawLake
from store.reference import rates_path, read_rates
from store.settings import Settings
from store.tables.warehouse import core_listings
from tests.bench.markets import fill
from tests.bench.options import Options
from tests.bench.report import Cell, print_table
from tests.bench.servers import temporary_home

LISTINGS = 20_000
ROUNDS = 3
HEADER = ("step", "events", "seconds", "events/s")


def run(options: Options) -> int:
    """Measure and print; nothing here can fail by the request."""
    listings = options.sized(LISTINGS, 200)
    with temporary_home() as settings:
        started = time.perf_counter()
        events = fill(settings, listings)
        filled = time.perf_counter() - started
        batches = list(_batches(settings))
        rows: list[tuple[Cell, ...]] = [_row("normalise", events, _best(_normalise, batches))]
        rows.append(_row("normalise + collapse", events, _best(_collapse, batches)))
        rows.append(_row("load into SQLite, lake to commit", events, _load(settings)))
    print_table(f"From the lake: {events:,} posts of {listings:,} synthetic listings", HEADER, rows)
    print(f"Making, journaling and sealing them took {filled:.1f} s (not through HTTP).")
    return 0


def _row(name: str, events: int, seconds: float) -> tuple[Cell, ...]:
    return name, events, seconds, events / seconds


def _batches(settings: Settings) -> Iterator[Batch]:
    lake, after = RawLake(settings), 0
    while batch := take_batch(
        lake.read(after, settings.batch_events, COLUMNS), settings.batch_events
    ):
        after = batch.last_offset
        yield batch


def _best(work: Callable[[list[Batch]], None], batches: list[Batch]) -> float:
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work(batches)
        taken.append(time.perf_counter() - started)
    return min(taken)


def _normalise(batches: list[Batch]) -> None:
    rates = read_rates(rates_path())
    for batch in batches:
        normalise(batch.events, rates)


def _collapse(batches: list[Batch]) -> None:
    rates, stored = read_rates(rates_path()), empty_frame(core_listings)
    for batch in batches:
        collapsed = collapse(normalise(batch.events, rates).versions, stored)
        stored = replace_rows(stored, collapsed.listings)


def _load(settings: Settings) -> float:
    worker = start_worker(settings, "bench")
    assert worker is not None
    with closing(worker):
        started = time.perf_counter()
        while worker.cycle() is not None:
            pass
        return time.perf_counter() - started
