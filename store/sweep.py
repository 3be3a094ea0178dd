"""Sweeps what the journal keeps for a while only: answers by their key, contents of snapshots."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from store.database import open_journal_database, writing
from store.home import Home, locked
from store.settings import Settings
from store.tables.journal import (
    ingest_idempotency_keys,
    ingest_snapshot_items,
    ingest_snapshots,
)

ANSWERS_KEPT = timedelta(hours=24)
"""How long an answer is given again for its Idempotency-Key."""

ITEMS_KEPT = timedelta(days=7)
"""How long it can still be seen what a snapshot held that was applied or abandoned."""


def sweep(settings: Settings, now: datetime) -> int:
    """Delete what is not kept any more; return the number of rows."""
    kept, snapshot = ingest_idempotency_keys.c, ingest_snapshots.c
    over = sa.select(snapshot.snapshot_id).where(snapshot.closed_at < now - ITEMS_KEPT)
    engine = open_journal_database(settings)
    try:
        with locked(Home(settings.home).locks / "journal.lock"), writing(engine) as connection:
            answers = connection.execute(
                sa.delete(ingest_idempotency_keys).where(kept.created_at < now - ANSWERS_KEPT)
            )
            items = connection.execute(
                sa.delete(ingest_snapshot_items).where(
                    ingest_snapshot_items.c.snapshot_id.in_(over)
                )
            )
            return answers.rowcount + items.rowcount
    finally:
        engine.dispose()
