"""Sweeping: what is over is gone, what may still be asked for stays."""

from datetime import timedelta

import sqlalchemy as sa

from store.database import open_journal_database, reading, writing
from store.settings import Settings
from store.sweep import ITEMS_KEPT, sweep
from store.tables.journal import ingest_snapshot_items, ingest_snapshots
from tests.conftest import NOW
from tests.journals import insert_snapshot

ITEMS = 5


def test_contents_of_snapshots_go_when_their_time_is_over(settings: Settings) -> None:
    engine = open_journal_database(settings)
    ends = {"over": NOW - ITEMS_KEPT - timedelta(seconds=1), "late": NOW - ITEMS_KEPT, "open": None}
    with writing(engine) as connection:
        for name, closed in ends.items():
            insert_snapshot(connection, name, closed, ITEMS)
    assert sweep(settings, engine, NOW, step_rows=2) == ITEMS
    assert sweep(settings, engine, NOW) == 0
    with reading(engine) as connection:
        kept = connection.execute(sa.select(ingest_snapshot_items.c.snapshot_id)).scalars().all()
        assert sorted(kept) == ["late"] * ITEMS + ["open"] * ITEMS
        assert len(connection.execute(sa.select(ingest_snapshots)).all()) == len(ends)
