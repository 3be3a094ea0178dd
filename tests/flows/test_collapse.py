"""Collapse: spells, cuts and histories, the same however the events are split."""

from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.steps.collapse import Collapsed, collapse
from flows.steps.normalise import normalise
from store.frames import empty_frame
from store.tables.warehouse import core_listings
from tests.flows.events import RATES, event, frame


def versions(*steps: dict[str, Any], listing: int = 1) -> pl.DataFrame:
    events = [event(n, listing, n, day=n, **step) for n, step in enumerate(steps, start=1)]
    return normalise(frame(*events), RATES).versions


def at_once(rows: pl.DataFrame) -> Collapsed:
    return collapse(rows, empty_frame(core_listings))


def state(rows: pl.DataFrame) -> dict[str, Any]:
    return at_once(rows).listings.row(0, named=True)


def test_the_newest_revision_wins_whatever_the_clocks_say() -> None:
    events = frame(event(1, 1, 1, day=9, price=5000), event(2, 1, 2, day=1, price=4000))
    listing = state(normalise(events, RATES).versions)
    assert (listing["revision"], listing["price"]) == (2, 4000)


def test_every_price_is_kept_with_its_change() -> None:
    rows = versions({"price": 100_000}, {"price": 90_000}, {"rooms": 2, "price": 90_000},
                    {"price": 400_000, "currency": "RON"})  # fmt: skip
    history = at_once(rows).price_history
    assert history.select("revision", "price", "change_pct").rows() == [
        (1, 100_000, None), (2, 90_000, -10.0), (4, 400_000, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("statuses", "spell", "moves"),
    [
        pytest.param(["active", "sold", "active"], 2, 3, id="sold and active again"),
        pytest.param(["active", "reserved", "active"], 1, 3, id="a reservation ends no spell"),
        pytest.param(["draft", "active"], 1, 2, id="a draft begins the first spell late"),
        pytest.param(["active", "withdrawn", "sold", "active"], 2, 4, id="left, then closed"),
        pytest.param(["active", "active"], 1, 1, id="no move"),
    ],
)
def test_spells_count_returns_to_the_market(statuses: list[str], spell: int, moves: int) -> None:
    rows = versions(*({"status": s, "price": 5000 + n} for n, s in enumerate(statuses)))
    assert state(rows)["spell"] == spell
    assert at_once(rows).status_history.height == moves


def test_cuts_belong_to_their_spell() -> None:
    rows = versions(
        {"price": 100_000}, {"price": 95_000}, {"price": 90_000, "status": "sold"},
        {"price": 80_000}, {"price": 60_000},
    )  # fmt: skip
    listing = state(rows)
    assert listing["price_cuts"] == 1
    assert listing["last_cut_pct"] == 25.0
    assert (listing["first_price"], listing["first_currency"]) == (80_000, "EUR")
    assert listing["spell_started_at"] == listing["status_since"]


STEPS = st.lists(
    st.fixed_dictionaries(
        {
            "price": st.sampled_from([50_000, 60_000, 70_000]),
            "status": st.sampled_from(["draft", "active", "reserved", "sold", "withdrawn"]),
            "currency": st.sampled_from(["EUR", "RON"]),
        }
    ),
    min_size=1, max_size=8,
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(STEPS, st.sets(st.integers(1, 8)))
def test_any_split_gives_the_same_state_and_history(
    steps: list[dict[str, Any]], cuts: set[int]
) -> None:
    rows = versions(*steps)
    whole = at_once(rows)
    stored = empty_frame(core_listings)
    prices, statuses = [], []
    bounds = sorted({0, *cuts, 9})
    for low, high in pairwise(bounds):
        part = rows.filter(pl.col("revision").is_between(low + 1, high))
        done = collapse(part, stored)
        stored = done.listings if done.listings.height else stored
        prices.append(done.price_history)
        statuses.append(done.status_history)
    assert stored.equals(whole.listings)
    assert pl.concat(prices).equals(whole.price_history)
    assert pl.concat(statuses).equals(whole.status_history)
