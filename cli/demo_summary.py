"""The demo's summary: what was posted, what the market tables say, how near the truth they are."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from analytics.accuracy import coverage_pct, mdape_pct, within_pct
from analytics.synthetic_market import SyntheticMarket
from cli.posting import PostingSummary
from flows.steps.refresh import Refreshed
from store.database import open_warehouse_reader, reading
from store.frames import read_frame
from store.home import Home
from store.settings import Settings
from store.tables import warehouse as tables

OUT = Console(highlight=False, width=max(112, min(Console().width, 140)))
KEY = ["provider_identifier", "external_id"]
SHOWN_ZONES, SHOWN_SCORES = 12, 8


def print_summary(
    settings: Settings,
    as_of: date,
    market: SyntheticMarket,
    posted: PostingSummary,
    refreshed: Refreshed,
    delays: Sequence[float],
) -> None:
    """Print everything to standard output."""
    with reading(open_warehouse_reader(settings)) as connection:
        frames = {
            table.name: read_frame(connection, table)
            for table in (
                tables.market_listings, tables.market_valuations, tables.market_scores,
                tables.market_zones, tables.core_listing_images, tables.core_refusals,
            )
        }  # fmt: skip
    OUT.rule("imo360 demo: a synthetic market, no real homes or people")
    _print_posting(market, posted)
    _print_market(frames, as_of, refreshed)
    OUT.print(_zones(frames["market_zones"]))
    OUT.print(_scores(frames["market_listings"], frames["market_scores"],
                      frames["market_valuations"]))  # fmt: skip
    OUT.print(_accuracy(frames["market_listings"], frames["market_valuations"], market.truth))
    _print_freshness(delays)
    _print_next(settings)


def _print_posting(market: SyntheticMarket, posted: PostingSummary) -> None:
    OUT.print(
        f"Posted {posted.posts:,} bodies of {market.listings:,} listings in {posted.requests:,} "
        f"requests: {posted.created:,} created, {posted.changed:,} changed, "
        f"{posted.unchanged:,} unchanged, {len(posted.refused):,} refused with a reason."
    )
    if posted.has_changed_nothing:
        OUT.print("Everything was known already: changed: false throughout, the same ids.")


def _print_market(frames: dict[str, pl.DataFrame], as_of: date, refreshed: Refreshed) -> None:
    listings, images = frames["market_listings"], frames["core_listing_images"]
    refused = frames["core_refusals"]["severity"].value_counts()
    counts = ", ".join(f"{n:,} {s}" for s, n in sorted(refused.iter_rows()))
    OUT.print(
        f"Publication {refreshed.publication} (edition {refreshed.edition}, as of {as_of}): "
        f"{listings.height:,} listings, {listings['is_on_market'].sum():,} on the market, "
        f"{listings['is_unit_lead'].sum():,} homes behind them; "
        f"{listings['zone_id'].null_count():,} without a zone."
    )
    states = images.group_by("state").len().sort("state").rows()
    OUT.print(
        f"Flow refusals: {counts or 'none'}. Pictures: "
        + (", ".join(f"{n:,} {state}" for state, n in states) or "none")
    )


def _zones(zones: pl.DataFrame) -> Table:
    is_all = pl.all_horizontal(pl.col(d) == "all" for d in ("type", "rooms_band", "age_band"))
    rows = zones.filter(is_all & (pl.col("transaction") == "SALE")
                        & pl.col("level").is_in(["country", "city", "neighbourhood"]))  # fmt: skip
    levels = [rows.filter(pl.col("level") == level).sort("n", "zone_id", descending=[True, False])
              for level in ("country", "city", "neighbourhood")]  # fmt: skip
    table = Table(title="Asking prices for sale, per m2, homes counted once", title_justify="left")
    for name in ("zone", "level", "n", "median", "95 % interval", "sold 90 d"):
        table.add_column(name, justify="left" if name in ("zone", "level") else "right")
    for part, count in zip(levels, (1, 5, SHOWN_ZONES - 6), strict=True):
        for row in part.head(count).iter_rows(named=True):
            table.add_row(
                row["zone_name"], row["level"], f"{row['n']:,}",
                _money(row["median_price_per_m2"], row["currency"]),
                f"{_plain(row['median_low'])} - {_plain(row['median_high'])}",
                f"{row['closed_90d']:,}",
            )  # fmt: skip
    return table


def _scores(listings: pl.DataFrame, scores: pl.DataFrame, values: pl.DataFrame) -> Table:
    table = Table(title="Highest investment scores", title_justify="left")
    for name in ("score", "listing", "zone", "asks", "value (80 % interval)", "net yield"):
        table.add_column(name, justify="left" if name in ("listing", "zone") else "right")
    rows = (
        scores.drop_nulls("score").sort("score", "id", descending=[True, False]).head(SHOWN_SCORES)
        .join(listings.select("id", "title", "zone_name", "price_eur"), on="id", how="left")
        .join(values.select("id", "value_eur", "low_80", "high_80", "value"), on="id", how="left")
        .sort("score", "id", descending=[True, False])
    )  # fmt: skip
    for row in rows.iter_rows(named=True):
        table.add_row(
            f"{row['score']:.1f}", row["title"][:44], row["zone_name"] or "-",
            _money(row["price_eur"], "EUR"),
            f"{_plain(row['value_eur'])} ({_plain(row['low_80'])} - {_plain(row['high_80'])})",
            "-" if row["net_yield_pct"] is None else f"{row['net_yield_pct']:.2f} %",
        )  # fmt: skip
    return table


def _accuracy(listings: pl.DataFrame, values: pl.DataFrame, truth: pl.DataFrame) -> Table:
    """Compare values with the planted truth; the generator's noise is no part of the truth."""
    known = (
        listings.filter("is_on_market")
        .join(values.drop_nulls("value_eur"), on="id", how="inner")
        .join(truth.filter(pl.col("is_accepted")), on=KEY, how="inner", suffix="_true")
    )
    table = Table(title="Valuation against the planted truth", title_justify="left")
    for name in ("", "n", "MdAPE", "within 10 %", "within 20 %", "truth in 90 % interval"):
        table.add_column(name, justify="right")
    for label, part in (
        ("sale", known.filter(pl.col("transaction") == "SALE")),
        ("rent", known.filter(pl.col("transaction") == "RENT")),
    ):
        if part.height:
            table.add_row(label, f"{part.height:,}", *_judge(part))
    return table


