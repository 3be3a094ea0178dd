"""Derives zones from label points: one Voronoi coverage in which every level nests exactly.

There are no official polygons of Romanian neighbourhoods under a stated licence, so a cell
is all ground nearer to its label point than to any other: an approximation, and called one.
Which point lies in which zone is left to `zone_index`.
"""

import json
from typing import Any

import numpy as np
import polars as pl
import shapely
from numpy.typing import NDArray

from store.shapes.vocabulary import ZONE_LEVELS

ZONE_SCHEMA = pl.Schema(
    {
        "zone_id": pl.String(),
        "level": pl.String(),
        "name": pl.String(),
        "parent_id": pl.String(),
        "aliases": pl.String(),
        "latitude": pl.Float64(),
        "longitude": pl.Float64(),
        "source": pl.String(),
        "licence": pl.String(),
        "is_approximate": pl.Boolean(),
        "geometry_wkb": pl.Binary(),
        "zone_set": pl.String(),
        "population": pl.Int64(),
    }
)
"""Columns of a frame of zones, those of `core_zones`. `aliases` is a JSON array of text;
`population` (null is unknown) tells `place_names` which names are distinctive."""

EARTH_KM_PER_DEGREE = 111.195
GRID_DEGREES = 1e-6
"""Coordinates of cells are kept to about 0.1 m, so that neighbours share equal corners."""

TWIN_SHIFT_DEGREES = 0.002
"""Places that share one label point are set this far apart (about 200 m), in order of id."""

REACH_KM = 6.0
HULL_RATIO = 0.06
"""The hull: how far it reaches beyond the outermost points, and how concave it is (0 is a spiky
tree, 1 convex). Chosen on Romania, where the hull then covers 98.7 % of the country and 9 %
beyond it; sharper ratios leave mountains without towns uncovered."""

Geometries = NDArray[np.object_]
Floats = NDArray[np.float64]


def derive_zones(places: pl.DataFrame, zone_set: str = "gazetteer") -> pl.DataFrame:
    """Return one approximate zone per place of the gazetteer, sorted by zone_id (ZONE_SCHEMA).

    `places` has place_id, level, name, parent_id (null at the top), latitude, longitude,
    aliases (`|` between them), population, source, licence. A place without children is a
    seed and gets its Voronoi cell; any other is the union of its children, so the cells of a
    level never overlap and a zone is exactly the sum of its children. A city with
    neighbourhoods is therefore their union, its own point no seed. The same places give
    the same bytes.
    Raises ValueError when a parent is missing or is not of a wider level.
    """
    ordered = places.sort("place_id")
    parents = _parent_rows(ordered)
    seeds = np.setdiff1d(np.arange(ordered.height), parents[parents >= 0])
    geometries = np.full(ordered.height, None, dtype=object)
    geometries[seeds] = _cells(ordered[seeds])
    _unite_children(geometries, parents, ordered["level"].to_list())
    wkb = shapely.to_wkb(geometries, byte_order=1, output_dimension=2)
    return _as_zones(ordered, pl.Series("geometry_wkb", list(wkb), pl.Binary), zone_set)


def _parent_rows(places: pl.DataFrame) -> NDArray[np.int64]:
    """Return for each place the row of its parent, -1 at the top."""
    rows = places.select(parent_id="place_id", parent_level="level").with_row_index("row")
    joined = places.join(rows, on="parent_id", how="left", validate="m:1", maintain_order="left")
    depth = {level: number for number, level in enumerate(ZONE_LEVELS)}
    wrong = joined.filter(
        pl.col("parent_id").is_not_null()
        & ~(
            pl.col("parent_level").replace_strict(depth, return_dtype=pl.Int8)
            < pl.col("level").replace_strict(depth, return_dtype=pl.Int8)
        ).fill_null(False)
    )
    if wrong.height:
        place_id, parent_id = wrong.select("place_id", "parent_id").row(0)
        raise ValueError(f"place {place_id}: parent {parent_id} is missing or of no wider level")
    return joined["row"].cast(pl.Int64).fill_null(-1).to_numpy()


def _cells(seeds: pl.DataFrame) -> Geometries:
    """Return the Voronoi cell of each seed, clipped to the hull, in degrees."""
    degrees = _apart(seeds.select("longitude", "latitude").to_numpy())
    # Distances are compared on a plane: a degree of longitude shrinks with the latitude.
    scale = np.array([np.cos(np.radians(degrees[:, 1].mean())), 1.0])
    points = shapely.points(degrees * scale)
    hull = _hull(points)
    found = shapely.get_parts(_voronoi(points, hull))
    at_border = ~shapely.contains_properly(hull, found)
    found[at_border] = shapely.intersection(found[at_border], hull)
    return _on_grid(shapely.transform(found, lambda corners: corners / scale))


def _apart(degrees: Floats) -> Floats:
    """Return the points with the second and later ones of equal coordinates moved east."""
    frame = pl.DataFrame(degrees, schema=["longitude", "latitude"], orient="row")
    twin = pl.int_range(pl.len()).over("longitude", "latitude")
    moved = frame.with_columns(pl.col("longitude") + twin * TWIN_SHIFT_DEGREES)
    return moved.to_numpy()


def _hull(points: Geometries) -> Any:
    reach = REACH_KM / EARTH_KM_PER_DEGREE
    around = shapely.concave_hull(shapely.multipoints(points), ratio=HULL_RATIO)
    return shapely.buffer(around, reach, quad_segs=4)


def _voronoi(points: Geometries, hull: Any) -> Any:
    if len(points) == 1:
        return shapely.geometrycollections([hull])
    return shapely.voronoi_polygons(shapely.multipoints(points), extend_to=hull, ordered=True)


def _on_grid(polygons: Geometries) -> Geometries:
    rounded = shapely.transform(polygons, lambda corners: np.round(corners / GRID_DEGREES))
    return shapely.normalize(shapely.transform(rounded, lambda steps: steps * GRID_DEGREES))


def _unite_children(geometries: Geometries, parents: NDArray[np.int64], levels: list[str]) -> None:
    """Fill in the zones that have children, from the most specific level upwards."""
    order = np.argsort(parents, kind="stable")
    first = np.searchsorted(parents[order], np.arange(len(parents)), side="left")
    after = np.searchsorted(parents[order], np.arange(len(parents)), side="right")
    for level in reversed(ZONE_LEVELS):
        for row in (number for number, own in enumerate(levels) if own == level):
            children = order[first[row] : after[row]]
            if len(children):
                united = shapely.union_all(geometries[children], grid_size=GRID_DEGREES)
                geometries[row] = shapely.normalize(united)


def _as_zones(places: pl.DataFrame, geometry: pl.Series, zone_set: str) -> pl.DataFrame:
    spellings = [
        json.dumps([name for name in (text or "").split("|") if name], ensure_ascii=False)
        for text in places["aliases"]
    ]
    return places.select(
        pl.col("place_id").alias("zone_id"),
        "level",
        "name",
        "parent_id",
        pl.Series("aliases", spellings, pl.String),
        "latitude",
        "longitude",
        "source",
        "licence",
        pl.lit(True).alias("is_approximate"),
        geometry,
        pl.lit(zone_set).alias("zone_set"),
        "population",
    ).match_to_schema(ZONE_SCHEMA)
