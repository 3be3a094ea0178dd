"""Asking prices of homes: which advert speaks for a home, its price per m2, its cuts."""

from collections.abc import Sequence

import numpy as np
import polars as pl


def homes(listings: pl.DataFrame) -> pl.DataFrame:
    """Return one market_listings row per home: its leading advert, else its lowest id."""
    return listings.sort("unit_id", ~pl.col("is_unit_lead"), "id").unique(
        "unit_id", keep="first", maintain_order=True
    )


def asked_per_m2() -> pl.Expr:
    """Return the asking price per m2 in the quoting currency; null without price or area."""
    known = (pl.col("price_quote") > 0) & (pl.col("area_m2") > 0)
    return pl.when(known).then(quotient("price_quote", "area_m2"))


def quotient(over: str, under: str) -> pl.Expr:
    """Return one number by another, null where either is, the same bits in any frame.

    polars multiplies by the reciprocal where a frame's divisor happens to be one scalar, which
    differs in the last bit from dividing; a value kept unrounded must not depend on its company.
    """
    return pl.map_batches([over, under], _divided, return_dtype=pl.Float64).fill_nan(None)


def _divided(numbers: Sequence[pl.Series]) -> pl.Series:
    over, under = (series.cast(pl.Float64).to_numpy() for series in numbers)
    with np.errstate(divide="ignore", invalid="ignore"):
        return pl.Series(np.divide(over, under))


def price_cuts(spells: pl.DataFrame, price_history: pl.DataFrame) -> pl.DataFrame:
    """Return core_price_history rows that cut a price while on the market, with cut_pct.

    cut_pct is positive, % of the price before. The price at which a home returns to the
    market opens a spell; lower than the last one, it is no cut.
    """
    return (
        price_history.filter(pl.col("change_pct") < 0)
        .join(
            spells.select("id", "spell", "started_at"),
            on=["id", "spell"],
            how="inner",
            validate="m:1",
        )
        .filter(pl.col("effective_at") > pl.col("started_at"))
        .with_columns((-pl.col("change_pct")).alias("cut_pct"))
    )
