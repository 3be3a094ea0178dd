"""History: from moves of the lifecycle to spells on the market, of adverts and of homes.

Order is revision, never a clock; instants only say how long. Zone figures and signals build
on these spells.
"""

from datetime import UTC, date, datetime

import polars as pl

from store.shapes.vocabulary import CLOSED, ON_MARKET

TIME_ZONE = "Europe/Bucharest"
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
INSTANT = pl.Datetime("us", "UTC")

SPELL_COLUMNS = ("id", "spell", "started_at", "ended_at", "end_status", "censored")


def day_of(column: str) -> pl.Expr:
    """Return the day of an instant in Europe/Bucharest, under the column's own name."""
    return pl.col(column).cast(INSTANT).dt.convert_time_zone(TIME_ZONE).dt.date()


def day_seen(column: str, as_of_date: date) -> pl.Expr:
    """Return the day of an instant, the as-of date where it lies after that."""
    return pl.min_horizontal(day_of(column), pl.lit(as_of_date))


def is_on_market() -> pl.Expr:
    """Tell whether a row's status is one of those on the market."""
    return pl.col("status").is_in([status.value for status in ON_MARKET])


def is_closed(column: str) -> pl.Expr:
    """Tell whether a status says that the home was sold or let."""
    return pl.col(column).is_in([status.value for status in CLOSED])


def spells(status_history: pl.DataFrame) -> pl.DataFrame:
    """Return one row per listing and spell on the market.

    Reads id, revision, effective_at, status, spell of core_status_history. Adds started_at;
    ended_at and end_status, null while on the market; censored, true then. A spell ends with
    the first move off the market; it is called sold or rented if any later move of the spell
    says so (withdrawn first and reported as sold afterwards is a sale). An end whose clock is
    earlier than the start is put at the start. Spells never on the market (drafts) are absent.
    """
    moves = status_history.sort("id", "revision")
    entered = (
        moves.filter(is_on_market())
        .group_by("id", "spell")
        .agg(
            pl.col("effective_at").first().alias("started_at"),
            pl.col("revision").min().alias("started_revision"),
        )
    )
    left = _ends(moves, entered)
    return (
        entered.join(left, on=["id", "spell"], how="left", validate="1:1")
        .with_columns(
            pl.when(pl.col("ended_at").is_not_null()).then(
                pl.max_horizontal("started_at", "ended_at").alias("ended_at")
            )
        )
        .with_columns(pl.col("ended_at").is_null().alias("censored"))
        .select(SPELL_COLUMNS)
        .sort("id", "spell")
    )


def _ends(moves: pl.DataFrame, entered: pl.DataFrame) -> pl.DataFrame:
    off = (
        moves.filter(~is_on_market())
        .join(entered, on=["id", "spell"], how="inner", validate="m:1", maintain_order="left")
        .filter(pl.col("revision") > pl.col("started_revision"))
    )
    closing = pl.col("status").filter(is_closed("status")).first()
    return off.group_by("id", "spell").agg(
        pl.col("effective_at").first().alias("ended_at"),
        pl.coalesce(closing, pl.col("status").first()).alias("end_status"),
    )


def unit_spells(spells: pl.DataFrame, listings: pl.DataFrame) -> pl.DataFrame:
    """Return one row per home and spell: overlapping spells of its adverts are one.

    Reads spells and (id, unit_id) of listings; a spell of an unknown listing is left out.
    Gives unit_id, started_at, ended_at (null while any advert is on the market), end_status
    of the advert that left last. So a second advert is no new supply, and one advert less is
    no withdrawal while another stays.
    """
    rows = spells.join(listings.select("id", "unit_id"), on="id", how="inner").sort(
        "unit_id", "started_at", "id", "spell"
    )
    reach = pl.col("ended_at").fill_null(NEVER).cum_max().shift(1).over("unit_id")
    opens = (pl.col("started_at") > reach).fill_null(value=True)
    return (
        rows.with_columns(opens.cum_sum().over("unit_id").alias("unit_spell"))
        .sort("unit_id", "unit_spell", pl.col("ended_at").fill_null(NEVER), "id", "spell")
        .group_by("unit_id", "unit_spell")
        .agg(
            pl.col("started_at").min(),
            pl.col("ended_at").last(),
            pl.col("end_status").last(),
        )
        .sort("unit_id", "unit_spell")
    )
