"""Retrain: makes the next edition, in a process of its own beside a worker that goes on refreshing.

An edition is an event like any other: whoever refreshes next applies it, in its place. So making
one needs no lease, only that nobody makes another at the same time.
"""

import logging
import multiprocessing
import os
import threading
import time
from multiprocessing.process import BaseProcess

from flows.steps.batch import EDITION_MADE
from flows.steps.editions import edition_due, make_edition
from flows.steps.resident import Resident, read_resident
from flows.steps.worker import Clock, utc_now
from store.database import open_warehouse_reader
from store.home import Home, try_lock
from store.objects import open_objects
from store.raw_lake import RawLake
from store.settings import Settings

LOG = logging.getLogger("imo360.work")

PARENT_SECONDS = 1.0
"""How often a maker looks whether its worker is still there."""


def retrain(settings: Settings, clock: Clock, reason: str | None = None) -> str | None:
    """Make the next edition; return why, or None when none is due or one is on its way.

    reason: make it for this reason, due or not.
    """
    home = Home(settings.home)
    descriptor = try_lock(home.locks / "edition.lock")
    if descriptor is None:
        return None
    try:
        engine = open_warehouse_reader(settings)
        resident = read_resident(engine, open_objects(home.objects))
        if _is_on_its_way(settings, resident.progress.watermark, clock):
            return None
        due = reason or edition_due(resident, settings, clock())
        if due is not None and resident.listings:
            make_edition(engine, resident, settings, due, clock())
            return due
        return None
    finally:
        os.close(descriptor)


def _is_on_its_way(settings: Settings, watermark: int, clock: Clock) -> bool:
    """Whether an edition was made that the warehouse has not loaded yet."""
    lake = RawLake(settings)
    last = lake.seal(clock())
    waiting = lake.read(watermark, last - watermark, ["event_offset", "kind"]) if last else None
    return waiting is not None and EDITION_MADE in set(waiting.column("kind").to_pylist())


class EditionMaker:
    """Makes due editions in a process of its own, one at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: BaseProcess | None = None

    def look(self, resident: Resident, clock: Clock) -> None:
        """Begin the next edition when one is due and none is being made."""
        process = self._process
        if process is not None:
            if process.is_alive():
                return
            if process.exitcode:
                LOG.error("making an edition failed with exit code %s", process.exitcode)
            self._process = None
        due = edition_due(resident, self._settings, clock())
        if due is not None:
            LOG.info("making an edition: %s", due)
            # Not forked: threads and connections of this process must not be halved.
            made = multiprocessing.get_context("spawn").Process(
                target=_retrain_below, args=(self._settings, os.getpid()), daemon=True
            )
            made.start()
            self._process = made

    def stop(self) -> None:
        """End what is being made; the next worker begins it anew."""
        if self._process is not None:
            self._process.terminate()
            self._process.join()
            self._process = None


def _retrain_below(settings: Settings, parent: int) -> None:
    """Make an edition if one is due, unless the worker that asked for it is killed meanwhile."""

    def end_with_parent() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_SECONDS)
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    retrain(settings, utc_now)
