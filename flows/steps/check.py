"""Check: what must hold before readers see a publication.

A severe failure stops the publication, never the ingestion: what was loaded stays loaded.
"""

from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from flows.steps.market_rows import MarketRows
from store.shapes.vocabulary import N_MIN


@dataclass(frozen=True)
class Check:
    """The outcome of one check: `bad` rows of those looked at."""

    name: str
    is_severe: bool
    bad: int

    @property
    def is_ok(self) -> bool:
        return self.bad == 0


def check(rows: MarketRows) -> list[Check]:
    """Run every check over the rows about to be published."""
    values, scores, zones = rows.valuations, rows.scores, rows.figures.zones
    ordered = ["low_90", "low_80", "value", "high_80", "high_90"]
    return [
        _severe("listings_are_unique", rows.listings, pl.col("id").is_duplicated()),
        _severe("valuations_belong_to_listings", values,
                ~pl.col("id").is_in(rows.listings["id"].implode())),
        _severe("scores_belong_to_listings", scores,
                ~pl.col("id").is_in(rows.listings["id"].implode())),
        *[_severe(f"{low}_is_not_above_{high}", values, pl.col(low) > pl.col(high))
          for low, high in pairwise(ordered)],
        _severe("a_missing_value_has_a_reason", values,
                pl.col("value").is_null() & pl.col("reason").is_null()),
        _severe("scores_are_0_to_100", scores, ~pl.col("score").is_between(0, 100)),
        _severe("a_missing_score_has_a_reason", scores,
                pl.col("score").is_null() & pl.col("reason").is_null()),
        _severe("small_samples_are_suppressed", zones,
                (pl.col("n") < N_MIN) & pl.col("median_price_per_m2").is_not_null()),
        _severe("medians_lie_in_their_interval", zones,
                ~pl.col("median_price_per_m2").is_between("median_low", "median_high")),
        _mild("listings_have_a_zone", rows.listings, pl.col("zone_id").is_null()),
    ]  # fmt: skip


def _severe(name: str, frame: pl.DataFrame, is_bad: pl.Expr) -> Check:
    return Check(name, is_severe=True, bad=_count(frame, is_bad))


def _mild(name: str, frame: pl.DataFrame, is_bad: pl.Expr) -> Check:
    return Check(name, is_severe=False, bad=_count(frame, is_bad))


def _count(frame: pl.DataFrame, is_bad: pl.Expr) -> int:
    return int(frame.select(is_bad.fill_null(False).sum()).item())
