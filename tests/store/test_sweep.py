"""Sweeping: what is over is gone, what may still be asked for stays."""

from datetime import timedelta

import sqlalchemy as sa

from store.database import open_journal_database, reading, writing
from store.settings import Settings
from store.sweep import ANSWERS_KEPT, ITEMS_KEPT, sweep
from store.tables.journal import (
    ingest_idempotency_keys,
    ingest_snapshot_items,
    ingest_snapshots,
)
from tests.conftest import NOW

SECOND = timedelta(seconds=1)


def test_answers_and_snapshots_go_when_their_time_is_over(settings: Settings) -> None:
    engine = open_journal_database(settings)
    with writing(engine) as connection:
        for name, made in (("old", NOW - ANSWERS_KEPT - SECOND), ("young", NOW - ANSWERS_KEPT)):
            connection.execute(
                sa.insert(ingest_idempotency_keys).values(
                    key_id=1, idempotency_key=name, request_sha256="", answer_code=200,
                    headers="{}", answer=b"", created_at=made,
                )
            )  # fmt: skip
        ends = {"over": NOW - ITEMS_KEPT - SECOND, "late": NOW - ITEMS_KEPT, "open": None}
        for name, closed in ends.items():
            connection.execute(
                sa.insert(ingest_snapshots).values(
                    snapshot_id=name, partner_id=1, key_id=1, provider_identifier="p",
                    state="open" if closed is None else "applied", opened_offset=0,
                    opened_at=NOW - timedelta(days=30), closed_at=closed,
                )
            )  # fmt: skip
            connection.execute(
                sa.insert(ingest_snapshot_items).values(snapshot_id=name, listing_id=1)
            )
    assert sweep(settings, NOW) == 2
    assert sweep(settings, NOW) == 0
    with reading(engine) as connection:
        kept = sa.select(ingest_idempotency_keys.c.idempotency_key)
        items = sa.select(ingest_snapshot_items.c.snapshot_id)
        assert connection.execute(kept).scalars().all() == ["young"]
        assert sorted(connection.execute(items).scalars()) == ["late", "open"]
        assert len(connection.execute(sa.select(ingest_snapshots)).all()) == 3
