"""The worker: holds the lease and runs cycles over one resident state.

The loop is ours; Prefect observes it from outside (`flows.refresh_market`). Nothing here knows
Prefect, so the same cycles run plainly in tests, in one-off commands and under a flow.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy.engine import Engine

from flows.steps.advance import advance
from flows.steps.batch import COLUMNS, Batch, no_events, take_batch
from flows.steps.check import check
from flows.steps.editions import edition_due, make_edition
from flows.steps.freshness import Freshness
from flows.steps.publish import CycleReport, publish
from flows.steps.resident import Resident, read_resident
from flows.steps.stored import Stored
from store.crash_points import crash_at
from store.database import reading
from store.home import Home
from store.objects import ObjectStore, open_objects
from store.raw_lake import RawLake
from store.settings import Settings
from store.warehouse import Lease, take_lease

LOG = logging.getLogger("imo360.work")

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Read the clock: entry points hand this down."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Watch:
    """Who is told of progress: cycles done, the reason of an edition begun, pictures judged."""

    on_cycle: Callable[[CycleReport], None] = lambda _report: None
    on_edition: Callable[[str], None] = lambda _reason: None
    on_picture: Callable[[int, int], None] = lambda _done, _all: None


@dataclass
class Worker:
    """One process's turn at the warehouse. Make it with `start_worker`."""

    settings: Settings
    engine: Engine
    lake: RawLake
    objects: ObjectStore
    lease: Lease
    resident: Resident
    run_id: str
    clock: Clock
    freshness: Freshness = field(default_factory=Freshness)
    stopped_by: tuple[str, ...] = ()
    """Severe checks that stopped this worker's last publication."""

    def cycle(self) -> CycleReport | None:
        """Take what is there and publish it; None when nothing waited.

        Raises LeaseLostError when another worker took over; this worker is then of no use.
        """
        started = self.clock()
        self.lake.seal(started)
        most = self.settings.batch_events
        events = self.lake.read(self.resident.progress.watermark, most, COLUMNS)
        batch = take_batch(events, most) or self._overdue()
        if batch is None:
            return None
        crash_at("batch_read")
        received = batch.events["received_at"]
        self.freshness.begin()
        self.freshness.note("taken", received, self.clock())
        with reading(self.engine) as connection:
            step = advance(self.resident, batch, Stored(connection), self.objects)
        checks = check(step.market) if step.market else []
        crash_at("before_publish")
        computed = self.clock()
        self.freshness.note("computed", received, computed)
        self.resident, report = publish(
            self.engine, self.lease, step, checks, self.run_id, started, computed
        )
        crash_at("published")
        seen, is_published = self.clock(), report.publication is not None
        self.freshness.note_visible(received, seen, is_published=is_published)
        self.freshness.write(self.engine, self.lease, seen)
        self.stopped_by = report.failed_checks
        if report.failed_checks:
            LOG.error("not published, these checks failed: %s", ", ".join(report.failed_checks))
        return report

    def _overdue(self) -> Batch | None:
        """Return a batch without events when what is published is not of the newest edition.

        So a publication that a check stopped is tried again by the next worker, not only when
        the next event comes.
        """
        edition, progress = self.resident.edition, self.resident.progress
        if edition is None or progress.edition == edition.number or self.stopped_by:
            return None
        return no_events(progress.watermark)

    def retrain_if_due(self) -> str | None:
        """Make the next edition when one is due; return why (the next cycle applies it)."""
        reason = edition_due(self.resident, self.settings, self.clock())
        if reason is not None:
            crash_at("before_edition")
            make_edition(self.engine, self.resident, self.settings, reason, self.clock())
        return reason

    def drain(self, watch: Watch | None = None, target: int | None = None) -> int:
        """Run cycles until nothing waits and no edition is due; return the number of cycles.

        target: an offset that is far enough, so that partners who post without pause do not
        keep it from ending.
        """
        told, cycles = watch or Watch(), 0
        while True:
            report = self.cycle()
            if report is not None:
                cycles += 1
                told.on_cycle(report)
                if target is None or report.watermark < target:
                    continue
            if not self._retrained(told):
                return cycles
            if target is not None:
                target = self.lake.last_offset()  # the edition takes effect at its own event

    def _retrained(self, told: Watch) -> bool:
        reason = edition_due(self.resident, self.settings, self.clock())
        if reason is None:
            return False
        told.on_edition(reason)
        self.retrain_if_due()
        return True

    def close(self) -> None:
        """Let the next worker in."""
        self.lease.release()
        self.engine.dispose()


def start_worker(settings: Settings, run_id: str, clock: Clock = utc_now) -> Worker | None:
    """Take the lease and read what is stored; None while another worker holds the lease."""
    taken = take_lease(settings, clock())
    if taken is None:
        return None
    engine, lease = taken
    objects = open_objects(Home(settings.home).objects)
    return Worker(
        settings, engine, RawLake(settings), objects, lease, read_resident(engine, objects),
        run_id, clock,
    )  # fmt: skip
