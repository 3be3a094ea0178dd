"""What a misspelt name may have meant: one near name, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.shapes.name_hints import NameHints, edit_distance
from store.shapes.wire import BY_NAME

HINTS = NameHints(BY_NAME)


@pytest.mark.parametrize(
    ("posted", "meant"),
    [
        ("total_area", "totalArea"), ("TotalArea", "totalArea"), ("TOTAL-AREA", "totalArea"),
        ("construction_year", "constructionYear"), ("Rooms", "rooms"), ("lat", "latitude"),
        ("photos", "imageUrls"), ("pret", "price"), ("cartier", "neighbourhood"),
        ("shoe_size", None), ("x" * 61, None), ("", None),
    ],
)  # fmt: skip
def test_other_ways_to_write_a_name(posted: str, meant: str | None) -> None:
    assert HINTS.same(posted) == meant


@pytest.mark.parametrize(
    ("posted", "meant"),
    [
        ("totalAreea", "totalArea"), ("tittle", "title"), ("prise", "price"), ("flor", "floor"),
        ("longitud", "longitude"), ("imageUrl", "imageUrls"), ("constuctionYaer", None),
        ("fax", None), ("x", None), ("rums", None), ("q" * 5_000, None),
    ],
)  # fmt: skip
def test_slips_of_the_keyboard(posted: str, meant: str | None) -> None:
    assert HINTS.near(posted) == meant


def test_two_names_as_near_are_no_hint() -> None:
    assert NameHints(["aaab", "aaac"]).near("aaa") is None


def test_a_hint_is_a_name_of_the_same_object() -> None:
    party = NameHints(field.name for field in BY_NAME["agency"].fields)
    assert (party.same("telefon"), party.same("pret"), party.near("nam")) == ("phone", None, "name")


@given(st.text("abc", max_size=6), st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_the_distance_is_a_distance(one: str, two: str, three: str) -> None:
    assert (edit_distance(one, two) == 0) is (one == two)
    assert edit_distance(one, two) == edit_distance(two, one)
    assert edit_distance(one, three) <= edit_distance(one, two) + edit_distance(two, three)


@given(st.sampled_from(sorted(BY_NAME)), st.integers(0, 40))
def test_the_cheap_test_rules_out_no_near_name(name: str, at: int) -> None:
    """A letter lost leads back to the name, unless another name is as near."""
    slipped = name[:at] + name[at + 1 :]
    rivals = [n for n in BY_NAME if edit_distance(slipped.casefold(), n.casefold()) <= 1]
    assert rivals != [name] or HINTS.near(slipped) == name
