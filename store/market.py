"""What publish wrote, read back: the statements behind explorer, read API and notebooks.

Every function takes a connection inside `store.database.reading`, so that all it is asked
during one page comes from one snapshot. Rows are dicts with the columns of their tables,
unchanged; nothing is computed here that the tables do not hold.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.shapes.vocabulary import ALL, ZONE_LEVELS
from store.tables.warehouse import (
    core_editions,
    core_listing_images,
    core_zones,
    market_listings,
    market_runs,
    market_scores,
    market_valuations,
    market_zone_months,
    market_zones,
)

Row = dict[str, Any]

STAMPS = ("id", "as_of_date", "edition", "publication")
"""Columns that a value and a score repeat from their listing."""

SYNTHETIC_MARK = "[synthetic]"
SYNTHETIC_SAMPLE = 500


class ListingOrder(StrEnum):
    """How listings are ranked."""

    SCORE = "score"
    GAP = "gap"
    PRICE_PER_M2 = "price_per_m2"
    NEWEST = "newest"


@dataclass(frozen=True)
class Segment:
    """One slice of the market; `all` in a dimension does not narrow it."""

    transaction: str
    type: str = ALL
    rooms_band: str = ALL
    age_band: str = ALL


@dataclass(frozen=True)
class RankedListings:
    """One page of a ranking and how many listings there are in all."""

    total: int
    rows: list[Row]


def publication(conn: Connection) -> Row | None:
    """Return the newest row of market_runs; None before the first publication."""
    newest = sa.select(market_runs).order_by(market_runs.c.publication.desc()).limit(1)
    return _first(conn, newest)


def edition(conn: Connection, number: int) -> Row | None:
    """Return the row of core_editions: as-of date, and its figures of accuracy as JSON text."""
    return _first(conn, sa.select(core_editions).where(core_editions.c.edition == number))


def is_synthetic(conn: Connection) -> bool:
    """Say whether most of the newest listings call themselves synthetic in their title."""
    newest = (
        sa.select(market_listings.c.title)
        .order_by(market_listings.c.id.desc())
        .limit(SYNTHETIC_SAMPLE)
    )
    titles = conn.scalars(newest).all()
    return 2 * sum(SYNTHETIC_MARK in title for title in titles) > len(titles)


def segment_counts(conn: Connection) -> list[Row]:
    """Return transaction, type (or all), rooms_band, age_band and units on the market.

    One row per segment that has any, largest first, summed over the widest level that has rows
    at all. Where no listing lies in a zone, transactions and types are counted from the listings.
    """
    zone = market_zones.c
    widest = sa.select(_depth(zone.level)).order_by(_depth(zone.level)).limit(1)
    keys = [zone.transaction, zone.type, zone.rooms_band, zone.age_band]
    units = sa.func.sum(zone.stock).label("units")
    statement = (
        sa.select(*keys, units)
        .where(_depth(zone.level) == widest.scalar_subquery())
        .group_by(*keys)
        .having(units > 0)
        .order_by(units.desc(), *keys)
    )
    return _rows(conn, statement) or _unplaced_counts(conn)


def level_counts(conn: Connection, segment: Segment) -> list[Row]:
    """Return level, zones with a stock, zones with a median, and the units behind medians."""
    zone = market_zones.c
    has_median = zone.median_price_per_m2.is_not(None)
    statement = (
        sa.select(
            zone.level,
            sa.func.sum(sa.case((zone.stock > 0, 1), else_=0)).label("zones"),
            sa.func.sum(sa.case((has_median, 1), else_=0)).label("zones_with_median"),
            sa.func.sum(sa.case((has_median, zone.n), else_=0)).label("units"),
        )
        .where(*_in_segment(market_zones, segment))
        .group_by(zone.level)
        .order_by(_depth(zone.level))
    )
    return _rows(conn, statement)


def zone_rows(conn: Connection, segment: Segment, level: str) -> list[Row]:
    """Return rows of market_zones at a level, dearest median first, those without one last."""
    zone = market_zones.c
    statement = (
        sa.select(market_zones)
        .where(*_in_segment(market_zones, segment), zone.level == level)
        .order_by(zone.median_price_eur_per_m2.desc().nulls_last(), zone.n.desc(), zone.zone_id)
    )
    return _rows(conn, statement)


def zone_months(conn: Connection, zone_id: str, segment: Segment) -> list[Row]:
    """Return the zone's rows of market_zone_months in one segment, oldest month first."""
    month = market_zone_months.c
    statement = (
        sa.select(market_zone_months)
        .where(*_in_segment(market_zone_months, segment), month.zone_id == zone_id)
        .order_by(month.month)
    )
    return _rows(conn, statement)


def zone(conn: Connection, zone_id: str) -> Row | None:
    """Return the row of core_zones without its geometry; None when there is no such zone."""
    columns = [column for column in core_zones.c if column.name != "geometry_wkb"]
    return _first(conn, sa.select(*columns).where(core_zones.c.zone_id == zone_id))


def zone_figures(conn: Connection, zone_id: str, segment: Segment) -> Row | None:
    """Return the zone's row of market_zones in one segment; None when it has no units."""
    matches = [*_in_segment(market_zones, segment), market_zones.c.zone_id == zone_id]
    return _first(conn, sa.select(market_zones).where(*matches))


