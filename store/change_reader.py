"""The feed of changes: every event that made a revision, in the order of offsets.

For the reading side of a serving process, on a thread.
"""

import heapq
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from store.database import driver_reading, driver_sql, open_warehouse_reader
from store.home import HomeError
from store.settings import Settings
from store.tables.columns import text_of
from store.tables.journal import ingest_changes, ingest_listings
from store.tables.warehouse import core_listing_places, core_progress, core_zones


class Change(NamedTuple):
    """One revision of one listing. received_at: the tables' text."""

    event_offset: int
    listing_id: int
    provider_identifier: str
    external_id: str
    revision: int
    status: str
    is_deleted: bool
    received_at: str


class ChangeReader:
    """Reads the changes of one home. Safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._after = driver_sql(_AFTER, engine)
        self._received = driver_sql(_RECEIVED, engine)

    def after(self, providers: Sequence[str], offset: int) -> Generator[Change, None, None]:
        """Yield the changes of these providers after an offset, in order of offsets.

        All of one snapshot, read as they are taken; close it when done with it.
        """
        with driver_reading(self._engine) as driver:
            ranges = [driver.execute(self._after, (provider, offset)) for provider in providers]
            for row in heapq.merge(*ranges, key=_offset):
                yield Change._make((*row[:6], bool(row[6]), text_of(row[7])))

    def received_at(self, provider: str, offset: int) -> str | None:
        """Return when the event that made a revision was received; None when it made none."""
        with driver_reading(self._engine) as driver:
            row = driver.execute(self._received, (provider, offset)).fetchone()
        return None if row is None else text_of(row[0])


class Zone:
    """A zone as the warehouse knows it, in one snapshot.

    Where a listing lies is what the newest revision loaded says, also for its earlier changes.
    """

    def __init__(self, driver: Any, levels: str, zone_id: str, watermark: int) -> None:
        self._driver = driver
        self._levels = levels
        self._zone_id = zone_id
        self._seen: dict[int, bool] = {}
        self.watermark = watermark

    def holds(self, listing_id: int) -> bool:
        """Whether the listing lies in the zone, at whatever level."""
        if listing_id not in self._seen:
            row = self._driver.execute(self._levels, (listing_id,)).fetchone()
            self._seen[listing_id] = row is not None and self._zone_id in row
        return self._seen[listing_id]


@contextmanager
def open_zone(settings: Settings, zone_id: str) -> Iterator[Zone | None]:
    """Open a snapshot of the warehouse for one zone; None when it knows no such zone."""
    try:
        warehouse = open_warehouse_reader(settings)
    except HomeError:  # a sandbox has none
        yield None
        return
    find, watermark, levels = (driver_sql(each, warehouse) for each in (_FIND, _WATERMARK, _LEVELS))
    with driver_reading(warehouse) as driver:
        if driver.execute(find, (zone_id,)).fetchone() is None:
            yield None
            return
        progress = driver.execute(watermark).fetchone()
        yield Zone(driver, levels, zone_id, progress[0] if progress else 0)


def _offset(row: Sequence[Any]) -> int:
    offset: int = row[0]
    return offset


_CHANGE, _LISTING = ingest_changes.c, ingest_listings.c
_PLACE = core_listing_places.c

_AFTER = (
    sa.select(
        _CHANGE.event_offset, _CHANGE.listing_id, _CHANGE.provider_identifier,
        _LISTING.external_id, _CHANGE.revision, _CHANGE.status, _CHANGE.is_deleted,
        _CHANGE.received_at,
    )
    .join_from(ingest_changes, ingest_listings, _LISTING.id == _CHANGE.listing_id)
    .where(
        _CHANGE.provider_identifier == sa.bindparam("provider"),
        _CHANGE.event_offset > sa.bindparam("offset"),
    )
    .order_by(_CHANGE.event_offset)
)  # fmt: skip
_RECEIVED = sa.select(_CHANGE.received_at).where(
    _CHANGE.provider_identifier == sa.bindparam("provider"),
    _CHANGE.event_offset == sa.bindparam("offset"),
)
_FIND = sa.select(core_zones.c.zone_id).where(core_zones.c.zone_id == sa.bindparam("zone"))
_WATERMARK = sa.select(core_progress.c.watermark)
_LEVELS = sa.select(
    _PLACE.zone_id, _PLACE.neighbourhood_id, _PLACE.sector_id, _PLACE.city_id, _PLACE.county_id,
    _PLACE.country_id,
).where(_PLACE.id == sa.bindparam("listing"))  # fmt: skip
