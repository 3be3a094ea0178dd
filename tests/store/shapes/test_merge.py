"""Absent keeps, null clears, [] empties; order comes from the source's clock when it has one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.shapes.merge import ORDERING, PARTIES, effective_at, merge
from store.shapes.wire import FIELDS as WIRE_FIELDS
from store.shapes.wire import Kind

FULL: dict[str, Any] = {
    "title": "A", "price": 100, "rooms": 3, "imageUrls": ["http://a/1"], "floor": 2,
    "agency": {"name": "X", "phone": "1"}, "attributes": {"a": 1, "b": 2}, "status": "active",
}  # fmt: skip
FIELDS = st.sampled_from(sorted(FULL))


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        pytest.param({"price": 90}, {**FULL, "price": 90}, id="a value replaces"),
        pytest.param({"floor": None}, {k: v for k, v in FULL.items() if k != "floor"},
                     id="null clears"),
        pytest.param({"imageUrls": []}, {**FULL, "imageUrls": []}, id="an empty list empties"),
        pytest.param({"agency": {"name": "X", "email": "e"}},
                     {**FULL, "agency": {"name": "X", "phone": "1", "email": "e"}},
                     id="an agency of the same name is merged by field"),
        pytest.param({"agency": {"name": "Y"}}, {**FULL, "agency": {"name": "Y"}},
                     id="an agency of another name is replaced whole"),
        pytest.param({"agency": {"name": "Y", "formerName": "X"}},
                     {**FULL, "agency": {"name": "Y", "formerName": "X", "phone": "1"}},
                     id="an agency renamed is the same agency"),
        pytest.param({"agency": {"name": "Y", "formerName": "Z"}},
                     {**FULL, "agency": {"name": "Y", "formerName": "Z"}},
                     id="another one that was renamed is another"),
        pytest.param({"attributes": {"a": None, "c": 3}},
                     {**FULL, "attributes": {"b": 2, "c": 3}}, id="attributes merge by key"),
    ],
)  # fmt: skip
def test_a_patch_changes_what_it_names(patch: dict[str, Any], expected: dict[str, Any]) -> None:
    assert merge(FULL, patch).document == expected


@given(st.sets(FIELDS))
def test_any_subset_of_the_fields_posted_again_changes_nothing(names: set[str]) -> None:
    merged = merge(FULL, {name: FULL[name] for name in names})
    assert merged.document == FULL
    assert not merged.is_changed


@given(st.sets(FIELDS), st.sets(FIELDS))
def test_two_patches_are_one_after_the_other(first: set[str], second: set[str]) -> None:
    one = dict.fromkeys(first)
    two = {name: FULL[name] for name in second}
    apart = merge(merge(FULL, one).document, two).document
    assert apart == merge(FULL, {**one, **two}).document


POSTED = {
    field.name: [field.example, [] if field.kind in (Kind.URLS, Kind.CODES) else f"2 {field.name}"]
    + [None] * field.is_clearable
    for field in WIRE_FIELDS
    if field.name not in (*PARTIES, ORDERING, "attributes")
}
"""Values that posts may give each plain field: some value, another (or none of a list), null."""

NAMES = st.sampled_from(["A", "B", "C"])
PARTY = st.fixed_dictionaries(
    {}, optional={"name": NAMES, "formerName": NAMES | st.none(), "phone": NAMES | st.none(),
                  "email": NAMES | st.none()}
)  # fmt: skip
PATCHES = st.fixed_dictionaries(
    {},
    optional={name: st.sampled_from(values) for name, values in POSTED.items()}
    | {party: PARTY | st.none() for party in PARTIES}
    | {"attributes": st.dictionaries(NAMES, NAMES | st.none()) | st.none()},
)
EVERY_FIELD = {field.name: field.example for field in WIRE_FIELDS}


def applied(*patches: dict[str, Any]) -> dict[str, Any]:
    """Return the document after these posts."""
    document: dict[str, Any] | None = None
    for patch in patches:
        document = merge(document, patch).document
    return document or {}


@given(st.lists(PATCHES, max_size=4))
def test_absent_keeps_null_clears_and_empty_empties_every_field(
    patches: list[dict[str, Any]],
) -> None:
    document = applied(*patches)
    for name in POSTED:
        posted = [patch[name] for patch in patches if name in patch]
        if not posted or posted[-1] is None:
            assert name not in document
        else:
            assert document[name] == posted[-1]


@given(st.lists(st.sets(st.sampled_from(sorted(EVERY_FIELD))), max_size=5), st.randoms())
def test_any_split_into_posts_makes_the_whole_document(parts: list[set[str]], rng: Any) -> None:
    rest = EVERY_FIELD.keys() - set().union(*parts)
    order = [*parts, rest]
    rng.shuffle(order)
    posts = [{name: EVERY_FIELD[name] for name in names} for names in order]
    assert applied(*posts) == EVERY_FIELD


@given(st.lists(PATCHES, max_size=3), PATCHES)
def test_a_post_sent_twice_is_one(stored: list[dict[str, Any]], patch: dict[str, Any]) -> None:
    once = merge(applied(*stored), patch)
    twice = merge(once.document, patch)
    assert twice.document == once.document
    assert not twice.is_changed


def test_an_older_body_is_stale_and_changes_nothing() -> None:
    stored = {**FULL, "sourceUpdatedAt": "2026-02-02T00:00:00.000000Z"}
    late = merge(stored, {"price": 1, "sourceUpdatedAt": "2026-02-01T00:00:00.000000Z"})
    assert late.is_stale
    assert not late.is_changed
    assert late.document == stored


def test_a_newer_clock_alone_is_no_change_but_is_remembered() -> None:
    newer = {"sourceUpdatedAt": "2026-02-02T00:00:00.000000Z"}
    merged = merge(FULL, newer)
    assert not merged.is_changed
    assert merged.document["sourceUpdatedAt"] == newer["sourceUpdatedAt"]


@pytest.mark.parametrize(
    ("before", "patch", "expected"),
    [
        pytest.param(None, {"sourceUpdatedAt": "s", "publishedAt": "p"}, "s",
                     id="the source's clock comes first"),
        pytest.param(None, {"publishedAt": "p"}, "p", id="a first revision: publishedAt"),
        pytest.param(FULL, {"publishedAt": "p"}, "r", id="a later one does not"),
        pytest.param(FULL, {"price": 1}, "r", id="without any clock it counts from receipt"),
        pytest.param(FULL, {"status": "sold", "soldAt": "x", "sourceUpdatedAt": "s"}, "x",
                     id="a sale counts from soldAt"),
        pytest.param({**FULL, "status": "sold", "soldAt": "x"},
                     {"soldPrice": 5, "sourceUpdatedAt": "s"}, "s",
                     id="what comes after a sale does not"),
    ],
)  # fmt: skip
def test_effective_time(
    before: dict[str, Any] | None, patch: dict[str, Any], expected: str
) -> None:
    after = merge(before, patch).document
    assert effective_at(before, after, patch, "r") == expected
