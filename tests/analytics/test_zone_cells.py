"""Zones from label points: nested, gapless, the same whatever the order."""

import numpy as np
import polars as pl
import pytest
import shapely

from analytics.zone_cells import ZONE_SCHEMA, derive_zones
from store.frames import schema_of
from store.tables.warehouse import core_zones
from tests.analytics import romania

KM_PER_DEGREE = 111.195


def geometries(frame: pl.DataFrame) -> np.ndarray:
    return shapely.from_wkb(frame["geometry_wkb"].to_numpy())


def area_km2(zone_id: str) -> float:
    zone = geometries(romania.zones().filter(pl.col("zone_id") == zone_id))[0]
    return zone.area * KM_PER_DEGREE**2 * np.cos(np.radians(zone.centroid.y))


def small_gazetteer(text: str) -> pl.DataFrame:
    rows = [line.split() for line in text.strip().splitlines()]
    return pl.DataFrame(
        [
            {
                "place_id": place_id,
                "level": level,
                "name": place_id.upper(),
                "parent_id": None if parent == "-" else parent,
                "latitude": float(latitude),
                "longitude": float(longitude),
                "aliases": None,
                "population": None,
                "source": "test",
                "licence": "test",
            }
            for place_id, level, parent, latitude, longitude in rows
        ],
        schema_overrides={"aliases": pl.String, "parent_id": pl.String, "population": pl.Int64},
    )


def test_has_the_columns_of_the_table() -> None:
    declared = schema_of(core_zones)
    assert {name: ZONE_SCHEMA[name] for name in declared} == dict(declared)
    assert set(ZONE_SCHEMA) - set(declared) <= {"population"}
    assert romania.zones().schema == ZONE_SCHEMA


def test_every_place_gets_one_approximate_zone() -> None:
    zones = romania.zones()
    assert zones["zone_id"].to_list() == sorted(romania.places()["place_id"])
    assert zones["is_approximate"].all()
    assert shapely.is_valid(geometries(zones)).all()


@pytest.mark.parametrize("level", ["county", "leaves"])
def test_zones_of_a_level_leave_no_gap_and_do_not_overlap(level: str) -> None:
    zones = romania.zones()
    parents = zones["parent_id"].drop_nulls().unique().implode()
    own = ~pl.col("zone_id").is_in(parents) if level == "leaves" else pl.col("level") == level
    cells = geometries(zones.filter(own))
    assert shapely.coverage_is_valid(cells)
    country = geometries(zones.filter(level="country"))[0]
    assert shapely.area(cells).sum() == pytest.approx(country.area, rel=1e-9)


def test_a_zone_is_the_sum_of_its_children() -> None:
    zones = romania.zones().with_columns(area=pl.Series(shapely.area(geometries(romania.zones()))))
    children = zones.group_by(zone_id="parent_id").agg(inside=pl.col("area").sum())
    both = zones.join(children, on="zone_id")
    assert both.height > 50
    np.testing.assert_allclose(both["area"], both["inside"], rtol=1e-7)


def test_bucharest_is_about_nine_kilometres_wide_to_each_side() -> None:
    assert 7.5 < np.sqrt(area_km2("ro-b-bucuresti") / np.pi) < 10.5


def test_the_country_has_about_its_size() -> None:
    assert 230_000 < area_km2("ro") < 255_000


@pytest.mark.slow
def test_the_order_of_places_does_not_matter() -> None:
    shuffled = romania.places().sample(fraction=1, shuffle=True, seed=7)
    assert derive_zones(shuffled).equals(romania.zones())


def test_two_places_at_one_point_both_get_ground() -> None:
    zones = derive_zones(
        small_gazetteer(
            """
            x    country -  45.0 25.0
            x-a  city    x  45.0 25.0
            x-b  city    x  45.0 25.0
            """
        )
    )
    assert (shapely.area(geometries(zones)) > 0).all()


def test_a_single_place_gets_the_ground_around_it() -> None:
    zones = derive_zones(small_gazetteer("x city - 45.0 25.0"))
    assert geometries(zones)[0].contains(shapely.Point(25.0, 45.0))


@pytest.mark.parametrize(
    "lower", ["x-a neighbourhood y 45 25", "x-a country x 45 25"], ids=["missing", "not wider"]
)
def test_a_parent_that_cannot_be_is_refused(lower: str) -> None:
    with pytest.raises(ValueError, match=r"place x-a: parent (x|y) is missing or of no wider"):
        derive_zones(small_gazetteer(f"x country - 45.0 25.0\n{lower}"))
