"""Listings read back from the register: a partner's own, one by its name or all in their order.

For the reading side of a serving process, on a thread.
"""

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from store.database import driver_reading, driver_sql
from store.shapes.bodies import BodyCodec
from store.shapes.posts import Sender
from store.tables.journal import ingest_listings, ingest_providers

Place = tuple[str, str]
"""A listing's place in the order of reading: provider and external id."""


class ListingRow(NamedTuple):
    """A listing as the register keeps it; event_offset: the event that made the revision.

    document: its JSON, platform fields and all.
    """

    id: int
    provider_identifier: str
    external_id: str
    revision: int
    event_offset: int
    status: str
    document: bytes


class ListingReader:
    """Reads the register of one home. Safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._providers = driver_sql(_PROVIDERS, engine)
        self._one = driver_sql(_ONE, engine)
        self._after = driver_sql(_AFTER, engine)

    def providers(self, sender: Sender) -> list[str]:
        """Return the provider identifiers whose listings are the sender's own, in order."""
        with driver_reading(self._engine) as driver:
            rows = driver.execute(self._providers, (sender.partner_id,)).fetchall()
        owned = {row[0] for row in rows}
        return sorted(owned if sender.providers is None else owned & sender.providers)

    def find(self, provider: str, external_id: str) -> ListingRow | None:
        """Return a listing, whoever's it is; None when there is none of this name."""
        with driver_reading(self._engine) as driver:
            row = driver.execute(self._one, (provider, external_id)).fetchone()
        return None if row is None else _unpacked(row, BodyCodec())

    def after(
        self, providers: Sequence[str], place: Place | None
    ) -> Generator[ListingRow, None, None]:
        """Yield the listings of these providers (in order) after a place, ordered by it.

        All of one snapshot, read as they are taken; close it when done with it.
        """
        codec = BodyCodec()
        provider_after, external_after = place or ("", "")
        with driver_reading(self._engine) as driver:
            for provider in providers:
                if provider >= provider_after:
                    start = external_after if provider == provider_after else ""
                    for row in driver.execute(self._after, (provider, start)):
                        yield _unpacked(row, codec)


def _unpacked(row: Sequence[Any], codec: BodyCodec) -> ListingRow:
    return ListingRow._make((*row[:-1], codec.unpack(row[-1])))


_LISTING, _OWNER = ingest_listings.c, ingest_providers.c

_SELECTED = sa.select(
    _LISTING.id, _LISTING.provider_identifier, _LISTING.external_id, _LISTING.revision,
    _LISTING.event_offset, _LISTING.status, _LISTING.document,
)  # fmt: skip
_ONE = _SELECTED.where(
    _LISTING.provider_identifier == sa.bindparam("provider"),
    _LISTING.external_id == sa.bindparam("external"),
)
_AFTER = _SELECTED.where(
    _LISTING.provider_identifier == sa.bindparam("provider"),
    _LISTING.external_id > sa.bindparam("external"),
).order_by(_LISTING.external_id)
_PROVIDERS = sa.select(_OWNER.identifier).where(_OWNER.partner_id == sa.bindparam("partner"))
