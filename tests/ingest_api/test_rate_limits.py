"""Token buckets: what is refused takes nothing, and the rate holds in the long run."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_api.rate_limits import Allowed, Exceeding, RateLimits, Refused, rate_headers

NOW = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_bucket_begins_full_and_fills_with_its_rate() -> None:
    limits = RateLimits()
    assert limits.take(1, 60, 5, 5, at(0)) == Allowed(5, 0, 5)
    assert limits.take(1, 60, 5, 1, at(0)) == Refused(5, 0, 5, 1)
    assert limits.take(1, 60, 5, 1, at(0.999)) == Refused(5, 0, 5, 1)
    assert limits.take(1, 60, 5, 1, at(1)) == Allowed(5, 0, 5)
    assert limits.take(1, 60, 5, 3, at(3)) == Refused(5, 2, 3, 1)
    assert limits.take(1, 60, 5, 3, at(4)) == Allowed(5, 0, 5)
    assert limits.take(1, 60, 5, 5, at(1000)) == Allowed(5, 0, 5)


def test_what_waits_as_told_is_let_in() -> None:
    limits = RateLimits()
    limits.take(1, 7, 3, 3, at(0))
    refused = limits.take(1, 7, 3, 3, at(0))
    assert isinstance(refused, Refused)
    assert isinstance(limits.take(1, 7, 3, 3, at(refused.retry_after)), Allowed)


def test_more_than_the_burst_is_never_let_in_and_takes_nothing() -> None:
    limits = RateLimits()
    assert limits.take(1, 60, 5, 6, at(0)) == Exceeding(5, 5, 0)
    assert limits.take(1, 60, 5, 5, at(0)) == Allowed(5, 0, 5)


def test_asking_for_nothing_takes_nothing() -> None:
    limits = RateLimits()
    limits.take(1, 60, 5, 5, at(0))
    assert limits.take(1, 60, 5, 0, at(1)) == limits.take(1, 60, 5, 0, at(1)) == Allowed(5, 1, 4)


def test_keys_do_not_share_a_bucket() -> None:
    limits = RateLimits()
    limits.take(1, 60, 1, 1, at(0))
    assert isinstance(limits.take(2, 60, 1, 1, at(0)), Allowed)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    limits = RateLimits()
    limits.take(1, 60, 5, 5, at(100))
    assert isinstance(limits.take(1, 60, 5, 1, at(0)), Refused)
    assert isinstance(limits.take(1, 60, 5, 1, at(100)), Refused)


def test_a_smaller_burst_holds_at_once() -> None:
    limits = RateLimits()
    limits.take(1, 60, 100, 1, at(0))
    assert limits.take(1, 60, 10, 10, at(0)) == Allowed(10, 0, 10)


def test_a_share_still_takes_a_whole_burst_and_pays_it_off() -> None:
    quarter = RateLimits(share=0.25)
    assert quarter.take(1, 60, 100, 100, at(0)) == Allowed(100, 0, 400)
    assert isinstance(quarter.take(1, 60, 100, 1, at(300)), Refused)
    assert isinstance(quarter.take(1, 60, 100, 1, at(304)), Allowed)


@pytest.mark.parametrize("share", [0.0, -1.0, 1.5])
def test_a_share_is_a_part_of_one(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        RateLimits(share)


def test_memory_is_bounded_and_the_newest_are_remembered() -> None:
    limits = RateLimits(max_buckets=10)
    for key in range(100):
        limits.take(key, 1, 1, 1, at(0))
        limits.take(0, 1, 1, 1, at(0))
    assert len(limits) == 10
    assert isinstance(limits.take(0, 1, 1, 1, at(0)), Refused)
    assert isinstance(limits.take(99, 1, 1, 1, at(0)), Refused)


@given(
    st.integers(1, 600), st.integers(1, 50), st.sampled_from([1.0, 0.5, 0.25]),
    st.lists(st.tuples(st.floats(0, 20), st.integers(0, 60)), max_size=60),
)  # fmt: skip
def test_no_more_is_let_in_than_the_burst_and_the_rate(
    per_minute: int, burst: int, share: float, asked: list[tuple[float, int]]
) -> None:
    limits = RateLimits(share)
    now, taken, debt = 0.0, 0, burst * (1 - share)
    for pause, count in asked:
        now += pause
        verdict = limits.take(1, per_minute, burst, count, at(now))
        taken += count if isinstance(verdict, Allowed) else 0
        assert 0 <= verdict.remaining <= burst
    room = max(1.0, burst * share)
    assert taken <= room + debt + now * per_minute * share / 60 + 0.01


def test_the_headers_are_those_of_the_draft() -> None:
    assert rate_headers(Allowed(100, 42, 17)) == {
        "RateLimit-Policy": '"items";q=100;w=60',
        "RateLimit": '"items";r=42;t=17',
    }
    refused = rate_headers(Refused(100, 0, 60, 5))
    assert refused["Retry-After"] == "5"
    assert "Retry-After" not in rate_headers(Exceeding(100, 100, 0))
