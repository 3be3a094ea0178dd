"""What tests put into a journal's database, and read of its file."""

import shutil
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.home import Home
from store.settings import Settings
from store.tables.journal import ingest_snapshot_items, ingest_snapshots
from tests.conftest import NOW

DRIVER_ERRORS = (sqlite3.Error, psycopg.Error)


def listings_without_log(settings: Settings, folder: Path) -> int:
    """Count the register's listings in a copy of the database's file alone."""
    copy = shutil.copy(Home(settings.home).journal, folder)
    with closing(sqlite3.connect(copy)) as database:
        (count,) = database.execute("select count(*) from ingest_listings").fetchone()
    return int(count)


def insert_snapshot(
    connection: Connection, name: str, closed_at: datetime | None, items: int
) -> None:
    """Insert a snapshot of partner 1, open when it has no closing time, with so many items."""
    connection.execute(
        sa.insert(ingest_snapshots).values(
            snapshot_id=name, partner_id=1, key_id=1, provider_identifier="p",
            state="open" if closed_at is None else "applied", opened_offset=0,
            opened_at=NOW - timedelta(days=30), closed_at=closed_at,
        )
    )  # fmt: skip
    rows = [{"snapshot_id": name, "listing_id": number} for number in range(items)]
    connection.execute(sa.insert(ingest_snapshot_items), rows)
