"""Dry runs tell what a post would come to, and leave everything as it was."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from cli.preview_process import PreviewProcess
from flows.steps.reference import load_packaged
from flows.steps.worker import start_worker
from ingest_api.app import create_app
from store.database import reading
from store.settings import Settings
from store.tables.journal import JOURNAL
from tests.ingest_api.conftest import LISTINGS, Api, problem_of

Listing = dict[str, Any]
COUNTED = {"ingest_usage_counts"}
"""Calls are counted, dry or not."""


def dry(api: Api, key: str, body: Any, query: str = "dryRun=true") -> Any:
    bulk = "/bulk" if isinstance(body, dict) and "items" in body else ""
    return api.post(key, body, f"{LISTINGS}{bulk}?{query}")


def diff(answer: Any) -> dict[str, tuple[Any, Any]]:
    assert answer.status_code == 200, answer.text
    return {each["field"]: (each["from"], each["to"]) for each in answer.json()["diff"]}


def everything(api: Api) -> tuple[dict[str, list[Any]], list[Path]]:
    """Return all rows of the journal and the names of all files of the lake."""
    with reading(api.engine) as connection:
        rows = {
            table.name: [tuple(row) for row in connection.execute(sa.select(table))]
            for table in JOURNAL.sorted_tables
            if table.name not in COUNTED
        }
    return rows, sorted((api.settings.home / "lake").rglob("*"))


def test_nothing_is_written_by_any_kind_of_dry_run(api: Api, listing: Listing) -> None:
    key = api.make_key()
    api.post(key, listing)
    before = everything(api)
    new = listing | {"externalId": "new"}
    wrong, sold = listing | {"price": "x"}, listing | {"status": "sold"}
    for body in (listing, new, sold, wrong, b"{", {"items": [new, sold, wrong]}):
        assert dry(api, key, body).status_code in (200, 400, 422)
    other = new | {"providerIdentifier": f"{listing['providerIdentifier']}-free"}
    assert dry(api, key, other).status_code == 200
    api.post(key, new, f"{LISTINGS}?dryRun=true", **{"Idempotency-Key": "k"})
    assert everything(api) == before


def test_a_new_listing_shows_everything_that_it_would_hold(api: Api, listing: Listing) -> None:
    answer = dry(api, api.make_key(), listing)
    assert diff(answer) == {name: (None, value) for name, value in listing.items()} | {
        "status": (None, "active")
    }
    told = answer.json()
    assert (told["dryRun"], told["id"], told["created"], told["changed"]) == (
        True, None, True, True,
    )  # fmt: skip
    assert (told["record"], told["refusals"], told["zone"]) == (None, None, None)
    assert "etag" not in answer.headers


def test_a_change_shows_what_changes_alone(api: Api, listing: Listing) -> None:
    key = api.make_key()
    stored = api.post(key, listing | {"floor": 2, "agency": {"name": "A", "phone": "1"}}).json()
    body = {
        "providerIdentifier": listing["providerIdentifier"], "externalId": "a-1", "price": 5,
        "floor": None, "agency": {"name": "A", "email": "a@b.ro"}, "rums": 1,
    }  # fmt: skip
    answer = dry(api, key, body)
    agency = {"name": "A", "phone": "1"}
    assert diff(answer) == {
        "price": (92000, 5), "floor": (2, None), "agency": (agency, agency | {"email": "a@b.ro"}),
    }  # fmt: skip
    assert answer.json()["id"] == stored["id"]
    assert [each["code"] for each in answer.json()["warnings"]] == ["unknown_field"]


def test_what_is_known_or_late_changes_nothing(api: Api, listing: Listing) -> None:
    key = api.make_key()
    newer = listing | {"sourceUpdatedAt": "2026-03-02T00:00:00Z"}
    api.post(key, newer)
    same = dry(api, key, newer)
    late = dry(api, key, listing | {"price": 1, "sourceUpdatedAt": "2026-03-01T00:00:00Z"})
    assert (diff(same), diff(late)) == ({}, {})
    assert (same.json()["changed"], same.json()["stale"]) == (False, False)
    assert (late.json()["changed"], late.json()["stale"]) == (False, True)


def test_a_deleted_listing_would_be_revived(api: Api, listing: Listing) -> None:
    key = api.make_key()
    stored = api.post(key, listing).json()
    path = f"{LISTINGS}/{stored['identifier']}?reason=sold"
    assert api.client.delete(path, headers={"X-API-Key": key}).status_code == 204
    answer = dry(api, key, listing)
    assert diff(answer) == {"status": ("sold", "active")}
    told = answer.json()
    assert (told["id"], told["created"], told["changed"]) == (stored["id"], False, True)
    assert [each["code"] for each in told["warnings"]] == ["revived"]


def test_later_items_see_earlier_ones(api: Api, listing: Listing) -> None:
    bare = {name: listing[name] for name in ("providerIdentifier", "externalId")}
    items = [bare, listing, bare | {"price": 5}, bare | {"status": "draft"}, bare | {"price": 6}]
    told = dry(api, api.make_key(), {"items": items}).json()
    assert (told["count"], told["succeeded"], told["failed"]) == (5, 4, 1)
    assert told["results"][0]["error"]["violations"][0]["code"] == "required_on_create"
    shown = [each["data"] for each in told["results"][1:]]
    assert [each["created"] for each in shown] == [True, False, False, False]
    assert [each.get("supersedesIndex") for each in shown] == [None, 1, 2, 3]
    assert [(each["from"], each["to"]) for each in shown[3]["diff"]] == [(5, 6)]


def test_refusals_are_answered_as_by_the_post_itself(api: Api, listing: Listing) -> None:
    owner, key = api.make_key(), api.make_key()
    api.post(owner, listing | {"status": "sold"})
    foreign, mine = listing, listing | {"providerIdentifier": listing["providerIdentifier"] + "-m"}
    api.post(key, mine | {"status": "sold"})
    for body in (foreign, foreign | {"price": "x"}, mine | {"status": "rented"},
                 mine | {"price": "x"}, b"[]", b"{"):  # fmt: skip
        tried, done = dry(api, key, body), api.post(key, body)
        assert problem_of(tried) == problem_of(done)
        assert tried.content == done.content


def test_the_snapshot_of_a_dry_run_is_judged(api: Api, listing: Listing) -> None:
    told = dry(api, api.make_key(), {"items": [listing]}, "dryRun=true&snapshot=unknown").json()
    assert told["results"][0]["error"]["code"] == "snapshot_closed"


@pytest.mark.parametrize("value", ["yes", "", "TRUE", "1"])
def test_a_misspelt_dry_run_is_refused_not_done(api: Api, listing: Listing, value: str) -> None:
    answer = dry(api, api.make_key(), listing, f"dryRun={value}")
    assert problem_of(answer) == (422, "validation_failed")
    assert api.stored(listing["providerIdentifier"], "a-1") is None


# -- what the flows would make of it ----------------------------------------------------------


class Shown:
    """Answers with the references it was asked about."""

    async def preview(self, documents: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        if any(document["title"] == "fails" for document in documents):
            raise RuntimeError("it failed")
        return [
            {"record": {"asked": document["externalId"]}, "refusals": [], "zone": None}
            for document in documents
        ]


def ask(settings: Settings, key: str, previewer: Any, *bodies: Any) -> list[Any]:
    """Post bodies to an app of its own with this previewer."""

    async def post_all() -> list[Any]:
        app = create_app(settings, lambda: datetime.now(UTC), previewer)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://x", timeout=60) as client,
        ):
            return [
                await client.post(
                    f"{LISTINGS}{'/bulk' if 'items' in body else ''}?dryRun=true",
                    content=json.dumps(body).encode(),
                    headers={"X-API-Key": key, "Content-Type": "application/json"},
                )
                for body in bodies
            ]

    return asyncio.run(post_all())


def test_each_item_gets_the_preview_of_its_own_document(
    settings: Settings, api_key: str, listing: Listing
) -> None:
    items = [listing, listing | {"price": "x"}, listing | {"externalId": "b"}]
    (answer,) = ask(settings, api_key, Shown(), {"items": items})
    told = answer.json()["results"]
    assert told[0]["data"]["record"] == {"asked": "a-1"}
    assert not told[1]["success"]
    assert told[2]["data"]["record"] == {"asked": "b"}


def test_a_preview_that_fails_is_null_and_the_rest_is_answered(
    settings: Settings, api_key: str, listing: Listing
) -> None:
    (answer,) = ask(settings, api_key, Shown(), listing | {"title": "fails"})
    assert answer.status_code == 200
    assert (answer.json()["record"], answer.json()["refusals"]) == (None, None)
    assert answer.json()["diff"]


@pytest.fixture
def process(settings: Settings) -> Iterator[PreviewProcess]:
    load_packaged(settings, datetime.now(UTC))
    worker = start_worker(settings, "test", lambda: datetime.now(UTC))
    assert worker is not None
    worker.drain()
    worker.close()
    made = PreviewProcess(settings, answer_seconds=60)
    yield made
    made.close()


@pytest.mark.slow
def test_the_flows_show_record_refusals_and_zone(
    settings: Settings, api_key: str, listing: Listing, process: PreviewProcess
) -> None:
    place = {"latitude": 44.4812, "longitude": 26.0766, "floor": 9, "floorMax": 4}
    single, bulk = ask(
        settings, api_key, process, listing | place,
        {"items": [listing | place, listing | {"externalId": "a-2", "currency": "RON"}]},
    )  # fmt: skip
    told = single.json()
    assert told["record"]["external_id"] == "a-1"
    assert told["record"]["price_eur"] == 92000
    assert [each["rule_code"] for each in told["refusals"]] == ["floor_above_top"]
    first, second = (each["data"] for each in bulk.json()["results"])
    assert (first["zone"], first["refusals"]) == (told["zone"], told["refusals"])
    assert first["zone"]["name"] == "Herăstrău"
    assert second["zone"]["name"] == "Drumul Taberei"
    assert second["record"]["currency"] == "RON"
