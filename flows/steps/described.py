"""Described: reads listings as analysts see them from what is stored; deleted ones are told apart.

Shared by the cycle that changes them and by the worker that finds them stored.
"""

import polars as pl

from analytics.edition import Edition
from analytics.listings import describe
from analytics.quality import QUALITY_COLUMNS


def described(
    listings: pl.DataFrame,
    places: pl.DataFrame,
    zones: pl.DataFrame,
    images: pl.DataFrame,
    edition: Edition,
    ids: pl.Series,
) -> pl.DataFrame:
    """Return `analytics.listings.describe` of the listings named, deleted or not.

    The frames are those of the core tables, of at least these listings.
    """
    key = ids.to_frame("id")
    return describe(
        _points_checked(listings.join(key, on="id", how="semi"), places),
        places.join(key, on="id", how="semi"),
        zones,
        images.join(key, left_on="listing_id", right_on="id", how="semi"),
        edition,
    )


def tombstones(listings: pl.DataFrame) -> pl.DataFrame:
    """Return the deleted ones of these core_listings rows."""
    return listings.filter(pl.col("deleted_at").is_not_null())


def unjudged(rows: pl.DataFrame) -> pl.DataFrame:
    """Add the columns of quality, unknown: nobody reads the quality of what is deleted."""
    return rows.with_columns(pl.lit(None, kind).alias(n) for n, kind in QUALITY_COLUMNS.items())


def _points_checked(listings: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """Null the points that lie in no zone: swapped or foreign coordinates teach nothing."""
    exact = places.filter(pl.col("precision") == "exact")["id"].implode()
    return listings.with_columns(
        pl.when(pl.col("id").is_in(exact)).then(pl.col(name)).alias(name)
        for name in ("latitude", "longitude")
    )
