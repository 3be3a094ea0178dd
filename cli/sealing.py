"""Sealing: brings journaled events into the lake every `seal_seconds`, in a process of its own.

Building Parquet files beside posts, in one interpreter, made the slowest answers slow.
"""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import Engine

from cli.children import stop_on_signals, stop_with
from store.database import open_journal_database
from store.home import Home
from store.raw_lake import RawLake
from store.sandbox import sandbox_stamp
from store.settings import Settings

LOG = logging.getLogger("imo360.seal")


def seal_on(settings: Settings, *, parent: int | None = None) -> None:
    """Seal until SIGINT or SIGTERM, then seal what waits."""
    stop = threading.Event()
    stop_with(parent, stop)
    stop_on_signals(stop)
    sealer, is_open = Sealer(settings), True
    while is_open:
        is_open = not stop.wait(settings.seal_seconds)
        sealer.seal(datetime.now(UTC))


class Sealer:
    """Seals a home and its sandboxes; keeps their journals open."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: dict[Path, _Open] = {}

    def seal(self, now: datetime) -> None:
        """Seal what waits; what cannot be sealed is told in the log and waits on."""
        homes = list(_homes(self._settings))
        for gone in self._open.keys() - {home.home for home in homes}:
            self._open.pop(gone).engine.dispose()
        for home in homes:
            try:
                lake = self._lake(home)
                if lake is not None and lake.waiting():
                    lake.seal(now)
            except Exception:
                LOG.exception("sealing failed; the events stay in the journal, trying again")

    def _lake(self, home: Settings) -> RawLake | None:
        """Return a home's lake; None when the home has just gone.

        A wiped sandbox that is used again is another one: its journal would be open here without
        a name, and the new one never be read.
        """
        stamp, known = sandbox_stamp(home), self._open.get(home.home)
        if known is None or known.stamp != stamp:
            if known is not None:
                self._open.pop(home.home).engine.dispose()
            if stamp is None:
                return None
            engine = open_journal_database(home)
            known = self._open[home.home] = _Open(RawLake(home, engine), engine, stamp)
        return known.lake


@dataclass(frozen=True, slots=True)
class _Open:
    lake: RawLake
    engine: Engine
    stamp: int


def _homes(settings: Settings) -> Iterator[Settings]:
    yield settings
    for sandbox in sorted(Home(settings.home).sandboxes.glob("[0-9]*/journal.sqlite")):
        yield settings.model_copy(update={"home": sandbox.parent})
