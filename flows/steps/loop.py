"""The refresh loop of a long-lived worker, with its slower duties beside it.

Cycles come as fast as there is work and not oftener than the setting; exports, compaction and
the picture queue follow at their own pace. A failed cycle writes nothing and is tried again from
what is stored.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from flows.steps.exports import export_publication
from flows.steps.freshness import forget_old
from flows.steps.pictures import drain_pictures
from flows.steps.publish import CycleReport
from flows.steps.resident import read_resident
from flows.steps.retrain import EditionMaker
from flows.steps.worker import Clock, Worker, start_worker
from store.database import open_warehouse_reader
from store.home import Home
from store.raw_lake import RawLake
from store.settings import Settings
from store.storage_problems import Complaints
from store.warehouse import LeaseLostError, progress_of

LOG = logging.getLogger("imo360.work")

DUTY_SECONDS = 60.0
"""How often exports, compaction, pruning and, in a busy hour, editions are looked at."""

PICTURE_SECONDS = 2.0
"""How often the picture queue is looked at."""

RETRY_SECONDS = 2.0
"""Pause after a failed cycle."""

SETTLED_CYCLES = 20
"""Idle cycles in a row before a due edition is begun: not in the middle of somebody's bulk."""


@dataclass
class Loop:
    """State of the loop between cycles."""

    settings: Settings
    stop: threading.Event
    worker: Worker
    on_cycle: Callable[[CycleReport], None]
    idle: int = 0
    next_duty: float = field(default_factory=time.monotonic)
    is_stale: bool = False
    editions: EditionMaker = field(init=False)
    complaints: Complaints = field(default_factory=lambda: Complaints(LOG))

    def __post_init__(self) -> None:
        self.editions = EditionMaker(self.settings)

    def run_until(self, deadline: float) -> None:
        """Run cycles until the deadline (monotonic seconds) or until stopped."""
        while not self.stop.is_set() and time.monotonic() < deadline:
            try:
                self._turn()
            except LeaseLostError:
                raise
            except Exception as problem:
                self.complaints.tell(
                    "a cycle failed; nothing of it was written, trying again", problem
                )
                self.is_stale = True
                self.stop.wait(RETRY_SECONDS)
            else:
                self.complaints.over()

    def _turn(self) -> None:
        if self.is_stale:
            # What a failed cycle left in memory is no longer what is stored.
            self.worker.resident = read_resident(self.worker.engine, self.worker.objects)
            self.is_stale = False
        report = self.worker.cycle()
        if report is not None:
            self.idle = 0
            self.on_cycle(report)
        else:
            self.idle += 1
        if self.idle >= SETTLED_CYCLES or self.worker.resident.edition is None:
            self.editions.look(self.worker.resident, self.worker.clock)
        if time.monotonic() >= self.next_duty:
            self._duties()
            self.next_duty = time.monotonic() + DUTY_SECONDS
        self.stop.wait(self.settings.cycle_seconds)

    def _duties(self) -> None:
        worker, now = self.worker, self.worker.clock()
        # However busy partners are: a new day or other zones must not wait for a quiet moment.
        self.editions.look(worker.resident, worker.clock)
        export_publication(
            Home(self.settings.home), worker.engine, self.settings.exports_kept, worker.lease
        )
        worker.lake.compact(now)
        forget_old(worker.engine, worker.lease, now)
        worker.lake.verify_new()
        worker.lake.prune(now)


def wait_for_worker(
    settings: Settings, run_id: str, stop: threading.Event, clock: Clock
) -> Worker | None:
    """Return a worker once the lease is free; None when stopped before."""
    while not stop.is_set():
        worker = start_worker(settings, run_id, clock)
        if worker is not None:
            return worker
        stop.wait(0.5)
    return None


def picture_thread(settings: Settings, stop: threading.Event, clock: Clock) -> threading.Thread:
    """Start draining the picture queue beside the loop; ends soon after `stop` is set."""
    lake = RawLake(settings)

    def drain() -> None:
        judged, complaints = 0, Complaints(LOG)
        while not stop.wait(PICTURE_SECONDS):
            try:
                # Pictures stay pending until their verdicts are loaded: hosts are not asked
                # again while the loop is busy with an edition.
                loaded = progress_of(open_warehouse_reader(settings)).watermark
                if loaded >= judged and drain_pictures(settings, clock):
                    judged = lake.last_offset()
            except Exception as problem:
                complaints.tell("pictures failed; they stay pending and are tried again", problem)

    thread = threading.Thread(target=drain, name="pictures", daemon=True)
    thread.start()
    return thread
