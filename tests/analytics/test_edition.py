"""Editions: frozen, repeatable, and possible with next to nothing."""

import json
import pickle
import zlib
from datetime import date

import polars as pl
import pytest

from analytics import edition as editions
from analytics import scoring, valuation
from tests.analytics import planted
from tests.analytics.conftest import World, describe, make_edition


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 1, 5, 20])
def test_an_edition_of_few_listings_works(count: int) -> None:
    market = planted.market(count)
    edition = make_edition(market)
    rows = describe(market, edition)
    values = valuation.value_listings(edition, rows)
    scores = scoring.score_listings(edition, rows, values)
    assert edition.models == {}
    unvalued = values.filter(pl.col("value").is_null())
    assert unvalued["reason"].null_count() == 0
    assert scores.filter(pl.col("score").is_null())["reason"].null_count() == 0


def test_rates_are_the_newest_by_the_as_of_date(thin: World) -> None:
    rates = thin.edition.rates
    assert (rates["RON"].units_per_eur, rates["RON"].rate_date) == (5.0, date(2024, 6, 14))
    assert rates["EUR"].units_per_eur == 1.0


def test_figures_can_be_told_as_json(thin: World) -> None:
    told = json.loads(json.dumps(thin.edition.figures))
    assert told["ro/SALE/EUR"]["basis"] == "ladder"
    assert told["ro/SALE/EUR"]["on_market"] > 0


def test_a_market_quotes_in_its_commonest_currency() -> None:
    market = planted.listings_from([{"currency": "RON"}, {"currency": "RON"}, {}])
    assert make_edition(market).quotes == {("ro", "SALE"): "RON"}


def test_bytes_bring_the_edition_back(thin: World) -> None:
    again = editions.from_bytes(editions.to_bytes(thin.edition))
    values = valuation.value_listings(again, thin.listings)
    assert values.equals(thin.values)
    assert (again.number, again.made_at_offset, again.reason) == (1, 10, "first")


def test_bytes_of_something_else_are_refused() -> None:
    with pytest.raises(TypeError, match="expected an edition, got dict"):
        editions.from_bytes(zlib.compress(pickle.dumps({})))


@pytest.mark.slow
def test_the_same_input_in_any_order_gives_the_same_values_and_scores(modelled: World) -> None:
    def mixed(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.sample(fraction=1.0, shuffle=True, seed=7)

    market = modelled.market
    again = editions.make(
        1,
        10,
        planted.AS_OF,
        "first",
        mixed(market.core),
        mixed(market.places),
        mixed(market.zones),
        mixed(market.status_history),
        mixed(market.price_history),
        mixed(market.rates),
    )
    values = valuation.value_listings(again, modelled.listings)
    assert values.equals(modelled.values)
    scores = scoring.score_listings(again, modelled.listings, values)
    first = scoring.score_listings(modelled.edition, modelled.listings, modelled.values)
    assert scores.equals(first)
    assert again.figures == modelled.edition.figures


@pytest.mark.slow
def test_a_modelled_edition_survives_its_bytes(modelled: World) -> None:
    again = editions.from_bytes(editions.to_bytes(modelled.edition))
    assert valuation.value_listings(again, modelled.listings).equals(modelled.values)
