"""The integration page, word for word: every JSON on it, and what it promises of each.

The bodies are quoted from the page as they stand there. Where the page shows `...` for further
fields, the test fills them from the page's own quick start.
"""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from flows.steps.normalise import Normalised, normalise
from tests.flows.events import RATES, event, frame
from tests.ingest_api.conftest import LISTINGS, Api

# Quick Start: "Publish a listing"
QUICK_START = b"""{
    "providerIdentifier": "my-crm",
    "externalId": "listing-456",
    "title": "Apartament 3 camere Herastrau",
    "transaction": "SALE",
    "type": "APARTMENT",
    "price": 185000,
    "currency": "EUR",
    "rooms": 3,
    "totalArea": 85.5
  }"""

# Step 2: "Push property listings with full details including inline agency and agent data."
FULL = b"""{
  "providerIdentifier": "my-crm",
  "externalId": "listing-456",
  "title": "Apartament 3 camere, zona Herastrau",
  "transaction": "SALE",
  "type": "APARTMENT",
  "price": 185000,
  "currency": "EUR",
  "rooms": 3,
  "totalArea": 85.5,
  "latitude": 44.4812,
  "longitude": 26.0766,
  "constructionYear": 2020,
  "floor": 4,
  "floorMax": 10,
  "partitioning": "DETACHED",
  "imageUrls": ["https://example.com/img1.jpg"],
  "agency": {
    "name": "VIB Imobiliare",
    "phone": "+40721000000"
  },
  "agent": {
    "name": "Ana Popescu",
    "phone": "+40721000001"
  }
}"""

# Step 3: "Push multiple listings in a single request. Each item follows the same schema."
BULK = b"""{
  "items": [
    { "providerIdentifier": "my-crm", "externalId": "listing-1", ... },
    { "providerIdentifier": "my-crm", "externalId": "listing-2", ... }
  ]
}"""

# Step 3: "Response shows per-item results:"
BULK_ANSWER = b"""{ "count": 2, "results": [
    { "index": 0, "success": true, "data": { "id": 12345 } },
    { "index": 1, "success": true, "data": { "id": 12346 } }
]}"""

# Step 4: "Re-post with same externalId to update status"
MARK_AS_SOLD = b"""{
  "providerIdentifier": "my-crm",
  "externalId": "listing-456",
  "title": "Apartament 3 camere, zona Herastrau",
  "transaction": "SALE",
  "price": 185000,
  "currency": "EUR",
  "status": "sold"
}"""


@pytest.fixture(scope="module")
def key(running_api: Api) -> str:
    """The key of the one partner that owns my-crm."""
    return running_api.make_key("owner of my-crm")


def renamed(body: bytes, external_id: str) -> bytes:
    """The page's body for another listing of the same provider."""
    return body.replace(b"listing-456", external_id.encode())


def test_quick_start_publishes_a_listing(api: Api, key: str) -> None:
    answer = api.post(key, renamed(QUICK_START, "quick"))
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{LISTINGS}/my-crm:quick"
    body = answer.json()
    assert {name: body[name] for name in ("identifier", "created", "changed", "status")} == {
        "identifier": "my-crm:quick",  # "providerIdentifier:externalId for estates"
        "created": True,
        "changed": True,
        "status": "active",
    }
    assert type(body["id"]) is int
    assert body["eventId"]
    assert body["warnings"] == []
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", body["receivedAt"])
    assert "stale" not in body


def test_full_payload_is_stored_as_it_was_posted(api: Api, key: str) -> None:
    """ "Push property listings with full details including inline agency and agent data." """
    payload = renamed(FULL, "full")
    answer = api.post(key, payload)
    assert (answer.status_code, answer.json()["warnings"]) == (201, [])
    stored = api.stored("my-crm", "full") or {}
    assert stored == json.loads(payload) | {"status": "active"}
    assert type(stored["price"]) is int
    assert type(stored["totalArea"]) is float
    assert payload in api.payloads("my-crm")


def test_same_identifiers_update_the_listing(api: Api, key: str) -> None:
    """ "Same providerIdentifier + externalId = update (idempotent upsert)."

    "Same providerIdentifier + externalId always updates the existing listing. Safe to re-send
    without creating duplicates."
    """
    first = api.post(key, renamed(QUICK_START, "upsert"))
    again = api.post(key, renamed(QUICK_START, "upsert"))
    fuller = api.post(key, renamed(FULL, "upsert"))
    assert [answer.status_code for answer in (first, again, fuller)] == [201, 200, 200]
    assert len({answer.json()["id"] for answer in (first, again, fuller)}) == 1
    assert [answer.json()["changed"] for answer in (first, again, fuller)] == [True, False, True]


def test_bulk_answers_item_by_item(api: Api, key: str) -> None:
    rest = QUICK_START.split(b'"listing-456",')[1].rsplit(b"}", 1)[0]
    answer = api.post(key, BULK.replace(b"...", rest), f"{LISTINGS}/bulk")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["count"], body["succeeded"], body["failed"]) == (2, 2, 0)
    shown = json.loads(BULK_ANSWER)
    assert shown.keys() <= body.keys()
    for item, shown_item in zip(body["results"], shown["results"], strict=True):
        assert item["index"] == shown_item["index"]
        assert item["success"] is True
        assert type(item["data"]["id"]) is int
    assert body["results"][0]["data"]["identifier"] == "my-crm:listing-1"


