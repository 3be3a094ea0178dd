"""Order statistics and intervals of zone figures."""

import math

import numpy as np
import polars as pl
import pytest

from analytics import segments
from analytics.segments import median_rank


@pytest.mark.parametrize(("count", "rank"), [(10, 2), (20, 6), (50, 18), (100, 40)])
def test_ranks_of_the_median_are_those_of_the_tables(count: int, rank: int) -> None:
    assert median_rank(count) == rank


@pytest.mark.parametrize("count", [10, 11, 37, 200, 999])
def test_the_interval_covers_95_per_cent_and_no_rank_more_would(count: int) -> None:
    def outside(rank: int) -> float:
        return 2 * sum(math.comb(count, k) for k in range(rank)) / 2**count

    assert outside(median_rank(count)) <= 0.05 < outside(median_rank(count) + 1)


def test_large_samples_agree_with_small_ones_at_the_seam() -> None:
    assert abs(median_rank(1001) - median_rank(1000)) <= 1


def test_quantiles_are_numpys() -> None:
    prices = np.random.default_rng(2).lognormal(7, 0.3, 37)
    rows = pl.DataFrame(
        {
            "zone_id": "z",
            "transaction": "SALE",
            "type": "HOUSE",
            "rooms_band": "2",
            "age_band": None,
            "zone_currency": "EUR",
            "price_per_m2": prices,
            "price_asked": prices * 50,
        },
        schema_overrides={"age_band": pl.String},
    )
    figures = segments.per_segment(rows, [], [])
    whole = figures.filter(pl.col("type") == "all", pl.col("rooms_band") == "all").row(
        0, named=True
    )
    assert whole["n"] == 37
    for name, share in segments.QUANTILES.items():
        assert whole[name] == pytest.approx(np.quantile(prices, share), rel=1e-12)
    rank = median_rank(37)
    assert whole["median_low"] == np.sort(prices)[rank - 1]
    assert whole["median_high"] == np.sort(prices)[37 - rank]


def test_an_unknown_band_counts_only_in_all() -> None:
    rows = pl.DataFrame(
        {
            "zone_id": "z",
            "transaction": "SALE",
            "type": "HOUSE",
            "rooms_band": [None, "2"],
            "age_band": ["old", "old"],
            "zone_currency": "EUR",
            "price_per_m2": [1000.0, None],
            "price_asked": [1.0, None],
        }
    )
    figures = segments.per_segment(rows, [], [pl.len().alias("homes")])
    by_band = figures.filter(pl.col("type") == "all", pl.col("age_band") == "all")
    assert dict(by_band.select("rooms_band", "homes").rows()) == {"all": 2, "2": 1}
    assert dict(by_band.select("rooms_band", "n").rows()) == {"all": 1, "2": 0}
