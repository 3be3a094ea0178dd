"""Idempotency-Key and If-Match: done once, and only upon the state that the sender knew."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from store.database import reading, writing
from store.keys import find_key, revoke_key
from store.tables.journal import ingest_idempotency_keys
from tests.ingest_api.conftest import LISTINGS, Api, problem_of

Listing = dict[str, Any]
BULK = f"{LISTINGS}/bulk"


def post(api: Api, key: str, body: Any, path: str = LISTINGS, **sent: str) -> Any:
    """Post with headers named as in Python: Idempotency_Key, If_Match."""
    return api.post(
        key, body, path, **{name.replace("_", "-"): each for name, each in sent.items()}
    )


def kept(api: Api, key: str) -> list[tuple[str, int, bytes]]:
    with reading(api.engine) as connection:
        record = find_key(connection, key, datetime.now(UTC))
        assert record is not None
        row = ingest_idempotency_keys.c
        found = connection.execute(
            sa.select(row.idempotency_key, row.answer_code, row.answer)
            .where(row.key_id == record.key_id)
            .order_by(row.idempotency_key)
        )
        return [(each.idempotency_key, each.answer_code, each.answer) for each in found]


# -- Idempotency-Key -------------------------------------------------------------------------


@pytest.mark.parametrize("path", [LISTINGS, BULK], ids=["single", "bulk"])
def test_the_same_request_is_answered_byte_for_byte_and_done_once(
    api: Api, listing: Listing, path: str
) -> None:
    key = api.make_key()
    body = listing if path == LISTINGS else {"items": [listing, listing | {"price": "x"}]}
    first = post(api, key, body, path, Idempotency_Key="once")
    again = post(api, key, body, path, Idempotency_Key="once")
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    for name in ("content-type", "etag", "location"):
        assert again.headers.get(name) == first.headers.get(name)
    assert len(api.payloads(listing["providerIdentifier"])) == 1
    assert kept(api, key) == [("once", first.status_code, first.content)]


@pytest.mark.parametrize("path", [LISTINGS, BULK], ids=["single", "bulk"])
def test_of_equal_requests_at_once_one_is_done(api: Api, listing: Listing, path: str) -> None:
    key = api.make_key()
    body = listing if path == LISTINGS else {"items": [listing]}
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: post(api, key, body, path, Idempotency_Key="once"), range(16))
        )
    assert len({answer.content for answer in answers}) == 1
    replayed = ["idempotency-replayed" in answer.headers for answer in answers]
    assert replayed.count(False) == 1
    assert len(api.payloads(listing["providerIdentifier"])) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda body: (body | {"price": 1}, LISTINGS), id="another body"),
        pytest.param(lambda body: ({"items": [body]}, BULK), id="another call"),
        pytest.param(lambda body: (json.dumps(body, indent=1).encode(), LISTINGS),
                     id="the same document in other bytes"),
    ],
)  # fmt: skip
def test_another_request_with_a_used_key_is_refused(
    api: Api, listing: Listing, other: Callable[[Listing], tuple[Any, str]]
) -> None:
    key = api.make_key()
    assert post(api, key, listing, Idempotency_Key="used").status_code == 201
    body, path = other(listing)
    answer = post(api, key, body, path, Idempotency_Key="used")
    assert problem_of(answer) == (422, "idempotency_key_reused")
    assert (api.stored(listing["providerIdentifier"], "a-1") or {})["price"] == listing["price"]


def test_an_answer_is_forgotten_after_a_day(api: Api, listing: Listing) -> None:
    key, began = api.make_key(), datetime.now(UTC)
    api.clock.stopped_at = began
    first = post(api, key, listing, Idempotency_Key="daily")
    post(api, key, listing, Idempotency_Key="other")
    api.clock.stopped_at = began + timedelta(hours=24)
    replayed = post(api, key, listing, Idempotency_Key="daily")
    assert (replayed.content, "idempotency-replayed" in replayed.headers) == (first.content, True)
    api.clock.stopped_at = began + timedelta(hours=24, microseconds=1)
    anew = post(api, key, listing | {"price": 7}, Idempotency_Key="daily")
    assert (anew.status_code, anew.json()["changed"]) == (200, True)
    assert "idempotency-replayed" not in anew.headers
    api.clock.stopped_at = began + timedelta(hours=26)
    post(api, key, listing, Idempotency_Key="next")
    assert [name for name, _, _ in kept(api, key)] == ["daily", "next"]


def test_nothing_is_kept_of_what_was_refused(api: Api, listing: Listing) -> None:
    key = api.make_key()
    wrong = listing | {"price": "x"}
    bare = {name: listing[name] for name in ("providerIdentifier", "externalId")}
    for body, path in ((wrong, LISTINGS), (bare, LISTINGS), ({"items": [wrong, bare]}, BULK)):
        post(api, key, body, path, Idempotency_Key="again")
        assert kept(api, key) == []
    assert post(api, key, listing, Idempotency_Key="again").status_code == 201


def test_keys_of_one_partner_do_not_share_their_idempotency_keys(
    api: Api, listing: Listing
) -> None:
    first, second = api.make_key("Apart"), api.make_key("Apart")
    assert post(api, first, listing, Idempotency_Key="k").status_code == 201
    answer = post(api, second, listing | {"price": 5}, Idempotency_Key="k")
    assert (answer.status_code, answer.json()["changed"]) == (200, True)


@pytest.mark.parametrize("path", [LISTINGS, BULK], ids=["single", "bulk"])
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"k" * 256, id="too long"),
        pytest.param("cheie-ș".encode(), id="not ASCII"),
        pytest.param(b"tab\tinside", id="not printable"),
    ],
)
def test_an_odd_key_is_refused(api: Api, listing: Listing, path: str, name: bytes) -> None:
    headers = {
        b"X-API-Key": api.make_key().encode(), b"Content-Type": b"application/json",
        b"Idempotency-Key": name,
    }  # fmt: skip
    answer = api.client.post(path, content=json.dumps(listing).encode(), headers=headers)
    assert problem_of(answer) == (422, "validation_failed")
    assert answer.json()["violations"][0]["propertyPath"] == "Idempotency-Key"
    assert api.stored(listing["providerIdentifier"], "a-1") is None


def test_the_longest_key_is_taken(api: Api, listing: Listing) -> None:
    assert post(api, api.make_key(), listing, Idempotency_Key="~" * 255).status_code == 201


def test_a_revoked_key_gets_no_kept_answer(api: Api, listing: Listing) -> None:
    key = api.make_key()
    post(api, key, listing, Idempotency_Key="k")
    with writing(api.engine) as connection:
        revoke_key(connection, key, datetime.now(UTC))
    answer = post(api, key, listing, Idempotency_Key="k")
    assert problem_of(answer) == (401, "revoked_api_key")


# -- If-Match ----------------------------------------------------------------------------------


def test_the_tag_of_the_answer_is_the_one_to_send(api: Api, listing: Listing) -> None:
    key, tag = api.make_key(), None
    for revision in (1, 2, 3):
        sent: dict[str, str] = {} if tag is None else {"If_Match": tag}
        answer = post(api, key, listing | {"price": revision}, **sent)
        assert answer.json()["changed"]
        tag = answer.headers["etag"]
        assert tag == f'"r{revision}"'
    path = f"{LISTINGS}/{listing['providerIdentifier']}:a-1"
    assert api.client.get(path, headers={"X-API-Key": key}).headers["etag"] == tag


@pytest.mark.parametrize(
    "tag",
    ['"r1"', 'W/"r2"', "r2", '"2"', '"r02"', '"r0"', '"r"', '"r2', '""', '"', '"r2", "r1"', '"r-2"',
     '"r99999999999999999999"', "* *", ""],
)  # fmt: skip
def test_another_tag_than_the_stored_one_does_nothing(api: Api, listing: Listing, tag: str) -> None:
    key = api.make_key()
    post(api, key, listing)
    post(api, key, listing | {"price": 2})
    answer = post(api, key, listing | {"price": 3}, If_Match=tag)
    assert problem_of(answer) == (412, "precondition_failed")
    assert (api.stored(listing["providerIdentifier"], "a-1") or {})["price"] == 2
    assert len(api.payloads(listing["providerIdentifier"])) == 2


@pytest.mark.parametrize("tag", ['"r1"', "*"])
def test_a_listing_that_is_not_there_matches_nothing(api: Api, listing: Listing, tag: str) -> None:
    key = api.make_key()
    for path in (LISTINGS, f"{LISTINGS}?dryRun=true"):
        answer = post(api, key, listing, path, If_Match=tag)
        assert problem_of(answer) == (412, "precondition_failed")
    assert api.stored(listing["providerIdentifier"], "a-1") is None


def test_a_star_asks_for_any_revision(api: Api, listing: Listing) -> None:
    key = api.make_key()
    post(api, key, listing)
    assert post(api, key, listing | {"price": 2}, If_Match="*").json()["changed"]


def test_identical_bytes_are_no_excuse_for_a_wrong_tag(api: Api, listing: Listing) -> None:
    key = api.make_key()
    post(api, key, listing)
    assert problem_of(post(api, key, listing, If_Match='"r2"')) == (412, "precondition_failed")


def test_a_stale_body_with_the_right_tag_is_stale(api: Api, listing: Listing) -> None:
    key = api.make_key()
    tag = post(api, key, listing | {"sourceUpdatedAt": "2026-03-02T00:00:00Z"}).headers["etag"]
    late = post(
        api, key, listing | {"price": 1, "sourceUpdatedAt": "2026-03-01T00:00:00Z"}, If_Match=tag
    )
    assert (late.status_code, late.json()["stale"], late.headers["etag"]) == (200, True, tag)


def test_dry_runs_judge_the_tag_too(api: Api, listing: Listing) -> None:
    key = api.make_key()
    post(api, key, listing)
    dry = f"{LISTINGS}?dryRun=true"
    assert post(api, key, listing | {"price": 2}, dry, If_Match='"r1"').status_code == 200
    wrong = post(api, key, listing | {"price": 2}, dry, If_Match='"r2"')
    assert problem_of(wrong) == (412, "precondition_failed")


@pytest.mark.parametrize("media_type", ["application/json", "application/x-ndjson"])
def test_a_bulk_takes_no_precondition(api: Api, listing: Listing, media_type: str) -> None:
    sent = {"If-Match": '"r1"', "Content-Type": media_type}
    answer = api.post(api.make_key(), {"items": [listing]}, BULK, **sent)
    assert problem_of(answer) == (422, "validation_failed")
    assert answer.json()["violations"][0]["code"] == "not_supported"
