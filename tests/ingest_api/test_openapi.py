"""The OpenAPI document describes what the door does, for every operation."""

import json
from typing import Any

import jsonschema
import pytest

from ingest_api.problems import PROBLEMS
from tests.ingest_api.conftest import LISTINGS, Api
from tests.ingest_api.test_integration_page import FULL, MARK_AS_SOLD, QUICK_START

OPERATIONS = [
    ("post", LISTINGS),
    ("post", f"{LISTINGS}/bulk"),
    ("get", "/api/integration/reference"),
]


@pytest.fixture
def document(api: Api) -> dict[str, Any]:
    answered: dict[str, Any] = api.client.get("/openapi.json").json()
    return answered


def validator(document: dict[str, Any], name: str) -> jsonschema.Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema.Draft202012Validator(schema)


def test_it_is_openapi_3_1_with_the_key_as_its_security(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    scheme = document["components"]["securitySchemes"]["ApiKey"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "X-API-Key")
    for method, path in OPERATIONS:
        assert document["paths"][path][method]["security"] == [{"ApiKey": []}]


def test_every_operation_says_who_may_call_it(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            assert "security" in told, f"{method} {path} says nothing: OPEN_SECURITY if nobody"


def test_every_operation_with_a_key_describes_its_problems(document: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in json.dumps(document)
    keyed = [
        told
        for methods in document["paths"].values()
        for told in methods.values()
        if told["security"] == [{"ApiKey": []}]
    ]
    assert len(keyed) >= len(OPERATIONS)
    for told in keyed:
        responses = told["responses"]
        assert "WWW-Authenticate" in responses["401"]["headers"]
        problems = {status: told for status, told in responses.items() if status >= "400"}
        assert {"401", "500"} <= problems.keys()
        for problem in problems.values():
            assert list(problem["content"]) == ["application/problem+json"]
    single = document["paths"][LISTINGS]["post"]["responses"]
    assert {"200", "201", "400", "401", "403", "413", "415", "422"} <= single.keys()


def test_every_reference_in_it_leads_somewhere(document: dict[str, Any]) -> None:
    names = {part.split('"')[0] for part in json.dumps(document).split("#/components/schemas/")[1:]}
    assert names <= document["components"]["schemas"].keys()


@pytest.mark.parametrize("body", [QUICK_START, FULL, MARK_AS_SOLD])
def test_the_pages_bodies_are_valid_by_the_document(document: dict[str, Any], body: bytes) -> None:
    validator(document, "Listing").validate(json.loads(body))
    validator(document, "Bulk").validate({"items": [json.loads(body)]})


def test_answers_are_valid_by_the_document(
    api: Api, document: dict[str, Any], listing: dict[str, Any]
) -> None:
    key = api.make_key()
    validator(document, "ListingAnswer").validate(api.post(key, listing | {"new": 1}).json())
    bulk = api.bulk(key, [listing, {}, 1])
    validator(document, "BulkAnswer").validate(bulk.json())
    validator(document, "Problem").validate(api.post(key, {}).json())
    validator(document, "Problem").validate(api.post(None, {}).json())
    reference = api.client.get("/api/integration/reference", headers={"X-API-Key": key})
    validator(document, "Reference").validate(reference.json())


def test_the_docs_page_asks_no_other_host(api: Api) -> None:
    page = api.client.get("/docs")
    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    for part in page.text.split('"'):
        if part.startswith("/static-offline-docs/"):
            assert api.client.get(part).status_code == 200


def test_operations_have_names_for_clients(document: dict[str, Any]) -> None:
    names = [told["operationId"] for path in document["paths"].values() for told in path.values()]
    assert len(names) == len(set(names))
    assert {"post_listing", "post_listings", "get_reference"} <= set(names)


def test_every_problem_has_an_error_status() -> None:
    assert all(400 <= kind.status < 600 for kind in PROBLEMS.values())


def test_every_example_is_valid_by_its_schema(document: dict[str, Any]) -> None:
    bodies = [
        told["requestBody"]["content"]["application/json"]
        for methods in document["paths"].values()
        for told in methods.values()
        if "application/json" in told.get("requestBody", {}).get("content", {})
    ]
    examples = [
        (body["schema"], example)
        for body in bodies
        for example in body.get("examples", {}).values()
    ]
    assert examples
    for schema, example in examples:
        whole = schema | {"components": document["components"]}
        jsonschema.Draft202012Validator(whole).validate(example["value"])
