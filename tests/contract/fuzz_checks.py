"""Checks of ours, loaded by schemathesis: what may be refused that the schema allows, and why.

Runs in the environment of the contract, where nothing of imo360 is installed.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

import jsonschema
import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import AllowHeaderMismatch, UseAfterFree

NDJSON = "application/x-ndjson"
REF = "#/components/schemas/"

BEYOND_THE_SCHEMA = {
    "required_on_create": "only the register knows whether a listing is new",
    "in_the_future": "the clock moves",
    "in_the_past": "the clock moves",
    "invalid_instant": "leap seconds, and days that the calendar lacks",
    "illegal_move": "only the register knows the stored status",
    "provider_not_owned": "only the register knows whose a provider is",
}
"""Codes of violations that a body valid by the schema may be refused for."""

BEYOND_THE_SCHEMA_AT = {
    ("providerIdentifier", "invalid_characters"): "printable by Unicode's categories",
    ("externalId", "invalid_characters"): "printable by Unicode's categories",
    ("providers[]", "invalid_characters"): "printable by Unicode's categories",
    ("partner", "invalid_characters"): "printable by Unicode's categories",
    ("name", "invalid_characters"): "printable by Unicode's categories",
    ("Idempotency-Key", "not_supported"): "OpenAPI has no header of one media type only",
    ("publishedAt", "out_of_range"): "JSON Schema has no earliest date-time",
    ("sourceUpdatedAt", "out_of_range"): "JSON Schema has no earliest date-time",
    ("soldAt", "out_of_range"): "JSON Schema has no earliest date-time",
}
"""The same for one field and code."""


@schemathesis.hook
def before_load_schema(ctx: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Let lines of JSON be generated and judged one by one.

    OpenAPI 3.1 cannot describe them but as text (3.2 has `itemSchema`); the document says in words
    what each is.
    """
    bulk = raw_schema["paths"]["/api/integration/estates/bulk"]["post"]
    answers = {"anyOf": [{"$ref": f"{REF}ItemAnswer"}, {"$ref": f"{REF}DryRunItem"}]}
    for body, line in (
        (bulk["requestBody"], {"$ref": f"{REF}Listing"}),
        (bulk["responses"]["200"], answers),
    ):
        body["content"][NDJSON]["schema"] = {"type": "array", "items": line}


@schemathesis.serializer(NDJSON)
def write_lines(ctx: Any, value: Any) -> bytes:
    """Write an array as lines; what is generated instead of an array is a line itself."""
    items = value if isinstance(value, list) else [value]
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


@schemathesis.deserializer(NDJSON)
def read_lines(ctx: Any, response: schemathesis.Response) -> list[Any]:
    """Read lines of JSON."""
    return [json.loads(line) for line in response.content.splitlines()]


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
    place = (re.sub(r"\[\d+\]", "[]", violation["propertyPath"]), violation["code"])
    return violation["code"] in BEYOND_THE_SCHEMA or place in BEYOND_THE_SCHEMA_AT


def operation_id(case: schemathesis.Case) -> str | None:
    """Return the operation's id in the document."""
    found: str | None = case.operation.definition.raw.get("operationId")
    return found


def broken_at(case: schemathesis.Case, listing: Any) -> set[str]:
    """Return where a listing breaks the document's schema, as our answers write paths."""
    components = case.operation.schema.raw_schema["components"]
    schema = {"$ref": "#/components/schemas/Listing", "components": components}
    errors = jsonschema.Draft202012Validator(schema).iter_errors(listing)
    return {property_path(error.absolute_path) for error in errors}


def property_path(parts: Iterable[str | int]) -> str:
    """Write a path as our answers do: `agency.name`, `imageUrls[0]`."""
    steps = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return "".join(steps).removeprefix(".")


def is_told(broken: set[str], answer: dict[str, Any]) -> bool:
    """Whether the answer says of everything broken that it was read as something else."""
    warnings = answer.get("warnings", [])
    return broken <= {word["propertyPath"] for word in warnings if word["code"] == "coerced"}


