"""Homes month by month: who was on the market when, at which price, and what happened then.

The step between histories and `pricing.zone_months`.
"""

from datetime import date

import polars as pl

from analytics.assumptions import FIGURES
from analytics.frozen import Edition
from analytics.history import day_seen, is_closed, unit_spells
from analytics.listings import in_quote_currency, rate_frame
from analytics.prices import asked_per_m2, homes, price_cuts

HOME_COLUMNS = (
    "unit_id",
    "transaction",
    "type",
    "rooms_band",
    "age_band",
    "country_id",
    "county_id",
    "city_id",
    "sector_id",
    "neighbourhood_id",
    "quote_currency",
)


def unit_months(
    listings: pl.DataFrame, spells: pl.DataFrame, price_history: pl.DataFrame, edition: Edition
) -> pl.DataFrame:
    """Return one row per home and month in which any of its adverts was on the market.

    Adds to HOME_COLUMNS: month; price_asked and price_per_m2 in the quoting currency, of the
    lowest id on the market in that month, the last one effective by its end (null when none
    is known); cut_pct, that advert's largest cut in the month (null: none); marks at_end,
    is_new, is_closed, is_withdrawn. At most FIGURES.months_kept months back.
    """
    as_of = edition.as_of_date
    adverts = _advert_months(spells, as_of)
    shown = (
        adverts.join(listings.select("id", "unit_id", "area_m2"), on="id", how="inner")
        .sort("unit_id", "month", "id")
        .unique(["unit_id", "month"], keep="first", maintain_order=True)
    )
    marks = _marks(unit_spells(spells, listings), as_of)
    return (
        _with_price(shown, price_history, as_of)
        .join(homes(listings).select(HOME_COLUMNS), on="unit_id", how="left", validate="m:1")
        .join(rate_frame(edition), on="quote_currency", how="left", validate="m:1")
        .with_columns(in_quote_currency("price").alias("price_quote"))
        .with_columns(
            asked_per_m2().alias("price_per_m2"), pl.col("price_quote").alias("price_asked")
        )
        .join(_cuts(spells, price_history, as_of), on=["id", "month"], how="left", validate="1:1")
        .join(marks, on=["unit_id", "month"], how="left", validate="1:1")
        .select(*HOME_COLUMNS, "month", "price_asked", "price_per_m2", "cut_pct", *MARKS)
    )


MARKS = ("at_end", "is_new", "is_closed", "is_withdrawn")


def _first_month(as_of_date: date) -> date:
    months = 12 * as_of_date.year + as_of_date.month - FIGURES.months_kept
    return date(months // 12, months % 12 + 1, 1)


def _months_of(spells: pl.DataFrame, as_of_date: date) -> pl.DataFrame:
    """Give each spell one row per month it touches, from the first month kept."""
    started = day_seen("started_at", as_of_date)
    ended = day_seen("ended_at", as_of_date).fill_null(as_of_date)
    first = pl.max_horizontal(started.dt.month_start(), pl.lit(_first_month(as_of_date)))
    return (
        spells.with_columns(started.alias("started"), ended.alias("ended"))
        .filter(pl.col("ended") >= _first_month(as_of_date))
        .with_columns(pl.date_ranges(first, pl.col("ended").dt.month_start(), "1mo").alias("month"))
        .explode("month")
    )


def _advert_months(spells: pl.DataFrame, as_of_date: date) -> pl.DataFrame:
    return _months_of(spells, as_of_date).select("id", "month").unique()


def _marks(spells: pl.DataFrame, as_of_date: date) -> pl.DataFrame:
    last_day = pl.min_horizontal(pl.col("month").dt.month_end(), pl.lit(as_of_date))
    left = pl.col("ended_at").is_not_null()
    in_month = pl.col("ended").dt.month_start() == pl.col("month")
    closed = is_closed("end_status")
    return (
        _months_of(spells, as_of_date)
        .group_by("unit_id", "month")
        .agg(
            (~left | (pl.col("ended") > last_day)).any().alias("at_end"),
            (pl.col("started").dt.month_start() == pl.col("month")).any().alias("is_new"),
            (left & in_month & closed).any().alias("is_closed"),
            (left & in_month & ~closed).any().alias("is_withdrawn"),
        )
    )


def _with_price(shown: pl.DataFrame, price_history: pl.DataFrame, as_of_date: date) -> pl.DataFrame:
    """Add price, currency and price_eur in force at the end of the month."""
    # Revisions decide: a price whose clock runs backwards counts from the day of the one before.
    day = day_seen("effective_at", as_of_date).cum_max().over("id")
    prices = (
        price_history.sort("id", "revision")
        .select("id", day.alias("day"), "price", "currency", "price_eur")
        .unique(["id", "day"], keep="last", maintain_order=True)
        .sort("day", "id")
    )
    return (
        shown.with_columns(pl.col("month").dt.month_end().alias("day"))
        .sort("day", "id")
        .join_asof(prices, on="day", by="id", strategy="backward", check_sortedness=False)
        .drop("day")
    )


def _cuts(spells: pl.DataFrame, price_history: pl.DataFrame, as_of_date: date) -> pl.DataFrame:
    return (
        price_cuts(spells, price_history)
        .with_columns(day_seen("effective_at", as_of_date).dt.month_start().alias("month"))
        .group_by("id", "month")
        .agg(pl.col("cut_pct").max())
    )
