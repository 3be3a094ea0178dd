"""Surroundings: what prices near a home tell, without the homes that must not be looked at.

Two features of a place: the level of its zones, shrunk up the ladder, and the level of its
nearest neighbours. Both can leave out any folds of the training units exactly, which is how
a home's own price never reaches its own value.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.neighbors import KDTree

from analytics.assumptions import FIGURES, MODEL
from store.shapes.vocabulary import ZONE_LEVELS

Numbers = npt.NDArray[np.float64]
Folds = npt.NDArray[np.int64]

KM_PER_DEGREE = 111.2
"""Mean length of a degree of latitude; distances here only rank and weigh neighbours."""


@dataclass(frozen=True)
class Surroundings:
    """Levels of training units by zone and by point. A level is ln price per m2, relative."""

    zone_codes: dict[str, int]
    zone_sums: Numbers
    """Sum of levels by zone and fold."""
    zone_counts: Numbers
    tree: Any
    """KDTree over the placed units in km east and north; None without any."""
    km_per_degree_east: float
    level: Numbers
    ln_area: Numbers
    year: Numbers
    fold: Folds


@dataclass(frozen=True)
class Nearest:
    """Neighbours of some homes: rows of the placed units and their weights, nearest first.

    A home without a point has weights of zero throughout.
    """

    row: npt.NDArray[np.int64]
    weight: Numbers


def learn(homes: pl.DataFrame, level: Numbers, fold: Folds, folds: int) -> Surroundings:
    """Keep the levels of the training homes by zone and by point."""
    codes = _zone_codes(homes)
    # One row more than zones: code -1, an unknown zone, reads it and is masked.
    sums, counts = np.zeros((len(codes) + 1, folds)), np.zeros((len(codes) + 1, folds))
    for name in ZONE_LEVELS:
        code = _coded(homes[f"{name}_id"], codes)
        known = code >= 0
        np.add.at(sums, (code[known], fold[known]), level[known])
        np.add.at(counts, (code[known], fold[known]), 1.0)
    placed = (
        homes["latitude"].is_not_null().to_numpy() & homes["longitude"].is_not_null().to_numpy()
    )
    latitude = homes["latitude"].to_numpy()[placed]
    east = KM_PER_DEGREE * float(np.cos(np.deg2rad(latitude.mean()))) if placed.any() else 1.0
    return Surroundings(
        zone_codes=codes,
        zone_sums=sums,
        zone_counts=counts,
        tree=KDTree(_points(homes, east)[placed]) if placed.any() else None,
        km_per_degree_east=east,
        level=level[placed],
        ln_area=np.log(homes["area_m2"].to_numpy()[placed]),
        year=_years(homes)[placed],
        fold=fold[placed],
    )


def zone_levels(around: Surroundings, homes: pl.DataFrame, left_out: list[Folds]) -> Numbers:
    """Return the shrunk level of each home's city and of its most specific zone, as columns.

    (n x local + k x parent) / (n + k) from the country down, without the folds left out: one
    array of folds per thing to leave out, a fold for each home. Means of logarithms, not
    medians, because a fold can be taken out of a sum exactly.
    """
    shrunk = np.zeros(homes.height)
    city = shrunk
    for name in ZONE_LEVELS:
        code = _coded(homes[f"{name}_id"], around.zone_codes)
        known = code >= 0
        total, count = _without(around, code, left_out)
        local = (total + FIGURES.shrinkage_units * shrunk) / (count + FIGURES.shrinkage_units)
        shrunk = np.where(known, local, shrunk)
        city = shrunk if name == "city" else city
    return np.column_stack([city, shrunk])


def _without(
    around: Surroundings, code: npt.NDArray[np.int64], left_out: list[Folds]
) -> tuple[Numbers, Numbers]:
    keep = np.ones((len(code), around.zone_sums.shape[1]))
    for fold in left_out:
        keep[np.arange(len(code)), fold] = 0.0
    total: Numbers = (around.zone_sums[code] * keep).sum(axis=1)
    count: Numbers = (around.zone_counts[code] * keep).sum(axis=1)
    return total, count


def nearest(around: Surroundings, homes: pl.DataFrame) -> Nearest:
    """Find each home's nearest training units and weigh them by distance and likeness."""
    asked = min(MODEL.neighbours_asked, len(around.level))
    row = np.zeros((homes.height, asked), dtype=np.int64)
    weight = np.zeros((homes.height, asked))
    points = _points(homes, around.km_per_degree_east)
    placed = ~np.isnan(points).any(axis=1)
    if asked == 0 or not placed.any():
        return Nearest(row, weight)
    distance, found = around.tree.query(points[placed], asked)
    row[placed] = found
    weight[placed] = _likeness(around, homes.filter(pl.Series(placed)), found) / (
        distance + MODEL.neighbour_km
    )
    return Nearest(row, weight)


def neighbour_levels(around: Surroundings, near: Nearest, left_out: list[Folds]) -> Numbers:
    """Return the weighted level of the neighbours and the ln of their weight, as columns.

    Without the folds left out; NaN where no neighbour remains.
    """
    allowed = near.weight > 0.0
    for fold in left_out:
        allowed &= around.fold[near.row] != fold[:, None]
    used = allowed & (np.cumsum(allowed, axis=1) <= MODEL.neighbours_used)
    weight = near.weight * used
    total = weight.sum(axis=1)
    some = total > 0.0
    level = np.full(len(total), np.nan)
    support = np.full(len(total), np.nan)
    level[some] = (weight * around.level[near.row]).sum(axis=1)[some] / total[some]
    support[some] = np.log(total[some])
    return np.column_stack([level, support])


def _likeness(around: Surroundings, homes: pl.DataFrame, found: npt.NDArray[np.int64]) -> Numbers:
    ln_area = np.log(homes["area_m2"].to_numpy())[:, None]
    by_area = np.abs(around.ln_area[found] - ln_area) / MODEL.neighbour_ln_area
    years = np.abs(around.year[found] - _years(homes)[:, None])
    known = np.nan_to_num(years, nan=MODEL.neighbour_years_unknown)
    likeness: Numbers = np.exp(-by_area - known / MODEL.neighbour_years)
    return likeness


def _points(homes: pl.DataFrame, km_per_degree_east: float) -> Numbers:
    latitude = homes["latitude"].cast(pl.Float64).to_numpy()
    longitude = homes["longitude"].cast(pl.Float64).to_numpy()
    points: Numbers = np.column_stack([longitude * km_per_degree_east, latitude * KM_PER_DEGREE])
    points[np.isnan(points).any(axis=1)] = np.nan
    return points


def _years(homes: pl.DataFrame) -> Numbers:
    return homes["construction_year"].cast(pl.Float64).to_numpy()


def _zone_codes(homes: pl.DataFrame) -> dict[str, int]:
    zones = sorted({zone for name in ZONE_LEVELS for zone in homes[f"{name}_id"].drop_nulls()})
    return {zone: code for code, zone in enumerate(zones)}


def _coded(zones: pl.Series, codes: dict[str, int]) -> npt.NDArray[np.int64]:
    coded = zones.cast(pl.String).replace_strict(codes, default=-1, return_dtype=pl.Int64)
    return coded.fill_null(-1).to_numpy()
