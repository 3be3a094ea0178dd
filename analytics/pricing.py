"""Zone figures: what a zone asks, how much is on offer, how fast it moves, how often it cuts.

METRICS, "Per zone, segment and month", figures 1, 3 and 5. Homes are counted once; every
figure is an order statistic or a count, so rows may come in any order.
"""

from datetime import date, timedelta

import polars as pl

from analytics import segments
from analytics.frozen import Edition
from analytics.history import day_seen, is_closed, unit_spells
from analytics.listings import rate_frame
from analytics.prices import asked_per_m2, homes, price_cuts
from analytics.segments import SEGMENT
from analytics.unit_months import unit_months
from store.shapes.vocabulary import N_MIN

WINDOWS = (30, 90, 365)
CUT_DAYS = 90
MONTHS_OF_SUPPLY_WINDOW = 3
"""Months in the 90 days over which homes that left are counted."""

ASKING_COLUMNS = (
    "currency",
    "n",
    "median_price_per_m2",
    "median_low",
    "median_high",
    "p10_price_per_m2",
    "p25_price_per_m2",
    "p75_price_per_m2",
    "p90_price_per_m2",
    "median_price",
    "median_price_eur_per_m2",
    "shrunk_price_per_m2",
    "basis",
    "reason",
)

FLOW_COLUMNS = tuple(
    f"{kind}_{days}d" for kind in ("new", "closed", "withdrawn") for days in WINDOWS
)

MARKET_ZONE_COLUMNS = (
    *SEGMENT,
    "zone_name",
    "level",
    "parent_id",
    *ASKING_COLUMNS,
    "stock",
    *FLOW_COLUMNS,
    "absorption_90d",
    "months_of_supply",
    "cut_share_90d",
    "median_cut_pct_90d",
    "median_ask_to_first",
    "median_age_days",
    "as_of_date",
    "edition",
)

MARKET_ZONE_MONTH_COLUMNS = (
    *SEGMENT,
    "month",
    *ASKING_COLUMNS,
    "stock_end",
    "new_units",
    "closed_units",
    "withdrawn_units",
    "cut_units",
    "cut_share",
    "median_cut_pct",
    "as_of_date",
    "edition",
)


def zone_figures(
    listings: pl.DataFrame,
    spells: pl.DataFrame,
    price_history: pl.DataFrame,
    zones: pl.DataFrame,
    edition: Edition,
) -> pl.DataFrame:
    """Return market_zones rows, sorted by key: one per zone and segment that ever had a home.

    `listings` are all market_listings (leads marked), `spells` of `history.spells` and
    `price_history` those of all of them. Parents lend what the edition froze, so a home
    moves the figures of its own zones alone (`zone_changes`).
    A home stands where its leading advert says, else its lowest id.
    """
    named = segments.named_zones(zones)
    return finish_zones(_current(listings, spells, price_history, named, edition), named, edition)


def finish_zones(figures: pl.DataFrame, zones: pl.DataFrame, edition: Edition) -> pl.DataFrame:
    """Return market_zones rows of what was counted per segment, sorted by key.

    figures: `segments.per_segment` with stock, FLOW_COLUMNS, cuts, median_cut, ratios,
    median_ratio, median_age. zones: `segments.named_zones`.
    """
    return (
        segments.shrink(figures, zones, [], edition.zone_priors)
        .with_columns(*_ratios())
        .pipe(_finish, edition)
        .select(MARKET_ZONE_COLUMNS)
        .sort(SEGMENT)
    )


def zone_months(
    listings: pl.DataFrame,
    spells: pl.DataFrame,
    price_history: pl.DataFrame,
    zones: pl.DataFrame,
    edition: Edition,
) -> pl.DataFrame:
    """Return market_zone_months rows, sorted by key: one per zone, segment and month with homes.

    Inputs as for `zone_figures`. A home counts in each month in which it was on the market at
    any time, at its last price effective by the end of that month. What is dated after the
    as-of date counts as of that date.
    """
    named = segments.named_zones(zones)
    return finish_months(_monthly(listings, spells, price_history, named, edition), named, edition)


