"""The read API says what the tables say."""

import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.homes import warehouse_file
from tests.planted_market import HOSTILE_TITLE

API = "/api/market"
FLATS = "transaction=SALE&type=APARTMENT"
STORED_FLATS = (
    "\"transaction\" = 'SALE' AND type = 'APARTMENT' AND rooms_band = 'all' AND age_band = 'all'"
)


def get(client: httpx.Client, path: str) -> Any:
    response = client.get(f"{API}/{path}")
    assert response.status_code == 200, response.text
    return response.json()


def stored(home: Path, statement: str) -> list[dict[str, Any]]:
    with sqlite3.connect(warehouse_file(home)) as connection:
        connection.row_factory = sqlite3.Row
        rows = [dict(row) for row in connection.execute(statement)]
    connection.close()
    return rows


@pytest.mark.slow
def test_zone_figures_equal_the_table(client: httpx.Client, market_home: Path) -> None:
    answer = get(client, f"zones?{FLATS}&level=neighbourhood")
    rows = stored(
        market_home, f"SELECT * FROM market_zones WHERE level = 'neighbourhood' AND {STORED_FLATS}"
    )
    assert sorted(answer["rows"], key=lambda row: row["zone_id"]) == sorted(
        rows, key=lambda row: row["zone_id"]
    )


def test_zone_months_equal_the_table(client: httpx.Client, market_home: Path) -> None:
    answer = get(client, f"zone-months?{FLATS}&zone_id=ro/b/n09")
    rows = stored(
        market_home,
        f"SELECT * FROM market_zone_months WHERE zone_id = 'ro/b/n09' AND {STORED_FLATS}"
        " ORDER BY month",
    )
    assert len(rows) == 12
    assert answer["rows"] == rows


def test_listings_equal_the_tables(client: httpx.Client, market_home: Path) -> None:
    answer = get(client, "listings?order=score&limit=200")
    for table, key in (("market_valuations", "valuation"), ("market_scores", "score")):
        rows = {row["id"]: row for row in stored(market_home, f"SELECT * FROM {table}")}
        for listing in answer["rows"]:
            assert listing[key].items() <= rows[listing["id"]].items()
    prices = {row["id"]: row for row in stored(market_home, "SELECT * FROM market_listings")}
    for listing in answer["rows"]:
        assert listing["price"] == prices[listing["id"]]["price"]
        assert listing["price_eur_per_m2"] == prices[listing["id"]]["price_eur_per_m2"]


def test_every_answer_names_publication_and_as_of_date(client: httpx.Client) -> None:
    for path in ("publication", "zones", "listings", "zone-months?zone_id=ro", "zone?zone_id=ro"):
        answer = get(client, path)
        assert (answer["publication"], answer["as_of_date"]) == (7, "2026-10-31")


def test_without_a_level_the_finest_telling_one_is_shown(client: httpx.Client) -> None:
    assert get(client, f"zones?{FLATS}")["level"] == "neighbourhood"
    assert get(client, "zones?transaction=RENT&type=APARTMENT")["level"] == "sector"


def test_zone_comes_with_the_zones_around_it(client: httpx.Client) -> None:
    ladder = get(client, f"zone?{FLATS}&zone_id=ro/b/n09")["ladder"]
    assert [rung["zone"]["level"] for rung in ladder] == [
        "neighbourhood", "sector", "city", "country",
    ]  # fmt: skip
    sizes = [rung["figures"]["n"] for rung in ladder]
    assert sizes == sorted(sizes)


def test_zone_without_units_in_the_segment_has_no_figures(client: httpx.Client) -> None:
    (cell, *_) = get(client, "zone?transaction=RENT&type=LAND&zone_id=ro/b/n09")["ladder"]
    assert cell["figures"] is None


def test_shapes_are_one_feature_per_zone_with_a_name(client: httpx.Client) -> None:
    shapes = get(client, "zones.geojson?level=sector")
    assert [feature["properties"]["name"] for feature in shapes["features"]] == [
        "Sectorul 1", "Sectorul 2", "Sectorul 3", "Sectorul 4",
    ]  # fmt: skip
    assert shapes["credits"] == [{"source": "planted", "licence": "CC0", "is_approximate": False}]


def test_hostile_title_travels_as_it_is(client: httpx.Client) -> None:
    assert get(client, "listings/1")["listing"]["title"] == HOSTILE_TITLE


def test_paging_and_zone_narrow_what_is_listed(client: httpx.Client) -> None:
    whole = get(client, "listings?zone=ro/b/n09&limit=200")
    second = get(client, "listings?zone=ro/b/n09&limit=5&offset=5")
    assert whole["count"] == len(whole["rows"]) == second["count"]
    assert second["rows"] == whole["rows"][5:10]
    assert {row["neighbourhood_id"] for row in whole["rows"]} == {"ro/b/n09"}


@pytest.mark.parametrize(
    ("path", "code"),
    [("zone?zone_id=nowhere", "unknown_zone"), ("listings/999999", "unknown_listing")],
)
def test_what_is_not_published_is_404(client: httpx.Client, path: str, code: str) -> None:
    response = client.get(f"{API}/{path}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == code


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("zones?transaction=GIFT", "transaction"),
        ("zones?type=CASTLE", "type"),
        ("zones?rooms=4%2B%2B", "rooms"),
        ("zones?age=ancient", "age"),
        ("zones?level=street", "level"),
        ("listings?order=luck", "order"),
        ("listings?limit=100000", "limit"),
        ("listings?offset=-1", "offset"),
        ("zone-months", "zone_id"),
        ("listings/99999999999999999999", "listing_id"),
    ],
)
def test_unreadable_query_names_its_field_and_echoes_nothing(
    client: httpx.Client, query: str, field: str
) -> None:
    response = client.get(f"{API}/{query}")
    assert response.status_code == 422
    assert [fault["propertyPath"] for fault in response.json()["violations"]] == [field]
    for word in ("GIFT", "CASTLE", "ancient", "street", "luck"):
        assert word not in response.text


def test_rooms_four_and_more_may_be_asked_for(client: httpx.Client) -> None:
    rows = get(client, "listings?rooms=4%2B&limit=200")["rows"]
    assert {row["rooms_band"] for row in rows} == {"4+"}


def test_same_publication_is_not_sent_twice(client: httpx.Client) -> None:
    for path in ("publication", "zones", "zones.geojson?level=city", "listings", "listings/2"):
        first = client.get(f"{API}/{path}")
        again = client.get(f"{API}/{path}", headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]


def test_another_question_has_another_tag(client: httpx.Client) -> None:
    tags = {
        client.get(f"{API}/zones?level={level}").headers["ETag"] for level in ("city", "sector")
    }
    assert len(tags) == 2


def test_before_the_first_publication_the_overview_says_so(
    unpublished: httpx.Client, homeless: httpx.Client
) -> None:
    for client in (unpublished, homeless):
        assert get(client, "publication") == {"publication": None}
        refused = client.get(f"{API}/zones")
        assert refused.status_code == 503
        assert refused.json()["code"] == "no_publication"
