"""Sandboxes: the same calls in a home of the partner's own, and one that wipes it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from store.audit import COMMAND_LINE
from store.database import open_journal_database, reading, writing
from store.keys import KeyWish, find_key, issue_key
from store.sandbox import sandbox_settings
from store.settings import Settings
from store.shapes.vocabulary import Environment
from store.tables.journal import ingest_batches, ingest_listings, ingest_providers
from tests.ingest_api.conftest import LISTINGS, Api, problem_of, serving

Listing = dict[str, Any]
SANDBOX = "/api/integration/sandbox"
SNAPSHOTS = "/api/integration/snapshots"


def key_of(
    api: Api, partner: str, environment: Environment = Environment.SANDBOX,
    permissions: tuple[str, ...] = ("publish.estates",),
) -> str:  # fmt: skip
    wish = KeyWish(partner=partner, permissions=permissions, environment=environment)
    with writing(api.engine) as connection:
        return issue_key(connection, wish, COMMAND_LINE, datetime.now(UTC)).key


def home_of(api: Api, key: str) -> Settings:
    with reading(api.engine) as connection:
        record = find_key(connection, key, datetime.now(UTC))
    assert record is not None
    return sandbox_settings(api.settings, record.partner_id)


def get(api: Api, key: str, path: str) -> Any:
    return api.client.get(path, headers={"X-API-Key": key})


def wipe(api: Api, key: str) -> Any:
    return api.client.delete(SANDBOX, headers={"X-API-Key": key})


def names(api: Api, key: str) -> list[str]:
    answer = get(api, key, LISTINGS)
    assert answer.status_code == 200
    return [item["externalId"] for item in answer.json()["items"]]


PARTNER, OTHER = "sandbox one", "sandbox two"
"""Most tests share their sandboxes: making one takes a third of a second."""


@pytest.fixture
def key(api: Api) -> str:
    return key_of(api, PARTNER)


@pytest.fixture
def other(api: Api) -> str:
    return key_of(api, OTHER)


def test_it_is_a_home_of_its_own_with_ids_from_one(api: Api, key: str, listing: Listing) -> None:
    items = [listing, listing | {"externalId": "b"}]
    told = api.bulk(key, items).json()["results"]
    assert [each["data"]["id"] for each in told] == [1, 2]
    home = home_of(api, key)
    assert home.home.parent == api.settings.home / "sandbox"
    engine = open_journal_database(home)
    with reading(engine) as connection:
        stored = connection.execute(sa.select(ingest_listings.c.external_id)).scalars().all()
    engine.dispose()
    assert sorted(stored) == ["a-1", "b"]


def test_nothing_of_it_is_in_the_live_journal(api: Api, key: str, listing: Listing) -> None:
    with reading(api.engine) as connection:
        before = connection.execute(sa.select(sa.func.max(ingest_batches.c.last_offset))).scalar()
    api.post(key, listing)
    provider = listing["providerIdentifier"]
    with reading(api.engine) as connection:
        after = connection.execute(sa.select(sa.func.max(ingest_batches.c.last_offset))).scalar()
        claim = connection.execute(
            sa.select(ingest_providers).where(ingest_providers.c.identifier == provider)
        ).first()
    assert (api.stored(provider, "a-1"), after, claim) == (None, before, None)


def test_claims_of_sandboxes_and_of_the_platform_do_not_meet(
    api: Api, key: str, other: str, listing: Listing
) -> None:
    for each in (key, other, api.make_key()):
        assert api.post(each, listing).status_code == 201
        assert api.post(each, listing | {"price": 1}).status_code == 200


def test_sandbox_and_live_keys_of_one_partner_do_not_see_each_other(
    api: Api, key: str, listing: Listing
) -> None:
    live = key_of(api, PARTNER, Environment.LIVE)
    tried = api.post(key, listing | {"externalId": "tried"}).json()
    real = api.post(live, listing | {"externalId": "real"}).json()
    assert "real" not in names(api, key)
    assert "tried" not in names(api, live)
    for mine, theirs in ((key, real), (live, tried)):
        for path in (f"{LISTINGS}/{theirs['identifier']}",
                     f"/api/integration/events/{theirs['eventId']}"):  # fmt: skip
            assert problem_of(get(api, mine, path)) == (404, "not_found")
        gone = api.client.delete(f"{LISTINGS}/{theirs['identifier']}", headers={"X-API-Key": mine})
        assert problem_of(gone) == (404, "not_found")


def test_every_way_in_leads_to_the_sandbox(api: Api, key: str, listing: Listing) -> None:
    body = json.dumps(listing | {"externalId": "line"}).encode()
    headers = {"X-API-Key": key, "Content-Type": "application/x-ndjson"}
    assert api.client.post(f"{LISTINGS}/bulk", content=body, headers=headers).status_code == 200
    api.post(key, listing, **{"Idempotency-Key": "k"})
    again = api.post(key, listing, **{"Idempotency-Key": "k"})
    assert again.headers["idempotency-replayed"] == "true"
    opening = {"providerIdentifier": listing["providerIdentifier"]}
    snapshot = api.post(key, opening, SNAPSHOTS).json()["id"]
    feed = api.post(key, {"items": [listing]}, f"{LISTINGS}/bulk?snapshot={snapshot}")
    assert feed.json()["succeeded"] == 1
    closed = api.post(key, {"expectedCount": 1}, f"{SNAPSHOTS}/{snapshot}/close").json()
    assert (closed["state"], closed["missing"]) == ("applied", 1)
    dry = api.post(key, listing | {"price": 5}, f"{LISTINGS}?dryRun=true").json()
    assert [each["to"] for each in dry["diff"]] == [5]
    assert api.stored(listing["providerIdentifier"], "line") is None


def test_a_reference_is_always_answered_429(api: Api, key: str, listing: Listing) -> None:
    forced = listing | {"externalId": "test-429"}
    for path in (LISTINGS, f"{LISTINGS}?dryRun=true"):
        answer = api.post(key, forced, path)
        assert problem_of(answer) == (429, "rate_limited")
        assert answer.headers["retry-after"] == "1"
    told = api.bulk(key, [forced, listing]).json()["results"]
    assert [each["success"] for each in told] == [False, True]
    assert "test-429" not in names(api, key)
    assert api.post(api.make_key(), forced).status_code == 201


def test_wiping_empties_it_and_the_next_post_begins_anew(
    api: Api, key: str, other: str, listing: Listing
) -> None:
    api.post(other, listing)
    api.bulk(key, [listing, listing | {"externalId": "b"}])
    assert wipe(api, key).status_code == 204
    assert not home_of(api, key).home.exists()
    assert names(api, key) == []
    answer = api.post(key, listing | {"externalId": "c"})
    assert (answer.status_code, answer.json()["id"]) == (201, 1)
    assert names(api, key) == ["c"]
    assert "a-1" in names(api, other)


def test_an_empty_one_can_be_wiped(api: Api, key: str) -> None:
    for _ in range(2):
        assert wipe(api, key).status_code == 204


def test_a_live_key_wipes_nothing(api: Api, key: str, listing: Listing) -> None:
    api.post(key, listing)
    live = key_of(api, PARTNER, Environment.LIVE)
    assert problem_of(wipe(api, live)) == (403, "sandbox_key_required")
    assert "a-1" in names(api, key)


def test_a_key_that_may_not_write_wipes_nothing(api: Api) -> None:
    reader = key_of(api, PARTNER, permissions=("read.estates",))
    assert problem_of(wipe(api, reader)) == (403, "missing_permission")


@pytest.fixture
def neighbour(api: Api) -> Iterator[Api]:
    """Another process's app on the same home."""
    with serving(api.settings) as other:
        yield other


@pytest.mark.slow
def test_what_another_process_wiped_is_seen_anew(
    api: Api, neighbour: Api, key: str, listing: Listing
) -> None:
    wipe(api, key)
    for number in range(2):
        assert api.post(key, listing | {"externalId": f"a{number}"}).json()["id"] == 1
        assert names(neighbour, key) == [f"a{number}"]
        # Use of the key waits to be counted in the sandbox that goes.
        get(api, key, LISTINGS)
        assert wipe(neighbour, key).status_code == 204
        assert names(api, key) == []


def test_use_of_a_sandbox_key_is_counted_in_its_sandbox(
    api: Api, key: str, listing: Listing
) -> None:
    api.post(key, listing)
    api.post(key, listing | {"price": "x"})
    (day,) = get(api, key, "/api/integration/usage?days=1").json()["days"]
    assert (day["calls"], day["accepted"], day["refused"]) == (2, 1, 1)