def finish_months(figures: pl.DataFrame, zones: pl.DataFrame, edition: Edition) -> pl.DataFrame:
    """Return market_zone_months rows of what was counted per segment and month, sorted by key.

    figures: `segments.per_segment` by month with stock_end, new_units, closed_units,
    withdrawn_units, present, cut_units, median_cut. zones: `segments.named_zones`.
    """
    return (
        segments.shrink(figures, zones, ["month"], edition.month_priors)
        .with_columns(*_month_ratios())
        .pipe(_finish, edition)
        .select(MARKET_ZONE_MONTH_COLUMNS)
        .sort(*SEGMENT, "month")
    )


def zone_priors(
    listings: pl.DataFrame,
    spells: pl.DataFrame,
    price_history: pl.DataFrame,
    zones: pl.DataFrame,
    edition: Edition,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what zones lend the zones below them, now and by month (`segments.priors`).

    For the edition to freeze; inputs as for `zone_figures`.
    """
    known = segments.named_zones(zones)
    current = _current(listings, spells, price_history, known, edition)
    monthly = _monthly(listings, spells, price_history, known, edition)
    return segments.priors(current, known, []), segments.priors(monthly, known, ["month"])


def _current(
    listings: pl.DataFrame,
    spells: pl.DataFrame,
    price_history: pl.DataFrame,
    zones: pl.DataFrame,
    edition: Edition,
) -> pl.DataFrame:
    units = home_rows(listings, spells, price_history, edition.as_of_date)
    rows = segments.in_zones(units, zones)
    priced = segments.asked_in_zone_currency(rows, segments.zone_currencies(rows))
    return segments.per_segment(priced, [], _stock_figures())


def _monthly(
    listings: pl.DataFrame,
    spells: pl.DataFrame,
    price_history: pl.DataFrame,
    zones: pl.DataFrame,
    edition: Edition,
) -> pl.DataFrame:
    rows = segments.in_zones(unit_months(listings, spells, price_history, edition), zones)
    priced = segments.asked_in_zone_currency(rows, segments.zone_currencies(rows))
    return segments.per_segment(priced, ["month"], _month_figures())


def home_rows(
    listings: pl.DataFrame, spells: pl.DataFrame, price_history: pl.DataFrame, as_of_date: date
) -> pl.DataFrame:
    """Return one row per home that was ever on the market, with what it adds to its zones now.

    Adds to its advert's columns: FLOW_COLUMNS; and while it is on the market price_per_m2 and
    price_asked in the quoting currency, cut_pct (newest within CUT_DAYS), else null.
    """
    flows = _flows(unit_spells(spells, listings), as_of_date)
    cuts = _cuts(spells, price_history, as_of_date)
    lead = pl.col("is_unit_lead")
    return (
        homes(listings)
        .join(flows, on="unit_id", how="left", validate="1:1")
        .filter(lead | pl.col("new_30d").is_not_null())
        .join(cuts, on=["id", "spell"], how="left", validate="m:1")
        .with_columns(
            pl.when(lead).then(asked_per_m2()).alias("price_per_m2"),
            pl.when(lead).then(pl.col("price_quote")).alias("price_asked"),
            pl.when(lead).then(pl.col("cut_pct", "days_online", "ask_to_first_ratio")),
            pl.col(FLOW_COLUMNS).fill_null(value=False),
        )
    )


def _flows(spells: pl.DataFrame, as_of_date: date) -> pl.DataFrame:
    started, ended = day_seen("started_at", as_of_date), day_seen("ended_at", as_of_date)
    left = pl.col("ended_at").is_not_null()
    closed = is_closed("end_status")
    marks = []
    for days in WINDOWS:
        after = pl.lit(as_of_date - timedelta(days=days))
        marks += [
            (started > after).any().alias(f"new_{days}d"),
            (left & closed & (ended > after)).any().alias(f"closed_{days}d"),
            (left & ~closed & (ended > after)).any().alias(f"withdrawn_{days}d"),
        ]
    return spells.group_by("unit_id").agg(marks)


def _cuts(spells: pl.DataFrame, price_history: pl.DataFrame, as_of_date: date) -> pl.DataFrame:
    """Return the newest cut of each listing and spell within the window: cut_pct, positive."""
    after = pl.lit(as_of_date - timedelta(days=CUT_DAYS))
    return (
        price_cuts(spells, price_history)
        .filter(day_seen("effective_at", as_of_date) > after)
        .sort("id", "revision")
        .unique(["id", "spell"], keep="last", maintain_order=True)
        .select("id", "spell", "cut_pct")
    )


def _stock_figures() -> list[pl.Expr]:
    cut = pl.col("cut_pct")
    return [
        pl.col("is_unit_lead").sum().cast(pl.Int64).alias("stock"),
        pl.col(FLOW_COLUMNS).sum().cast(pl.Int64),
        cut.count().cast(pl.Int64).alias("cuts"),
        cut.median().alias("median_cut"),
        pl.col("ask_to_first_ratio").count().alias("ratios"),
        pl.col("ask_to_first_ratio").median().alias("median_ratio"),
        pl.col("days_online").median().alias("median_age"),
    ]


def _month_figures() -> list[pl.Expr]:
    marks = ["at_end", "is_new", "is_closed", "is_withdrawn"]
    names = ["stock_end", "new_units", "closed_units", "withdrawn_units"]
    return [
        *(
            pl.col(mark).sum().cast(pl.Int64).alias(name)
            for mark, name in zip(marks, names, strict=True)
        ),
        pl.len().cast(pl.Int64).alias("present"),
        pl.col("cut_pct").count().cast(pl.Int64).alias("cut_units"),
        pl.col("cut_pct").median().alias("median_cut"),
    ]


def _if_enough(count: str, figure: pl.Expr) -> pl.Expr:
    return pl.when(pl.col(count) >= N_MIN).then(figure)


def _ratios() -> list[pl.Expr]:
    stock, gone = pl.col("stock"), pl.col("closed_90d") + pl.col("withdrawn_90d")
    supply = pl.when(gone > 0).then((MONTHS_OF_SUPPLY_WINDOW * stock / gone).round(4))
    ratios = {
        "absorption_90d": ("stock", (pl.col("closed_90d") / stock).round(6)),
        "months_of_supply": ("stock", supply),
        "cut_share_90d": ("stock", (pl.col("cuts") / stock).round(6)),
        "median_cut_pct_90d": ("cuts", pl.col("median_cut").round(4)),
        "median_ask_to_first": ("ratios", pl.col("median_ratio").round(6)),
        "median_age_days": ("stock", pl.col("median_age").round(1)),
    }
    return [_if_enough(count, figure).alias(name) for name, (count, figure) in ratios.items()]


def _finish(rows: pl.DataFrame, edition: Edition) -> pl.DataFrame:
    """Add the euro median, name the columns, round money to cents and stamp the edition."""
    money = ["median", "p10", "p25", "p75", "p90", "median_low", "median_high", "median_price"]
    named = {name: f"{name}_price_per_m2" for name in segments.QUANTILES}
    return (
        rows.join(
            rate_frame(edition),
            left_on="currency",
            right_on="quote_currency",
            how="left",
            validate="m:1",
        )
        .with_columns(
            (pl.col("median") / pl.col("quote_per_eur")).round(2).alias("median_price_eur_per_m2"),
            pl.col("shrunk").round(2).alias("shrunk_price_per_m2"),
            pl.col(money).round(2),
            pl.lit(edition.as_of_date).alias("as_of_date"),
            pl.lit(edition.number, dtype=pl.Int64).alias("edition"),
        )
        .rename(named)
    )


def _month_ratios() -> list[pl.Expr]:
    share = (pl.col("cut_units") / pl.col("present")).round(6)
    return [
        _if_enough("present", share).alias("cut_share"),
        _if_enough("cut_units", pl.col("median_cut").round(4)).alias("median_cut_pct"),
    ]
