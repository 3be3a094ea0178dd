"""Finds the zones that hold a point: every level at once, the same answer on every border.

Names in text are `place_names`; both together are `places.locate`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
import shapely
from numpy.typing import NDArray

from store.shapes.vocabulary import ZONE_LEVELS

LEVEL_COLUMNS = tuple(f"{level}_id" for level in reversed(ZONE_LEVELS))
"""neighbourhood_id, sector_id, city_id, county_id, country_id."""

NONE = -1
DEPTH = {level: depth for depth, level in enumerate(ZONE_LEVELS)}

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class PointIndex:
    """Zones made ready for look-ups. Zones stand in order of area, then of zone_id."""

    zone_ids: pl.Series
    depths: Rows
    chains: Rows
    """Zone by level: the row of its ancestor there (or of itself), NONE where it has none."""
    polygons: NDArray[np.object_]
    tree: shapely.STRtree


def build_points(zones: pl.DataFrame) -> PointIndex:
    """Return the index of a frame with zone_id, level, parent_id and geometry_wkb.

    The order of rows does not matter. A parent that is not in the frame counts as none.
    """
    by_id = zones.sort("zone_id")
    polygons = shapely.from_wkb(by_id["geometry_wkb"].to_numpy())
    order = np.argsort(_areas(polygons), kind="stable")
    sorted_zones, polygons = by_id[order], polygons[order]
    depths = sorted_zones["level"].replace_strict(DEPTH, return_dtype=pl.Int64).to_numpy()
    shapely.prepare(polygons)
    return PointIndex(
        zone_ids=sorted_zones["zone_id"],
        depths=depths,
        chains=_chains(sorted_zones, depths),
        polygons=polygons,
        tree=shapely.STRtree(polygons),
    )


def level_columns(index: PointIndex) -> pl.DataFrame:
    """Return per zone its own id and those of its ancestors: zone_id and LEVEL_COLUMNS."""
    columns = {"zone_id": index.zone_ids}
    for name, depth in _columns_and_depths():
        columns[name] = _ids(index, index.chains[:, depth])
    return pl.DataFrame(columns)


def assign_points(index: PointIndex, points: pl.DataFrame) -> pl.DataFrame:
    """Return id, zone_id and LEVEL_COLUMNS for each row of a frame with id, latitude, longitude.

    `zone_id` is the most specific zone that holds the point, its border included; of several
    the smallest, then the first by zone_id. Its ancestors fill the wider columns; where it has
    none, the smallest zone there that holds the point does. Null where no zone is known, or
    the point is null or not finite. Rows keep their order and do not depend on each other.
    """
    latitude = points["latitude"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    longitude = points["longitude"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    best = _best_by_level(index, longitude, latitude)
    rows = _climb(index, best)
    columns = {"id": points["id"], "zone_id": _ids(index, _most_specific(rows))}
    for name, depth in _columns_and_depths():
        columns[name] = _ids(index, rows[:, depth])
    return pl.DataFrame(columns)


def _areas(polygons: NDArray[np.object_]) -> NDArray[np.float64]:
    # Lambert's cylinder: areas in it are true to those on the sphere.
    def equal_area(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        radians = np.radians(degrees)
        return np.column_stack([radians[:, 0], np.sin(radians[:, 1])])

    return np.asarray(shapely.area(shapely.transform(polygons, equal_area)))


def _chains(zones: pl.DataFrame, depths: Rows) -> Rows:
    rows = zones.select(parent_id="zone_id").with_row_index("row")
    joined = zones.select("parent_id").join(
        rows, on="parent_id", how="left", validate="m:1", maintain_order="left"
    )
    # One row more than there are zones: the last is the parent of those without one.
    parents = np.append(joined["row"].cast(pl.Int64).fill_null(NONE).to_numpy(), NONE)
    chains = np.full((zones.height, len(ZONE_LEVELS)), NONE, dtype=np.int64)
    current = np.arange(zones.height)
    for _ in ZONE_LEVELS:
        known = np.flatnonzero(current != NONE)
        chains[known, depths[current[known]]] = current[known]
        current = parents[current]
    return chains


def _best_by_level(
    index: PointIndex, longitude: NDArray[np.float64], latitude: NDArray[np.float64]
) -> Rows:
    """Return point by level the first zone that holds the point, NONE where none does."""
    finite = np.flatnonzero(np.isfinite(longitude) & np.isfinite(latitude))
    near, zone = index.tree.query(shapely.points(longitude[finite], latitude[finite]))
    point = finite[near]
    holds = shapely.intersects_xy(index.polygons[zone], longitude[point], latitude[point])
    none_yet = len(index.zone_ids)
    best = np.full((len(longitude), len(ZONE_LEVELS)), none_yet, dtype=np.int64)
    np.minimum.at(best, (point[holds], index.depths[zone[holds]]), zone[holds])
    best[best == none_yet] = NONE
    return best


def _climb(index: PointIndex, best: Rows) -> Rows:
    """Return point by level the zone: the chain of the most specific, then of those above it."""
    rows = np.full_like(best, NONE)
    for depth in reversed(range(len(ZONE_LEVELS))):
        # A level below the top of a chain stays as the chain has it, even when that is NONE.
        free = (rows[:, : depth + 1] == NONE).all(axis=1) & (best[:, depth] != NONE)
        found = index.chains[best[free, depth], : depth + 1]
        rows[free, : depth + 1] = found
    return rows


def _most_specific(rows: Rows) -> Rows:
    deepest = np.full(len(rows), NONE, dtype=np.int64)
    for depth in range(rows.shape[1]):
        deepest = np.where(rows[:, depth] != NONE, rows[:, depth], deepest)
    return deepest


def _ids(index: PointIndex, rows: Rows) -> pl.Series:
    known = pl.Series(rows, dtype=pl.Int64)
    return index.zone_ids.gather(known.replace(NONE, None))


def _columns_and_depths() -> Iterable[tuple[str, int]]:
    return [(name, DEPTH[name.removesuffix("_id")]) for name in LEVEL_COLUMNS]