def zone_geometries(conn: Connection, level: str) -> list[Row]:
    """Return zone_id, name, parent_id, source, licence, is_approximate, zone_set, geometry_wkb.

    Only zones of the level that ever had a unit: a home has thousands of towns and data in few.
    """
    with_units = sa.select(market_zones.c.zone_id).where(market_zones.c.level == level)
    place = core_zones.c
    statement = (
        sa.select(
            place.zone_id, place.name, place.parent_id, place.latitude, place.longitude,
            place.source, place.licence, place.is_approximate, place.zone_set, place.geometry_wkb,
        )
        .where(place.level == level, place.zone_id.in_(with_units))
        .order_by(place.zone_id)
    )  # fmt: skip
    return _rows(conn, statement)


def ranked_listings(
    conn: Connection,
    segment: Segment,
    order: ListingOrder,
    *,
    zone_id: str | None = None,
    limit: int = 25,
    offset: int = 0,
) -> RankedListings:
    """Return leading adverts on the market, one per home, each with its value and score.

    A row is its row of market_listings with `valuation` and `score` beside it (None where the
    table has no row). Nulls come last in every order; ties go by id.
    """
    matches = _on_market(segment)
    if zone_id is not None:
        matches.append(_inside(conn, zone_id))
    count = sa.select(sa.func.count()).select_from(market_listings).where(*matches)
    page = _joined().where(*matches).order_by(*_ranking(order)).limit(limit).offset(offset)
    total = conn.scalar(count) or 0
    return RankedListings(total, [_nested(row) for row in _rows(conn, page)])


def listing(conn: Connection, listing_id: int) -> Row | None:
    """Return a listing with `valuation`, `score` and `images` (its rows, in the given order)."""
    found = _first(conn, _joined().where(market_listings.c.id == listing_id))
    if found is None:
        return None
    image = core_listing_images.c
    images = (
        sa.select(core_listing_images)
        .where(image.listing_id == listing_id)
        .order_by(image.position)
    )
    return {**_nested(found), "images": _rows(conn, images)}


def _rows(conn: Connection, statement: sa.Select[Any]) -> list[Row]:
    return [dict(row) for row in conn.execute(statement).mappings()]


def _first(conn: Connection, statement: sa.Select[Any]) -> Row | None:
    row = conn.execute(statement).mappings().first()
    return None if row is None else dict(row)


def _unplaced_counts(conn: Connection) -> list[Row]:
    advert = market_listings.c
    units = sa.func.count().label("units")
    bands = [sa.literal(ALL).label("rooms_band"), sa.literal(ALL).label("age_band")]
    statement = (
        sa.select(advert.transaction, advert.type, *bands, units)
        .where(advert.is_on_market.is_(True), advert.is_unit_lead.is_(True))
        .group_by(advert.transaction, advert.type)
        .order_by(units.desc(), advert.transaction, advert.type)
    )
    return _rows(conn, statement)


def _depth(level: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    ranks = {name: rank for rank, name in enumerate(ZONE_LEVELS)}
    return sa.case(ranks, value=level, else_=len(ranks))


def _in_segment(table: sa.Table, segment: Segment) -> list[sa.ColumnElement[bool]]:
    return [
        table.c.transaction == segment.transaction,
        table.c.type == segment.type,
        table.c.rooms_band == segment.rooms_band,
        table.c.age_band == segment.age_band,
    ]


def _on_market(segment: Segment) -> list[sa.ColumnElement[bool]]:
    advert = market_listings.c
    wanted = [
        (advert.type, segment.type),
        (advert.rooms_band, segment.rooms_band),
        (advert.age_band, segment.age_band),
    ]
    narrowed = [column == value for column, value in wanted if value != ALL]
    is_counted = [advert.is_on_market.is_(True), advert.is_unit_lead.is_(True)]
    return [advert.transaction == segment.transaction, *is_counted, *narrowed]


def _inside(conn: Connection, zone_id: str) -> sa.ColumnElement[bool]:
    level = conn.scalar(sa.select(core_zones.c.level).where(core_zones.c.zone_id == zone_id))
    if level not in ZONE_LEVELS:
        return sa.false()
    return market_listings.c[f"{level}_id"] == zone_id


def _ranking(order: ListingOrder) -> list[sa.ColumnElement[Any]]:
    first = {
        ListingOrder.SCORE: market_scores.c.score.desc(),
        ListingOrder.GAP: market_valuations.c.gap_pct.asc(),
        ListingOrder.PRICE_PER_M2: market_listings.c.price_eur_per_m2.asc(),
        ListingOrder.NEWEST: market_listings.c.spell_started_at.desc(),
    }[order]
    return [first.nulls_last(), market_listings.c.id]


def _beside(table: sa.Table) -> list[sa.ColumnElement[Any]]:
    kept = [column for column in table.c if column.name not in STAMPS]
    return [column.label(f"{table.name}.{column.name}") for column in [table.c.id, *kept]]


def _joined() -> sa.Select[Any]:
    columns = [*market_listings.c, *_beside(market_valuations), *_beside(market_scores)]
    joined = market_listings.outerjoin(
        market_valuations, market_valuations.c.id == market_listings.c.id
    ).outerjoin(market_scores, market_scores.c.id == market_listings.c.id)
    return sa.select(*columns).select_from(joined)


def _nested(row: Row) -> Row:
    plain = {name: value for name, value in row.items() if "." not in name}
    for key, table in (("valuation", market_valuations), ("score", market_scores)):
        prefix = f"{table.name}."
        part = {
            name.removeprefix(prefix): value
            for name, value in row.items()
            if name.startswith(prefix)
        }
        plain[key] = None if part.pop("id") is None else part
    return plain
