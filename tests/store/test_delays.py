"""Delays: true percentiles of any stretch, whatever minutes and merges they came through."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
from hypothesis import given

from store.database import open_warehouse, reading, writing
from store.delays import KEPT, add_delays, counts_of, delays_of, forget_delays, merged, read_delays
from store.settings import Settings

NOON = datetime(2026, 6, 15, 12, 0, 30, tzinfo=UTC)

many = st.lists(st.integers(0, 5_000), min_size=1, max_size=300)


def nearest_rank(delays: list[int], share: int) -> int:
    return sorted(delays)[-(-len(delays) * share // 100) - 1]


@given(many)
def test_percentiles_are_those_of_the_events(delays: list[int]) -> None:
    found = delays_of(counts_of(delays))
    assert (found.events, found.max_ms) == (len(delays), max(delays))
    assert found.p50_ms == nearest_rank(delays, 50)
    assert found.p95_ms == nearest_rank(delays, 95)
    assert found.p99_ms == nearest_rank(delays, 99)


@given(many, many)
def test_merging_loses_nothing(one: list[int], other: list[int]) -> None:
    assert delays_of(merged([counts_of(one), counts_of(other)])) == delays_of(
        counts_of(one + other)
    )


def test_a_clock_that_was_set_back_makes_no_delay_negative() -> None:
    assert counts_of([-40, 3]) == {0: 1, 3: 1}
    assert delays_of({}).p50_ms is None


def test_a_window_has_the_percentiles_of_all_its_events(settings: Settings) -> None:
    engine = open_warehouse(settings)
    with writing(engine) as connection:
        add_delays(connection, NOON, {"visible": counts_of([10, 20]), "taken": counts_of([])})
        add_delays(connection, NOON + timedelta(seconds=10), {"visible": counts_of([30])})
        add_delays(connection, NOON + timedelta(minutes=2), {"visible": counts_of([900])})
    with reading(engine) as connection:
        found = read_delays(connection, "visible", NOON.replace(second=0))
        assert (found.events, found.p50_ms, found.p99_ms) == (4, 20, 900)
        assert read_delays(connection, "visible", NOON + timedelta(minutes=1)).events == 1
        assert read_delays(connection, "taken", NOON - timedelta(days=1)).events == 0
    with writing(engine) as connection:
        assert forget_delays(connection, NOON + KEPT + timedelta(minutes=1)) == 1
        assert read_delays(connection, "visible", NOON - timedelta(days=1)).events == 1


def test_events_count_as_visible_once_they_are_published(
    settings: Settings, clock: Callable[[], datetime]
) -> None:
    import polars as pl

    from flows.steps.freshness import Freshness

    fresh = Freshness()
    first = pl.Series("received_at", [NOON - timedelta(milliseconds=500)])
    fresh.begin()
    fresh.note("taken", first, NOON)
    fresh.note_visible(first, NOON, is_published=False)
    assert fresh.reached == {"taken": {500: 1}}
    fresh.begin()  # as a cycle does: nothing is noted twice
    second = pl.Series("received_at", [NOON])
    fresh.note_visible(second, NOON + timedelta(seconds=1), is_published=True)
    assert fresh.reached == {"visible": {1500: 1, 1000: 1}}
    assert fresh.unseen == []
