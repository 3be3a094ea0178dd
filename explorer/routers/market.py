"""The read API under /api/market: the rows of the published tables, each answer one snapshot."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from sqlalchemy.engine import Connection

from explorer.answers import answer_bytes, answer_json
from explorer.overview import labels, starting_level, starting_segment
from explorer.problems import NotPublishedError
from explorer.questions import (
    InsideQuery,
    LevelQuery,
    LimitQuery,
    OffsetQuery,
    OrderQuery,
    SegmentQuery,
    ZoneQuery,
)
from store import market
from store.database import open_warehouse_reader, reading
from store.home import HomeError
from store.market import ListingOrder, Row, Segment
from store.shapes.vocabulary import ZoneLevel

router = APIRouter(prefix="/api/market", tags=["market"])


@router.get("/publication")
def get_publication(request: Request) -> Response:
    """The newest publication, which segments it holds, and where to start."""
    if not _is_published(request):
        return Response(b'{"publication":null}', media_type="application/json")
    return answer_json(request, _overview)


@router.get("/zones.geojson")
def get_zone_shapes(request: Request, level: LevelQuery = ZoneLevel.NEIGHBOURHOOD) -> Response:
    """Simplified polygons of the zones at a level that have units, without figures."""

    def build(conn: Connection, _run: Row) -> bytes:
        shapes: bytes = request.app.state.zone_shapes.geojson(market.zone_geometries(conn, level))
        return shapes

    return answer_bytes(request, build, "application/geo+json")


@router.get("/zones")
def get_zones(request: Request, segment: SegmentQuery, level: LevelQuery | None = None) -> Response:
    """Figures of zones (rows of market_zones), dearest first; no level: the one that fits."""
    return answer_json(request, lambda conn: _zones(conn, segment, level))


@router.get("/zone")
def get_zone(request: Request, segment: SegmentQuery, zone_id: ZoneQuery) -> Response:
    """One zone, and its figures beside those of the zones it lies in."""
    return answer_json(request, lambda conn: {"ladder": _ladder(conn, zone_id, segment)})


@router.get("/zone-months")
def get_zone_months(request: Request, segment: SegmentQuery, zone_id: ZoneQuery) -> Response:
    """A zone month by month (rows of market_zone_months), oldest first."""
    return answer_json(request, lambda conn: {"rows": market.zone_months(conn, zone_id, segment)})


@router.get("/listings")
def get_listings(
    request: Request,
    segment: SegmentQuery,
    order: OrderQuery = ListingOrder.SCORE,
    zone: InsideQuery = None,
    limit: LimitQuery = 25,
    offset: OffsetQuery = 0,
) -> Response:
    """Listings on the market, one per home, ranked; each with its value and score."""

    def build(conn: Connection) -> Row:
        found = market.ranked_listings(
            conn, segment, order, zone_id=zone, limit=limit, offset=offset
        )
        return {"count": found.total, "limit": limit, "offset": offset, "rows": found.rows}

    return answer_json(request, build)


@router.get("/listings/{listing_id}")
def get_listing(request: Request, listing_id: Annotated[int, Path(ge=1, lt=2**63)]) -> Response:
    """One listing with its value, score and pictures."""

    def build(conn: Connection) -> Row:
        found = market.listing(conn, listing_id)
        if found is None:
            raise NotPublishedError("unknown_listing", "no such listing is published")
        return {"listing": found}

    return answer_json(request, build)


def _is_published(request: Request) -> bool:
    try:
        engine = open_warehouse_reader(request.app.state.settings)
    except HomeError:
        return False
    with reading(engine) as conn:
        return market.publication(conn) is not None


def _overview(conn: Connection) -> Row:
    segments = market.segment_counts(conn)
    return {
        "run": market.publication(conn),
        "is_synthetic": market.is_synthetic(conn),
        "start": starting_segment(segments),
        "segments": segments,
        "labels": labels(),
    }


def _zones(conn: Connection, segment: Segment, level: ZoneLevel | None) -> Row:
    levels = market.level_counts(conn, segment)
    shown = level.value if level else starting_level(levels)
    widest = market.zone_rows(conn, segment, levels[0]["level"]) if levels else []
    return {
        "level": shown,
        "levels": levels,
        "whole": widest[0] if len(widest) == 1 else None,
        "rows": market.zone_rows(conn, segment, shown),
    }


def _ladder(conn: Connection, zone_id: str, segment: Segment) -> list[Row]:
    """Return the zone and its parents up to the country, each with its figures or None."""
    rungs: list[Row] = []
    seen: set[str] = set()
    step: str | None = zone_id
    while step is not None and step not in seen:
        seen.add(step)
        place = market.zone(conn, step)
        if place is None:
            break
        rungs.append({"zone": place, "figures": market.zone_figures(conn, step, segment)})
        step = place["parent_id"]
    if not rungs:
        raise NotPublishedError("unknown_zone", "no such zone is published")
    return rungs
