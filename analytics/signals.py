"""Market signals of zones, frozen in an edition: how soon homes go, which way asks move.

Scoring climbs these tables; publishing zone figures is left to `pricing`.
"""

from datetime import date, timedelta

import polars as pl

from analytics import ladder
from analytics.assumptions import FIGURES
from analytics.frozen import SIGNAL_SCHEMA, Edition
from analytics.history import day_of, unit_spells
from analytics.prices import homes
from analytics.unit_months import unit_months
from store.shapes.vocabulary import N_MIN, ZONE_LEVELS

KEYS = ("zone_id", "transaction", "type")


def make(
    listings: pl.DataFrame, spells: pl.DataFrame, price_history: pl.DataFrame, edition: Edition
) -> pl.DataFrame:
    """Return the signals' table (SIGNAL_SCHEMA) of every zone and type with one known signal.

    A signal rests on at least N_MIN homes, else it is null and the parent zone's is used.
    """
    liquidity = _liquidity(listings, spells, edition.as_of_date)
    momentum = _momentum(listings, spells, price_history, edition)
    return (
        liquidity.join(momentum, on=KEYS, how="full", coalesce=True, validate="1:1")
        .select(list(SIGNAL_SCHEMA))
        .sort(KEYS)
    )


def _liquidity(listings: pl.DataFrame, spells: pl.DataFrame, as_of_date: date) -> pl.DataFrame:
    """Return the share of spells that ended within 90 days, of those old enough to tell.

    Spells of homes begun in the year that ended 90 days before the as-of date, however they
    ended: who sells elsewhere often only withdraws.
    """
    last = as_of_date - timedelta(days=FIGURES.signal_days)
    first = last - timedelta(days=FIGURES.signal_cohort_days)
    started = day_of("started_at")
    days = (day_of("ended_at") - started).dt.total_days()
    gone = (days <= FIGURES.signal_days).fill_null(value=False)
    cohort = (
        unit_spells(spells, listings)
        .filter(started.is_between(first, last, closed="right"))
        .select("unit_id", gone.alias("gone"))
        .join(homes(listings), on="unit_id", how="inner", validate="m:1")
    )
    return (
        ladder.by_zone(cohort)
        .group_by(KEYS)
        .agg(pl.col("gone").sum(), pl.len().alias("spells"))
        .filter(pl.col("spells") >= N_MIN)
        .select(*KEYS, (pl.col("gone") / pl.col("spells")).round(6).alias("liquidity"))
    )


def _momentum(
    listings: pl.DataFrame, spells: pl.DataFrame, price_history: pl.DataFrame, edition: Edition
) -> pl.DataFrame:
    """Return the change of the median asking price per m2 over three months, in %.

    Shrunk to the parent zone's change by the number of homes: medians of few homes jump.
    """
    now = edition.as_of_date.replace(day=1)
    then = _months_before(now, FIGURES.momentum_months)
    months = unit_months(listings, spells, price_history, edition)
    medians = (
        ladder.by_zone(months.filter(pl.col("month").is_in([then, now])))
        .group_by(*KEYS, "level", "month")
        .agg(pl.col("price_per_m2").median(), pl.col("price_per_m2").count().alias("n"))
        .filter(pl.col("n") >= N_MIN)
    )
    both = medians.filter(pl.col("month") == now).join(
        medians.filter(pl.col("month") == then),
        on=KEYS,
        how="inner",
        validate="1:1",
        suffix="_then",
    )
    changes = both.select(
        *KEYS,
        "level",
        (100 * (pl.col("price_per_m2") / pl.col("price_per_m2_then") - 1)).alias("change"),
        pl.min_horizontal("n", "n_then").alias("n"),
    )
    return _shrink(changes, _parents(months))


def _shrink(changes: pl.DataFrame, parents: pl.DataFrame) -> pl.DataFrame:
    rows = changes.join(parents, on="zone_id", how="left", validate="m:1")
    done = pl.DataFrame(schema={**dict.fromkeys(KEYS, pl.String), "momentum_pct": pl.Float64})
    weight = FIGURES.shrinkage_units
    mixed = (pl.col("n") * pl.col("change") + weight * pl.col("parent")) / (pl.col("n") + weight)
    for level in ZONE_LEVELS:
        lent = done.rename({"zone_id": "parent_id", "momentum_pct": "parent"})
        own = rows.filter(pl.col("level") == level).join(
            lent, on=["parent_id", "transaction", "type"], how="left", validate="m:1"
        )
        shrunk = pl.coalesce(mixed, "change").round(4).alias("momentum_pct")
        done = pl.concat([done, own.select(*KEYS, shrunk)])
    return done


def _parents(months: pl.DataFrame) -> pl.DataFrame:
    """Return zone_id and the zone above it that most of its homes lie in."""
    pairs = []
    for place, level in enumerate(ZONE_LEVELS):
        above = [f"{name}_id" for name in reversed(ZONE_LEVELS[:place])]
        parent = pl.coalesce(*above) if above else pl.lit(None, dtype=pl.String)
        pairs.append(
            months.select(pl.col(f"{level}_id").alias("zone_id"), parent.alias("parent_id"))
        )
    return (
        pl.concat(pairs)
        .drop_nulls("zone_id")
        .group_by("zone_id", "parent_id")
        .agg(pl.len().alias("homes"))
        .sort("zone_id", "homes", "parent_id", nulls_last=False)
        .unique("zone_id", keep="last", maintain_order=True)
        .drop("homes")
    )


def _months_before(month: date, count: int) -> date:
    months = 12 * month.year + month.month - 1 - count
    return date(months // 12, months % 12 + 1, 1)
