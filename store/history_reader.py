"""History of listings, on both times: what was so (effective) and what was known (recorded).

`versions_as_of` is one statement over all listings, for analysts and backtests; `read_history`
is everything about one listing, from its events to the zone figures it counts in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.provenance import Source, field_sources
from store.shapes.vocabulary import ALL
from store.tables.warehouse import (
    core_listing_places,
    core_listing_versions,
    core_listings,
    core_price_history,
    core_refusals,
    core_status_history,
    market_listings,
    market_zones,
)

Row = Mapping[str, Any]

ZONE_LEVELS = ("neighbourhood_id", "sector_id", "city_id", "county_id", "country_id")

OF_FIGURES = (
    "zone_id", "zone_name", "level", "transaction", "type", "rooms_band", "age_band", "n",
    "median_price_per_m2", "median_low", "median_high", "currency", "basis", "as_of_date",
    "edition", "publication",
)  # fmt: skip


@dataclass(frozen=True)
class Version:
    """One revision and how long it held. valid_to None: it holds still.

    changed: columns whose value differs from the revision before.
    """

    revision: int
    event_id: str
    event_offset: int
    recorded_at: datetime
    valid_from: datetime
    valid_to: datetime | None
    status: str
    price: float | None
    currency: str
    changed: tuple[str, ...]


@dataclass(frozen=True)
class ListingHistory:
    """Everything that is stored of one listing's past, and what it counts in now."""

    id: int
    versions: tuple[Version, ...]
    prices: tuple[Row, ...]
    statuses: tuple[Row, ...]
    refusals: tuple[Row, ...]
    sources: Mapping[str, Source]
    figures: tuple[Row, ...]


def versions_as_of(
    effective_at: datetime | None = None, recorded_at: datetime | None = None
) -> sa.Select[Any]:
    """Return the statement of each listing's version as of two instants.

    The newest revision (revisions decide, never a clock) that was effective by the first and
    known by the second instant; None: whenever. Columns are those of core_listing_versions; a
    listing that had no version by then has no row, a deleted one has its last with deleted_at.
    """
    version = core_listing_versions.c
    known = sa.select(version.id, sa.func.max(version.revision).label("revision"))
    until = _until(known, core_listing_versions, effective_at, recorded_at)
    newest = until.group_by(version.id).subquery()
    held = (version.id == newest.c.id) & (version.revision == newest.c.revision)
    return sa.select(core_listing_versions).join(newest, held).order_by(version.id)


def find_listing(connection: Connection, provider: str, external_id: str) -> int | None:
    """Return the id of a partner's listing that was ever loaded; None when none was."""
    listing = core_listings.c
    found: int | None = connection.execute(
        sa.select(listing.id).where(
            listing.provider_identifier == provider, listing.external_id == external_id
        )
    ).scalar()
    return found


def read_history(
    connection: Connection, listing_id: int,
    effective_at: datetime | None = None, recorded_at: datetime | None = None,
) -> ListingHistory:  # fmt: skip
    """Return the history of a listing, up to two instants; the figures are those of now."""

    def of(table: sa.Table) -> tuple[Row, ...]:
        statement = sa.select(table).where(table.c.id == listing_id).order_by(table.c.revision)
        return tuple(_rows(connection, _until(statement, table, effective_at, recorded_at)))

    refusal = core_refusals.c
    refusals = (
        sa.select(core_refusals)
        .where(refusal.listing_id == listing_id)
        .order_by(refusal.event_offset, refusal.rule_code)
    )
    return ListingHistory(
        id=listing_id,
        versions=tuple(_versions(of(core_listing_versions))),
        prices=of(core_price_history),
        statuses=of(core_status_history),
        refusals=tuple(_rows(connection, refusals)),
        sources=field_sources(connection, listing_id),
        figures=tuple(_figures(connection, listing_id)),
    )


def _until(
    statement: sa.Select[Any],
    table: sa.Table,
    effective_at: datetime | None,
    recorded_at: datetime | None,
) -> sa.Select[Any]:
    """Keep what was effective by the first and known by the second instant."""
    if effective_at is not None:
        statement = statement.where(table.c.effective_at <= effective_at)
    if recorded_at is not None:
        statement = statement.where(table.c.recorded_at <= recorded_at)
    return statement


def _versions(rows: tuple[Row, ...]) -> list[Version]:
    """Give each revision the time it held: until the next one, whatever that one's clock says."""
    told = []
    for place, row in enumerate(rows):
        after = rows[place + 1] if place + 1 < len(rows) else None
        before = rows[place - 1] if place else {}
        ends = max(after["effective_at"], row["effective_at"]) if after else None
        told.append(
            Version(
                row["revision"], row["event_id"], row["event_offset"], row["recorded_at"],
                row["effective_at"], ends, row["status"], row["price"], row["currency"],
                tuple(
                    name for name, value in row.items()
                    if name not in OF_THE_EVENT and value != before.get(name)
                ),
            )
        )  # fmt: skip
    return told


OF_THE_EVENT = ("id", "revision", "event_id", "event_offset", "recorded_at", "effective_at",
                "provider_identifier", "external_id")  # fmt: skip
"""Columns that every revision has of its own, or that never change."""


def _figures(connection: Connection, listing_id: int) -> list[Row]:
    """Return the rows of market_zones that the listing's home counts in, smallest zone first."""
    placed = _rows(
        connection,
        sa.select(market_listings).where(market_listings.c.id == listing_id),
    ) or _rows(
        # A deleted one still counts in the past of its zones.
        connection,
        sa.select(core_listing_places, core_listings.c.transaction, core_listings.c.type)
        .join(core_listings, core_listings.c.id == core_listing_places.c.id)
        .where(core_listing_places.c.id == listing_id),
    )
    if not placed:
        return []
    row, zone = placed[0], market_zones.c
    zones = [row[level] for level in ZONE_LEVELS if row[level] is not None]
    found = _rows(
        connection,
        sa.select(*(zone[name] for name in OF_FIGURES)).where(
            zone.zone_id.in_(zones),
            zone.transaction == row["transaction"],
            zone.type.in_([ALL, row["type"]]),
            zone.rooms_band.in_([ALL, row.get("rooms_band")]),
            zone.age_band.in_([ALL, row.get("age_band")]),
        ),
    )
    order = {zone_id: place for place, zone_id in enumerate(zones)}
    bands = ("type", "rooms_band", "age_band")
    return sorted(
        found,
        key=lambda each: (order[each["zone_id"]], *(each[band] == ALL for band in bands)),
    )


def _rows(connection: Connection, statement: sa.Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(statement).mappings()]
