"""Investment scores: what a home for sale promises its buyer, in parts one can read.

Each part is a percentile among the homes for sale of the same type when the edition was
made, so a score moves only with the home itself until the next edition. Weights and the
costs behind yields stand in `assumptions`.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from analytics import ladder
from analytics.assumptions import SCORE, WEIGHTS, YIELD
from analytics.frozen import Edition, Ranks
from analytics.listings import market_country, rate_frame
from analytics.valuation import predict_rents
from store.shapes.vocabulary import ALL, N_MIN, Transaction

PARTS = {
    "yield_part": ("net_yield_pct", 1.0, WEIGHTS.net_yield),
    "gap_part": ("z_score", -1.0, WEIGHTS.gap),
    "liquidity_part": ("liquidity", 1.0, WEIGHTS.liquidity),
    "momentum_part": ("momentum_pct", 1.0, WEIGHTS.momentum),
    "certainty_part": ("uncertainty", -1.0, WEIGHTS.certainty),
}
"""Part -> measure it ranks, +1 when more is better or -1, weight."""

BELOW_N_MIN = "below_n_min"
PRICE_OUT_OF_LINE = "price_out_of_line"

MARKET_SCORE_COLUMNS = (
    "id",
    "score",
    "reason",
    *PARTS,
    "yield_basis",
    "liquidity_basis",
    "momentum_basis",
    *(part.replace("_part", "_weight") for part in PARTS),
    "predicted_rent_eur",
    "gross_yield_pct",
    "net_yield_pct",
    "liquidity",
    "momentum_pct",
    "uncertainty",
    "as_of_date",
    "edition",
)


def score_listings(
    edition: Edition, listings: pl.DataFrame, valuations: pl.DataFrame
) -> pl.DataFrame:
    """Return market_scores rows, sorted by id: of homes for sale, on the market, with a price.

    `valuations` are those of these listings. A part without its measure is null and left out
    of the weighted mean. The score is null, with the valuation's reason, without a value, and
    with below_n_min when fewer than N_MIN homes of the market were there to rank it among, and
    with price_out_of_line when the ask is too far from the value to be meant.
    """
    measured = measures(edition, listings, valuations)
    parts = _percentiles(measured, edition.ranks)
    weights = [
        pl.when(pl.col(part).is_not_null()).then(pl.lit(weight)).alias(_weight(part))
        for part, (_, _, weight) in PARTS.items()
    ]
    return (
        parts.with_columns(weights)
        .with_columns(_score())
        .with_columns(
            _reason(),
            pl.lit(edition.as_of_date).alias("as_of_date"),
            pl.lit(edition.number, dtype=pl.Int64).alias("edition"),
        )
        .select(MARKET_SCORE_COLUMNS)
        .sort("id")
    )


def measures(edition: Edition, listings: pl.DataFrame, valuations: pl.DataFrame) -> pl.DataFrame:
    """Return what the parts rank, of homes for sale on the market with a price, by id.

    Adds to id, type, unit_id, is_unit_lead and market_country: predicted_rent_eur, gross and
    net yield, liquidity, momentum_pct, uncertainty (width of the 90 % interval / value),
    z_score, the bases, and `value_reason`.
    """
    homes = listings.filter(
        (pl.col("transaction") == Transaction.SALE)
        & pl.col("is_on_market")
        & (pl.col("price_quote") > 0)
    ).sort("id")
    rents = predict_rents(edition, homes).select(
        "id",
        pl.col("value_eur").alias("predicted_rent_eur"),
        pl.when(pl.col("value_eur").is_not_null()).then("basis").alias("yield_basis"),
    )
    values = valuations.select(
        "id",
        "z_score",
        (1 + pl.col("gap_pct") / 100).alias("ask_to_value"),
        ((pl.col("high_90") - pl.col("low_90")) / pl.col("value")).round(6).alias("uncertainty"),
        pl.col("reason").alias("value_reason"),
    )
    return (
        homes.join(rents, on="id", how="left", validate="1:1")
        .join(values, on="id", how="left", validate="1:1")
        .join(rate_frame(edition), on="quote_currency", how="left", validate="m:1")
        .with_columns(market_country(), *_yields())
        .pipe(ladder.climb, edition.signals, ["liquidity"], "liquidity_basis")
        .pipe(ladder.climb, edition.signals, ["momentum_pct"], "momentum_basis")
    )


def rank_tables(measured: pl.DataFrame) -> dict[tuple[str, str], Ranks]:
    """Return sorted measures by (country, type) and (country, "all") of leading adverts.

    A part is in a segment's table only with at least N_MIN homes.
    """
    leads = measured.filter(
        pl.col("is_unit_lead") & pl.col("z_score").is_not_null() & _is_in_line()
    )
    every = leads.with_columns(pl.lit(ALL).alias("type"))
    tables = {}
    for rows in (leads, every):
        for (country, kind), homes in rows.partition_by(
            ["market_country", "type"], as_dict=True
        ).items():
            tables[str(country), str(kind)] = _sorted_measures(homes)
    return dict(sorted(tables.items()))


def _sorted_measures(homes: pl.DataFrame) -> Ranks:
    ranks = {}
    for part, (measure, sign, _) in PARTS.items():
        numbers = np.sort(sign * homes[measure].drop_nulls().to_numpy())
        if len(numbers) >= N_MIN:
            ranks[part] = numbers
    return ranks


def _percentiles(measured: pl.DataFrame, ranks: Mapping[tuple[str, str], Ranks]) -> pl.DataFrame:
    empty = measured.clear().with_columns(pl.lit(None, dtype=pl.Float64).alias(p) for p in PARTS)
    parts = [empty]
    for (country, kind), homes in measured.partition_by(
        ["market_country", "type"], as_dict=True
    ).items():
        country_ranks = ranks.get((str(country), ALL), {})
        tables = {**country_ranks, **ranks.get((str(country), str(kind)), {})}
        parts.append(homes.with_columns(_part(homes, tables, part) for part in PARTS))
    return pl.concat(parts)


def _part(homes: pl.DataFrame, ranks: Ranks, part: str) -> pl.Series:
    """Return the mid-rank percentile of each home's measure, 0-100; null without either."""
    measure, sign, _ = PARTS[part]
    numbers = homes[measure].cast(pl.Float64)
    if part not in ranks:
        return pl.Series(part, [None] * homes.height, dtype=pl.Float64)
    asked = sign * numbers.fill_null(0.0).to_numpy()
    below = np.searchsorted(ranks[part], asked, side="left")
    up_to = np.searchsorted(ranks[part], asked, side="right")
    percentile = pl.Series(part, 50.0 * (below + up_to) / len(ranks[part])).round(4)
    return pl.select(pl.when(numbers.is_not_null()).then(percentile).alias(part)).to_series()


