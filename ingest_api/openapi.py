"""The OpenAPI 3.1 document: requests from the wire table, answers from their types.

The two POST routes read their own bytes, so FastAPI cannot see their bodies; they are described
here. Problems are described for every operation, as application/problem+json.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ingest_api.answers import BulkAnswer, ListingAnswer
from ingest_api.openapi_admin import SCHEME, admin_schemas
from ingest_api.problems import MEDIA_TYPE, PROBLEMS, Problem
from store.shapes.schemas import listing_schema
from store.shapes.wire import MAX_BULK_BYTES, MAX_BULK_ITEMS, MAX_LISTING_BYTES, WIRE_VERSION

Operation = dict[str, Any]

SECURITY: list[dict[str, list[str]]] = [{"ApiKey": []}]
_SCHEMAS = "#/components/schemas/"

KEY_PROBLEMS = ("missing_api_key", "invalid_api_key", "expired_api_key", "revoked_api_key")
POST_PROBLEMS = (
    *KEY_PROBLEMS, "missing_permission", "provider_not_owned", "invalid_json", "incomplete_body",
    "too_large", "unsupported_media_type", "validation_failed", "internal_error", "not_ready",
)  # fmt: skip

ABOUT = (
    "Post listings from a CRM, agency software or a platform of your own. Every call needs the "
    "X-API-Key header. Errors are RFC 9457 problems; they never repeat what was sent."
)


def problem_responses(codes: Iterable[str]) -> Operation:
    """Return the OpenAPI responses of the problems an operation may answer with, by status."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {str(status): _problem_response(codes) for status, codes in sorted(by_status.items())}


def _problem_response(codes: list[str]) -> Operation:
    told = "; ".join(f"`{code}`: {PROBLEMS[code].title}" for code in codes)
    return {"description": told, "content": {MEDIA_TYPE: {"schema": _ref("Problem")}}}


def _ref(name: str) -> Operation:
    return {"$ref": f"{_SCHEMAS}{name}"}


def _json(schema: Operation) -> Operation:
    return {"application/json": {"schema": schema}}


def _taken(told: str) -> Operation:
    location = {
        "description": "The listing's address.",
        "schema": {"type": "string", "format": "uri-reference"},
    }
    return {
        "description": told,
        "headers": {"Location": location},
        "content": _json(_ref("ListingAnswer")),
    }


LISTING_OPERATION: Operation = {
    "security": SECURITY,
    "requestBody": {
        "required": True,
        "description": f"At most {MAX_LISTING_BYTES} bytes.",
        "content": _json(_ref("Listing")),
    },
    "responses": {
        "200": _taken("The listing was known; see `changed`."),
        "201": _taken("The listing is new."),
        **problem_responses(POST_PROBLEMS),
    },
}

BULK_OPERATION: Operation = {
    "security": SECURITY,
    "requestBody": {
        "required": True,
        "description": f"At most {MAX_BULK_BYTES} bytes; each item at most {MAX_LISTING_BYTES}.",
        "content": _json(_ref("Bulk")),
    },
    "responses": {
        "200": {"description": "See each item's `success`.", "content": _json(_ref("BulkAnswer"))},
        **problem_responses((*POST_PROBLEMS, "too_many_items")),
    },
}

REFERENCE_OPERATION: Operation = {
    "security": SECURITY,
    "parameters": [
        {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}}
    ],
    "responses": {
        "200": {
            "description": "The reference; it changes with its version and ETag only.",
            "headers": {"ETag": {"schema": {"type": "string"}}},
            "content": _json(_ref("Reference")),
        },
        "304": {"description": "Unchanged since the ETag in If-None-Match."},
        **problem_responses((*KEY_PROBLEMS, "internal_error")),
    },
}

READY_OPERATION: Operation = {"responses": problem_responses(("not_ready",))}


def describe(app: FastAPI) -> Operation:
    """Return the OpenAPI document of the app; made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            description=ABOUT,
            routes=app.routes,
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
    answers = (ListingAnswer, BulkAnswer, Problem)
    _, answered = msgspec.json.schema_components(answers, ref_template=_SCHEMAS + "{name}")
    return {"Listing": listing_schema(), "Bulk": _bulk(), "Reference": _reference(), **answered,
            **admin_schemas()}  # fmt: skip


def _bulk() -> Operation:
    return {
        "type": "object",
        "title": "Bulk",
        "required": ["items"],
        "properties": {
            "items": {"type": "array", "maxItems": MAX_BULK_ITEMS, "items": _ref("Listing")}
        },
    }


def _reference() -> Operation:
    return {
        "type": "object",
        "title": "Reference",
        "description": f"Codes, fields and limits of the wire contract {WIRE_VERSION}.",
        "required": ["version", "enums", "estateTypes", "statuses", "fields", "limits",
                     "problems", "violations", "warnings"],
        "properties": {
            "version": {"type": "string"},
            "enums": {"type": "object", "additionalProperties": {"type": "array"}},
            "limits": {"type": "object", "additionalProperties": {"type": "integer"}},
            **{
                name: {"type": "array", "items": {"type": "object"}}
                for name in ("estateTypes", "statuses", "fields", "problems", "violations",
                             "warnings")
            },
        },
    }  # fmt: skip
