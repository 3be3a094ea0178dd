"""What an accepted post's warnings look like on the wire."""

from typing import Any

from tests.ingest_api.conftest import Api

Listing = dict[str, Any]


def test_a_coerced_value_is_told_with_from_and_to(api: Api, listing: Listing) -> None:
    posted = listing | {"price": "92.000,50", "partitioning": "Decomandat", "newBuild": "da"}
    answer = api.post(api.make_key(), posted)
    assert answer.status_code == 201
    assert answer.json()["warnings"] == [
        {"propertyPath": "price", "code": "coerced", "message": "read as 92000.5",
         "from": "92.000,50", "to": 92000.5},
        {"propertyPath": "partitioning", "code": "coerced", "message": "read as DETACHED",
         "from": "Decomandat", "to": "DETACHED"},
        {"propertyPath": "newBuild", "code": "coerced", "message": "read as true",
         "from": "da", "to": True},
    ]  # fmt: skip
    stored = api.stored(listing["providerIdentifier"], "a-1") or {}
    assert (stored["price"], stored["partitioning"], stored["newBuild"]) == (
        92000.5, "DETACHED", True
    )  # fmt: skip


def test_other_warnings_carry_neither(api: Api, listing: Listing) -> None:
    answer = api.post(api.make_key(), listing | {"total_area": 50, "status": "draft"})
    assert answer.json()["warnings"] == [
        {"propertyPath": "total_area", "code": "unknown_field",
         "message": "not part of the contract: did you mean totalArea?"},
        {"propertyPath": "status", "code": "not_on_market",
         "message": "draft takes the listing off the market"},
    ]  # fmt: skip


def test_an_unknown_field_is_kept_with_the_raw_post(api: Api, listing: Listing) -> None:
    assert api.post(api.make_key(), listing | {"shoeSize": 42}).status_code == 201
    (payload,) = api.payloads(listing["providerIdentifier"])
    assert b'"shoeSize": 42' in payload
    assert "shoeSize" not in (api.stored(listing["providerIdentifier"], "a-1") or {})


def test_in_a_bulk_each_item_has_its_own_warnings(api: Api, listing: Listing) -> None:
    items = [listing, listing | {"externalId": "a-2", "status": "SOLD"}]
    results = api.bulk(api.make_key(), items).json()["results"]
    codes = [[warned["code"] for warned in item["data"]["warnings"]] for item in results]
    assert codes == [[], ["coerced", "not_on_market"]]
    assert results[1]["data"]["status"] == "sold"
