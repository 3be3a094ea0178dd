"""The reference: any live key reads it, it agrees with the contract, and it may be cached."""

from typing import Any

import pytest

from store.shapes.checks import VIOLATION_CODES, WARNING_CODES
from store.shapes.schemas import listing_schema
from store.shapes.vocabulary import LABELS, MOVES, is_legal_move
from store.shapes.wire import FIELDS, MAX_BULK_BYTES, MAX_BULK_ITEMS, MAX_LISTING_BYTES
from tests.ingest_api.conftest import Api

REFERENCE = "/api/integration/reference"


def get(api: Api, key: str | None, **headers: str) -> Any:
    sent = {} if key is None else {"X-API-Key": key}
    return api.client.get(REFERENCE, headers={**sent, **headers})


@pytest.mark.parametrize("permission", ["publish.estates", "read.market"])
def test_any_live_key_reads_it(api: Api, permission: str) -> None:
    assert get(api, api.make_key(permissions=(permission,))).status_code == 200


def test_without_a_key_it_is_refused(api: Api) -> None:
    answer = get(api, None)
    assert (answer.status_code, answer.json()["code"]) == (401, "missing_api_key")
    assert answer.json()["instance"] == REFERENCE


def test_it_is_not_sent_again_while_it_is_the_same(api: Api) -> None:
    key = api.make_key()
    etag = get(api, key).headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        again = get(api, key, **{"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert get(api, key, **{"If-None-Match": '"other"'}).status_code == 200


def test_it_agrees_with_the_contract(api: Api) -> None:
    body = get(api, api.make_key()).json()
    schema = listing_schema()["properties"]
    assert [field["name"] for field in body["fields"]] == [field.name for field in FIELDS]
    for field in body["fields"]:
        told = schema[field["name"]]
        kinds = [kind["type"] for kind in told.get("anyOf", [told])]
        types = kinds[0] if isinstance(kinds[0], list) else kinds
        assert field["type"] == types[0]
        assert field["nullClears"] is ("null" in types)
        for bound in ("minimum", "maximum", "exclusiveMinimum", "maxLength", "maxItems"):
            assert (
                field.get(bound) == told.get(bound)
                or field["name"] == "imageUrls"
                or (field["name"] == "attributes")
            )
    assert [code["value"] for code in body["enums"]["type"]] == schema["type"]["enum"]
    assert body["estateTypes"] == body["enums"]["type"]
    assert body["estateTypes"][0] == {
        "value": "APARTMENT",
        "labels": {"en": "apartment", "ro": "apartament"},
        "aliases": ["flat"],
    }


def test_it_lists_every_code_with_labels_and_aliases(api: Api) -> None:
    enums = get(api, api.make_key()).json()["enums"]
    for field in FIELDS:
        if field.choices:
            assert enums[field.name] == [
                {
                    "value": code,
                    "labels": {"en": label.en, "ro": label.ro},
                    "aliases": list(label.aliases),
                }
                for code, label in LABELS[field.choices].items()
            ]


def test_it_says_what_each_field_needs_and_since_when(api: Api) -> None:
    body = get(api, api.make_key()).json()
    assert body["version"] == "1.1"
    fields = {field["name"]: field for field in body["fields"]}
    assert fields["landArea"] == {
        "name": "landArea", "type": "number", "kind": "decimal", "unit": "m2",
        "description": "Area of the plot; figures per square metre of LAND use it.",
        "exclusiveMinimum": 0, "maximum": 1e8, "example": 450, "nullClears": True,
        "requiredOnCreate": False, "requiredOnUpdate": False, "since": "1.1", "deprecated": False,
        "recommendedFor": {"SALE": ["HOUSE", "LAND"], "RENT": ["HOUSE", "LAND"]},
    }  # fmt: skip
    assert fields["furnished"]["recommendedFor"] == {"RENT": ["APARTMENT", "STUDIO", "HOUSE"]}
    assert "LAND" not in fields["totalArea"]["recommendedFor"]["SALE"]
    assert fields["price"]["since"] == "1.0"
    assert {name for name, field in fields.items() if field["requiredOnCreate"]} == {
        "providerIdentifier", "externalId", "title", "transaction", "type", "price", "currency"
    }  # fmt: skip
    party = {field["name"]: field for field in fields["agency"]["fields"]}
    assert (party["formerName"]["since"], party["formerName"]["maxLength"]) == ("1.1", 200)


def test_it_lists_the_legal_moves_of_every_status(api: Api) -> None:
    told = {each["value"]: each["moves"] for each in get(api, api.make_key()).json()["statuses"]}
    assert told.keys() == set(MOVES)
    for before, moves in told.items():
        assert moves == [
            after for after in told if after != before and is_legal_move(before, after)
        ]


def test_it_lists_statuses_limits_and_codes(api: Api) -> None:
    body = get(api, api.make_key()).json()
    assert [status["value"] for status in body["statuses"] if status["isOnMarket"]] == [
        "active", "reserved"
    ]  # fmt: skip
    assert [status["value"] for status in body["statuses"] if status["isClosed"]] == [
        "sold", "rented"
    ]  # fmt: skip
    limits = body["limits"]
    assert (limits["bulkItems"], limits["bulkBytes"], limits["listingBytes"]) == (
        MAX_BULK_ITEMS, MAX_BULK_BYTES, MAX_LISTING_BYTES
    )  # fmt: skip
    assert {entry["code"] for entry in body["violations"]} == VIOLATION_CODES.keys()
    assert {entry["code"] for entry in body["warnings"]} == WARNING_CODES.keys()
    assert {entry["code"]: entry["status"] for entry in body["problems"]}["too_large"] == 413
