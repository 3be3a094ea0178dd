"""The OpenAPI 3.1 document: requests from the wire table, answers from their types.

The two POST routes read their own bytes, so FastAPI cannot see their bodies; they are described
here. Problems are described for every operation, as application/problem+json.
"""

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ingest_api.answers import BulkAnswer, DryRunAnswer, DryRunBulk, ListingAnswer
from ingest_api.openapi_admin import SCHEME, admin_schemas
from ingest_api.openapi_changes import IF_MATCH, change_schemas
from ingest_api.openapi_parts import (
    COUNT,
    IF_NONE_MATCH,
    KEY_PROBLEMS,
    OPEN_SECURITY,
    TEXT,
    Schema,
    answer_schemas,
    header,
    json_answer,
    json_body,
    json_content,
    list_of,
    optional_header,
    parameter,
    ref,
)
from ingest_api.openapi_parts import KEY_SECURITY as SECURITY
from ingest_api.openapi_parts import Operation as Operation
from ingest_api.openapi_parts import problem_responses as problem_responses
from ingest_api.openapi_reading import READING_TAGS, reading_schemas
from ingest_api.problems import Problem
from ingest_api.reading_answers import READING_ANSWERS
from store.shapes.schemas import listing_schema
from store.shapes.wire import (
    FIELDS,
    MAX_BULK_BYTES,
    MAX_BULK_ITEMS,
    MAX_LISTING_BYTES,
    MAX_NDJSON_BYTES,
    MAX_NDJSON_LINES,
    REQUIRED_ON_CREATE,
    REQUIRED_ON_UPDATE,
    WIRE_VERSION,
)

POST_PROBLEMS = (
    *KEY_PROBLEMS, "missing_permission", "provider_not_owned", "invalid_json", "incomplete_body",
    "too_large", "unsupported_media_type", "validation_failed", "rate_limited", "internal_error",
    "not_ready",
)  # fmt: skip

ABOUT = (
    "Post listings from a CRM, agency software or a platform of your own. Every call needs the "
    "X-API-Key header. Errors are RFC 9457 problems; they never repeat what was sent. A key may "
    "have a rate: every answer to it then has the headers RateLimit and RateLimit-Policy."
)


TAGS = {
    "listings": "Post listings, one or many; the same pair of providerIdentifier and externalId "
    "is always the same listing.",
    **READING_TAGS,
    "snapshots": "Whole inventories: what a snapshot does not hold is withdrawn when it is closed.",
    "sandbox": "Your own place for trials: nothing of it reaches the market.",
    "people": "Admins log in with e-mail and password.",
    "keys": "Admins make, change and end API keys, and see how they are used.",
    "reference": "What may be posted and what the answers' codes mean.",
    "health": "For supervisors; no key is needed.",
}
"""Every tag that an operation bears, in the order the page shows them."""

_EXAMPLE = {field.name: field.example for field in FIELDS}
FIRST_POST = {name: _EXAMPLE[name] for name in (*REQUIRED_ON_CREATE, "rooms", "totalArea")}
MARK_AS_SOLD = {name: _EXAMPLE[name] for name in REQUIRED_ON_UPDATE} | {"status": "sold"}


_DRY_RUN = parameter(
    "query", "dryRun", "`true`: say what it would come to, and store nothing.",
    {"type": "string", "enum": ["true", "false"], "default": "false"},
)  # fmt: skip
_SNAPSHOT = parameter("query", "snapshot", "The open snapshot that these listings belong to.")
_IDEMPOTENCY_KEY = parameter(
    "header", "Idempotency-Key",
    "For a day, the same request under the same key gets the same answer, byte for byte.",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$",
     "examples": ["2026-03-01-listing-456"]},
)  # fmt: skip
_REPLAYED = {
    "Idempotency-Replayed": optional_header("`true` when the answer is the one that was kept.")
}


def _taken(told: str) -> Operation:
    location = header("The listing's address.", {"type": "string", "format": "uri-reference"})
    headers = {"Location": location, "ETag": header("The revision that is stored."), **_REPLAYED}
    return json_answer(told, ref("ListingAnswer"), headers)


def _taken_or_tried(told: str) -> Operation:
    answer = _taken(told)
    for told_header in answer["headers"].values():
        told_header.pop("required", None)  # a dry run has none of them
    answer["content"] = json_content({"anyOf": [ref("ListingAnswer"), ref("DryRunAnswer")]})
    return answer


