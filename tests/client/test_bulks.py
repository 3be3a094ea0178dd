"""Bulks keep order and limits, and read no further ahead than they must."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.bulks import body_of, bulks, dealt, encode


def listings(count: int, title: str = "x") -> Iterator[dict[str, Any]]:
    return (
        {"providerIdentifier": "crm", "externalId": str(n), "title": title} for n in range(count)
    )


@given(st.lists(st.integers(0, 200), max_size=40), st.integers(1, 9), st.integers(120, 900))
def test_bulks_keep_order_and_both_limits(sizes: list[int], items: int, size: int) -> None:
    given_listings = [{"externalId": str(n), "title": "ă" * each} for n, each in enumerate(sizes)]
    made = list(bulks(given_listings, items, size))
    assert [each.index for bulk in made for each in bulk] == list(range(len(sizes)))
    for bulk in made:
        body = body_of(bulk)
        assert json.loads(body)["items"] == [given_listings[each.index] for each in bulk]
        assert len(bulk) <= items
        assert len(body) <= size or len(bulk) == 1  # one too large is the server's to refuse


def test_no_more_is_read_than_a_bulk_and_one() -> None:
    source = listings(10_000)
    next(bulks(source, 10))
    assert next(source)["externalId"] == "11"


def test_nothing_makes_no_bulk() -> None:
    assert list(bulks([])) == []


def test_a_bulk_is_dealt_again() -> None:
    (bulk,) = bulks(listings(5))
    assert [[each.index for each in part] for part in dealt(bulk, 2)] == [[0, 1], [2, 3], [4]]


def test_nan_is_no_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode({"price": float("nan")})
