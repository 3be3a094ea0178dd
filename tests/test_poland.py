"""The mapping of the Polish snapshots: payloads the door accepts, zones that hold every point."""

import json
from datetime import UTC, datetime
from itertools import combinations

import polars as pl
import pytest
import shapely

from store.reference import zones_from_geojson
from store.shapes.checks import check
from tests.poland import CITY_NAMES, city_zones, snapshot_path, snapshot_payloads, snapshot_rows

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(("month", "count"), [(1, 15_521), (2, 16_361)])
def test_the_door_accepts_every_row_of_a_snapshot(month: int, count: int) -> None:
    payloads = snapshot_payloads(snapshot_path(month), month)
    assert len({payload["externalId"] for payload in payloads}) == len(payloads) == count
    for payload in payloads:
        checked = check(payload, NOW)
        assert not checked.violations
        assert not checked.warnings


def test_a_payload_says_what_its_row_says() -> None:
    payload = snapshot_payloads(snapshot_path(1), 1)[0]
    attributes = payload.pop("attributes")
    assert payload == {
        "providerIdentifier": "poland",
        "externalId": "a01d82c9529f98a54d64b9e061c9a73b",
        "title": "Mieszkanie, 4 pok., 105 m², Szczecin",
        "transaction": "SALE",
        "type": "APARTMENT",
        "currency": "PLN",
        "address": "Szczecin",
        "totalArea": 105.0,
        "rooms": 4,
        "floor": 3,
        "floorMax": 4,
        "constructionYear": 2016,
        "latitude": 53.43150295,
        "longitude": 14.4858204,
        "price": 1_199_999,
        "sourceUpdatedAt": "2024-01-15T12:00:00Z",
    }
    assert attributes["buildingMaterial"] == "brick"
    assert attributes["hasElevator"] == "yes"
    assert len(attributes) == 18


def test_ids_go_on_from_month_to_month_and_some_prices_move() -> None:
    january, february = (
        {p["externalId"]: p["price"] for p in snapshot_payloads(snapshot_path(month), month)}
        for month in (1, 2)
    )
    both = january.keys() & february.keys()
    assert len(both) > 5_000
    assert 100 < sum(january[key] != february[key] for key in both) < len(both) / 2


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return pl.concat([snapshot_rows(snapshot_path(month)) for month in (1, 2)])


def test_city_zones_hold_their_listings_and_do_not_overlap(rows: pl.DataFrame) -> None:
    document = json.dumps(city_zones(rows)).encode()
    zones = zones_from_geojson(document, zone_set="poland")
    shapes = dict(
        zip(zones["zone_id"], shapely.from_wkb(zones["geometry_wkb"].to_list()), strict=True)
    )
    assert zones["level"].value_counts().sort("level").rows() == [("city", 15), ("country", 1)]
    country = shapes.pop("pl")
    for city in CITY_NAMES:
        own = rows.filter(city=city)
        assert shapely.contains_xy(
            shapes[f"pl-{city}"], own["longitude"].to_numpy(), own["latitude"].to_numpy()
        ).all()
    for one, other in combinations(shapes.values(), 2):
        assert shapely.intersection(one, other).area < 1e-9
    assert all(shapely.covers(shapely.buffer(country, 1e-9), shape) for shape in shapes.values())
