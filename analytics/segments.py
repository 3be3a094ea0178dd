"""Segments: one row per home becomes figures per zone and segment, and shrinks to parents.

Shared by the figures of now and of each month. Only counts and order statistics are taken,
which do not depend on the order of rows to the last bit.
"""

import itertools
import math
from functools import cache

import polars as pl

from analytics import ladder
from analytics.assumptions import FIGURES
from store.shapes.vocabulary import ALL, N_MIN, ZONE_LEVELS

DIMENSIONS = ("type", "rooms_band", "age_band")
SEGMENT = ("zone_id", "transaction", *DIMENSIONS)
OWN, NOBODY = "own", "none"
BELOW_N_MIN = "below_n_min"

EXACT_UP_TO = 1000
"""Sample size up to which ranks are exact; beyond it the normal law is within one rank."""

QUANTILES = {"p10": 0.10, "p25": 0.25, "median": 0.50, "p75": 0.75, "p90": 0.90}


def named_zones(zones: pl.DataFrame) -> pl.DataFrame:
    """Return zone_id, zone_name, level, parent_id of core_zones rows."""
    return zones.select("zone_id", pl.col("name").alias("zone_name"), "level", "parent_id")


def in_zones(units: pl.DataFrame, zones: pl.DataFrame) -> pl.DataFrame:
    """Return one row per home and zone it lies in, of the given zones; order is kept."""
    wanted = zones.select("zone_id")
    return ladder.by_zone(units).join(wanted, on="zone_id", how="semi", maintain_order="left")


def zone_currencies(rows: pl.DataFrame) -> pl.DataFrame:
    """Return zone_id, transaction and the currency most of its homes are quoted in.

    `rows` of `in_zones`. Ties go to the first in the alphabet.
    """
    return (
        rows.group_by("zone_id", "transaction", pl.col("quote_currency").alias("zone_currency"))
        .agg(pl.len().alias("homes"))
        .sort("zone_id", "transaction", -pl.col("homes").cast(pl.Int64), "zone_currency")
        .unique(["zone_id", "transaction"], keep="first", maintain_order=True)
        .drop("homes")
    )


def asked_in_zone_currency(rows: pl.DataFrame, currencies: pl.DataFrame) -> pl.DataFrame:
    """Add zone_currency, and make prices asked in another currency unknown."""
    same = pl.col("quote_currency") == pl.col("zone_currency")
    return rows.join(
        currencies,
        on=["zone_id", "transaction"],
        how="left",
        validate="m:1",
        maintain_order="left",
    ).with_columns(
        pl.when(same).then(pl.col("price_per_m2", "price_asked")),
    )


def per_segment(rows: pl.DataFrame, extra: list[str], figures: list[pl.Expr]) -> pl.DataFrame:
    """Aggregate by zone, transaction, `extra` keys and each combination of the dimensions.

    A row counts in its own band and in "all"; an unknown band only in "all". `rows` hold
    price_per_m2 and price_asked (null: counts, but has no price) and zone_currency. Adds to
    `figures`: currency, n, the quantiles of price_per_m2, median_price, and the ends of the
    95 % interval of the median; all but n null below N_MIN.
    """
    ordered = rows.sort("price_per_m2", nulls_last=True)
    price = [
        pl.col("zone_currency").min().alias("currency"),
        pl.col("price_per_m2").drop_nulls().alias("sorted"),
        pl.col("price_asked").median().alias("median_price"),
    ]
    parts = []
    for narrowed in _combinations():
        keys = ["zone_id", "transaction", *narrowed, *extra]
        part = ordered.drop_nulls(list(narrowed)).group_by(keys).agg(*price, *figures)
        parts.append(_order_statistics(part).with_columns(_everything(narrowed)))
    columns = parts[0].columns
    return pl.concat([part.select(columns) for part in parts])


def _combinations() -> list[tuple[str, ...]]:
    sizes = range(len(DIMENSIONS) + 1)
    return [chosen for size in sizes for chosen in itertools.combinations(DIMENSIONS, size)]


def _everything(narrowed: tuple[str, ...]) -> list[pl.Expr]:
    return [pl.lit(ALL).alias(name) for name in DIMENSIONS if name not in narrowed]


def _order_statistics(part: pl.DataFrame) -> pl.DataFrame:
    counted = part.with_columns(pl.col("sorted").list.len().cast(pl.Int64).alias("n"))
    ranks = counted.select("n").unique().filter(pl.col("n") >= N_MIN)
    lower = [median_rank(count) for count in ranks["n"].to_list()]
    ranked = counted.join(
        ranks.with_columns(pl.Series("rank", lower, dtype=pl.Int64)),
        on="n",
        how="left",
        validate="m:1",
    )
    enough = pl.col("n") >= N_MIN
    return ranked.with_columns(
        *(pl.when(enough).then(_quantile(q)).alias(name) for name, q in QUANTILES.items()),
        pl.col("sorted").list.get(pl.col("rank") - 1, null_on_oob=True).alias("median_low"),
        pl.col("sorted")
        .list.get(pl.col("n") - pl.col("rank"), null_on_oob=True)
        .alias("median_high"),
        pl.when(enough).then(pl.col("median_price")).alias("median_price"),
    ).drop("sorted", "rank")


