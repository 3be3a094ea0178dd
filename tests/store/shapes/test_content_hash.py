"""RFC 8785 to the letter: its own samples, and what it refuses."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.shapes.content_hash import canonical_json, content_hash

SAMPLES = """
0000000000000000 0
8000000000000000 0
0000000000000001 5e-324
8000000000000001 -5e-324
7fefffffffffffff 1.7976931348623157e+308
ffefffffffffffff -1.7976931348623157e+308
4340000000000000 9007199254740992
c340000000000000 -9007199254740992
4430000000000000 295147905179352830000
44b52d02c7e14af5 9.999999999999997e+22
44b52d02c7e14af6 1e+23
44b52d02c7e14af7 1.0000000000000001e+23
444b1ae4d6e2ef4e 999999999999999700000
444b1ae4d6e2ef4f 999999999999999900000
444b1ae4d6e2ef50 1e+21
3eb0c6f7a0b5ed8c 9.999999999999997e-7
3eb0c6f7a0b5ed8d 0.000001
41b3de4355555553 333333333.3333332
41b3de4355555554 333333333.33333325
41b3de4355555555 333333333.3333333
41b3de4355555556 333333333.3333334
41b3de4355555557 333333333.33333343
becbf647612f3696 -0.0000033333333333333333
43143ff3c1cb0959 1424953923781206.2
"""
"""RFC 8785, appendix B: IEEE 754 bits and their text."""

SCALARS = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(
    st.characters(exclude_categories=["Cs"])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS | st.integers(-(2**53), 2**53),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("bits", "text"), [pytest.param(*line.split(), id=line) for line in SAMPLES.split("\n") if line]
)
def test_numbers_are_those_of_the_standard(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical_json(number).decode() == text


def test_members_are_sorted_by_utf16_code_units() -> None:
    names = ["€", "\r", "\ufb33", "1", "\U0001f600", "\x80", "ö"]  # RFC 8785, 3.2.3
    text = canonical_json(dict.fromkeys(names, 0)).decode()
    assert list(json.loads(text)) == ["\r", "1", "\x80", "ö", "€", "\U0001f600", "\ufb33"]


def test_strings_are_escaped_as_little_as_can_be() -> None:
    value = '€$\x0f\nA\'B"\\\\"/\x7f'
    assert canonical_json(value).decode() == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f"'


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), 10**400, "\ud800", {"\ud800": 1}],
    ids=["NaN", "Infinity", "-Infinity", "1e400", "lone surrogate", "lone surrogate in a name"],
)  # fmt: skip
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical_json(value)


def test_what_is_no_value_at_all_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes"):
        canonical_json({"title": b"x"})


def test_a_whole_number_beyond_2_53_is_its_nearest_double() -> None:
    assert canonical_json([2**53 + 1, 10**21, 85, 85.0]) == b"[9007199254740992,1e+21,85,85]"


@given(VALUES)
def test_the_text_reads_back_as_the_value_and_has_no_second_form(value: Any) -> None:
    text = canonical_json(value)
    assert json.loads(text, parse_int=float) == value  # JSON knows doubles only, says the RFC
    assert canonical_json(json.loads(text)) == text


def test_the_hash_is_that_of_the_partners_fields() -> None:
    listing = {"title": "Casă", "price": 92000.0, "status": "active"}
    stored = {**listing, "statusSince": "2026-01-01T00:00:00.000000Z", "deletedAt": "x",
              "deletionReason": "sold"}  # fmt: skip
    assert content_hash(stored) == content_hash(listing)
    assert content_hash(listing) == (
        "5dabc623fa6c723bcb194a245574cb4f6ed4fd57c9293291e687e3df41b81dbb"
    )
