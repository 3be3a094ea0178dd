"""DELETE: a listing leaves the market with a reason, keeps its id, and a post brings it back."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from flows.steps.reference import load_packaged
from flows.steps.worker import start_worker
from store.database import open_warehouse_reader, reading
from store.settings import Settings
from store.shapes.vocabulary import DELETION_REASONS
from store.tables.journal import ingest_changes
from store.tables.warehouse import market_listings
from tests.ingest_api.conftest import LISTINGS, Api, problem_of, serving

Listing = dict[str, Any]


def delete(api: Api, key: str, identifier: str, query: str = "", **sent: str) -> Any:
    path = f"{LISTINGS}/{quote(identifier, safe=':')}{query}"
    return api.client.delete(path, headers={"X-API-Key": key, **sent})


def told(api: Api, key: str, identifier: str) -> Any:
    path = f"{LISTINGS}/{quote(identifier, safe=':')}"
    return api.client.get(path, headers={"X-API-Key": key}).json()


def history(api: Api, provider: str) -> list[tuple[int, str, bool]]:
    row = ingest_changes.c
    with reading(api.engine) as connection:
        found = connection.execute(
            sa.select(row.revision, row.status, row.is_deleted)
            .where(row.provider_identifier == provider)
            .order_by(row.event_offset)
        )
        return [(each.revision, each.status, each.is_deleted) for each in found]


@pytest.fixture
def key(api: Api) -> str:
    return api.make_key()


@pytest.fixture
def posted(api: Api, key: str, listing: Listing) -> str:
    """The identifier of a listing on the market."""
    identifier: str = api.post(key, listing).json()["identifier"]
    return identifier


@pytest.mark.parametrize("reason", ["", *DELETION_REASONS])
def test_the_reason_is_the_status_that_it_is_left_with(
    api: Api, key: str, posted: str, reason: str
) -> None:
    answer = delete(api, key, posted, f"?reason={reason}" if reason else "")
    assert (answer.status_code, answer.content) == (204, b"")
    stored = told(api, key, posted)
    expected = reason or "withdrawn"
    assert (stored["status"], stored["deletionReason"]) == (expected, expected)
    assert stored["deletedAt"] == stored["statusSince"]
    assert stored["revision"] == 2


@pytest.mark.parametrize("query", ["?reason=gone", "?reason=", "?reason=draft", "?why=sold"])
def test_another_reason_is_refused(api: Api, key: str, posted: str, query: str) -> None:
    assert problem_of(delete(api, key, posted, query)) == (422, "validation_failed")
    assert told(api, key, posted)["status"] == "active"


def test_twice_is_once_and_another_reason_corrects_the_first(
    api: Api, key: str, posted: str, provider: str
) -> None:
    for _ in range(2):
        assert delete(api, key, posted).status_code == 204
    assert history(api, provider) == [(1, "active", False), (2, "withdrawn", True)]
    first = told(api, key, posted)
    assert delete(api, key, posted, "?reason=sold").status_code == 204
    second = told(api, key, posted)
    assert (second["deletionReason"], second["revision"]) == ("sold", 3)
    assert second["deletedAt"] == first["deletedAt"]


def test_from_any_status_a_listing_can_be_deleted(api: Api, key: str, listing: Listing) -> None:
    for status in ("draft", "reserved", "sold", "rented", "withdrawn", "expired"):
        body = listing | {"externalId": status, "status": status}
        identifier = api.post(key, body).json()["identifier"]
        assert delete(api, key, identifier, "?reason=rented").status_code == 204
        assert told(api, key, identifier)["status"] == "rented"


@pytest.mark.parametrize("sent", [{}, {"If-Match": "*"}, {"If-Match": '"r1"'}])
def test_foreign_and_unknown_listings_have_the_same_answer(
    api: Api, key: str, posted: str, provider: str, sent: dict[str, str]
) -> None:
    stranger = api.make_key()
    answers = [
        delete(api, stranger, posted, **sent),
        delete(api, stranger, f"{provider}:never", **sent),
        delete(api, stranger, f"{provider}-nobodys:a-1", **sent),
        delete(api, stranger, provider, **sent),
        delete(api, key, f"{provider}:never", **sent),
    ]
    assert {problem_of(answer) for answer in answers} == {(404, "not_found")}
    assert len({answer.content for answer in answers}) == 1
    assert told(api, key, posted)["status"] == "active"


def test_a_bound_key_deletes_its_providers_listings_only(api: Api, provider: str) -> None:
    free = api.make_key("Bound deletions")
    bound = api.make_key("Bound deletions", providers=[f"{provider}-2"])
    body = {"title": "t", "transaction": "SALE", "type": "HOUSE", "price": 1, "currency": "EUR",
            "providerIdentifier": provider, "externalId": "a"}  # fmt: skip
    assert api.post(free, body).status_code == 201
    assert problem_of(delete(api, bound, f"{provider}:a")) == (404, "not_found")
    assert delete(api, free, f"{provider}:a").status_code == 204


def test_the_tag_is_judged(api: Api, key: str, posted: str) -> None:
    for tag in ('"r2"', 'W/"r1"', "r1", '"r0"'):
        answer = delete(api, key, posted, **{"If-Match": tag})
        assert problem_of(answer) == (412, "precondition_failed")
    assert delete(api, key, posted, **{"If-Match": '"r1"'}).status_code == 204
    assert problem_of(delete(api, key, posted, **{"If-Match": '"r1"'})) == (
        412, "precondition_failed",
    )  # fmt: skip
    assert delete(api, key, posted, **{"If-Match": "*"}).status_code == 204


def test_any_external_id_can_be_deleted(api: Api, key: str, listing: Listing) -> None:
    for external_id in ("2026/7 ș", "a:b:c", "..", "%2F", "a?b#c", "bulk"):
        identifier = api.post(key, listing | {"externalId": external_id}).json()["identifier"]
        assert delete(api, key, identifier).status_code == 204
        assert (api.stored(listing["providerIdentifier"], external_id) or {})["deletedAt"]


def test_a_post_brings_the_same_id_back_with_a_warning(
    api: Api, key: str, listing: Listing, posted: str, provider: str
) -> None:
    before = told(api, key, posted)
    delete(api, key, posted, "?reason=sold")
    answer = api.post(key, listing)
    body = answer.json()
    assert (answer.status_code, body["created"], body["changed"]) == (200, False, True)
    assert (body["id"], body["status"]) == (before["id"], "active")
    assert [each["code"] for each in body["warnings"]] == ["revived"]
    stored = told(api, key, posted)
    assert "deletedAt" not in stored
    assert "deletionReason" not in stored
    assert stored["statusSince"] == body["receivedAt"]
    assert stored["contentHash"] == before["contentHash"]
    assert history(api, provider) == [(1, "active", False), (2, "sold", True), (3, "active", False)]
    assert api.post(key, listing).json()["warnings"] == []


@pytest.mark.parametrize("status", ["reserved", "withdrawn", "sold", "draft"])
def test_it_comes_back_with_the_status_that_is_posted(
    api: Api, key: str, listing: Listing, posted: str, status: str
) -> None:
    delete(api, key, posted)
    answer = api.post(key, listing | {"status": status})
    assert answer.status_code == 200, answer.text
    assert "revived" in [each["code"] for each in answer.json()["warnings"]]
    stored = told(api, key, posted)
    assert (stored["status"], "deletedAt" in stored) == (status, False)


def test_a_patch_is_enough_to_bring_it_back(api: Api, key: str, posted: str) -> None:
    delete(api, key, posted)
    provider, _, external_id = posted.partition(":")
    body = {"providerIdentifier": provider, "externalId": external_id, "price": 5}
    assert api.post(key, body).json()["status"] == "active"
    assert told(api, key, posted)["listing"]["price"] == 5


def test_a_stale_body_brings_nothing_back(api: Api, key: str, listing: Listing) -> None:
    newer = listing | {"sourceUpdatedAt": "2026-03-02T00:00:00Z"}
    identifier = api.post(key, newer).json()["identifier"]
    delete(api, key, identifier)
    late = api.post(key, listing | {"sourceUpdatedAt": "2026-03-01T00:00:00Z"}).json()
    assert (late["stale"], late["status"]) == (True, "withdrawn")
    assert [each["code"] for each in late["warnings"]] == ["stale"]
    assert "deletedAt" in told(api, key, identifier)


@pytest.mark.slow
def test_it_is_out_of_the_market_after_a_refresh_and_back_after_its_revival(
    settings: Settings, api_key: str, listing: Listing
) -> None:
    load_packaged(settings, datetime.now(UTC))
    worker = start_worker(settings, "test", lambda: datetime.now(UTC))
    assert worker is not None

    def on_market() -> int:
        worker.drain()
        with reading(open_warehouse_reader(settings)) as connection:
            found = connection.execute(
                sa.select(sa.func.count()).select_from(market_listings)
                .where(market_listings.c.external_id == "a-1")
            ).scalar_one()  # fmt: skip
        return int(found)

    with serving(settings) as api:
        identifier = api.post(api_key, listing).json()["identifier"]
        assert on_market() == 1
        assert delete(api, api_key, identifier).status_code == 204
        assert on_market() == 0
        assert api.post(api_key, listing).status_code == 200
        assert on_market() == 1
    worker.close()