def _quantile(share: float) -> pl.Expr:
    # Linear between neighbours, as numpy's default. Rounded place: 0.1 x 10 is not below 1.
    place = ((pl.col("n") - 1) * share).round(9)
    below = place.floor().cast(pl.Int64)
    low = pl.col("sorted").list.get(below, null_on_oob=True)
    high = pl.col("sorted").list.get(place.ceil().cast(pl.Int64), null_on_oob=True)
    return low + (high - low) * (place - below)


@cache
def median_rank(count: int) -> int:
    """Return the 1-based rank of the lower end of the 95 % interval of the median.

    The upper end has the same rank from above. The largest r with P(Binomial(n, 1/2) < r) at
    most 2.5 %, so the interval covers at least 95 % (Conover, Practical Nonparametric
    Statistics, 1999, section 3.2). 1 where no rank covers as much (n < 6).
    """
    if count > EXACT_UP_TO:
        return math.floor((count - 1.959964 * math.sqrt(count)) / 2)
    below, rank, choices = 1, 0, 1
    while 40 * below <= 2**count:
        rank += 1
        choices = choices * (count - rank + 1) // rank  # "count choose rank"
        below += choices
    return max(rank, 1)


def shrink(
    figures: pl.DataFrame, zones: pl.DataFrame, extra: list[str], priors: pl.DataFrame
) -> pl.DataFrame:
    """Add zone_name, level, parent_id, shrunk (price per m2), basis and reason.

    (n x median + k x parent's prior) / (n + k) where the zone has N_MIN units: basis "own".
    Below that the parent's prior alone, basis the level of the zone that lent it, "none" where
    nobody has one. A parent that quotes in another currency lends nothing. `priors` are frozen
    in the edition: one home more in a city must not move every neighbourhood of it.
    """
    rows = figures.join(zones, on="zone_id", how="inner", validate="m:1")
    return _borrow(rows, priors, extra).with_columns(_basis(), _reason()).drop("lender")


def priors(figures: pl.DataFrame, zones: pl.DataFrame, extra: list[str]) -> pl.DataFrame:
    """Return what each zone with zones below it may lend them, level by level from the top.

    Columns zone_id, transaction, the dimensions, `extra`, currency, shrunk and lender (level).
    """
    rows = figures.join(zones, on="zone_id", how="inner", validate="m:1")
    wanted = ["zone_id", "transaction", *DIMENSIONS, *extra, "currency", *LENDING]
    lent = rows.with_columns(_nothing_lent()).select(wanted).clear()
    for level in ZONE_LEVELS:
        own = rows.filter(pl.col("level") == level)
        lent = pl.concat([lent, _borrow(own, lent, extra).select(wanted)])
    parents = zones.select(pl.col("parent_id").alias("zone_id")).unique()
    return lent.join(parents, on="zone_id", how="semi").sort(wanted[: -len(LENDING)])


def _borrow(rows: pl.DataFrame, priors: pl.DataFrame, extra: list[str]) -> pl.DataFrame:
    keys = ["transaction", *DIMENSIONS, *extra]
    lent = priors.select(
        pl.col("zone_id").alias("parent_id"),
        *keys,
        pl.col("currency").alias("parent_currency"),
        pl.col("shrunk").alias("parent_shrunk"),
        pl.col("lender").alias("parent_lender"),
    )
    joined = rows.join(lent, on=["parent_id", *keys], how="left", validate="m:1")
    return joined.with_columns(*_shrunk()).select(*rows.columns, *LENDING)


LENDING = ("shrunk", "lender")


def _nothing_lent() -> list[pl.Expr]:
    return [
        pl.lit(None, dtype=pl.Float64).alias("shrunk"),
        pl.lit(None, dtype=pl.String).alias("lender"),
    ]


def _shrunk() -> list[pl.Expr]:
    same = (pl.col("parent_currency") == pl.col("currency")).fill_null(value=False)
    parent = pl.when(same).then(pl.col("parent_shrunk"))
    weight = pl.lit(FIGURES.shrinkage_units)
    local = pl.col("median")
    mixed = (pl.col("n") * local + weight * parent) / (pl.col("n") + weight)
    return [
        pl.coalesce(mixed, local, parent).alias("shrunk"),
        pl.coalesce(
            pl.when(local.is_not_null()).then(pl.col("level")),
            pl.when(parent.is_not_null()).then(pl.col("parent_lender")),
        ).alias("lender"),
    ]


def _basis() -> pl.Expr:
    own = pl.col("median").is_not_null()
    return (
        pl.when(own).then(pl.lit(OWN)).otherwise(pl.col("lender").fill_null(NOBODY)).alias("basis")
    )


def _reason() -> pl.Expr:
    return pl.when(pl.col("n") < N_MIN).then(pl.lit(BELOW_N_MIN)).alias("reason")
