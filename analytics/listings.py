"""Describe listings as analysts see them: core rows, places and pictures become market rows.

Row by row; what depends on a home's other adverts (which one leads) is a function of its own.
"""

from datetime import date

import polars as pl

from analytics.frozen import Edition
from analytics.history import day_of, is_on_market
from store.shapes.vocabulary import ALL, PlacePrecision

NEW_YEARS = 3
"""METRICS: built within three years of the as-of date is new."""

PLACE_COLUMNS = (
    "neighbourhood_id",
    "sector_id",
    "city_id",
    "county_id",
    "country_id",
)

MARKET_LISTING_COLUMNS = (
    "id",
    "provider_identifier",
    "external_id",
    "title",
    "transaction",
    "type",
    "status",
    "is_on_market",
    "price",
    "currency",
    "price_eur",
    "price_eur_per_m2",
    "quote_currency",
    "price_quote",
    "rooms",
    "rooms_band",
    "age_band",
    "total_area_m2",
    "area_m2",
    "construction_year",
    "floor",
    "floor_max",
    "partitioning",
    "latitude",
    "longitude",
    "zone_id",
    "zone_name",
    "zone_level",
    *PLACE_COLUMNS,
    "place_precision",
    "agency_identifier",
    "agent_identifier",
    "unit_id",
    "is_unit_lead",
    "spell",
    "first_effective_at",
    "effective_at",
    "status_since",
    "spell_started_at",
    "days_online",
    "price_cuts",
    "last_cut_pct",
    "ask_to_first_ratio",
    "image_count",
    "images_stored",
    "images_state",
    "cover_sha256",
    "as_of_date",
    "edition",
)


def describe(
    core: pl.DataFrame,
    places: pl.DataFrame,
    zones: pl.DataFrame,
    images: pl.DataFrame,
    edition: Edition,
) -> pl.DataFrame:
    """Return market_listings rows of the given core_listings, sorted by id.

    `places` and `images` hold rows of these listings at least; a listing without a place is
    at precision unknown. `is_unit_lead` is false throughout: `mark_leads` sets it. Needs no
    other listing, so any batch gives the same rows. Publication is left to the publisher.
    """
    return (
        core.join(_named_places(places, zones), on="id", how="left", validate="1:1")
        .with_columns(market_country(), pl.col("place_precision").fill_null(PlacePrecision.UNKNOWN))
        .join(_quotes(edition), on=["market_country", "transaction"], how="left", validate="m:1")
        .with_columns(pl.coalesce("quote_currency", "currency").alias("quote_currency"))
        .join(rate_frame(edition), on="quote_currency", how="left", validate="m:1")
        .join(_pictures(images), on="id", how="left", validate="1:1")
        .with_columns(
            is_on_market().alias("is_on_market"),
            in_quote_currency("price").alias("price_quote"),
            rooms_band(),
            age_band(edition.as_of_date),
            days_online(edition.as_of_date),
            ask_to_first_ratio(),
            images_state(),
            pl.col("images_stored").fill_null(0),
            pl.lit(value=False).alias("is_unit_lead"),
            pl.lit(edition.as_of_date).alias("as_of_date"),
            pl.lit(edition.number, dtype=pl.Int64).alias("edition"),
        )
        .select(MARKET_LISTING_COLUMNS)
        .sort("id")
    )


def mark_leads(listings: pl.DataFrame) -> pl.DataFrame:
    """Set is_unit_lead: the lowest id on the market of each unit; no lead when none is.

    Needs every listing of each unit in the frame. Order and other columns stay as they are.
    """
    first = pl.col("id").filter(pl.col("is_on_market")).min().over("unit_id")
    lead = pl.col("is_on_market") & (pl.col("id") == first)
    return listings.with_columns(lead.fill_null(value=False).alias("is_unit_lead"))


def market_country() -> pl.Expr:
    """Return the country of a listing's market, "all" where the country is unknown."""
    return pl.col("country_id").fill_null(ALL).alias("market_country")


def rate_frame(edition: Edition) -> pl.DataFrame:
    """Return quote_currency and quote_per_eur of the edition's rates."""
    return pl.DataFrame(
        [(currency, rate.units_per_eur) for currency, rate in sorted(edition.rates.items())],
        schema={"quote_currency": pl.String, "quote_per_eur": pl.Float64},
        orient="row",
    )