def test_failed_items_do_not_block_the_rest(api: Api, key: str) -> None:
    """ "Failed items don't block the rest." """
    good = json.loads(renamed(QUICK_START, "bulk-good"))
    bad = json.loads(renamed(QUICK_START, "bulk-bad")) | {"price": "a lot"}
    body = api.bulk(key, [bad, good]).json()
    assert (body["count"], body["succeeded"], body["failed"]) == (2, 1, 1)
    assert body["results"][0]["error"] == api.post(key, bad).json()
    assert body["results"][1]["data"]["created"] is True
    assert api.stored("my-crm", "bulk-bad") is None


def test_mark_as_sold_changes_the_status_alone_and_active_brings_it_back(
    api: Api, key: str
) -> None:
    """ "When a property is sold, update its status. Re-activate by setting "status": "active"." """
    api.post(key, renamed(FULL, "sale"))
    before = api.stored("my-crm", "sale")
    sold = api.post(key, renamed(MARK_AS_SOLD, "sale"))
    assert (sold.status_code, sold.json()["status"]) == (200, "sold")
    assert sold.json()["changed"] is True
    assert [warned["code"] for warned in sold.json()["warnings"]] == ["not_on_market"]
    assert api.stored("my-crm", "sale") == {**(before or {}), "status": "sold"}
    active = api.post(key, renamed(MARK_AS_SOLD.replace(b'"sold"', b'"active"'), "sale"))
    assert (active.status_code, active.json()["status"]) == (200, "active")
    assert active.json()["warnings"] == []
    assert api.stored("my-crm", "sale") == before


def test_reference_lists_codes_types_and_fields(api: Api, key: str) -> None:
    """ "Enum values, estate types, and field specifications", permission ROLE_API."""
    answer = api.client.get("/api/integration/reference", headers={"X-API-Key": key})
    assert answer.status_code == 200
    body = answer.json()
    assert {"enums", "estateTypes", "fields"} <= body.keys()
    named = {field["name"] for field in body["fields"]}
    assert json.loads(FULL).keys() | {"status"} <= named


def test_every_request_needs_the_key_in_its_header(api: Api, key: str) -> None:
    """ "Include the key in every request." "All requests require the X-API-Key header"

    "Send X-API-Key header on all /api/integration/* calls."
    """
    calls = {
        (method.upper(), path)
        for path, operations in api.client.get("/openapi.json").json()["paths"].items()
        for method in operations
        if path.startswith("/api/integration/")
    }
    assert {
        ("POST", "/api/integration/estates"),
        ("POST", "/api/integration/estates/bulk"),
        ("GET", "/api/integration/reference"),
    } <= calls
    for method, path in calls:
        without = api.client.request(method, path)
        assert (without.status_code, without.json()["code"]) == (401, "missing_api_key"), path
    assert re.match(r"imo360_ak_\w+", key)  # "X-API-Key: imo360_ak_your_key_here"


def test_keys_are_scoped_and_can_expire(api: Api) -> None:
    """ "API keys are scoped to specific permissions like publish.estates. Keys can have
    expiration dates."
    """
    body = json.loads(renamed(QUICK_START, "scoped")) | {"providerIdentifier": "page-keys"}
    reader = api.post(api.make_key(permissions=("read.market",)), body)
    assert (reader.status_code, reader.json()["code"]) == (403, "missing_permission")
    assert "publish.estates" in reader.json()["detail"]
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    ending = api.make_key(expires_at=ends)
    assert api.post(ending, body).status_code == 201
    api.clock.stopped_at = ends
    over = api.post(ending, body)
    assert (over.status_code, over.json()["code"]) == (401, "expired_api_key")


@pytest.fixture
def normalised(api: Api, key: str) -> Normalised:
    """What the first step of a refresh makes of the stored listing of step 2."""
    api.post(key, renamed(FULL, "normalised"))
    stored = api.stored("my-crm", "normalised") or {}
    return normalise(frame(event(1, 1, 1, **stored)), RATES)


def test_providers_agencies_and_agents_are_made_from_payloads(normalised: Normalised) -> None:
    """ "Providers, agencies, and agents are auto-created from estate payloads. Just include the
    data inline."

    "Identifiers are auto-generated as providerIdentifier:name for agencies/agents and
    providerIdentifier:externalId for estates."
    """
    assert normalised.providers["identifier"].to_list() == ["my-crm"]
    assert normalised.agencies.select("identifier", "name", "phone").rows() == [
        ("my-crm:VIB Imobiliare", "VIB Imobiliare", "+40721000000")
    ]
    assert normalised.agents.select("identifier", "agency_identifier", "phone").rows() == [
        ("my-crm:Ana Popescu", "my-crm:VIB Imobiliare", "+40721000001")
    ]


def test_pictures_are_handed_to_the_fetcher(normalised: Normalised) -> None:
    """ "Images from imageUrls are automatically downloaded and stored on our CDN for optimal
    delivery." How they are: tests/flows/test_fetch_images_step.py.
    """
    assert normalised.images["url"].to_list() == ["https://example.com/img1.jpg"]


def test_the_listing_is_fit_for_analytics(normalised: Normalised) -> None:
    """ "Published listings are immediately available for market explorer, pricing insights,
    investment scoring, and zone-level analytics." The way there: tests/journeys/test_up.py.
    """
    assert normalised.refusals.is_empty()
    row = normalised.versions.row(0, named=True)
    assert (row["price_eur"], row["area_m2"], row["rooms"]) == (185000, 85.5, 3)


def test_interactive_docs_and_the_document_for_clients(api: Api) -> None:
    """ "Use the Integration API docs to explore schemas, try requests, and download the OpenAPI
    spec for client generation."
    """
    page = api.client.get("/docs")
    assert (page.status_code, "swagger" in page.text.lower()) == (200, True)
    document = api.client.get("/openapi.json").json()
    assert (
        json.loads(FULL).keys() <= document["components"]["schemas"]["Listing"]["properties"].keys()
    )
