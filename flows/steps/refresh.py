"""Refresh, plainly: everything acknowledged before the call is published when it returns.

Joins a living worker, or takes over from a dead one. `flows.refresh_market` runs the same steps
under Prefect's eyes.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from flows.steps.exports import export_publication
from flows.steps.pictures import drain_pictures
from flows.steps.publish import CycleReport
from flows.steps.worker import Clock, Worker, start_worker, utc_now
from store.database import open_warehouse_reader
from store.home import Home
from store.raw_lake import RawLake
from store.settings import Settings
from store.warehouse import progress_of

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Refreshed:
    """What a refresh came to. is_joined: another worker did the work."""

    target_offset: int
    publication: int
    edition: int
    cycles: int
    pictures: int
    is_joined: bool


@dataclass(frozen=True)
class Watch:
    """Who is told of progress."""

    on_cycle: Callable[[CycleReport], None] = lambda _report: None
    on_picture: Callable[[int, int], None] = lambda _done, _all: None


def refresh(
    settings: Settings, run_id: str, watch: Watch | None = None, clock: Clock = utc_now
) -> Refreshed:
    """Publish everything acknowledged so far, pictures judged once, exports written."""
    target = RawLake(settings).last_offset()
    worker = worker_or_join(settings, run_id, target, clock)
    if isinstance(worker, Refreshed):
        return worker
    try:
        return work_through(worker, target, watch or Watch())
    finally:
        worker.close()


def work_through(worker: Worker, target: int, watch: Watch) -> Refreshed:
    """Drain, judge pictures, drain their verdicts, export."""
    cycles = worker.drain(watch.on_cycle)
    pictures = drain_pictures(worker.settings, worker.clock, watch.on_picture)
    cycles += worker.drain(watch.on_cycle)
    export_publication(Home(worker.settings.home), worker.engine, worker.settings.exports_kept)
    progress = worker.resident.progress
    return Refreshed(target, progress.publication, progress.edition, cycles, pictures, False)


def worker_or_join(
    settings: Settings, run_id: str, target: int, clock: Clock
) -> Worker | Refreshed:
    """Return a worker, or what another one came to once it published up to the target."""
    while True:
        worker = start_worker(settings, run_id, clock)
        if worker is not None:
            return worker
        progress = progress_of(open_warehouse_reader(settings))
        if progress.watermark >= target and progress.publication:
            return Refreshed(target, progress.publication, progress.edition, 0, 0, True)
        time.sleep(POLL_SECONDS)