LISTING_OPERATION: Operation = {
    "security": SECURITY,
    "parameters": [_DRY_RUN, IF_MATCH, _IDEMPOTENCY_KEY],
    "requestBody": json_body(
        ref("Listing"),
        f"At most {MAX_LISTING_BYTES} bytes.",
        {"First post": FIRST_POST, "Mark as sold": MARK_AS_SOLD},
    ),
    "responses": {
        "200": _taken_or_tried("The listing was known; see `changed`. Or a dry run."),
        "201": _taken("The listing is new."),
        **problem_responses((*POST_PROBLEMS, "precondition_failed", "idempotency_key_reused")),
    },
}

_LINES = {"schema": TEXT | {"description": "Lines of JSON, each a `Listing`."}}
_ANSWERED_LINES = {
    "schema": TEXT
    | {"description": "Lines of JSON, each an `ItemAnswer`; of a dry run, a `DryRunItem`."}
}
BULK_OPERATION: Operation = {
    "security": SECURITY,
    "parameters": [_DRY_RUN, _SNAPSHOT, _IDEMPOTENCY_KEY],
    "requestBody": json_body(
        ref("Bulk"),
        f"At most {MAX_BULK_BYTES} bytes and {MAX_BULK_ITEMS} items, each at most "
        f"{MAX_LISTING_BYTES} bytes.",
        {"Two listings": {"items": [FIRST_POST, FIRST_POST | {"externalId": "listing-457"}]}},
    ),
    "responses": {
        "200": json_answer(
            "See each item's `success`.",
            {"anyOf": [ref("BulkAnswer"), ref("DryRunBulk")]},
            _REPLAYED,
        ),
        **problem_responses(
            (*POST_PROBLEMS, "too_many_items", "bulk_exceeds_rate", "idempotency_key_reused")
        ),
    },
}

_ETAG = {"ETag": header("Changes with the reference.")}
REFERENCE_OPERATION: Operation = {
    "security": SECURITY,
    "parameters": [IF_NONE_MATCH],
    "responses": {
        "200": json_answer(
            "The reference; it changes with its version and ETag only.", ref("Reference"), _ETAG
        ),
        "304": {"description": "Unchanged since the ETag in If-None-Match.", "headers": _ETAG},
        **problem_responses((*KEY_PROBLEMS, "internal_error")),
    },
}


def _health(status: str, **more: Operation) -> Operation:
    schema = {
        "type": "object",
        "required": ["status"],
        "properties": {"status": {"const": status}, **more},
    }
    return json_answer("It does.", schema)


def _text_answer(about: str, media_type: str) -> Operation:
    return {"description": about, "content": {media_type: {"schema": {"type": "string"}}}}


_NUMBER: Operation = {"type": ["integer", "null"]}
_TEXT: Operation = {"type": ["string", "null"]}
_LAG: Operation = {
    "eventsWaiting": {"type": "integer", "description": "Acknowledged and not published."},
    "lagSeconds": {"type": "number", "description": "How long the oldest of them has waited."},
    "publicationStopped": {"type": "boolean", "description": "A severe check stops publication."},
    "publication": _NUMBER,
    "edition": _NUMBER,
    "lastPublishedAt": {**_TEXT, "format": "date-time"},
    "lastRunId": _TEXT,
}
"""Absent while the market cannot be read: posts do not depend on it."""

HEALTH_OPERATION: Operation = {"security": OPEN_SECURITY, "responses": {"200": _health("ok")}}
READY_OPERATION: Operation = {
    "security": OPEN_SECURITY,
    "responses": {"200": _health("ready", **_LAG), **problem_responses(("not_ready",))},
}
METRICS_OPERATION: Operation = {
    "security": OPEN_SECURITY,
    "responses": {
        "200": _text_answer("Metrics.", "text/plain"), **problem_responses(("not_ready",))
    },
}  # fmt: skip
STATUS_OPERATION: Operation = {
    "security": OPEN_SECURITY,
    "responses": {
        "200": _text_answer("The page.", "text/html"), **problem_responses(("not_ready",))
    },
}  # fmt: skip


