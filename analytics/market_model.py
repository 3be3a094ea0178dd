"""The model of one market: ln price per m2 of a home from what it is and where it stands.

Cross-fitted: one model per fold of units, and each home is valued by the model that has not
seen its fold, in training, in calibration and in use. Which homes may be valued at all, and
what a value becomes in the tables, is `valuation`'s affair.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import ThreadpoolController

from analytics import conformal, surroundings
from analytics.assumptions import MODEL
from analytics.surroundings import Folds, Nearest, Numbers, Surroundings
from analytics.units import fold_numbers
from store.shapes.vocabulary import Partitioning, PropertyType

FEATURES = (
    "ln_area",
    "rooms",
    "floor",
    "floor_max",
    "floor_share",
    "construction_year",
    "latitude",
    "longitude",
    "type",
    "partitioning",
    "month",
    "city_level",
    "zone_level",
    "neighbour_level",
    "neighbour_support",
)
MONTH = FEATURES.index("month")
STEPS = 9
"""Decimals of a level: prices in another unit of money must not choose other trees by a bit."""
TINY = 1e-6
"""Least size of an error: keeps a market without any from dividing by zero."""

CHUNK = 50_000
"""Homes valued at a time: bounds memory; every row is valued by itself anyway."""


@dataclass(frozen=True)
class FoldModels:
    """Models that have not seen one fold: of the level, and of the size of its error."""

    level: HistGradientBoostingRegressor
    scale: HistGradientBoostingRegressor


@dataclass(frozen=True)
class MarketModel:
    """A fitted market. Levels are ln price per m2 relative to the median of the type."""

    version: str
    units: int
    """Homes behind it."""
    month: int
    """Month of the as-of date: values are of that month."""
    type_levels: dict[str, float]
    """Median ln price per m2 by property type; types learnt too thinly are absent."""
    knows_unplaced: bool
    """Whether it has seen enough homes without a point."""
    around: Surroundings
    folds: tuple[FoldModels, ...]
    scale_floor: float
    quantile_80: float
    quantile_90: float


@dataclass(frozen=True)
class Prediction:
    """ln price per m2 and half widths of its intervals, one entry per home."""

    ln_price_per_m2: Numbers
    half_80: Numbers
    half_90: Numbers


@dataclass(frozen=True)
class HeldOut:
    """What the model said of homes on the market that it had not seen."""

    homes: pl.DataFrame
    ln_price_per_m2: Numbers
    half_80: Numbers
    half_90: Numbers
    """With quantiles of the other folds, so that coverage is honest."""


def fit(homes: pl.DataFrame, as_of_date: date, version: str) -> tuple[MarketModel, HeldOut]:
    """Fit a market on one row per home; the same homes in any order give the same model.

    Reads the columns of market_listings (area_m2 and price_quote positive and not null). All
    homes train; only those on the market calibrate the intervals and are held out, since
    values speak of the as-of month and an ask of long ago does not.
    """
    types = _type_levels(homes)
    homes = homes.filter(pl.col("type").is_in(sorted(types))).sort("unit_id", "id")
    fold = fold_numbers(homes["unit_id"], MODEL.folds)
    target = homes.select(_ln_price_per_m2()).to_series().to_numpy()
    relative = np.round(target - _of_type(homes, types), STEPS)
    level = np.clip(relative, -MODEL.level_limit, MODEL.level_limit)
    around = surroundings.learn(homes, level, fold, MODEL.folds)
    known = _base_features(homes)
    near = surroundings.nearest(around, homes)
    month = month_number(as_of_date)

    seen = np.column_stack([known, _around_features(around, homes, near, [fold])])
    seen[:, MONTH] = month
    levels = [
        _fit_level(around, homes, near, known, level, fold, out) for out in range(MODEL.folds)
    ]
    predicted = _by_fold(levels, seen, fold)
    current = homes["is_on_market"].to_numpy()
    error = np.abs(relative - predicted)
    scales = [
        _fit_scale(seen[current & (fold != out)], error[current & (fold != out)])
        for out in range(MODEL.folds)
    ]
    floor = max(MODEL.scale_floor * float(np.median(error[current])), TINY)
    scale = np.maximum(_by_fold(scales, seen, fold), floor)[current]
    scores = error[current] / scale
    model = MarketModel(
        version=version,
        units=homes.height,
        month=month,
        type_levels=types,
        knows_unplaced=int((~_is_placed(homes)).sum()) >= MODEL.unplaced_units_min,
        around=around,
        folds=tuple(FoldModels(*pair) for pair in zip(levels, scales, strict=True)),
        scale_floor=floor,
        quantile_80=conformal.quantile(scores, 0.80),
        quantile_90=conformal.quantile(scores, 0.90),
    )
    held_out = HeldOut(
        homes=homes.filter(current),
        ln_price_per_m2=(predicted + _of_type(homes, types))[current],
        half_80=conformal.held_out_half_widths(scores, scale, fold[current], 0.80),
        half_90=conformal.held_out_half_widths(scores, scale, fold[current], 0.90),
    )
    return model, held_out


def predict(model: MarketModel, homes: pl.DataFrame) -> Prediction:
    """Return the as-of month's ln price per m2 of homes that `is_usable`, row by row.

    A home is valued by the model that has not seen its fold of units, neither as a row nor as
    a neighbour nor in the level of a zone: its own ask, trained on or not, cannot reach it.
    """
    parts = [_predict(model, part) for part in homes.iter_slices(CHUNK)] if homes.height else []
    if not parts:
        return Prediction(np.zeros(0), np.zeros(0), np.zeros(0))
    level, scale = (np.concatenate([part[place] for part in parts]) for place in (0, 1))
    return Prediction(level, model.quantile_80 * scale, model.quantile_90 * scale)


def usable(model: MarketModel) -> pl.Expr:
    """Tell which homes the model may value: of a type it learnt, with an area, with a point.

    Without a point a zone will do if the model has seen enough homes of that kind.
    """
    placed = pl.all_horizontal(pl.col("latitude", "longitude").is_not_null())
    place = placed | (pl.col("zone_id").is_not_null() & pl.lit(model.knows_unplaced))
    return (pl.col("area_m2") > 0) & place & pl.col("type").is_in(sorted(model.type_levels))


def month_number(day: date) -> int:
    """Return months since year 0, so that months are a number with equal steps."""
    return 12 * day.year + day.month - 1


def _predict(model: MarketModel, homes: pl.DataFrame) -> tuple[Numbers, Numbers]:
    fold = fold_numbers(homes["unit_id"], MODEL.folds)
    near = surroundings.nearest(model.around, homes)
    around = _around_features(model.around, homes, near, [fold])
    features = np.column_stack([_base_features(homes), around])
    features[:, MONTH] = model.month
    level = _by_fold([pair.level for pair in model.folds], features, fold)
    scale = _by_fold([pair.scale for pair in model.folds], features, fold)
    return level + _of_type(homes, model.type_levels), np.maximum(scale, model.scale_floor)


def _fit_level(
    around: Surroundings,
    homes: pl.DataFrame,
    near: Nearest,
    known: Numbers,
    level: Numbers,
    fold: Folds,
    out: int,
) -> HistGradientBoostingRegressor:
    # A training home's surroundings leave out its own fold as well, as they do in use.
    held = np.full(len(fold), out)
    features = np.column_stack([known, _around_features(around, homes, near, [fold, held])])
    train = fold != out
    model = HistGradientBoostingRegressor(
        max_iter=MODEL.iterations,
        learning_rate=MODEL.learning_rate,
        max_leaf_nodes=MODEL.leaves,
        min_samples_leaf=MODEL.leaf_units,
        l2_regularization=MODEL.l2,
        early_stopping=False,
        random_state=MODEL.seed,
    )
    with _one_thread():
        return model.fit(_without_blank_columns(features[train]), level[train])


def _fit_scale(features: Numbers, error: Numbers) -> HistGradientBoostingRegressor:
    model = HistGradientBoostingRegressor(
        max_iter=MODEL.scale_iterations,
        learning_rate=MODEL.learning_rate,
        max_leaf_nodes=MODEL.leaves,
        min_samples_leaf=MODEL.scale_leaf_units,
        l2_regularization=MODEL.l2,
        early_stopping=False,
        random_state=MODEL.seed,
    )
    cut = np.minimum(error, np.quantile(error, 0.99))
    with _one_thread():
        return model.fit(_without_blank_columns(features), cut)


def _without_blank_columns(features: Numbers) -> Numbers:
    """Fill what no home of a market states: scikit-learn 1.9 cannot bin a column of NaN alone."""
    return np.where(np.isnan(features).all(axis=0), 0.0, features)


def _by_fold(
    models: list[HistGradientBoostingRegressor], features: Numbers, fold: Folds
) -> Numbers:
    predicted = np.empty(len(fold))
    with _one_thread():
        for number, model in enumerate(models):
            inside = fold == number
            if inside.any():
                predicted[inside] = model.predict(features[inside])
    return predicted


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def _one_thread() -> AbstractContextManager[object]:
    # Threads of OpenMP wait in busy loops: with both cores busy elsewhere, fitting 3,000 homes
    # took 56 s on two threads and 5.5 s on one. One thread also sums in one order.
    limit: AbstractContextManager[object] = _threads().limit(limits=1, user_api="openmp")
    return limit


def _base_features(homes: pl.DataFrame) -> Numbers:
    kinds = {kind.value: number for number, kind in enumerate(PropertyType)}
    plans = {plan.value: number for number, plan in enumerate(Partitioning)}
    frame = homes.select(
        pl.col("area_m2").log(),
        pl.col("rooms", "floor", "floor_max").cast(pl.Float64),
        (pl.col("floor") / pl.col("floor_max")).alias("floor_share"),
        pl.col("construction_year", "latitude", "longitude").cast(pl.Float64),
        pl.col("type").replace_strict(kinds, default=None, return_dtype=pl.Float64),
        pl.col("partitioning")
        .cast(pl.String)
        .replace_strict(plans, default=None, return_dtype=pl.Float64),
        _effective_month(),
    ).cast(pl.Float64)
    known = frame.to_numpy()
    # Ground floor of a house without floors above: 0 / 0 and 1 / 0 are unknown shares.
    known[~np.isfinite(known)] = np.nan
    return known


def _effective_month() -> pl.Expr:
    at = pl.col("effective_at")
    return (12 * at.dt.year().cast(pl.Int64) + at.dt.month() - 1).alias("month")


def _around_features(
    around: Surroundings, homes: pl.DataFrame, near: Nearest, left_out: list[Folds]
) -> Numbers:
    return np.column_stack(
        [
            surroundings.zone_levels(around, homes, left_out),
            surroundings.neighbour_levels(around, near, left_out),
        ]
    )


def _ln_price_per_m2() -> pl.Expr:
    return (pl.col("price_quote") / pl.col("area_m2")).log()


def _type_levels(homes: pl.DataFrame) -> dict[str, float]:
    levels = (
        homes.group_by("type")
        .agg(_ln_price_per_m2().median().alias("level"), pl.len().alias("n"))
        .filter(pl.col("n") >= MODEL.type_units_min)
        .sort("type")
    )
    return dict(zip(levels["type"].to_list(), levels["level"].to_list(), strict=True))


def _of_type(homes: pl.DataFrame, levels: dict[str, float]) -> Numbers:
    return homes["type"].replace_strict(levels, return_dtype=pl.Float64).to_numpy()


def _is_placed(homes: pl.DataFrame) -> npt.NDArray[np.bool_]:
    return (
        homes.select(pl.all_horizontal(pl.col("latitude", "longitude").is_not_null()))
        .to_series()
        .to_numpy()
    )


def held_out_city_medians(homes: pl.DataFrame) -> pl.Series:
    """Return the baseline: the median price per m2 of city and type among the other folds.

    The country's where the city's is unknown; null without either. In the order of `homes`.
    """
    frame = homes.select(
        pl.col("city_id"),
        "type",
        (pl.col("price_quote") / pl.col("area_m2")).alias("price_per_m2"),
        pl.Series("fold", fold_numbers(homes["unit_id"], MODEL.folds)),
    ).with_row_index("row")
    parts = [_medians_without(frame, fold) for fold in range(MODEL.folds)]
    return pl.concat(parts).sort("row")["baseline"]


def _medians_without(frame: pl.DataFrame, fold: int) -> pl.DataFrame:
    others = frame.filter(pl.col("fold") != fold)
    median = pl.col("price_per_m2").median()
    by_city = others.drop_nulls("city_id").group_by("city_id", "type").agg(median.alias("in_city"))
    by_type = others.group_by("type").agg(median.alias("in_market"))
    return (
        frame.filter(pl.col("fold") == fold)
        .join(by_city, on=["city_id", "type"], how="left", validate="m:1")
        .join(by_type, on="type", how="left", validate="m:1")
        .select("row", pl.coalesce("in_city", "in_market").alias("baseline"))
    )
