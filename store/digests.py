"""Digests: whether two published tables are equal (DESIGN 2.7)."""

import hashlib

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from store.database import reading
from store.frames import read_frame
from store.tables.warehouse import PUBLISHED


def digest(frame: pl.DataFrame, table: sa.Table) -> str:
    """Return the SHA-256 of a table's rows in key order, without its volatile columns."""
    kept = [column.name for column in table.columns if not column.info.get("volatile")]
    keys = [column.name for column in table.primary_key]
    text = frame.select(kept).sort(keys).write_csv(include_header=True)
    return hashlib.sha256(text.encode()).hexdigest()


def published_digests(engine: Engine) -> dict[str, str]:
    """Return the digest of every published table, all read in one snapshot."""
    with reading(engine) as connection:
        return {
            name: digest(read_frame(connection, table), table) for name, table in PUBLISHED.items()
        }
