"""Status: how far everything is, what waits and for how long, in one look.

Reads journal and warehouse, and writes nothing. Light: the serving process answers with it.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from store.database import open_warehouse_reader, reading
from store.delays import STAGES, Delays, read_delays
from store.home import Home, HomeError, try_lock
from store.settings import Settings
from store.tables.columns import instant_text
from store.tables.journal import ingest_batches, ingest_counters, ingest_lake_files, ingest_refusals
from store.tables.warehouse import core_listing_images, core_listings, core_refusals, market_runs
from store.warehouse import Progress, read_progress

WINDOWS = {
    "5 min": timedelta(minutes=5), "1 h": timedelta(hours=1), "24 h": timedelta(hours=24),
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """The newest publication."""

    publication: int
    run_id: str
    published_at: datetime
    watermark: int
    edition: int
    listings: int


@dataclass(frozen=True)
class Lag:
    """How far events came, at one instant.

    acknowledged, loaded, published: offsets of the newest event that came so far.
    oldest_waiting_at: when the first event that is not published was received; None when none
    waits. is_stopped: what is loaded is not published, because a severe check failed. last_run:
    None before the first publication.
    """

    now: datetime
    acknowledged: int
    loaded: int
    published: int
    oldest_waiting_at: datetime | None
    is_stopped: bool
    last_run: Run | None

    @property
    def waiting(self) -> int:
        return max(0, self.acknowledged - self.published)

    @property
    def lag_seconds(self) -> float:
        """How long the oldest event has waited to be published; 0 when none waits."""
        if self.oldest_waiting_at is None:
            return 0.0
        return max(0.0, (self.now - self.oldest_waiting_at).total_seconds())


@dataclass(frozen=True)
class Status:
    """Everything worth a look. sealed: newest offset in the lake; delays: by window and stage."""

    lag: Lag
    sealed: int
    is_worker_running: bool
    listings: int
    refused_at_door_24h: int
    refused_in_flow: Mapping[str, int]
    pictures_pending: int
    disk_free_bytes: int
    delays: Mapping[str, Mapping[str, Delays]]


def read_lag(settings: Settings, journal: Engine, now: datetime) -> Lag:
    """Look how far events came: a few rows are read. Raises HomeError without a home."""
    with reading(open_warehouse_reader(settings)) as warehouse:
        # The warehouse first, so that it is never seen ahead of the journal.
        progress, run = read_progress(warehouse), _last_run(warehouse)
    published = _published(progress, run)
    with reading(journal) as connection:
        acknowledged = _acknowledged(connection)
        waits = _received_at(connection, published + 1) if acknowledged > published else None
    is_stopped = run is not None and progress.edition == 0
    return Lag(now, acknowledged, progress.watermark, published, waits, is_stopped, run)


def read_status(settings: Settings, journal: Engine, now: datetime) -> Status:
    """Look at a home. Raises HomeError when there is none."""
    home, image = Home(settings.home), core_listing_images
    lag = read_lag(settings, journal, now)
    with reading(open_warehouse_reader(settings)) as warehouse:
        listings = _count(warehouse, sa.select(sa.func.count()).select_from(core_listings))
        pending = sa.select(sa.func.count()).select_from(image).where(image.c.state == "pending")
        pictures_pending = _count(warehouse, pending)
        refused = _by(warehouse, core_refusals, core_refusals.c.rule_code)
        delays = {
            window: {stage: read_delays(warehouse, stage, now - length) for stage in STAGES}
            for window, length in WINDOWS.items()
        }
    with reading(journal) as connection:
        return Status(
            lag=lag,
            sealed=_sealed(connection),
            is_worker_running=_is_worker_running(home),
            listings=listings,
            refused_at_door_24h=_refused_since(connection, now - timedelta(hours=24)),
            refused_in_flow=refused,
            pictures_pending=pictures_pending,
            disk_free_bytes=shutil.disk_usage(home.root).free,
            delays=delays,
        )


def _published(progress: Progress, run: Run | None) -> int:
    """Return the newest published offset: that of the newest run, unless a load fell behind it.

    A warehouse that a replay has just rebuilt carries the runs of the one before.
    """
    if run is None:
        return 0
    return min(run.watermark, progress.watermark) if progress.edition == 0 else progress.watermark


def _last_run(warehouse: Connection) -> Run | None:
    table = market_runs.c
    row = warehouse.execute(
        sa.select(
            table.publication, table.run_id, table.published_at, table.watermark, table.edition,
            table.listings,
        ).order_by(table.publication.desc()).limit(1)
    ).first()  # fmt: skip
    return Run(*row) if row else None


def _count(connection: Connection, statement: sa.Select[int]) -> int:
    return int(connection.execute(statement).scalar_one())


def _by(connection: Connection, table: sa.Table, column: sa.Column[str]) -> dict[str, int]:
    counted = sa.select(column, sa.func.count()).group_by(column).order_by(column)
    return {str(name): int(count) for name, count in connection.execute(counted)}


def _acknowledged(journal: Connection) -> int:
    counter = ingest_counters.c
    given: int = journal.execute(
        sa.select(counter.value).where(counter.name == "event_offset")
    ).scalar_one()
    return given


def _sealed(journal: Connection) -> int:
    file = ingest_lake_files.c
    return (
        journal.execute(
            sa.select(sa.func.max(file.last_offset)).where(
                file.lake == "events", file.state != "planned"
            )
        ).scalar()
        or 0
    )


def _received_at(journal: Connection, offset: int) -> datetime | None:
    """Return when an event was received; of one no longer journaled, when it was sealed."""
    batch, file = ingest_batches.c, ingest_lake_files.c
    held = sa.select(batch.received_at).where(
        batch.first_offset <= offset, batch.last_offset >= offset
    )
    sealed = sa.select(file.planned_at).where(
        file.lake == "events", file.first_offset <= offset, file.last_offset >= offset
    )
    for statement in (held.order_by(batch.first_offset.desc()).limit(1), sealed.limit(1)):
        found: datetime | None = journal.execute(statement).scalar()
        if found is not None:
            return found
    return None


def _refused_since(journal: Connection, since: datetime) -> int:
    refused = ingest_refusals.c
    # From the newest on: the table is never pruned, and has no index on time.
    counted = sa.select(sa.func.count()).where(refused.received_at >= since)
    return int(journal.execute(counted).scalar_one())


def _is_worker_running(home: Home) -> bool:
    try:
        descriptor = try_lock(home.locks / "refresh.lock")
    except OSError as problem:
        raise HomeError(f"cannot use {home.locks}: {problem.strerror}") from problem
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def status_document(status: Status) -> dict[str, Any]:
    """Return a status as a JSON document: instants as text, camelCase as in the API."""
    lag = status.lag
    return {
        **lag_document(lag),
        "eventsAcknowledged": lag.acknowledged,
        "eventsSealed": status.sealed,
        "eventsLoaded": lag.loaded,
        "eventsPublished": lag.published,
        "workerRunning": status.is_worker_running,
        "listings": status.listings,
        "refusedAtDoor24h": status.refused_at_door_24h,
        "refusedInFlow": dict(status.refused_in_flow),
        "picturesPending": status.pictures_pending,
        "diskFreeBytes": status.disk_free_bytes,
        "delays": {
            window: {stage: _delays_document(found) for stage, found in stages.items()}
            for window, stages in status.delays.items()
        },
    }


def lag_document(lag: Lag) -> dict[str, Any]:
    """Return a lag as a JSON document."""
    run = lag.last_run
    return {
        "eventsWaiting": lag.waiting,
        "lagSeconds": round(lag.lag_seconds, 3),
        "publicationStopped": lag.is_stopped,
        "publication": run.publication if run else None,
        "edition": run.edition if run else None,
        "lastPublishedAt": instant_text(run.published_at) if run else None,
        "lastRunId": run.run_id if run else None,
    }


def _delays_document(delays: Delays) -> dict[str, int | None]:
    return {
        "events": delays.events, "p50Ms": delays.p50_ms, "p95Ms": delays.p95_ms,
        "p99Ms": delays.p99_ms, "maxMs": delays.max_ms,
    }  # fmt: skip
