"""Collapse: from versions to current state and history, revision by revision.

Pure frames. Each touched listing starts from what is stored of it, so that any split of the
events into batches gives the same rows.
"""

from dataclasses import dataclass

import polars as pl

from store.frames import conform
from store.shapes.vocabulary import CLOSED, LEFT, ON_MARKET, Status
from store.tables import warehouse as tables

STORED = (
    "id", "revision", "status", "price", "currency", "spell", "first_effective_at", "status_since",
    "spell_started_at", "first_price", "first_currency", "price_cuts", "last_cut_at",
    "last_cut_pct",
)  # fmt: skip
"""What is read of stored listings: a new version brings all the rest."""


@dataclass(frozen=True)
class Collapsed:
    """Rows to write: current state (one per listing) and history (one per change)."""

    listings: pl.DataFrame
    price_history: pl.DataFrame
    status_history: pl.DataFrame


def collapse(versions: pl.DataFrame, stored: pl.DataFrame) -> Collapsed:
    """Fold new versions onto the stored listings.

    versions: core_listing_versions rows plus unit_id, any number per listing.
    stored: STORED columns of (at least) the listings in `versions`.
    """
    walked = _walk(versions, stored)
    new = walked.filter(pl.col("is_new_row"))
    return Collapsed(
        listings=_listings(walked),
        price_history=conform(new.filter("is_price_change"), tables.core_price_history),
        status_history=conform(new.filter("is_status_change"), tables.core_status_history),
    )


def _walk(versions: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Put each listing's stored row before its new versions and walk them in revision order."""
    known = stored.join(versions.select("id").unique(), on="id", how="semi")
    rows = pl.concat(
        [
            known.with_columns(pl.lit(False).alias("is_new_row")),
            versions.with_columns(pl.lit(True).alias("is_new_row")),
        ],
        how="diagonal",
    ).sort("id", "revision", "is_new_row")
    return (
        rows.with_columns(_changes())
        .with_columns(_begins())
        .with_columns(_spells())
        .with_columns(_stretches())
    )


def _before(column: str) -> pl.Expr:
    return pl.col(column).shift(1).over("id")


def _changes() -> list[pl.Expr]:
    is_first = pl.col("is_new_row") & _before("revision").is_null()
    same_currency = pl.col("currency") == _before("currency")
    change = pl.when(same_currency).then(100 * (pl.col("price") / _before("price") - 1)).round(4)
    return [
        is_first.alias("is_first"),
        (
            (
                is_first
                | (pl.col("price").ne_missing(_before("price")))
                | (pl.col("currency") != _before("currency"))
            )
            # A deletion with a price that cannot be asks nothing: the last ask stands.
            & (pl.col("price").is_not_null() | pl.col("deleted_at").is_null())
        ).alias("is_price_change"),
        (is_first | (pl.col("status") != _before("status"))).alias("is_status_change"),
        change.alias("change_pct"),
    ]


def _begins() -> list[pl.Expr]:
    """Mark returns to the market, and rows that begin a spell.

    A listing that was closed or left and is on the market again opens a new spell; one that was
    a draft begins its first.
    """
    is_on = pl.col("status").is_in([s.value for s in ON_MARKET])
    before = _before("status")
    was_off = before.is_in([s.value for s in CLOSED | LEFT]).fill_null(False)
    was_draft = (before == Status.DRAFT.value).fill_null(False)
    is_new = pl.col("is_new_row")
    return [
        (is_new & is_on & was_off).alias("is_return"),
        (is_new & (pl.col("is_first") | (is_on & (was_off | was_draft)))).alias("is_begin"),
    ]


def _spells() -> list[pl.Expr]:
    returns = pl.col("is_return").cum_sum().over("id").cast(pl.Int64)
    start = pl.col("spell").first().over("id").fill_null(1)
    is_cut = (pl.col("is_new_row") & ~pl.col("is_begin") & (pl.col("change_pct") < 0)).fill_null(
        False
    )
    return [
        (start + returns).alias("spell"),
        pl.col("is_begin").cum_sum().over("id").alias("stretch"),
        is_cut.alias("is_cut"),
    ]


def _stretches() -> list[pl.Expr]:
    """Carry the facts of a spell from where it began (in this batch or before it)."""
    stretch = ["id", "stretch"]
    begins, is_cut = pl.col("is_begin"), pl.col("is_cut")
    first = pl.col("is_first")
    return [
        pl.when(first).then("effective_at").otherwise("first_effective_at")
        .forward_fill().over("id").alias("first_effective_at"),
        pl.when(pl.col("is_new_row") & pl.col("is_status_change")).then("effective_at")
        .otherwise("status_since").forward_fill().over("id").alias("status_since"),
        pl.when(begins).then("effective_at").otherwise("spell_started_at")
        .forward_fill().over(stretch).alias("spell_started_at"),
        pl.when(begins).then("price").otherwise("first_price")
        .first().over(stretch).alias("first_price"),
        pl.when(begins).then("currency").otherwise("first_currency")
        .first().over(stretch).alias("first_currency"),
        (is_cut.cast(pl.Int64).cum_sum().over(stretch)
         + pl.col("price_cuts").first().over(stretch).fill_null(0)).alias("price_cuts"),
        pl.when(is_cut).then("effective_at").otherwise("last_cut_at")
        .forward_fill().over(stretch).alias("last_cut_at"),
        pl.when(is_cut).then(-pl.col("change_pct")).otherwise("last_cut_pct")
        .forward_fill().over(stretch).alias("last_cut_pct"),
    ]  # fmt: skip


def _listings(walked: pl.DataFrame) -> pl.DataFrame:
    newest = walked.unique("id", keep="last", maintain_order=True).filter("is_new_row")
    return conform(newest, tables.core_listings).sort("id")
