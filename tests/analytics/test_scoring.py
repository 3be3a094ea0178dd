"""Scores: parts one can read, more is never worse, null only with a reason."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from analytics import scoring, valuation
from analytics.assumptions import WEIGHTS, YIELD
from store.tables.warehouse import market_scores
from tests.analytics import planted
from tests.analytics.conftest import World, world_of


def scored(world: World) -> pl.DataFrame:
    return scoring.score_listings(world.edition, world.listings, world.values)


def homes(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [
        {"floor": n, "floor_max": 99, "price": 50.0 * (1000 + 20 * n), **changes}
        for n in range(count)
    ]


def lets(count: int) -> list[dict[str, Any]]:
    return homes(count, transaction="RENT", price=250.0)


def test_columns_are_those_of_the_table(thin: World) -> None:
    names = [c.name for c in market_scores.columns if c.name != "publication"]
    assert scored(thin).columns == names


def test_priced_homes_for_sale_on_the_market_are_scored(thin: World) -> None:
    wanted = thin.listings.filter(
        pl.col("transaction") == "SALE", pl.col("is_on_market"), pl.col("price").is_not_null()
    )
    assert scored(thin)["id"].to_list() == wanted["id"].to_list()


def test_weights_sum_to_one() -> None:
    parts = ("net_yield", "gap", "liquidity", "momentum", "certainty")
    assert sum(getattr(WEIGHTS, part) for part in parts) == pytest.approx(1.0)


def test_the_score_is_the_weighted_mean_of_its_parts(thin: World) -> None:
    rows = scored(thin).filter(pl.col("score").is_not_null())
    assert rows.height > 50
    parts = list(scoring.PARTS)
    weights = [part.replace("_part", "_weight") for part in parts]
    weighed = rows.select(
        pl.sum_horizontal(pl.col(p) * pl.col(w) for p, w in zip(parts, weights, strict=True))
        / pl.sum_horizontal(weights)
    ).to_series()
    assert (weighed - rows["score"]).abs().max() < 1e-3  # type: ignore[operator]
    for part, weight in zip(parts, weights, strict=True):
        assert rows.filter(pl.col(part).is_null() != pl.col(weight).is_null()).height == 0
        known = rows[part].drop_nulls()
        assert known.is_between(0, 100).all()


def test_yields_follow_the_stated_assumptions() -> None:
    row = scored(world_of(planted.listings_from([*homes(12), *lets(12)]))).row(0, named=True)
    rent, price = row["predicted_rent_eur"] * 12, 50_000.0
    assert rent == pytest.approx(3000.0)
    assert row["gross_yield_pct"] == pytest.approx(6.0)
    kept = 1 - YIELD.vacancy_share - YIELD.running_share_of_rent - YIELD.tax_share_of_rent
    costs = (YIELD.running_share_of_price + YIELD.tax_share_of_price) * price
    net = 100 * (kept * rent - costs) / (price * (1 + YIELD.purchase_share))
    assert row["net_yield_pct"] == pytest.approx(net, abs=1e-3)
    assert row["yield_basis"] == "neighbourhood"


def test_a_part_without_data_is_left_out_and_the_score_stands() -> None:
    row = scored(world_of(planted.listings_from(homes(12)))).row(0, named=True)
    assert (row["yield_part"], row["yield_weight"], row["yield_basis"]) == (None, None, None)
    assert (row["liquidity_part"], row["liquidity_basis"]) == (None, None)
    assert row["score"] is not None


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([*homes(12), {"area_m2": None}], "no_area"),
        ([*homes(12), {"type": "GARAGE"}], "no_comparables"),
    ],
    ids=["no area", "no others"],
)
def test_no_score_comes_with_the_reason_of_no_value(rows: list[Any], reason: str) -> None:
    last = scored(world_of(planted.listings_from(rows))).row(-1, named=True)
    assert (last["score"], last["reason"]) == (None, reason)


def test_too_few_to_rank_among_is_a_reason() -> None:
    world = world_of(planted.listings_from(homes(12)))
    unranked = replace(world, edition=replace(world.edition, ranks={}))
    last = scored(unranked).row(0, named=True)
    assert (last["score"], last["reason"]) == (None, "below_n_min")


def test_a_type_too_rare_to_rank_is_ranked_among_all_types(thin: World) -> None:
    ranks = {key: parts for key, parts in thin.edition.ranks.items() if key[1] == "all"}
    rows = scored(replace(thin, edition=replace(thin.edition, ranks=ranks)))
    assert rows["score"].drop_nulls().len() > 50


@pytest.mark.parametrize(
    ("part", "measure", "better"),
    [
        ("gap_part", "z_score", -1.0),
        ("certainty_part", "uncertainty", -1.0),
        ("yield_part", "net_yield_pct", 1.0),
        ("liquidity_part", "liquidity", 1.0),
        ("momentum_part", "momentum_pct", 1.0),
    ],
)
def test_each_part_rises_with_what_it_measures(
    part: str, measure: str, better: float, thin: World
) -> None:
    measured = scoring.measures(thin.edition, thin.listings, thin.values)
    rows = scored(thin).join(measured.select("id", pl.col(measure).alias("raw")), on="id")
    ordered = rows.drop_nulls(["raw", part]).sort(better * pl.col("raw"))
    assert ordered.height > 50
    assert (np.diff(ordered[part].to_numpy()) >= 0).all()


def test_a_lower_ask_never_scores_lower(thin: World) -> None:
    cheaper = thin.listings.with_columns(pl.col("price_quote") * 0.9)
    values = thin.values.with_columns(pl.col("z_score") - np.log(1 / 0.9) / pl.col("sigma"))
    after = scoring.score_listings(thin.edition, cheaper, values)
    assert (after["score"] >= scored(thin)["score"]).drop_nulls().all()


def test_any_batch_gives_the_same_scores(thin: World) -> None:
    parts = [
        scoring.score_listings(thin.edition, thin.listings[n : n + 9], thin.values[n : n + 9])
        for n in range(0, thin.listings.height, 9)
    ]
    assert pl.concat(parts).equals(scored(thin))


def test_signals_climb_to_the_zone_that_has_them(thin: World) -> None:
    only = thin.edition.signals.filter(pl.col("zone_id").is_in(["ro", "a.c"]))
    rows = scored(replace(thin, edition=replace(thin.edition, signals=only)))
    places = rows.join(thin.listings.select("id", "city_id"), on="id")
    bases = dict(places.select("city_id", "liquidity_basis").unique().rows())
    assert bases == {"a.c": "city", "b.c": "country"}


def test_an_ask_with_a_digit_too_few_is_no_bargain(thin: World) -> None:
    before = scored(thin).filter(pl.col("score").is_not_null())
    slipped = before["id"][0]
    price = pl.when(pl.col("id") == slipped).then(pl.col("price_quote") / 10)
    listings = thin.listings.with_columns(price.otherwise("price_quote").alias("price_quote"))
    values = valuation.value_listings(thin.edition, listings)
    after = scoring.score_listings(thin.edition, listings, values)
    row = after.filter(pl.col("id") == slipped).row(0, named=True)
    assert (row["score"], row["reason"]) == (None, "price_out_of_line")
