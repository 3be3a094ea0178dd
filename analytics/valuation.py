"""Value listings: the model where it may answer, else the zone ladder, else a reason.

Row by row given the edition, so a batch of one gives what a batch of all gives. Values are
learnt from asking prices: a value is the ask one would expect on the as-of date.

A home's own ask never reaches its own modelled value: the model that values it has seen
neither its row nor its price among neighbours or zones (folds by unit, `market_model`). A
ladder's median does hold the home itself, one among at least ten.
"""

import polars as pl

from analytics import ladder, market_model
from analytics.frozen import Edition
from analytics.listings import market_country, rate_frame
from analytics.market_model import MarketModel
from store.shapes.vocabulary import Transaction, ValueLabel

MODEL_BASIS = "model"
NO_AREA, NO_PLACE, NO_COMPARABLES = "no_area", "no_place", "no_comparables"

GRADES = (("A", 0.20), ("B", 0.35), ("C", 0.55))
"""METRICS: widest 90 % interval, as a share of the value, that still earns the grade; else D."""

MARKET_VALUATION_COLUMNS = (
    "id",
    "value",
    "currency",
    "value_eur",
    "value_per_m2",
    "low_80",
    "high_80",
    "low_90",
    "high_90",
    "sigma",
    "gap_pct",
    "z_score",
    "label",
    "grade",
    "basis",
    "basis_zone_id",
    "n",
    "reason",
    "model_version",
    "as_of_date",
    "edition",
)

ESTIMATE_SCHEMA = {
    "id": pl.Int64,
    "ln_value": pl.Float64,
    "half_80": pl.Float64,
    "half_90": pl.Float64,
    "n": pl.Int64,
    "basis": pl.String,
    "basis_zone_id": pl.String,
    "model_version": pl.String,
}


def value_listings(edition: Edition, listings: pl.DataFrame) -> pl.DataFrame:
    """Return market_valuations rows of the given market_listings, sorted by id.

    Priced or not, on the market or not; rents for RENT. Money in the quoting currency,
    rounded to cents. gap_pct, z_score and label are null without an asking price; everything
    but `reason` (no_area, no_place, no_comparables) and n = 0 is null without a value.
    """
    rows = listings.sort("id").with_columns(market_country())
    modelled = _modelled(edition, rows)
    laddered = _laddered(edition, rows.join(modelled, on="id", how="anti"))
    estimates = pl.concat([modelled, laddered])
    return (
        rows.drop("edition", "as_of_date")
        .join(estimates, on="id", how="left", validate="1:1", maintain_order="left")
        .join(rate_frame(edition), on="quote_currency", how="left", validate="m:1")
        .with_columns(pl.col("ln_value").exp().alias("exact"), _reason(), pl.col("n").fill_null(0))
        .with_columns(*_values())
        .with_columns(*_judgements())
        .with_columns(
            pl.lit(edition.as_of_date).alias("as_of_date"),
            pl.lit(edition.number, dtype=pl.Int64).alias("edition"),
            pl.col("quote_currency").alias("currency"),
        )
        .select(MARKET_VALUATION_COLUMNS)
        .sort("id")
    )


def predict_rents(edition: Edition, listings: pl.DataFrame) -> pl.DataFrame:
    """Return market_valuations rows as if the given homes for sale were to let, by id.

    The home's fold is that of its own rental advert, where there is one.
    """
    quotes = {
        country: currency
        for (country, transaction), currency in edition.quotes.items()
        if transaction == Transaction.RENT
    }
    currency = market_country().replace_strict(quotes, default=None, return_dtype=pl.String)
    return value_listings(
        edition,
        listings.with_columns(
            pl.lit(Transaction.RENT.value).alias("transaction"),
            pl.coalesce(currency, "quote_currency").alias("quote_currency"),
            pl.col("unit_id").str.replace(r"^SALE:", "RENT:"),
            pl.lit(None, dtype=pl.Float64).alias("price_quote"),
        ),
    )


def _modelled(edition: Edition, rows: pl.DataFrame) -> pl.DataFrame:
    parts = [pl.DataFrame(schema=ESTIMATE_SCHEMA)]
    for market, model in sorted(edition.models.items()):
        homes = rows.filter(_in_market(*market) & market_model.usable(model))
        if not homes.is_empty():
            parts.append(_estimates(model, homes))
    return pl.concat(parts)


