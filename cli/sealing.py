"""Sealing: brings journaled events into the lake every `seal_seconds`, in a process of its own.

Building Parquet files beside posts, in one interpreter, made the slowest answers slow.
"""

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

from cli.children import stop_on_signals, stop_with
from store.home import Home
from store.raw_lake import RawLake
from store.settings import Settings

LOG = logging.getLogger("imo360.seal")


def seal_on(settings: Settings, *, parent: int | None = None) -> None:
    """Seal until SIGINT or SIGTERM, then seal what waits."""
    stop = threading.Event()
    stop_with(parent, stop)
    stop_on_signals(stop)
    lakes: dict[str, RawLake] = {}
    is_open = True
    while is_open:
        is_open = not stop.wait(settings.seal_seconds)
        for home in _homes(settings):
            lake = lakes.setdefault(str(home.home), RawLake(home))
            try:
                if lake.waiting():
                    lake.seal(datetime.now(UTC))
            except Exception:
                LOG.exception("sealing failed; the events stay in the journal, trying again")


def _homes(settings: Settings) -> Iterator[Settings]:
    yield settings
    for sandbox in sorted(Home(settings.home).sandboxes.glob("*/journal.sqlite")):
        yield settings.model_copy(update={"home": sandbox.parent})
