"""Listings as analysts see them."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from analytics import edition as editions
from analytics import listings
from analytics.quality import QUALITY_COLUMNS
from store.tables.warehouse import market_listings
from tests.analytics import planted
from tests.analytics.conftest import describe, make_edition


def described(*rows: dict[str, Any]) -> pl.DataFrame:
    market = planted.listings_from(list(rows))
    return describe(market, make_edition(market))


def test_columns_are_those_of_the_table_without_its_publication_and_quality() -> None:
    later = {"publication", *QUALITY_COLUMNS}
    wanted = [column.name for column in market_listings.columns if column.name not in later]
    assert described({}).columns == wanted


def test_columns_that_may_not_be_null_are_not() -> None:
    frame = described({}, {"zone_id": None}, {"price": None, "area_m2": None, "rooms": None})
    wanted = [c.name for c in market_listings.columns if not c.nullable and c.name != "publication"]
    assert frame.select(wanted).null_count().sum_horizontal().item() == 0


def test_prices_are_quoted_in_the_currency_of_the_market() -> None:
    frame = described({}, {}, {"price": 500_000.0, "currency": "RON"})
    assert frame["quote_currency"].to_list() == ["EUR"] * 3
    assert frame["price_quote"].to_list() == [100_000.0, 100_000.0, 100_000.0]


def test_another_market_quotes_in_its_own_currency() -> None:
    rent = {"transaction": "RENT", "currency": "RON", "price": 2500.0}
    frame = described({}, rent, {**rent, "currency": "EUR", "price": 400.0}, rent)
    assert frame["quote_currency"].to_list() == ["EUR", "RON", "RON", "RON"]
    assert frame["price_quote"].to_list() == [100_000.0, 2500.0, 2000.0, 2500.0]


def test_a_market_the_edition_does_not_know_quotes_as_posted() -> None:
    known = planted.listings_from([{}])
    new = planted.listings_from([{"transaction": "RENT", "currency": "RON", "price": 2500.0}])
    frame = describe(new, make_edition(known))
    assert frame.select("quote_currency", "price_quote").row(0) == ("RON", 2500.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rooms", "band"), [(None, None), (0, None), (1, "1"), (3, "3"), (4, "4+"), (9, "4+")]
)
def test_rooms_fall_into_bands(rooms: int | None, band: str | None) -> None:
    assert described({"rooms": rooms})["rooms_band"].item() == band


@pytest.mark.parametrize(
    ("year", "band"), [(None, None), (2020, "old"), (2021, "new"), (2026, "new")]
)
def test_built_within_three_years_is_new(year: int | None, band: str | None) -> None:
    assert described({"construction_year": year})["age_band"].item() == band


@pytest.mark.parametrize(
    ("row", "days"),
    [
        ({"began": planted.AS_OF - timedelta(days=10)}, 10),
        ({"began": planted.AS_OF + timedelta(days=3)}, 0),
        ({"began": date(2024, 5, 1), "left": date(2024, 5, 21), "status": "sold"}, 20),
        ({"status": "draft"}, None),
    ],
    ids=["still there", "dated after the as-of date", "gone", "never there"],
)
def test_days_online(row: dict[str, Any], days: int | None) -> None:
    assert described(row)["days_online"].item() == days


def test_the_lowest_id_on_the_market_leads_its_unit() -> None:
    gone = {"left": date(2024, 5, 20), "status": "sold"}
    frame = described(gone, {}, {}, {"floor": 7})
    assert frame["is_unit_lead"].to_list() == [False, True, False, True]


def test_a_unit_that_left_the_market_has_no_lead() -> None:
    assert described({"left": date(2024, 5, 20), "status": "sold"})["is_unit_lead"].item() is False


@pytest.mark.parametrize(
    ("named", "states", "state", "stored"),
    [
        (0, [], "none", 0),
        (2, [], "pending", 0),
        (2, ["stored", "pending"], "pending", 1),
        (2, ["stored", "stored"], "stored", 2),
        (2, ["failed", "stored"], "partial", 1),
        (2, ["failed", "failed"], "failed", 0),
    ],
)
def test_pictures_are_summed_up(named: int, states: list[str], state: str, stored: int) -> None:
    market = planted.listings_from([{"image_count": named}])
    images = pl.DataFrame(
        [(1, place, s, f"sha-{place}") for place, s in enumerate(states)],
        schema=editions.IMAGE_SCHEMA,
        orient="row",
    )
    edition = make_edition(market)
    frame = listings.describe(market.core, market.places, market.zones, images, edition)
    assert frame.select("images_state", "images_stored").row(0) == (state, stored)
    first = next((f"sha-{place}" for place, s in enumerate(states) if s == "stored"), None)
    assert frame["cover_sha256"].item() == first


def test_a_listing_is_described_alike_in_any_batch() -> None:
    market = planted.market(60)
    edition = make_edition(market)
    images = pl.DataFrame(schema=editions.IMAGE_SCHEMA)
    args = (market.places, market.zones, images, edition)
    whole = listings.describe(market.core, *args)
    parts = [listings.describe(market.core[n : n + 7], *args) for n in range(0, 70, 7)]
    assert pl.concat(parts).equals(whole)
