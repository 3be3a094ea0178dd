"""The zone ladder: medians by zone and type, for homes that no model values.

From the neighbourhood up to the country, the first zone with enough units answers; which
one did is said in the result.
"""

import polars as pl

from analytics import conformal
from analytics.assumptions import LADDER
from analytics.frozen import LADDER_SCHEMA
from store.shapes.vocabulary import N_MIN, ZONE_LEVELS

LEVELS_UP = tuple(reversed(ZONE_LEVELS))
"""Most specific level first."""


def by_zone(listings: pl.DataFrame) -> pl.DataFrame:
    """Return one row per listing and zone it lies in, with zone_id and level; order is kept.

    Reads the five zone columns of market_listings. Levels follow one another, widest first.
    """
    parts = [
        listings.filter(pl.col(f"{level}_id").is_not_null()).with_columns(
            pl.col(f"{level}_id").alias("zone_id"), pl.lit(level).alias("level")
        )
        for level in ZONE_LEVELS
    ]
    return pl.concat(parts)


def make(homes: pl.DataFrame) -> pl.DataFrame:
    """Return the ladder's table (LADDER_SCHEMA): zones with at least N_MIN units of a type.

    `homes`: one row per unit on the market, with area_m2 and price_quote positive. Half widths
    are conformal quantiles of |ln (price per m2 / median)|, widened by level and by 1 + 1/n.
    """
    rows = by_zone(
        homes.with_columns((pl.col("price_quote") / pl.col("area_m2")).alias("price_per_m2"))
    )
    keys = ["zone_id", "level", "transaction", "type", "quote_currency"]
    spread = (pl.col("price_per_m2") / pl.col("median_price_per_m2")).log().abs()
    medians = rows.group_by(keys).agg(
        pl.col("price_per_m2").median().alias("median_price_per_m2"),
        pl.len().cast(pl.Int64).alias("n"),
    )
    return (
        rows.join(medians.filter(pl.col("n") >= N_MIN), on=keys, how="inner", validate="m:1")
        .with_columns(spread.alias("spread"))
        .group_by(*keys, "n", "median_price_per_m2")
        .agg(pl.col("spread").sort())
        .with_columns(_half_width(0.80).alias("half_80"), _half_width(0.90).alias("half_90"))
        .rename({"quote_currency": "currency"})
        .select(list(LADDER_SCHEMA))
        # A zone quotes in one currency; a border that mixes two keeps the commoner one.
        .sort("zone_id", "transaction", "type", pl.col("n"), "currency")
        .unique(["zone_id", "transaction", "type"], keep="last", maintain_order=True)
    )


def _half_width(coverage: float) -> pl.Expr:
    rank = ((pl.col("n") + 1) * coverage).round(9).ceil().clip(1, pl.col("n")).cast(pl.Int64)
    widening = pl.col("level").replace_strict(LADDER.widening, return_dtype=pl.Float64)
    return pl.col("spread").list.get(rank - 1) * widening * (1 + 1 / pl.col("n"))


def climb(
    listings: pl.DataFrame, table: pl.DataFrame, figures: list[str], basis: str
) -> pl.DataFrame:
    """Add `figures` of the lowest zone whose row has them all, `basis` and `basis`_zone_id.

    Joins `table` (zone_id, transaction, type, figures) on the listing's transaction, type and
    zone at each level. Where no zone answers, all are null.
    """
    zone = f"{basis}_zone_id"
    known = table.drop_nulls(figures).select("zone_id", "transaction", "type", *figures)
    found = listings
    for level in LEVELS_UP:
        names = {name: f"{name}@{level}" for name in figures}
        found = found.join(
            known.rename({"zone_id": f"{level}_id", **names}),
            on=[f"{level}_id", "transaction", "type"],
            how="left",
            validate="m:1",
            maintain_order="left",
        )
    answers = {level: pl.col(f"{figures[0]}@{level}").is_not_null() for level in LEVELS_UP}
    return found.with_columns(
        *(pl.coalesce(f"{name}@{level}" for level in LEVELS_UP).alias(name) for name in figures),
        pl.coalesce(pl.when(has).then(pl.lit(level)) for level, has in answers.items()).alias(
            basis
        ),
        pl.coalesce(
            pl.when(has).then(pl.col(f"{level}_id")) for level, has in answers.items()
        ).alias(zone),
    ).drop(f"{name}@{level}" for name in figures for level in LEVELS_UP)


def sigma(half_80: str) -> pl.Expr:
    """Return the standard deviation of a normal law with this half width at 80 %."""
    return pl.col(half_80) / conformal.Z_80
