"""The client's hash is the server's, on any document; and one's own copy becomes the stored one."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.canonical import as_stored, canonical_json, content_hash
from store.shapes import content_hash as server
from tests.ingest_api.conftest import Api
from tests.store.shapes.test_content_hash import SAMPLES, VALUES


@pytest.mark.slow
@settings(max_examples=50)
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES, max_size=8))
def test_the_clients_hash_is_the_servers(document: dict[str, Any]) -> None:
    assert canonical_json(document) == server.canonical_json(document)
    assert content_hash(document) == server.content_hash(document)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**80), 2**80))
def test_the_clients_numbers_are_the_servers(number: float) -> None:
    assert canonical_json(number) == server.canonical_json(number)


@pytest.mark.parametrize(
    ("bits", "text"), [pytest.param(*line.split(), id=line) for line in SAMPLES.split("\n") if line]
)
def test_numbers_are_those_of_the_standard(bits: str, text: str) -> None:
    assert canonical_json(struct.unpack(">d", bytes.fromhex(bits))[0]).decode() == text


def test_what_the_server_adds_is_no_part_of_the_hash() -> None:
    listing = {"title": "Casă", "status": "active"}
    assert content_hash({**listing, "statusSince": "2026-01-01T00:00:00.000000Z"}) == (
        content_hash(listing)
    )


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 10**400, "\ud800"],
    ids=["NaN", "Infinity", "1e400", "lone surrogate"],
)  # fmt: skip
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical_json([value])


def test_ones_own_copy_becomes_what_is_stored(api: Api, provider: str) -> None:
    listing = {
        "providerIdentifier": provider, "externalId": "a", "title": "Casă", "transaction": "SALE",
        "type": "HOUSE", "price": 92000.0, "currency": "EUR", "rooms": None,
        "publishedAt": "2026-03-01T11:00:00.5+02:00", "soldAt": "2026-03-02T00:00:00Z",
        "agency": {"name": "VIB", "phone": None}, "attributes": {"lift": True, "view": None},
        "imageUrls": [],
    }  # fmt: skip
    assert api.post(api.make_key(), listing).status_code == 201
    stored = api.stored(provider, "a")
    assert stored is not None
    assert content_hash(as_stored(listing)) == server.content_hash(stored)
    assert json.loads(canonical_json(as_stored(listing)))["publishedAt"] == (
        "2026-03-01T09:00:00.500000Z"
    )


def test_a_text_that_only_looks_like_an_instant_stays() -> None:
    assert as_stored({"soldAt": "yesterday"})["soldAt"] == "yesterday"
