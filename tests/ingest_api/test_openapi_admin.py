"""Admins' operations in the OpenAPI document: a JWT, its 401, and answers as they come."""

from typing import Any

import jsonschema
import pytest

from tests.ingest_api.conftest import PASSWORD, People
from tests.ingest_api.routers.test_keys import OPERATIONS, REFUSED

Json = dict[str, Any]


@pytest.fixture
def document(people: People) -> Json:
    answered: Json = people.api.client.get("/openapi.json").json()
    return answered


def valid(document: Json, schema: Json, body: Any) -> bool:
    whole = {**schema, "components": document["components"]}
    return bool(jsonschema.Draft202012Validator(whole).is_valid(body))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_asks_for_a_token_and_tells_its_answers(
    people: People, document: Json, operation: str
) -> None:
    method, path, body, status = OPERATIONS[operation]
    told = document["paths"][path][method.lower()]
    assert told["security"] == [{"Jwt": []}]
    assert {"401", "403", "500"} <= told["responses"].keys()
    made = people.make_key(rateLimit={"perMinute": 5})
    asked = path.format(id=made["id"])
    for token, code in (("", status), (None, 401), (people.token(people.member), 403)):
        answer = people.ask(method, asked, body, token=token)
        assert answer.status_code == code
        content = told["responses"][str(code)].get("content")
        if content is None:
            assert answer.content == b""
            continue
        (media_type,) = content
        assert answer.headers["content-type"] == media_type
        assert valid(document, content[media_type]["schema"], answer.json())


def test_the_token_is_a_bearer_and_logging_in_needs_none(people: People, document: Json) -> None:
    assert document["components"]["securitySchemes"]["Jwt"]["scheme"] == "bearer"
    told = document["paths"]["/authentication_token"]["post"]
    assert told["security"] == []
    for password, status in ((PASSWORD, 200), ("wrong", 401)):
        body = {"email": "admin@example.com", "password": password}
        answer = people.api.client.post("/authentication_token", json=body)
        schema = told["responses"][str(status)]["content"]["application/json"]["schema"]
        assert answer.status_code == status
        assert valid(document, schema, answer.json())


FORESEEN = {"in_the_past", "blank", "invalid_characters", "invalid_instant"}
"""Codes of what a schema does not say as the door does: instants, white space, letters."""


@pytest.mark.parametrize(("member", "value", "path", "code"), REFUSED)
def test_what_the_door_refuses_the_schema_refuses_too(
    document: Json, member: str, value: Any, path: str, code: str
) -> None:
    schema = {"$ref": "#/components/schemas/NewKey"}
    wish = {"partner": "P", "permissions": ["publish.estates"]}
    assert valid(document, schema, wish)
    if code not in FORESEEN:
        assert not valid(document, schema, wish | {member: value}), path