def in_quote_currency(price: str) -> pl.Expr:
    """Return a price in the market's quoting currency, rounded to cents.

    As posted where it was posted in that currency, else through euro at the edition's rate.
    Reads `price`, `price`_eur, currency, quote_currency, quote_per_eur; null where either
    price or rate is unknown.
    """
    posted = pl.col("currency") == pl.col("quote_currency")
    converted = pl.col(f"{price}_eur") * pl.col("quote_per_eur")
    return pl.when(posted).then(pl.col(price)).otherwise(converted).round(2)


def rooms_band() -> pl.Expr:
    """Return 1, 2, 3 or 4+; null when the number of rooms is unknown or none."""
    rooms = pl.col("rooms")
    return (
        pl.when(rooms >= 4)
        .then(pl.lit("4+"))
        .when(rooms >= 1)
        .then(rooms.cast(pl.String))
        .alias("rooms_band")
    )


def age_band(as_of_date: date) -> pl.Expr:
    """Return new (built within three years) or old; null when the year is unknown."""
    year = pl.col("construction_year")
    return (
        pl.when(year >= as_of_date.year - NEW_YEARS)
        .then(pl.lit("new"))
        .when(year.is_not_null())
        .then(pl.lit("old"))
        .alias("age_band")
    )


def days_online(as_of_date: date) -> pl.Expr:
    """Return whole days of the current spell, to the as-of date or its end; null for drafts.

    Never negative: an event dated after the as-of date counts as of that date.
    """
    end = pl.when(is_on_market()).then(pl.lit(as_of_date)).otherwise(day_of("status_since"))
    days = (end - day_of("spell_started_at")).dt.total_days().clip(lower_bound=0)
    return pl.when(pl.col("status") != "draft").then(days).alias("days_online")


def ask_to_first_ratio() -> pl.Expr:
    """Return last ask / first ask of the spell, null when asked in two currencies; 6 decimals."""
    known = (pl.col("first_price") > 0) & (pl.col("first_currency") == pl.col("currency"))
    ratio = (pl.col("price") / pl.col("first_price")).round(6)
    return pl.when(known).then(ratio).alias("ask_to_first_ratio")


def images_state() -> pl.Expr:
    """Return none, pending, stored, partial or failed, from counts of pictures by state."""
    stored, failed = pl.col("images_stored").fill_null(0), pl.col("images_failed").fill_null(0)
    named = pl.col("image_count")
    return (
        pl.when(named == 0)
        .then(pl.lit("none"))
        .when(stored >= named)
        .then(pl.lit("stored"))
        .when(stored + failed < named)
        .then(pl.lit("pending"))
        .when(stored == 0)
        .then(pl.lit("failed"))
        .otherwise(pl.lit("partial"))
        .alias("images_state")
    )


def _quotes(edition: Edition) -> pl.DataFrame:
    return pl.DataFrame(
        [(*market, currency) for market, currency in sorted(edition.quotes.items())],
        schema={
            "market_country": pl.String,
            "transaction": pl.String,
            "quote_currency": pl.String,
        },
        orient="row",
    )


def _named_places(places: pl.DataFrame, zones: pl.DataFrame) -> pl.DataFrame:
    names = zones.select(
        "zone_id", pl.col("name").alias("zone_name"), pl.col("level").alias("zone_level")
    )
    return places.select(
        "id", "zone_id", *PLACE_COLUMNS, pl.col("precision").alias("place_precision")
    ).join(names, on="zone_id", how="left", validate="m:1")


def _pictures(images: pl.DataFrame) -> pl.DataFrame:
    stored = pl.col("state") == "stored"
    return (
        images.sort("listing_id", "position")
        .group_by(pl.col("listing_id").alias("id"))
        .agg(
            stored.sum().cast(pl.Int64).alias("images_stored"),
            (pl.col("state") == "failed").sum().cast(pl.Int64).alias("images_failed"),
            pl.col("sha256").filter(stored).first().alias("cover_sha256"),
        )
    )