@schemathesis.hook
def filter_failure(
    ctx: schemathesis.HookContext,
    failure: Exception,
    case: schemathesis.Case,
    response: schemathesis.Response,
) -> bool:
    """Drop what the contract promises; False drops. Each answer is looked at by itself."""
    if isinstance(failure, AcceptedNegativeData):
        return not is_told_coercion(case, response)
    if isinstance(failure, UseAfterFree):
        return not is_kept_record(case, response)
    if isinstance(failure, AllowHeaderMismatch):
        return not is_shared_path(case, failure)
    return True


def is_shared_path(case: schemathesis.Case, failure: AllowHeaderMismatch) -> bool:
    """Whether a path is told the methods of another that it is an instance of.

    `/bulk` is a path of `/{identifier}` too: GET answers 404 there, because no listing has a name
    without a colon.
    """
    is_bulk = case.operation.path == "/api/integration/estates/bulk"
    return (
        is_bulk
        and not failure.missing_methods
        and (set(failure.undocumented_methods) <= {"DELETE", "GET"})
    )


def is_told_coercion(case: schemathesis.Case, response: schemathesis.Response) -> bool:
    """Whether a listing was taken that is written another way, and every such place was told.

    The contract reads "185000" as a number, with the warning `coerced`, while the schema names
    the one form that partners should send.
    """
    if operation_id(case) != "post_listing" or response.status_code not in (200, 201):
        return False
    broken = broken_at(case, case.body)
    return bool(broken) and is_told(broken, response.json())


def is_kept_record(case: schemathesis.Case, response: schemathesis.Response) -> bool:
    """Whether what was deleted is answered as deleted: keys, snapshots and listings
    keep their records."""
    if operation_id(case) == "get_key_usage":
        return True
    if operation_id(case) == "get_key":
        return bool(response.json()["revokedAt"])
    if operation_id(case) == "get_snapshot":
        return response.json()["state"] == "abandoned"
    return operation_id(case) == "get_listing" and "deletedAt" in response.json()


@schemathesis.check
def refused_beyond_the_schema(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """A request valid by the document is refused by 422 only for what no schema can say."""
    if response.status_code != 422 or case.meta is None or case.meta.generation.mode.is_negative:
        return
    answer = response.json()
    if answer["code"] == "idempotency_key_reused":
        assert "Idempotency-Key" in (case.headers or {})
        return
    told = [found for found in answer["violations"] if not is_beyond(found)]
    assert not told, f"valid by the schema, and yet refused: {told}"


def items_and_results(
    case: schemathesis.Case, response: schemathesis.Response
) -> tuple[list[Any], list[Any]]:
    """Return what a bulk sent and what was answered to each, whatever they were written as."""
    if case.media_type != NDJSON:
        return case.body["items"], response.json()["results"]
    items = case.body if isinstance(case.body, list) else [case.body]
    return items, read_lines(None, response)


@schemathesis.check
def items_judged_by_the_schema(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """Of a bulk, each item that breaks the schema fails, and others only beyond the schema."""
    if response.status_code != 200 or operation_id(case) != "post_listings":
        return
    items, results = items_and_results(case, response)
    assert len(results) == len(items), "an item has no result"
    for item, result in zip(items, results, strict=True):
        broken = broken_at(case, item)
        if result["success"]:
            assert is_told(broken, result["data"]), f"item {result['index']} is broken: {broken}"
        elif not broken:
            error = result["error"]
            told = [found for found in error.get("violations", []) if not is_beyond(found)]
            assert not told, f"item {result['index']} is valid by the schema: {told}"


@schemathesis.check
def precondition_judged(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """412 is answered to If-Match only."""
    if response.status_code == 412:
        asked = {name.lower() for name in case.headers or {}}
        assert "if-match" in asked, "nothing was asked that could fail"
