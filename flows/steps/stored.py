"""Stored: what the warehouse holds of the few listings a cycle touches, read by their keys.

One snapshot per cycle, so that memory and time are those of the batch and not of the market.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from flows.steps.parties import CONTACT_SCHEMA, contacts_in_use
from flows.steps.parties import STORED as OF_PARTIES
from store.frames import read_frame, read_keyed
from store.tables import warehouse as tables


@dataclass(frozen=True)
class Stored:
    """The warehouse as of one snapshot."""

    connection: Connection

    def all(self, table: sa.Table, columns: Sequence[str] = ()) -> pl.DataFrame:
        """Return every row of a table."""
        return read_frame(self.connection, table, columns)

    def of(
        self, table: sa.Table, column: str, keys: pl.Series, columns: Sequence[str] = ()
    ) -> pl.DataFrame:
        """Return the rows whose column holds one of the keys."""
        return read_keyed(self.connection, table, column, keys.unique().drop_nulls(), columns)

    def listings(self, ids: pl.Series, columns: Sequence[str] = ()) -> pl.DataFrame:
        """Return core_listings rows of these ids, those that are stored."""
        return self.of(tables.core_listings, "id", ids, columns)

    def contacts(self, agents: pl.Series) -> pl.DataFrame:
        """Return the contacts in use of these agents (CONTACT_SCHEMA rows)."""
        if agents.drop_nulls().is_empty():
            return pl.DataFrame(schema=CONTACT_SCHEMA)
        naming = self.of(tables.core_listings, "agent_identifier", agents, OF_PARTIES)
        return contacts_in_use(naming)