BULK_OPERATION["requestBody"]["content"]["application/x-ndjson"] = _LINES
BULK_OPERATION["requestBody"]["description"] += (
    f" As lines, at most {MAX_NDJSON_BYTES} bytes and {MAX_NDJSON_LINES} lines, each at most "
    f"{MAX_LISTING_BYTES} bytes; lines take no Idempotency-Key."
)
BULK_OPERATION["responses"]["200"]["content"]["application/x-ndjson"] = _ANSWERED_LINES


def describe(app: FastAPI) -> Operation:
    """Return the OpenAPI document of the app; made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            description=ABOUT,
            routes=app.routes,
            servers=[{"url": "/", "description": "Where this document comes from."}],
            tags=[{"name": name, "description": about} for name, about in TAGS.items()],
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        )
        components = document.setdefault("components", {})
        components["schemas"] = {**components.get("schemas", {}), **_schemas()}
        components["securitySchemes"] = {
            "ApiKey": {
                "type": "apiKey",
                "in": "header",
                "name": "X-API-Key",
                "description": "`imo360_ak_…`: scoped by permission, may expire.",
            },
            "Jwt": SCHEME,
        }
        app.openapi_schema = document
    return app.openapi_schema


def _schemas() -> Operation:
    answers = (ListingAnswer, BulkAnswer, DryRunAnswer, DryRunBulk, Problem, *READING_ANSWERS)
    return {
        "Listing": listing_schema(),
        "Bulk": _bulk(),
        **_reference_schemas(),
        **change_schemas(),
        **reading_schemas(),
        **admin_schemas(),
        **answer_schemas(answers),
    }


def _bulk() -> Schema:
    return {
        "type": "object",
        "title": "Bulk",
        "required": ["items"],
        "properties": {"items": list_of(ref("Listing")) | {"maxItems": MAX_BULK_ITEMS}},
    }


def _object(title: str, properties: Schema, *optional: str) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "title": title, "required": required, "properties": properties}


def _reference_schemas() -> Operation:
    code = {
        "value": TEXT,
        "labels": _object("Labels", {"en": TEXT, "ro": TEXT}),
        "aliases": list_of(TEXT) | {"description": "Other words that are read as this code."},
    }
    lists = {
        "estateTypes": "Code", "statuses": "StatusCode", "fields": "FieldReference",
        "problems": "ProblemCode", "violations": "CodeMeaning", "warnings": "CodeMeaning",
    }  # fmt: skip
    reference = {
        "version": TEXT,
        "enums": {"type": "object", "additionalProperties": list_of(ref("Code"))},
        "limits": {"type": "object", "additionalProperties": COUNT},
        **{name: list_of(ref(schema)) for name, schema in lists.items()},
    }
    about = f"Codes, fields and limits of the wire contract {WIRE_VERSION}."
    truth = {"type": "boolean"}
    return {
        "Reference": _object("Reference", reference) | {"description": about},
        "Code": _object("Code", code),
        "StatusCode": _object(
            "StatusCode", code | {"isOnMarket": truth, "isClosed": truth, "moves": _MOVES}
        ),
        "ProblemCode": _object("ProblemCode", {"code": TEXT, "status": COUNT, "title": TEXT}),
        "CodeMeaning": _object("CodeMeaning", {"code": TEXT, "description": TEXT}),
        "FieldReference": _field_reference(),
    }


_MOVES = list_of(TEXT) | {"description": "Statuses that a listing may be moved to from this one."}
_RECOMMENDED = {
    "type": "object",
    "description": "Types of property that should have the field, by transaction.",
    "additionalProperties": list_of(TEXT),
}


def _field_reference() -> Schema:
    truth, number = {"type": "boolean"}, {"type": "number"}
    always = {
        "name": TEXT, "type": TEXT, "kind": TEXT, "description": TEXT, "requiredOnCreate": truth,
        "requiredOnUpdate": truth, "nullClears": truth, "recommendedFor": _RECOMMENDED,
        "example": {}, "since": TEXT, "deprecated": truth,
    }  # fmt: skip
    bounds = {
        "unit": TEXT, "minimum": number, "maximum": number, "exclusiveMinimum": number,
        "exclusiveMaximum": number, "maxLength": COUNT, "maxItems": COUNT, "enum": list_of(TEXT),
        "format": TEXT, "fields": list_of(ref("FieldReference")),
    }  # fmt: skip
    return _object("FieldReference", always | bounds, *bounds)
