"""OpenAPI of what changes listings beside posting them: deletion and snapshots."""

import msgspec

from ingest_api.openapi_parts import (
    KEY_PROBLEMS,
    KEY_SECURITY,
    SCHEMAS,
    TEXT,
    Operation,
    Schema,
    header,
    json_answer,
    json_body,
    parameter,
    problem_responses,
    ref,
)
from ingest_api.snapshot_answers import SnapshotAnswer
from ingest_api.snapshot_requests import MOST_EXPECTED
from store.shapes.schemas import field_schema
from store.shapes.vocabulary import DELETION_REASONS, PropertyType, Transaction
from store.shapes.wire import BY_NAME

CALL_PROBLEMS = (*KEY_PROBLEMS, "missing_permission", "validation_failed", "internal_error",
                 "not_ready")  # fmt: skip
BODY_PROBLEMS = (*CALL_PROBLEMS, "invalid_json", "incomplete_body", "too_large",
                 "unsupported_media_type")  # fmt: skip

IDENTIFIER = parameter(
    "path", "identifier", "`providerIdentifier:externalId`, percent-encoded.",
    {"type": "string", "examples": ["my-crm:listing-456"]},
)  # fmt: skip
IF_MATCH = parameter("header", "If-Match", "The ETag that the stored revision must have, or `*`.")

DELETE_OPERATION: Operation = {
    "security": KEY_SECURITY,
    "parameters": [
        IDENTIFIER,
        parameter("query", "reason", "Why; the status that it is left with.",
                  {"type": "string", "enum": list(DELETION_REASONS), "default": "withdrawn"}),
        IF_MATCH,
    ],
    "responses": {
        "204": {"description": "It is deleted, now or before."},
        **problem_responses((*CALL_PROBLEMS, "rate_limited", "not_found", "precondition_failed")),
    },
}  # fmt: skip

_ID = parameter("path", "snapshot_id", "The snapshot's `id`.")
_SNAPSHOT = json_answer("How it stands.", ref("SnapshotAnswer"))

OPEN_OPERATION: Operation = {
    "security": KEY_SECURITY,
    "requestBody": json_body(
        ref("SnapshotOpening"), "What it holds whole.",
        {"All of a provider": {"providerIdentifier": "my-crm"}},
    ),
    "responses": {
        "201": json_answer(
            "It takes listings.", ref("SnapshotAnswer"),
            {"Location": header("The snapshot's address.",
                                {"type": "string", "format": "uri-reference"})},
        ),
        **problem_responses((*BODY_PROBLEMS, "provider_not_owned")),
    },
}  # fmt: skip
SNAPSHOT_OPERATION: Operation = {
    "security": KEY_SECURITY,
    "parameters": [_ID],
    "responses": {"200": _SNAPSHOT, **problem_responses((*CALL_PROBLEMS, "not_found"))},
}
CLOSE_OPERATION: Operation = {
    "security": KEY_SECURITY,
    "parameters": [_ID],
    "requestBody": json_body(
        ref("SnapshotClosing"), "How many listings you mean to have sent.",
        {"A small inventory": {"expectedCount": 250}},
    ),
    "responses": {
        "200": _SNAPSHOT,
        **problem_responses((*BODY_PROBLEMS, "not_found", "snapshot_closed", "snapshot_held",
                             "snapshot_incomplete")),
    },
}  # fmt: skip
CONFIRM_OPERATION: Operation = {
    "security": KEY_SECURITY,
    "parameters": [_ID],
    "responses": {
        "200": _SNAPSHOT, **problem_responses((*CALL_PROBLEMS, "not_found", "snapshot_closed"))
    },
}  # fmt: skip
ABANDON_OPERATION: Operation = {
    "security": KEY_SECURITY,
    "parameters": [_ID],
    "responses": {
        "204": {"description": "It will withdraw nothing."},
        **problem_responses((*CALL_PROBLEMS, "not_found", "snapshot_closed")),
    },
}


WIPE_OPERATION: Operation = {
    "security": KEY_SECURITY,
    "responses": {
        "204": {"description": "Your sandbox is empty."},
        **problem_responses((*CALL_PROBLEMS, "sandbox_key_required")),
    },
}


def change_schemas() -> Operation:
    """Return the schemas that these operations name."""
    _, answered = msgspec.json.schema_components((SnapshotAnswer,), ref_template=SCHEMAS + "{name}")
    return {"SnapshotOpening": _opening(), "SnapshotClosing": _closing(), **answered}


def _opening() -> Schema:
    return {
        "type": "object",
        "title": "SnapshotOpening",
        "required": ["providerIdentifier"],
        "additionalProperties": False,
        "properties": {
            "providerIdentifier": field_schema(BY_NAME["providerIdentifier"]),
            "transaction": _code([code.value for code in Transaction]),
            "type": _code([code.value for code in PropertyType]),
        },
    }


def _code(codes: list[str]) -> Schema:
    about = "Only these; null or absent for all."
    return {"type": [TEXT["type"], "null"], "enum": [*codes, None], "description": about}


def _closing() -> Schema:
    return {
        "type": "object",
        "title": "SnapshotClosing",
        "required": ["expectedCount"],
        "additionalProperties": False,
        "properties": {
            "expectedCount": {"type": "integer", "minimum": 0, "maximum": MOST_EXPECTED}
        },
    }
