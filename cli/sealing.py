"""Sealing: brings journaled events into the lake every `seal_seconds`, in a process of its own.

Building Parquet files beside posts, in one interpreter, made the slowest answers slow. The same
holds for the database's log, which a thread here brings into the database.
"""

import logging
import threading
import time
from datetime import UTC, datetime

from sqlalchemy.engine import Engine

from cli.children import stop_on_signals, stop_with
from store.database import bring_in_log, open_journal_database
from store.raw_lake import RawLake
from store.sandbox import held_sandbox, sandbox_partners
from store.settings import Settings
from store.storage_problems import Complaints
from store.sweep import sweep

LOG = logging.getLogger("imo360.seal")
COMPLAINTS = Complaints(LOG)

LOG_SECONDS = 0.2
"""Time between two looks at the journal's log: some 3,000 scattered changes at full speed."""

SWEEP_SECONDS = 600.0
"""Time between two looks for what the journal keeps no longer."""


def seal_on(settings: Settings, *, parent: int | None = None) -> None:
    """Seal until SIGINT or SIGTERM, then seal what waits."""
    stop = threading.Event()
    stop_with(parent, stop)
    stop_on_signals(stop)
    engine = open_journal_database(settings)
    keeper = threading.Thread(target=_keep_log_short, args=(engine, stop), name="log", daemon=True)
    keeper.start()
    lake = RawLake(settings, engine)
    is_open, sweeps_at = True, 0.0
    while is_open:
        is_open = not stop.wait(settings.seal_seconds)
        _seal_waiting(lake)
        seal_sandboxes(settings)
        if is_open and time.monotonic() >= sweeps_at:
            _sweep(settings, engine)
            sweeps_at = time.monotonic() + SWEEP_SECONDS
    keeper.join()
    engine.dispose()


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


def _sweep(settings: Settings, engine: Engine) -> None:
    try:
        sweep(settings, engine, datetime.now(UTC))
    except Exception as problem:
        COMPLAINTS.tell("sweeping failed; what is over stays until the next time", problem)


def _keep_log_short(engine: Engine, stop: threading.Event) -> None:
    complaints = Complaints(LOG)
    while not stop.wait(LOG_SECONDS):
        try:
            bring_in_log(engine)
        except Exception as problem:
            complaints.tell("the journal's log stays as it is, trying again", problem)
        else:
            complaints.over()


def _seal_waiting(lake: RawLake) -> None:
    try:
        if lake.waiting():
            lake.seal(datetime.now(UTC))
    except Exception as problem:
        COMPLAINTS.tell("sealing failed; the events stay in the journal, trying again", problem)