def _weight(part: str) -> str:
    return part.replace("_part", "_weight")


def _score() -> pl.Expr:
    has_value = pl.col("gap_part").is_not_null() & _is_in_line()
    weighed = pl.sum_horizontal(pl.col(part) * pl.col(_weight(part)) for part in PARTS)
    weights = pl.sum_horizontal(_weight(part) for part in PARTS)
    return pl.when(has_value).then((weighed / weights).round(4)).alias("score")


def _is_in_line() -> pl.Expr:
    """Tell whether an ask is near enough to its value to be an ask and no slip."""
    most = SCORE.most_ask_to_value
    return pl.col("ask_to_value").is_between(1 / most, most).fill_null(value=True)


def _reason() -> pl.Expr:
    unscored = pl.col("score").is_null()
    out_of_line = pl.when(~_is_in_line()).then(pl.lit(PRICE_OUT_OF_LINE))
    why = pl.coalesce("value_reason", out_of_line, pl.lit(BELOW_N_MIN))
    return pl.when(unscored).then(why).alias("reason")


def _yields() -> list[pl.Expr]:
    """Return gross and net yield in %, METRICS "Per zone" 7: per home, never of medians."""
    price = pl.col("price_quote") / pl.col("quote_per_eur")
    rent = 12 * pl.col("predicted_rent_eur")
    kept = 1 - YIELD.vacancy_share - YIELD.running_share_of_rent - YIELD.tax_share_of_rent
    net = kept * rent - (YIELD.running_share_of_price + YIELD.tax_share_of_price) * price
    return [
        (100 * rent / price).round(4).alias("gross_yield_pct"),
        (100 * net / (price * (1 + YIELD.purchase_share))).round(4).alias("net_yield_pct"),
    ]
