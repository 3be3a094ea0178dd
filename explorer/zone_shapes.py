"""Zones as the map draws them: WKB polygons made into light GeoJSON, once per set of zones."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from threading import Lock
from typing import Any

import msgspec
import shapely

from store.market import Row

DETAIL = 1 / 150
"""Finest detail kept, as a share of a typical zone's width: half a pixel on a phone's map."""

KEPT_LEVELS = 16


class ZoneShapes:
    """GeoJSON of the zones at each level, kept until other zones are published."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def geojson(self, zones: Sequence[Row]) -> bytes:
        """Return a FeatureCollection of rows of `store.market.zone_geometries`, as bytes."""
        key = _fingerprint(zones)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = msgspec.json.encode(feature_collection(zones))
            self._kept.move_to_end(key)
            if len(self._kept) > KEPT_LEVELS:
                self._kept.popitem(last=False)
            return self._kept[key]


def feature_collection(zones: Sequence[Row]) -> Row:
    """Return GeoJSON with one feature per zone and, beside it, who is to be credited.

    Borders that two zones share stay shared: all zones are simplified as one coverage
    (Visvalingam and Whyatt 1993, as in GEOS' CoverageSimplifier).
    """
    shapes = shapely.from_wkb([zone["geometry_wkb"] for zone in zones])
    grain = _grain(shapes)
    simplified = shapely.coverage_simplify(shapes, grain) if len(zones) else shapes
    digits = 2 - math.floor(math.log10(grain))
    credits = {(zone["source"], zone["licence"], zone["is_approximate"]) for zone in zones}
    return {
        "type": "FeatureCollection",
        "credits": [
            {"source": source, "licence": licence, "is_approximate": is_approximate}
            for source, licence, is_approximate in sorted(credits)
        ],
        "features": [
            _feature(zone, shape, digits) for zone, shape in zip(zones, simplified, strict=True)
        ],
    }


def _grain(shapes: Any) -> float:
    """Return the finest detail kept, in degrees: a share of the middle zone's width."""
    widths = sorted(math.sqrt(area) for area in shapely.area(shapely.envelope(shapes)) if area > 0)
    return widths[len(widths) // 2] * DETAIL if widths else 1e-6


def _feature(zone: Row, shape: Any, digits: int) -> Row:
    return {
        "type": "Feature",
        "properties": {
            "zone_id": zone["zone_id"],
            "name": zone["name"],
            "parent_id": zone["parent_id"],
            "is_approximate": zone["is_approximate"],
            "label": [zone["longitude"], zone["latitude"]],
        },
        "geometry": {"type": shape.geom_type, "coordinates": _rings(shape, digits)},
    }


def _rings(shape: Any, digits: int) -> Any:
    if shape.geom_type == "MultiPolygon":
        return [_rings(part, digits) for part in shape.geoms]
    return [_ring(ring, digits) for ring in (shape.exterior, *shape.interiors)]


def _ring(ring: Any, digits: int) -> list[list[float]]:
    return [[round(x, digits), round(y, digits)] for x, y in shapely.get_coordinates(ring).tolist()]


def _fingerprint(zones: Sequence[Row]) -> str:
    digest = sha256()
    for zone in zones:
        digest.update(f"{zone['zone_set']}\0{zone['zone_id']}\0{zone['name']}\n".encode())
    return digest.hexdigest()
