"""Checks of ours, loaded by schemathesis: what may be refused that the schema allows, and why.

Runs in the environment of the contract, where nothing of imo360 is installed.
"""

from typing import Any

import jsonschema
import schemathesis

BEYOND_THE_SCHEMA = {
    "required_on_create": "only the register knows whether a listing is new",
    "in_the_future": "the clock moves",
    "invalid_instant": "leap seconds, and days that the calendar lacks",
    "provider_not_owned": "only the register knows whose a provider is",
}
"""Codes of violations that a body valid by the schema may be refused for."""

BEYOND_THE_SCHEMA_AT = {
    ("providerIdentifier", "invalid_characters"): "printable by Unicode's categories",
    ("externalId", "invalid_characters"): "printable by Unicode's categories",
    ("publishedAt", "out_of_range"): "JSON Schema has no earliest date-time",
    ("sourceUpdatedAt", "out_of_range"): "JSON Schema has no earliest date-time",
    ("soldAt", "out_of_range"): "JSON Schema has no earliest date-time",
}
"""The same for one field and code."""


@schemathesis.hook
def filter_headers(ctx: schemathesis.HookContext, headers: Any) -> bool:
    """Keep what HTTP can carry.

    It has no control characters in header values (RFC 9110, section 5.5): the server's parser
    refuses them before there is an operation that could answer.
    """
    return not headers or all(is_field_value(str(value)) for value in headers.values())


def is_field_value(text: str) -> bool:
    """Whether a header's value may be this text."""
    return all(letter == "\t" or (letter >= " " and letter != "\x7f") for letter in text)


def is_beyond(violation: dict[str, str]) -> bool:
    """Whether no schema could have told the sender."""
    place = (violation["propertyPath"], violation["code"])
    return violation["code"] in BEYOND_THE_SCHEMA or place in BEYOND_THE_SCHEMA_AT


def operation_id(case: schemathesis.Case) -> str | None:
    """Return the operation's id in the document."""
    found: str | None = case.operation.definition.raw.get("operationId")
    return found


def is_valid(case: schemathesis.Case, name: str, body: Any) -> bool:
    """Whether a body is valid by a schema of the document's components."""
    components = case.operation.schema.raw_schema["components"]
    schema = {"$ref": f"#/components/schemas/{name}", "components": components}
    return jsonschema.Draft202012Validator(schema).is_valid(body)


@schemathesis.check
def refused_beyond_the_schema(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """A listing valid by the schema is refused only for what no schema can say."""
    if response.status_code != 422 or operation_id(case) != "post_listing":
        return
    if not isinstance(case.body, dict) or not is_valid(case, "Listing", case.body):
        return
    violations = response.json()["violations"]
    told = [violation for violation in violations if not is_beyond(violation)]
    assert not told, f"valid by the schema, and yet refused: {told}"


@schemathesis.check
def items_judged_by_the_schema(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """Of a bulk, each item that breaks the schema fails, and others only beyond the schema."""
    if response.status_code != 200 or operation_id(case) != "post_listings":
        return
    answer = response.json()
    assert answer["count"] == len(case.body["items"]), "an item has no result"
    for item, result in zip(case.body["items"], answer["results"], strict=True):
        if not is_valid(case, "Listing", item):
            assert not result["success"], f"item {result['index']} breaks the schema, and succeeded"
        elif not result["success"]:
            told = [v for v in result["error"].get("violations", []) if not is_beyond(v)]
            assert not told, f"item {result['index']} is valid by the schema: {told}"
