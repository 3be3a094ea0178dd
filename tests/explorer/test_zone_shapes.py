"""Zones as GeoJSON: light, still touching, made once."""

from collections.abc import Sequence
from typing import Any

import msgspec
from shapely import to_wkb, union_all
from shapely.geometry import MultiPolygon, Point, Polygon, box, shape

from explorer.zone_shapes import ZoneShapes, feature_collection


def zone(zone_id: str, geometry: Any, zone_set: str = "1") -> dict[str, Any]:
    return {
        "zone_id": zone_id, "name": zone_id.upper(), "parent_id": None, "longitude": 0.0,
        "latitude": 0.0, "source": "us", "licence": "CC0", "is_approximate": True,
        "zone_set": zone_set, "geometry_wkb": to_wkb(geometry),
    }  # fmt: skip


def shapes_of(zones: Sequence[dict[str, Any]]) -> list[Any]:
    return [shape(feature["geometry"]) for feature in feature_collection(zones)["features"]]


def test_neighbours_still_touch_after_simplifying() -> None:
    round_one = Point(0, 0).buffer(1, quad_segs=200)
    around = box(-2, -2, 2, 2).difference(round_one)
    drawn = shapes_of([zone("in", round_one), zone("out", around)])
    assert union_all(drawn).area == 16.0
    assert drawn[0].intersection(drawn[1]).area < 1e-9


def test_detail_finer_than_the_screen_goes() -> None:
    fine = Point(0, 0).buffer(1, quad_segs=2_000)
    (drawn,) = shapes_of([zone("round", fine)])
    assert len(drawn.exterior.coords) < 400
    assert abs(drawn.area / fine.area - 1) < 0.01


def test_parts_and_holes_are_kept() -> None:
    ring = Polygon(box(0, 0, 3, 3).exterior, [box(1, 1, 2, 2).exterior.coords])
    (drawn,) = shapes_of([zone("two", MultiPolygon([ring, box(5, 5, 6, 6)]))])
    assert drawn.area == 9.0


def test_no_zones_make_an_empty_collection() -> None:
    assert feature_collection([])["features"] == []


def test_shapes_are_made_once_per_set_of_zones() -> None:
    shapes = ZoneShapes()
    first = shapes.geojson([zone("a", box(0, 0, 1, 1))])
    assert shapes.geojson([zone("a", box(0, 0, 1, 1))]) is first
    other = shapes.geojson([zone("a", box(0, 0, 2, 2), zone_set="2")])
    assert msgspec.json.decode(other) != msgspec.json.decode(first)
