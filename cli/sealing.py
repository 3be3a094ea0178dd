"""Sealing: brings journaled events into the lake every `seal_seconds`, in a process of its own.

Building Parquet files beside posts, in one interpreter, made the slowest answers slow.
"""

import logging
import threading
from datetime import UTC, datetime

from cli.children import stop_on_signals, stop_with
from store.database import open_journal_database
from store.raw_lake import RawLake
from store.sandbox import held_sandbox, sandbox_partners
from store.settings import Settings

LOG = logging.getLogger("imo360.seal")


def seal_on(settings: Settings, *, parent: int | None = None) -> None:
    """Seal until SIGINT or SIGTERM, then seal what waits."""
    stop = threading.Event()
    stop_with(parent, stop)
    stop_on_signals(stop)
    lake = RawLake(settings)
    is_open = True
    while is_open:
        is_open = not stop.wait(settings.seal_seconds)
        _seal_waiting(lake)
        seal_sandboxes(settings)


def seal_sandboxes(settings: Settings) -> None:
    """Seal what waits in each sandbox. Opened anew each time: one may have been wiped since."""
    for partner_id in sandbox_partners(settings):
        with held_sandbox(settings, partner_id) as sandbox:
            if sandbox is None:
                continue
            engine = open_journal_database(sandbox)
            try:
                _seal_waiting(RawLake(sandbox, engine))
            finally:
                engine.dispose()


def _seal_waiting(lake: RawLake) -> None:
    try:
        if lake.waiting():
            lake.seal(datetime.now(UTC))
    except Exception:
        LOG.exception("sealing failed; the events stay in the journal, trying again")
