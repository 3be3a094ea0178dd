"""Refresh, plainly: everything acknowledged before the call is published when it returns.

Joins a living worker, or takes over from a dead one. `flows.refresh_market` runs the same steps
under Prefect's eyes.
"""

import time
from dataclasses import dataclass

import sqlalchemy as sa

from flows.steps.exports import export_publication
from flows.steps.pictures import drain_pictures
from flows.steps.worker import Clock, Watch, Worker, start_worker, utc_now
from store.database import open_warehouse_reader, reading
from store.home import Home
from store.raw_lake import RawLake
from store.settings import Settings
from store.tables.warehouse import core_listing_images, core_listings
from store.warehouse import Progress, read_progress

POLL_SECONDS = 0.2

JOIN_SECONDS = 180.0
"""How long a joined worker may take to publish what it has loaded (an edition is slow)."""


@dataclass(frozen=True)
class Refreshed:
    """What a refresh came to.

    is_joined: another worker did the work. stopped_by: severe checks that kept it from being
    published; empty when all is.
    """

    target_offset: int
    publication: int
    edition: int
    cycles: int
    pictures: int
    is_joined: bool
    stopped_by: tuple[str, ...] = ()


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
    cycles = worker.drain(watch, target)
    pictures = drain_pictures(worker.settings, worker.clock, watch.on_picture)
    cycles += worker.drain(watch, worker.lake.last_offset())
    export_publication(
        Home(worker.settings.home), worker.engine, worker.settings.exports_kept, worker.lease
    )
    return outcome(worker, target, cycles, pictures)


def outcome(worker: Worker, target: int, cycles: int, pictures: int) -> Refreshed:
    """Say what a worker came to."""
    progress = worker.resident.progress
    return Refreshed(
        target,
        progress.publication,
        progress.edition,
        cycles,
        pictures,
        is_joined=False,
        stopped_by=worker.stopped_by,
    )


def worker_or_join(
    settings: Settings, run_id: str, target: int, clock: Clock
) -> Worker | Refreshed:
    """Return a worker, or what another one came to once it published up to the target.

    It is waited for until each picture has its first verdict, too, as a worker of one's own does.
    """
    patience = time.monotonic() + JOIN_SECONDS
    while True:
        worker = start_worker(settings, run_id, clock)
        if worker is not None:
            return worker
        progress, is_published, is_judged = _seen(settings, target)
        is_late = time.monotonic() > patience and progress.watermark >= target
        if (is_published and is_judged) or is_late:
            late = () if is_published else ("the running worker loaded it, but did not publish",)
            return Refreshed(target, progress.publication, progress.edition, 0, 0, True, late)
        time.sleep(POLL_SECONDS)


def _seen(settings: Settings, target: int) -> tuple[Progress, bool, bool]:
    """Return how far the warehouse is, and whether everything up to the target is published and
    all its pictures are judged."""
    pending = (
        sa.select(core_listing_images.c.listing_id)
        .join(core_listings, core_listings.c.id == core_listing_images.c.listing_id)
        .where(core_listing_images.c.state == "pending", core_listings.c.event_offset <= target)
    )
    with reading(open_warehouse_reader(settings)) as connection:
        progress = read_progress(connection)
        is_empty = connection.execute(sa.select(core_listings.c.id).limit(1)).first() is None
        is_judged = connection.execute(pending.limit(1)).first() is None
    is_published = progress.watermark >= target and (progress.edition > 0 or is_empty)
    return progress, is_published, is_judged
