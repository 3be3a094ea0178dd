"""Posting listings over HTTP: who may, and what is answered."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from store.database import writing
from store.keys import revoke_key
from tests.ingest_api.conftest import LISTINGS, Api, problem_of

Listing = dict[str, Any]


# -- who may post ---------------------------------------------------------------------------


def test_a_key_is_needed_and_must_be_known(api: Api, listing: Listing) -> None:
    real = api.make_key()
    mistyped = real[:-1] + ("0" if real[-1] != "0" else "1")
    stranger = "imo360_ak_" + "x" * (len(real) - len("imo360_ak_"))
    assert problem_of(api.post(None, listing)) == (401, "missing_api_key")
    for presented in (mistyped, stranger, "nonsense", ""):
        answer = api.post(presented, listing)
        assert problem_of(answer) == (401, "invalid_api_key")
        assert answer.headers["www-authenticate"] == "ApiKey"


def test_a_key_ends_at_the_second_it_expires(api: Api, listing: Listing) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    key = api.make_key(expires_at=ends)
    api.clock.stopped_at = ends - timedelta(microseconds=1)
    assert api.post(key, listing).status_code == 201
    api.clock.stopped_at = ends
    assert problem_of(api.post(key, listing)) == (401, "expired_api_key")


def test_a_revoked_key_ends_with_the_next_request(api: Api, listing: Listing) -> None:
    key = api.make_key()
    assert api.post(key, listing).status_code == 201
    with writing(api.engine) as connection:
        revoke_key(connection, key, datetime.now(UTC))
    assert problem_of(api.post(key, listing)) == (401, "revoked_api_key")


def test_a_missing_permission_is_named(api: Api, listing: Listing) -> None:
    answer = api.post(api.make_key(permissions=("read.market",)), listing)
    assert problem_of(answer) == (403, "missing_permission")
    assert "publish.estates" in answer.json()["detail"]


@pytest.mark.parametrize("path", [LISTINGS, f"{LISTINGS}/bulk"])
def test_key_and_permission_are_judged_before_the_body_is_read(api: Api, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=10)
    connection.putrequest("POST", path)
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", "1000")
    connection.endheaders()
    # Not a byte of the announced body is sent, and yet there is an answer.
    assert connection.getresponse().status == 401
    connection.close()


# -- whose provider it is -------------------------------------------------------------------


def test_a_provider_belongs_to_the_partner_that_posted_first(api: Api, listing: Listing) -> None:
    owner, other = api.make_key(), api.make_key()
    assert api.post(owner, listing).status_code == 201
    known = api.post(other, listing)
    unknown = api.post(other, listing | {"externalId": "never seen"})
    assert problem_of(known) == (403, "provider_not_owned")
    assert known.content == unknown.content
    stored = api.stored(listing["providerIdentifier"], "a-1")
    assert stored == listing | {"status": "active"}


def test_a_foreign_provider_is_judged_before_the_rest_of_the_body(
    api: Api, listing: Listing
) -> None:
    owner, other = api.make_key(), api.make_key()
    api.post(owner, listing)
    assert api.post(other, listing | {"price": "x"}).status_code == 403
    assert api.post(owner, listing | {"price": "x"}).status_code == 422


def test_a_bound_key_posts_for_its_providers_only(
    api: Api, listing: Listing, provider: str
) -> None:
    key = api.make_key(providers=[provider])
    other = listing | {"providerIdentifier": f"{provider}-other"}
    assert api.post(key, listing).status_code == 201
    for body in (other, other | {"price": "x"}):
        answer = api.post(key, body)
        assert problem_of(answer) == (403, "provider_not_owned")
        assert answer.json()["violations"][0]["propertyPath"] == "providerIdentifier"


def test_two_keys_of_one_partner_share_its_providers(api: Api, listing: Listing) -> None:
    first, second = api.make_key("Two keys"), api.make_key("Two keys")
    assert api.post(first, listing).status_code == 201
    assert api.post(second, listing).status_code == 200


def test_of_two_claims_at_once_one_wins(api: Api, listing: Listing) -> None:
    keys = [api.make_key(), api.make_key()]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda turn: api.post(keys[turn % 2], listing), range(32)))
    codes = [{answer.status_code for answer in answers[turn::2]} for turn in (0, 1)]
    assert sorted(codes, key=len) == [{403}, {200, 201}]


def test_a_foreign_provider_fails_its_item_alone(api: Api, listing: Listing) -> None:
    owner, other = api.make_key(), api.make_key()
    api.post(owner, listing)
    mine = listing | {"providerIdentifier": listing["providerIdentifier"] + "-mine"}
    body = api.bulk(other, [listing, mine, listing | {"price": "x"}]).json()
    assert [item["success"] for item in body["results"]] == [False, True, False]
    assert body["results"][0]["error"]["code"] == "provider_not_owned"
    assert body["results"][0]["error"] == body["results"][2]["error"]


# -- what is answered -----------------------------------------------------------------------


def test_null_clears_absent_keeps_and_empty_empties(api: Api, listing: Listing) -> None:
    key, provider = api.make_key(), listing["providerIdentifier"]
    api.post(key, listing | {"rooms": 2, "floor": 3, "imageUrls": ["https://a.example/1.jpg"]})
    api.post(key, {"providerIdentifier": provider, "externalId": "a-1", "rooms": None})
    assert api.stored(provider, "a-1") == listing | {
        "floor": 3, "imageUrls": ["https://a.example/1.jpg"], "status": "active"
    }  # fmt: skip
    api.post(key, {"providerIdentifier": provider, "externalId": "a-1", "imageUrls": []})
    assert (api.stored(provider, "a-1") or {})["imageUrls"] == []


def test_an_older_body_is_acknowledged_as_stale(api: Api, listing: Listing) -> None:
    key = api.make_key()
    api.post(key, listing | {"sourceUpdatedAt": "2026-03-02T10:00:00+02:00"})
    late = api.post(key, listing | {"price": 1, "sourceUpdatedAt": "2026-03-02T07:59:59Z"})
    assert (late.status_code, late.json()["stale"], late.json()["changed"]) == (200, True, False)
    stored = api.stored(listing["providerIdentifier"], "a-1") or {}
    assert stored["price"] == listing["price"]
    assert stored["sourceUpdatedAt"] == "2026-03-02T08:00:00.000000Z"


def test_unknown_fields_are_told_and_kept_in_the_raw_post(api: Api, listing: Listing) -> None:
    payload = json.dumps(listing | {"rums": 3, "agency": {"name": "A", "fax": "1"}}).encode()
    answer = api.post(api.make_key(), payload)
    assert answer.status_code == 201
    warned = [(w["propertyPath"], w["code"]) for w in answer.json()["warnings"]]
    assert warned == [("rums", "unknown_field"), ("agency.fax", "unknown_field")]
    assert api.payloads(listing["providerIdentifier"]) == [payload]
    stored = api.stored(listing["providerIdentifier"], "a-1") or {}
    assert "rums" not in stored
    assert stored["agency"] == {"name": "A"}


def test_location_percent_encodes_what_a_path_cannot_hold(api: Api, listing: Listing) -> None:
    answer = api.post(api.make_key(), listing | {"externalId": "2026/7 ș"})
    assert answer.headers["location"] == (
        f"{LISTINGS}/{listing['providerIdentifier']}:2026%2F7%20%C8%99"
    )
    assert answer.json()["identifier"] == f"{listing['providerIdentifier']}:2026/7 ș"


def test_a_bulk_is_applied_in_its_order(api: Api, listing: Listing) -> None:
    key = api.make_key()
    items = [listing | {"price": price} for price in range(1, 501)]
    body = api.bulk(key, items).json()
    assert body["succeeded"] == 500
    assert len({item["data"]["id"] for item in body["results"]}) == 1
    assert (api.stored(listing["providerIdentifier"], "a-1") or {})["price"] == 500


def test_a_hundred_identical_posts_at_once_make_one_listing(api: Api, listing: Listing) -> None:
    key = api.make_key()
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: api.post(key, listing), range(100)))
    bodies = [answer.json() for answer in answers]
    assert {answer.status_code for answer in answers} == {200, 201}
    assert len({body["id"] for body in bodies}) == 1
    assert sum(body["created"] for body in bodies) == 1
    assert sum(body["changed"] for body in bodies) == 1