def _judge(part: pl.DataFrame) -> list[str]:
    value, true = part["value_eur"].to_numpy(), part["true_value_eur"].to_numpy()
    per_euro = np.asarray(part["value"].to_numpy() / value)
    low, high = part["low_90"].to_numpy() / per_euro, part["high_90"].to_numpy() / per_euro
    return [
        f"{mdape_pct(value, true):.1f} %", f"{within_pct(value, true, 10):.0f} %",
        f"{within_pct(value, true, 20):.0f} %", f"{coverage_pct(true, low, high):.0f} %",
    ]  # fmt: skip


def _print_freshness(delays: Sequence[float]) -> None:
    if delays:
        middle, late = np.quantile(delays, [0.5, 0.95])
        OUT.print(
            f"From post to published, {len(delays)} single changes beside a running worker: "
            f"median {middle * 1000:.0f} ms, 95 % within {late * 1000:.0f} ms."
        )


def _print_next(settings: Settings) -> None:
    root = settings.home
    home = "" if str(root) == "data/var" else f" --home {root}"
    OUT.rule("how to go on")
    OUT.print(
        f"imo360 up{home}                      the explorer and the API, refreshed as you post\n"
        f"imo360 export market_zones{home}     any table as JSONL, CSV or Parquet\n"
        f"{Home(root).exports}/MANIFEST.json   the same tables as Parquet files\n"
        "The command is .venv/bin/imo360."
    )


def _plain(number: float | None) -> str:
    return "-" if number is None else f"{number:,.0f}"


def _money(number: float | None, currency: str) -> str:
    return "-" if number is None else f"{number:,.0f} {currency}"
