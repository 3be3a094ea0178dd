"""Where a listing stands in its life: every move that the vocabulary knows, and no other."""

from itertools import pairwise
from typing import Any

import pytest

from store.shapes.vocabulary import MOVES, Status
from tests.ingest_api.conftest import LISTINGS, Api, problem_of

Listing = dict[str, Any]


def bare(listing: Listing, status: str) -> Listing:
    named = {name: listing[name] for name in ("providerIdentifier", "externalId")}
    return named | {"status": status}


def since(api: Api, key: str, identifier: str) -> str:
    answer = api.client.get(f"{LISTINGS}/{identifier}", headers={"X-API-Key": key})
    stamped: str = answer.json()["statusSince"]
    return stamped


@pytest.mark.parametrize("before", list(Status))
def test_moves_are_those_of_the_vocabulary(api: Api, listing: Listing, before: Status) -> None:
    key = api.make_key()
    for after in Status:
        first = listing | {"externalId": after.value}
        assert api.post(key, first | {"status": before.value}).status_code == 201
        answer = api.post(key, bare(first, after.value))
        is_legal = after is before or after in MOVES[before]
        stored = (api.stored(listing["providerIdentifier"], after.value) or {})["status"]
        if is_legal:
            assert (answer.status_code, stored) == (200, after.value), (before, after)
            assert answer.json()["changed"] is (after is not before)
        else:
            assert problem_of(answer) == (422, "validation_failed")
            (violation,) = answer.json()["violations"]
            assert (violation["propertyPath"], violation["code"]) == ("status", "illegal_move")
            assert stored == before.value


def test_an_illegal_move_changes_nothing_else_either(api: Api, listing: Listing) -> None:
    key = api.make_key()
    api.post(key, listing | {"status": "sold"})
    answer = api.post(key, listing | {"status": "reserved", "price": 1})
    assert problem_of(answer) == (422, "validation_failed")
    stored = api.stored(listing["providerIdentifier"], "a-1") or {}
    assert (stored["status"], stored["price"]) == ("sold", listing["price"])


def test_each_move_stamps_since_when_and_nothing_else_does(api: Api, listing: Listing) -> None:
    key = api.make_key()
    identifier = api.post(key, listing).json()["identifier"]
    stamps = [since(api, key, identifier)]
    for status in ("reserved", "active", "sold", "active"):
        moved = api.post(key, bare(listing, status)).json()
        stamps.append(since(api, key, identifier))
        assert stamps[-1] == moved["receivedAt"]
        for other in (listing | {"status": status, "price": len(stamps)}, bare(listing, status)):
            api.post(key, other)
            assert since(api, key, identifier) == stamps[-1]
    assert all(before < after for before, after in pairwise(stamps))


def test_a_sale_counts_from_the_day_that_it_names(api: Api, listing: Listing) -> None:
    key = api.make_key()
    identifier = api.post(key, listing).json()["identifier"]
    api.post(key, bare(listing, "sold") | {"soldAt": "2026-02-03T10:00:00+02:00"})
    assert since(api, key, identifier) == "2026-02-03T08:00:00.000000Z"
