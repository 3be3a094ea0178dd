"""The reading operations in the OpenAPI document say what the door does."""

from typing import Any

import pytest

from ingest_api.projection import LIST_FIELDS
from tests.ingest_api.conftest import LISTINGS, Api
from tests.ingest_api.routers.test_own import CHANGES, EVENTS, REFUSALS, get
from tests.ingest_api.test_openapi import validator

READING = {
    LISTINGS: "list_listings",
    f"{LISTINGS}/{{identifier}}": "get_listing",
    f"{EVENTS}/{{event_id}}": "get_event",
    CHANGES: "list_changes",
    REFUSALS: "list_refusals",
}


@pytest.fixture
def document(api: Api) -> dict[str, Any]:
    answered: dict[str, Any] = api.client.get("/openapi.json").json()
    return answered


def test_every_reading_call_is_described(document: dict[str, Any]) -> None:
    for path, name in READING.items():
        told = document["paths"][path]["get"]
        assert told["operationId"] == name
        assert told["security"] == [{"ApiKey": []}]
        assert {"200", "401", "403", "422", "500"} <= told["responses"].keys()
        named = [each["name"] for each in told["parameters"] if each["in"] == "path"]
        assert named == [part[1:-1] for part in path.split("/") if part.startswith("{")]


def test_answers_are_valid_by_the_document(
    api: Api, document: dict[str, Any], listing: dict[str, Any]
) -> None:
    key = api.make_key()
    posted = api.post(key, listing | {"rooms": 2, "colour": 1, "agent": {"name": "Dan"}})
    api.post(key, listing | {"price": -1})
    told = {
        "StoredListing": posted.headers["location"],
        "ListingPage": f"{LISTINGS}?fields={','.join(LIST_FIELDS)}",
        "EventAnswer": f"{EVENTS}/{posted.json()['eventId']}",
        "ChangePage": CHANGES,
        "RefusalsPage": REFUSALS,
    }
    for schema, path in told.items():
        answer = get(api, key, path)
        assert answer.status_code == 200
        validator(document, schema).validate(answer.json())
    validator(document, "Problem").validate(get(api, key, f"{CHANGES}?x=1").json())


def test_the_fields_of_a_list_are_the_documents(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["ListingPart"]
    assert set(LIST_FIELDS) <= schema["properties"].keys()
    (fields,) = (
        each for each in document["paths"][LISTINGS]["get"]["parameters"]
        if each["name"] == "fields"
    )  # fmt: skip
    assert fields["schema"]["items"]["enum"] == list(LIST_FIELDS)
