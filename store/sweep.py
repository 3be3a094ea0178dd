"""Sweeps from the journal what counts for nothing any more: the contents of closed snapshots.

Answers kept for an `Idempotency-Key` go with the posts that follow them (`register.Turn`).
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from store.database import writing
from store.home import Home, locked
from store.settings import Settings
from store.tables.journal import ingest_snapshot_items, ingest_snapshots

ITEMS_KEPT = timedelta(days=7)
"""How long it can still be seen what a snapshot held that was applied or abandoned."""

STEP_ROWS = 5_000
"""Rows deleted in one transaction: some milliseconds, for which posts wait."""


def sweep(settings: Settings, engine: Engine, now: datetime, step_rows: int = STEP_ROWS) -> int:
    """Delete what is not kept any more; return the number of rows."""
    item, snapshot = ingest_snapshot_items.c, ingest_snapshots.c
    name = sa.tuple_(item.snapshot_id, item.listing_id)
    over = (
        sa.select(item.snapshot_id, item.listing_id)
        .join(ingest_snapshots, snapshot.snapshot_id == item.snapshot_id)
        .where(snapshot.closed_at < now - ITEMS_KEPT)
        .limit(step_rows)
    )
    lock, swept = Home(settings.home).locks / "journal.lock", 0
    while True:
        with locked(lock), writing(engine) as connection:
            rows = connection.execute(sa.delete(ingest_snapshot_items).where(name.in_(over)))
        swept += rows.rowcount
        if rows.rowcount < step_rows:
            return swept