def _in_market(country: str, transaction: str, currency: str) -> pl.Expr:
    return (
        (pl.col("market_country") == country)
        & (pl.col("transaction") == transaction)
        & (pl.col("quote_currency") == currency)
    )


def _estimates(model: MarketModel, homes: pl.DataFrame) -> pl.DataFrame:
    said = market_model.predict(model, homes)
    return homes.select(
        pl.col("id").cast(pl.Int64),
        pl.Series("ln_value", said.ln_price_per_m2) + pl.col("area_m2").log(),
        pl.Series("half_80", said.half_80),
        pl.Series("half_90", said.half_90),
        pl.lit(model.units, dtype=pl.Int64).alias("n"),
        pl.lit(MODEL_BASIS).alias("basis"),
        pl.lit(None, dtype=pl.String).alias("basis_zone_id"),
        pl.lit(model.version).alias("model_version"),
    ).select(list(ESTIMATE_SCHEMA))


def _laddered(edition: Edition, rows: pl.DataFrame) -> pl.DataFrame:
    if rows.is_empty():
        return pl.DataFrame(schema=ESTIMATE_SCHEMA)
    figures = ["median_price_per_m2", "half_80", "half_90", "n", "currency"]
    climbed = ladder.climb(
        rows.filter(pl.col("area_m2") > 0).drop("currency"), edition.ladder, figures, "basis"
    )
    return (
        climbed.filter(pl.col("currency") == pl.col("quote_currency"))
        .with_columns(
            (pl.col("median_price_per_m2") * pl.col("area_m2")).log().alias("ln_value"),
            pl.lit(None, dtype=pl.String).alias("model_version"),
            pl.col("id").cast(pl.Int64),
        )
        .select(list(ESTIMATE_SCHEMA))
    )


def _reason() -> pl.Expr:
    nowhere = pl.any_horizontal(pl.col("latitude", "longitude").is_null()) & (
        pl.col("zone_id").is_null()
    )
    return (
        pl.when(pl.col("ln_value").is_not_null())
        .then(pl.lit(None, dtype=pl.String))
        .when((pl.col("area_m2") > 0).fill_null(value=False).not_())
        .then(pl.lit(NO_AREA))
        .when(nowhere)
        .then(pl.lit(NO_PLACE))
        .otherwise(pl.lit(NO_COMPARABLES))
        .alias("reason")
    )


def _values() -> list[pl.Expr]:
    value = pl.col("exact")
    ends = [
        (value * (sign * pl.col(f"half_{level}")).exp()).round(2).alias(f"{name}_{level}")
        for level in ("80", "90")
        for sign, name in ((-1, "low"), (1, "high"))
    ]
    return [
        value.round(2).alias("value"),
        (value / pl.col("quote_per_eur")).round(2).alias("value_eur"),
        (value / pl.col("area_m2")).round(2).alias("value_per_m2"),
        ladder.sigma("half_80").round(6).alias("sigma"),
        *ends,
    ]


def _judgements() -> list[pl.Expr]:
    price, value = pl.col("price_quote"), pl.col("exact")
    priced = price > 0
    ratio = price / value
    width = (pl.col("high_90") - pl.col("low_90")) / value
    label = (
        pl.when(price < pl.col("low_80"))
        .then(pl.lit(ValueLabel.UNDER_PRICED.value))
        .when(price > pl.col("high_80"))
        .then(pl.lit(ValueLabel.OVER_PRICED.value))
        .when(value.is_not_null())
        .then(pl.lit(ValueLabel.FAIR.value))
    )
    grade = pl.coalesce(
        *(pl.when(width <= widest).then(pl.lit(name)) for name, widest in GRADES),
        pl.when(width.is_not_null()).then(pl.lit("D")),
    )
    z_score = (ratio.log() / ladder.sigma("half_80")).round(4)
    return [
        pl.when(priced).then((100 * (ratio - 1)).round(4)).alias("gap_pct"),
        pl.when(priced & (pl.col("half_80") > 0)).then(z_score).alias("z_score"),
        pl.when(priced).then(label).alias("label"),
        grade.alias("grade"),
    ]
