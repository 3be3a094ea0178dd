"""Statements over the published tables, on a planted market."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from store import market
from store.database import open_warehouse_reader, reading
from store.home import Home
from store.market import ListingOrder, Segment
from store.market_frames import UnknownTableError, frame
from store.settings import Settings
from store.tables.warehouse import PUBLISHED, WAREHOUSE, market_listings, market_zones
from tests.homes import warehouse_file
from tests.planted_market import AS_OF, plant_home

SALE = Segment("SALE")
FLATS = Segment("SALE", "APARTMENT")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plant_home(tmp_path_factory.mktemp("market")).root


@pytest.fixture
def engine(home: Path) -> Engine:
    return open_warehouse_reader(Settings(home=home))


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    with reading(engine) as connection:
        yield connection


@pytest.mark.slow
def test_newest_publication_is_told(conn: Connection) -> None:
    run = market.publication(conn)
    assert run is not None
    assert (run["publication"], run["as_of_date"]) == (7, AS_OF)


def test_no_publication_is_none(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/empty.sqlite")
    WAREHOUSE.create_all(engine)
    with engine.connect() as connection:
        assert market.publication(connection) is None
        assert market.segment_counts(connection) == []
        assert not market.is_synthetic(connection)
    engine.dispose()


def test_market_of_synthetic_titles_says_so(conn: Connection) -> None:
    assert market.is_synthetic(conn)


def test_zone_rows_are_the_rows_of_the_table(conn: Connection) -> None:
    stored = conn.execute(
        sa.select(market_zones).where(
            market_zones.c.level == "neighbourhood",
            market_zones.c.transaction == "SALE",
            market_zones.c.type == "APARTMENT",
            market_zones.c.rooms_band == "all",
            market_zones.c.age_band == "all",
        )
    ).mappings()
    by_id = {row["zone_id"]: dict(row) for row in stored}
    read = market.zone_rows(conn, FLATS, "neighbourhood")
    assert len(read) > 30
    assert {row["zone_id"]: row for row in read} == by_id


def test_zones_come_dearest_first_and_those_without_median_last(conn: Connection) -> None:
    medians = [
        row["median_price_eur_per_m2"] for row in market.zone_rows(conn, FLATS, "neighbourhood")
    ]
    known = [median for median in medians if median is not None]
    assert known == sorted(known, reverse=True)
    assert medians[len(known) :] == [None] * (len(medians) - len(known))
    assert len(known) < len(medians)


def test_level_counts_count_zones_medians_and_the_units_behind_them(conn: Connection) -> None:
    counts = {row["level"]: row for row in market.level_counts(conn, FLATS)}
    rows = market.zone_rows(conn, FLATS, "neighbourhood")
    with_median = [row for row in rows if row["median_price_per_m2"] is not None]
    assert list(counts) == ["country", "city", "sector", "neighbourhood"]
    assert counts["neighbourhood"]["zones"] == len(rows)
    assert counts["neighbourhood"]["zones_with_median"] == len(with_median)
    assert counts["neighbourhood"]["units"] == sum(row["n"] for row in with_median)


def test_segment_counts_agree_with_the_listings(conn: Connection) -> None:
    listed = market.ranked_listings(conn, FLATS, ListingOrder.SCORE).total
    (flats,) = (
        row
        for row in market.segment_counts(conn)
        if row["transaction"] == "SALE"
        and (row["type"], row["rooms_band"], row["age_band"]) == ("APARTMENT", "all", "all")
    )
    assert flats["units"] == listed


def test_market_outside_all_zones_is_counted_from_its_listings(tmp_path: Path) -> None:
    home = plant_home(tmp_path / "home", listings=60)
    with sqlite3.connect(warehouse_file(home.root)) as writer:
        writer.execute("DELETE FROM market_zones")
    writer.close()
    with reading(open_warehouse_reader(Settings(home=home.root))) as conn:
        (largest, *_) = market.segment_counts(conn)
        total = market.ranked_listings(conn, FLATS, ListingOrder.SCORE).total
    assert (largest["transaction"], largest["type"]) == ("SALE", "APARTMENT")
    assert largest["units"] == total


@pytest.mark.parametrize(
    ("order", "key", "falling"),
    [
        (ListingOrder.SCORE, lambda row: row["score"]["score"], True),
        (
            ListingOrder.GAP,
            lambda row: row["valuation"]["gap_pct"],
            False,
        ),
        (ListingOrder.PRICE_PER_M2, lambda row: row["price_eur_per_m2"], False),
        (ListingOrder.NEWEST, lambda row: row["spell_started_at"], True),
    ],
    ids=["score, best first", "gap, cheapest first", "price per m2, lowest first", "newest first"],
)
def test_listings_are_ranked_with_unknowns_last(
    conn: Connection, order: ListingOrder, key: object, falling: bool
) -> None:
    assert callable(key)
    values = [
        key(row) for row in market.ranked_listings(conn, Segment("SALE"), order, limit=700).rows
    ]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=falling)
    assert values[len(known) :] == [None] * (len(values) - len(known))


def test_pages_of_a_ranking_make_the_whole(conn: Connection) -> None:
    whole = market.ranked_listings(conn, FLATS, ListingOrder.GAP, limit=700)
    pages = [
        market.ranked_listings(conn, FLATS, ListingOrder.GAP, limit=100, offset=start).rows
        for start in range(0, whole.total, 100)
    ]
    assert [row["id"] for page in pages for row in page] == [row["id"] for row in whole.rows]
    assert len(whole.rows) == whole.total


def test_listing_is_its_row_with_value_and_score_beside_it(conn: Connection) -> None:
    found = market.listing(conn, 2)
    assert found is not None
    stored = conn.execute(sa.select(market_listings).where(market_listings.c.id == 2)).mappings()
    names = [column.name for column in market_listings.columns]
    assert {name: found[name] for name in names} == dict(stored.one())
    assert found["valuation"]["currency"] == "EUR"
    assert found["score"]["yield_weight"] == 0.3
    assert [image["position"] for image in found["images"]] == [0]


def test_unknown_listing_is_none(conn: Connection) -> None:
    assert market.listing(conn, 10**6) is None


def test_only_leading_adverts_on_the_market_are_ranked(conn: Connection) -> None:
    rows = market.ranked_listings(conn, SALE, ListingOrder.NEWEST, limit=700).rows
    assert all(row["is_on_market"] and row["is_unit_lead"] for row in rows)


def test_zone_of_any_level_narrows_the_listings(conn: Connection) -> None:
    def total(zone_id: str) -> int:
        return market.ranked_listings(conn, SALE, ListingOrder.SCORE, zone_id=zone_id).total

    everywhere = market.ranked_listings(conn, SALE, ListingOrder.SCORE).total
    sectors = [row["zone_id"] for row in market.zone_rows(conn, SALE, "sector")]
    assert total("ro") == everywhere
    assert sum(total(sector) for sector in sectors) == everywhere
    assert 0 < total("ro/b/n09") < total(sectors[0]) < everywhere
    assert total("no such zone") == 0


def test_months_come_oldest_first(conn: Connection) -> None:
    months = [row["month"] for row in market.zone_months(conn, "ro/b", FLATS)]
    assert len(months) == 12
    assert months == sorted(months)


def test_geometry_is_read_of_zones_that_have_units(conn: Connection) -> None:
    cells = market.zone_geometries(conn, "neighbourhood")
    assert len(cells) == 39  # of 40: one was planted empty
    assert all(isinstance(cell["geometry_wkb"], bytes) for cell in cells)


def test_all_that_is_read_in_one_transaction_is_one_snapshot(tmp_path: Path) -> None:
    home = plant_home(tmp_path / "home", listings=60)
    reader = open_warehouse_reader(Settings(home=home.root))
    with reading(reader) as conn:
        before = market.publication(conn)
        _publish_one_more(home)
        after = market.publication(conn)
    with reading(reader) as conn:
        later = market.publication(conn)
    assert before == after
    assert later is not None
    assert later["publication"] == 8


def test_frames_hold_whole_tables_with_their_types(engine: Engine, conn: Connection) -> None:
    for name, table in PUBLISHED.items():
        whole = frame(name, engine)
        assert whole.height == conn.scalar(sa.select(sa.func.count()).select_from(table))
        assert whole.columns == [column.name for column in table.columns]
    listings = frame("market_listings", engine)
    assert listings.schema["as_of_date"] == pl.Date
    assert listings.schema["effective_at"] == pl.Datetime("us", "UTC")
    assert listings["is_on_market"].dtype == pl.Boolean


def test_unknown_table_is_named(engine: Engine) -> None:
    with pytest.raises(UnknownTableError, match="no table 'market_moods'"):
        frame("market_moods", engine)


def _publish_one_more(home: Home) -> None:
    with sqlite3.connect(warehouse_file(home.root)) as writer:
        writer.execute("UPDATE market_runs SET publication = 8")
    writer.close()
