"""Real listings of 15 Polish cities as wire payloads, and the zones to read them with.

The files stand beside the project and are read from there, never copied: asking prices of
flats, one snapshot a month, the same id from month to month (CC BY 4.0, see their README).
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import shapely

FOLDER = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "poland"
PROVIDER = "poland"
DAY_OF_SNAPSHOT = 15
"""The files name their month only; its middle stands for the day they were taken."""

CITY_NAMES = {
    "bialystok": "Białystok", "bydgoszcz": "Bydgoszcz", "czestochowa": "Częstochowa",
    "gdansk": "Gdańsk", "gdynia": "Gdynia", "katowice": "Katowice", "krakow": "Kraków",
    "lodz": "Łódź", "lublin": "Lublin", "poznan": "Poznań", "radom": "Radom",
    "rzeszow": "Rzeszów", "szczecin": "Szczecin", "warszawa": "Warszawa", "wroclaw": "Wrocław",
}  # fmt: skip

WIRE_COLUMNS = {
    "squareMeters": "totalArea",
    "rooms": "rooms",
    "floor": "floor",
    "floorCount": "floorMax",
    "buildYear": "constructionYear",
    "latitude": "latitude",
    "longitude": "longitude",
    "price": "price",
}
WHOLE_NUMBERS = ("rooms", "floor", "floorMax", "constructionYear")
REACH_DEGREES = 0.03
"""How far a city's zone reaches beyond the hull of its listings (2 to 3 km)."""


def snapshot_path(month: int) -> Path:
    """Return the file of a month of 2024; skips the test where the folder is absent."""
    path = FOLDER / f"apartments_pl_2024_{month:02d}.csv.gz"
    if not path.exists():
        pytest.skip("needs ../shared/data/poland beside the project: real snapshots of flats")
    return path


def snapshot_rows(path: Path) -> pl.DataFrame:
    """Read one snapshot; floors, rooms and years as whole numbers, ids unique."""
    rows = pl.read_csv(path)
    return rows.with_columns(pl.col("rooms", "floor", "floorCount", "buildYear").cast(pl.Int64))


def snapshot_instant(month: int) -> str:
    """Return the instant that a snapshot of 2024 speaks of, as the wire writes it."""
    return datetime(2024, month, DAY_OF_SNAPSHOT, 12, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def snapshot_payloads(path: Path, month: int) -> list[dict[str, Any]]:
    """Return one wire payload per row: the body a partner would post that month.

    publishedAt is left out: the files do not know it, and a new one each month would change
    every listing. What a row does not say is null, so that it clears what it said before.
    """
    instant = snapshot_instant(month)
    return [_payload(row, instant) for row in snapshot_rows(path).iter_rows(named=True)]


def _payload(row: dict[str, Any], instant: str) -> dict[str, Any]:
    city = CITY_NAMES[row["city"]]
    known = {"id", "city", *WIRE_COLUMNS}
    return {
        "providerIdentifier": PROVIDER,
        "externalId": row["id"],
        "title": f"Mieszkanie, {row['rooms']} pok., {row['squareMeters']:g} m², {city}",
        "transaction": "SALE",
        "type": "APARTMENT",
        "currency": "PLN",
        "address": city,
        **{wire: row[column] for column, wire in WIRE_COLUMNS.items()},
        "attributes": {name: value for name, value in row.items() if name not in known},
        "sourceUpdatedAt": instant,
    }


def city_zones(rows: pl.DataFrame) -> dict[str, Any]:
    """Return a GeoJSON FeatureCollection: the country and one zone per city.

    rows: city, latitude, longitude. A city's zone is the ground nearest to its own listings,
    within reach of their hull: zones do not overlap and every listing lies in its city's.
    """
    points = rows.select("city", "longitude", "latitude").unique().sort(pl.all())
    degrees = points.select("longitude", "latitude").to_numpy()
    cells = shapely.voronoi_polygons(shapely.multipoints(degrees), ordered=True)
    owner = points["city"].to_numpy()
    parts = np.array(shapely.get_parts(cells))
    zones = {city: _zone(parts[owner == city], degrees[owner == city]) for city in CITY_NAMES}
    country = shapely.convex_hull(shapely.union_all(list(zones.values())))
    features = [_feature("pl", "Polska", "country", None, country)]
    features += [
        _feature(f"pl-{city}", CITY_NAMES[city], "city", "pl", zone) for city, zone in zones.items()
    ]
    return {"type": "FeatureCollection", "features": features}


def _zone(cells: Any, degrees: Any) -> shapely.Geometry:
    hull = shapely.convex_hull(shapely.multipoints(degrees))
    zone: shapely.Geometry = shapely.intersection(
        shapely.union_all(cells), shapely.buffer(hull, REACH_DEGREES)
    )
    return zone


def _feature(
    zone_id: str, name: str, level: str, parent_id: str | None, shape: shapely.Geometry
) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": json.loads(shapely.to_geojson(shape)),
        "properties": {"zone_id": zone_id, "name": name, "level": level, "parent_id": parent_id},
    }
