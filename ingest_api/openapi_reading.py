"""The reading operations of the OpenAPI document: parameters, answers, problems."""

from typing import Any

from ingest_api.openapi_parts import (
    COUNT,
    IDENTIFIER,
    IF_NONE_MATCH,
    INSTANT,
    KEY_PROBLEMS,
    KEY_SECURITY,
    TEXT,
    Operation,
    Schema,
    header,
    json_answer,
    parameter,
    problem_responses,
    ref,
)
from ingest_api.projection import CURSOR_PATTERN, LIST_FIELDS, MOST_CURSOR
from ingest_api.query import MAX_INTEGER
from store.event_reader import EVENT_ID_PATTERN
from store.shapes.schemas import listing_schema

DEFAULT_LIMIT = 1_000
MOST_LISTINGS = 10_000
MOST_CHANGES = 10_000
MOST_REFUSALS = 1_000

READING_TAGS = {
    "own listings": "Read your own listings back: as they are stored, what became of each post, "
    "what changed and what was refused. A key that may publish may read its partner's own.",
}

READING_PROBLEMS = (*KEY_PROBLEMS, "missing_permission", "validation_failed", "internal_error")


def _operation(
    answer: Operation, parameters: list[Operation], *problems: str, **others: Operation
) -> Operation:
    responses = {"200": answer, **others, **problem_responses((*READING_PROBLEMS, *problems))}
    return {
        "security": KEY_SECURITY,
        **({"parameters": parameters} if parameters else {}),
        "responses": responses,
    }


def _query(name: str, about: str, schema: Schema = TEXT) -> Operation:
    return parameter("query", name, about, schema)


def _limit(most: int) -> Operation:
    bounds: Schema = {"type": "integer", "minimum": 1, "maximum": most, "default": DEFAULT_LIMIT}
    return _query("limit", "Most items of one answer.", bounds)


_PROVIDER = _query("providerIdentifier", "Only this provider's.")
_AFTER = _query(
    "after",
    "Only what came after this number: `next` of the answer before.",
    COUNT | {"maximum": MAX_INTEGER, "default": 0},
)
_ETAG = {"ETag": header("The revision, as `If-Match` takes it.")}

LIST_OPERATION = _operation(
    json_answer("One page of your listings.", ref("ListingPage")),
    [
        _query(
            "fields",
            "Which fields the items have; those that a listing lacks are left out.",
            {
                "type": "array",
                "items": {"type": "string", "enum": list(LIST_FIELDS)},
                "minItems": 1,
            },
        )
        | {"style": "form", "explode": False},
        _query(
            "cursor",
            "Where the page begins: `nextCursor` of the page before.",
            TEXT | {"pattern": f"^{CURSOR_PATTERN}$", "maxLength": MOST_CURSOR},
        ),
        _limit(MOST_LISTINGS),
        _PROVIDER,
    ],
)

STORED_OPERATION = _operation(
    json_answer("The listing as it is stored.", ref("StoredListing"), _ETAG),
    [
        IDENTIFIER,
        IF_NONE_MATCH,
    ],
    "not_found",
    **{"304": {"description": "Still at a revision of If-None-Match.", "headers": _ETAG}},
)

EVENT_OPERATION = _operation(
    json_answer("What became of the post.", ref("EventAnswer")),
    [
        parameter(
            "path", "eventId", "`eventId` as it was answered.",
            TEXT | {"pattern": f"^{EVENT_ID_PATTERN}$"},
        )
    ],
    "not_found",
)  # fmt: skip

CHANGES_OPERATION = _operation(
    json_answer("Changes in the order of their numbers.", ref("ChangePage")),
    [
        _AFTER,
        _limit(MOST_CHANGES),
        _PROVIDER,
        _query("zone", "Only listings that lie in this zone now, at whatever level."),
    ],
    "not_found",
)

REFUSALS_OPERATION = _operation(
    json_answer("Refusals in the order of their numbers.", ref("RefusalsPage")),
    [_AFTER, _limit(MOST_REFUSALS), _PROVIDER],
)


def reading_schemas() -> dict[str, Any]:
    """Return the schema of list items: every field that may be asked for, none of them required."""
    fields = listing_schema()["properties"]
    ours = {
        "id": COUNT, "identifier": TEXT, "revision": COUNT, "contentHash": TEXT, "eventId": TEXT,
        "statusSince": INSTANT, "deletedAt": INSTANT,
    }  # fmt: skip
    return {"ListingPart": {"type": "object", "title": "ListingPart", "properties": fields | ours}}
