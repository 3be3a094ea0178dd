"""Real asks for the analytics' tests: Polish flats, January 2024, cities as zones.

Read beside the project, never copied into it; tests that need it skip where it is absent.
"""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from analytics import units
from analytics.history import INSTANT
from tests.analytics.planted import CORE_SCHEMA, Market, rates

FILE = Path(__file__).parents[2] / "../shared/data/poland/apartments_pl_2024_01.csv.gz"
AS_OF = date(2024, 1, 31)
POSTED = datetime(2024, 1, 15, 12, tzinfo=UTC)
ABSENT = "real data beside the project are absent: ../shared/data/poland"


def is_there() -> bool:
    """Tell whether the file is beside the project."""
    return FILE.exists()


def market(rows: pl.DataFrame) -> Market:
    """Return core frames of rows of `flats`, all posted on one day and on the market."""
    core = rows.with_columns(units.unit_id())
    history = core.select("id", pl.lit(1).alias("revision"), *_times(), pl.lit(1).alias("spell"))
    return Market(
        core=core.drop("city"),
        places=_places(core),
        zones=_zones(core),
        status_history=history.with_columns(pl.lit("active").alias("status")),
        price_history=history.join(
            core.select("id", "price", "currency", "price_eur"), on="id"
        ).with_columns(pl.lit(None, dtype=pl.Float64).alias("change_pct")),
        rates=rates()
        .filter(pl.col("currency") == "PLN")
        .with_columns(pl.lit(date(2024, 1, 2)).alias("rate_date")),
        truth=core.select("id", pl.col("price").alias("truth")),
    )


def flats() -> pl.DataFrame:
    """Return the January snapshot as core_listings rows with their city, in PLN."""
    price, area = pl.col("price").cast(pl.Float64), pl.col("squareMeters")
    return (
        pl.read_csv(FILE)
        .sort("id")
        .with_row_index("number", offset=1)
        .select(
            "city",
            pl.col("number").cast(pl.Int64).alias("id"),
            pl.lit(1, dtype=pl.Int64).alias("revision"),
            pl.lit("poland").alias("provider_identifier"),
            pl.col("id").alias("external_id"),
            pl.lit("flat").alias("title"),
            pl.lit("SALE").alias("transaction"),
            pl.lit("APARTMENT").alias("type"),
            pl.lit("active").alias("status"),
            price.alias("price"),
            pl.lit("PLN").alias("currency"),
            (price / 4.3).alias("price_eur"),
            pl.col("rooms").cast(pl.Int64),
            area.alias("total_area_m2"),
            area.alias("area_m2"),
            (price / 4.3 / area).alias("price_eur_per_m2"),
            "latitude",
            "longitude",
            pl.col("buildYear").cast(pl.Int64).alias("construction_year"),
            pl.col("floor").cast(pl.Int64),
            pl.col("floorCount").cast(pl.Int64).alias("floor_max"),
            *(pl.lit(None, dtype=pl.String).alias(name) for name in TEXTS),
            pl.lit(0, dtype=pl.Int64).alias("image_count"),
            *(pl.lit(POSTED).cast(INSTANT).alias(name) for name in INSTANTS),
            pl.lit(1, dtype=pl.Int64).alias("spell"),
            price.alias("first_price"),
            pl.lit("PLN").alias("first_currency"),
            pl.lit(0, dtype=pl.Int64).alias("price_cuts"),
            pl.lit(None, dtype=pl.Float64).alias("last_cut_pct"),
        )
        .select("city", *CORE_SCHEMA)
    )


TEXTS = ("partitioning", "agency_identifier", "agent_identifier")
INSTANTS = ("first_effective_at", "effective_at", "status_since", "spell_started_at")


def _times() -> list[pl.Expr]:
    return [pl.lit(POSTED).cast(INSTANT).alias(name) for name in ("effective_at", "recorded_at")]


def _places(core: pl.DataFrame) -> pl.DataFrame:
    absent = ("neighbourhood_id", "sector_id", "county_id")
    return core.select(
        "id",
        pl.col("city").alias("zone_id"),
        pl.col("city").alias("city_id"),
        *(pl.lit(None, dtype=pl.String).alias(name) for name in absent),
        pl.lit("pl").alias("country_id"),
        pl.lit("exact").alias("precision"),
    )


def _zones(core: pl.DataFrame) -> pl.DataFrame:
    cities = core.select(pl.col("city").alias("zone_id")).unique().sort("zone_id")
    country = pl.DataFrame(
        [("pl", "country", "Poland", None)],
        schema={
            "zone_id": pl.String,
            "level": pl.String,
            "name": pl.String,
            "parent_id": pl.String,
        },
        orient="row",
    )
    return pl.concat(
        [
            country,
            cities.select(
                "zone_id",
                pl.lit("city").alias("level"),
                pl.col("zone_id").alias("name"),
                pl.lit("pl").alias("parent_id"),
            ),
        ]
    )
