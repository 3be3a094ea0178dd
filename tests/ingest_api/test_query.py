"""Query parameters: every wrong one is told at once, and nothing of them is repeated."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_api.query import Query
from ingest_api.reading import RefusedError


def refused(query: Query) -> list[tuple[str, str]]:
    with pytest.raises(RefusedError) as caught:
        query.expect_valid()
    assert caught.value.refusal.code == "validation_failed"
    return [(found.path, found.code) for found in caught.value.refusal.violations]


def test_parameters_are_read_as_they_are_documented() -> None:
    query = Query(
        b"limit=20&after=0&fields=b,a,b&name=a%2Fb+c", ["limit", "after", "fields", "name"]
    )
    assert query.integer("limit", 5, 1, 20) == 20
    assert query.integer("after", 5, 0, 9) == 0
    assert query.integer("absent", 5, 0, 9) == 5
    assert query.names("fields", ("a", "b", "c"), ("c",)) == ("b", "a")
    assert query.names("absent", ("a", "b", "c"), ("c",)) == ("c",)
    assert query.text("name") == "a/b c"
    assert query.text("absent") is None
    assert query.matched("name", re.compile("[a-c/ ]+"), 5, "no") == "a/b c"
    query.expect_valid()


def test_all_that_is_wrong_is_told_together() -> None:
    query = Query(b"limit=21&fields=x&z=1&name=abc&limit=3", ["limit", "fields", "name"])
    query.integer("limit", 5, 1, 20)
    query.names("fields", ("a",), ())
    query.matched("name", re.compile("[a-c]+"), 2, "must be short")
    assert sorted(refused(query)) == [
        ("fields", "invalid_choice"), ("limit", "out_of_range"), ("limit", "repeated_parameter"),
        ("name", "wrong_type"), ("z", "unknown_parameter"),
    ]  # fmt: skip


@pytest.mark.parametrize("raw", [b"a=%ff", b"a=\xff", b"&".join([b"a=1"] * 51)])
def test_a_query_that_cannot_be_read_is_refused_whole(raw: bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        Query(raw, ["a"])
    (found,) = caught.value.refusal.violations
    assert (found.path, found.code) == ("query", "invalid_characters")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    refusal = None
    try:
        query = Query(raw, ["limit"])
        query.integer("limit", 1, 1, 10)
        query.expect_valid()
    except RefusedError as problem:
        refusal = problem.refusal
    assert refusal is None or refusal.violations
