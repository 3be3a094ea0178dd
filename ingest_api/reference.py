"""The reference document: what a partner may post and what the answers' codes mean.

Generated from the wire table, the vocabulary and the registries of codes, so that it cannot
disagree with what the door does.
"""

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from typing import Any

import msgspec

from ingest_api.problems import PROBLEMS
from store.shapes.checks import VIOLATION_CODES, WARNING_CODES
from store.shapes.schemas import json_type
from store.shapes.vocabulary import (
    CLOSED,
    LABELS,
    MOVES,
    ON_MARKET,
    PropertyType,
    Status,
    Transaction,
)
from store.shapes.wire import (
    FIELDS,
    MAX_ATTRIBUTES,
    MAX_BULK_BYTES,
    MAX_BULK_ITEMS,
    MAX_DAYS_AHEAD,
    MAX_IMAGE_URLS,
    MAX_LISTING_BYTES,
    MAX_NDJSON_BYTES,
    MAX_NDJSON_LINES,
    MAX_URL_LENGTH,
    WIRE_VERSION,
    Field,
    Kind,
)

Json = dict[str, Any]

LIMITS = {
    "listingBytes": MAX_LISTING_BYTES,
    "bulkBytes": MAX_BULK_BYTES,
    "bulkItems": MAX_BULK_ITEMS,
    "streamBytes": MAX_NDJSON_BYTES,
    "streamLines": MAX_NDJSON_LINES,
    "imageUrls": MAX_IMAGE_URLS,
    "imageUrlLength": MAX_URL_LENGTH,
    "attributes": MAX_ATTRIBUTES,
    "daysAhead": MAX_DAYS_AHEAD,
}


def reference_document() -> Json:
    """Return the reference as a JSON object."""
    return {
        "version": WIRE_VERSION,
        "enums": {f.name: _codes(f.choices) for f in FIELDS if f.choices},
        "estateTypes": _codes(PropertyType),
        "statuses": [_status(status) for status in Status],
        "fields": [_field(field) for field in FIELDS],
        "limits": LIMITS,
        "problems": [
            {"code": code, "status": kind.status, "title": kind.title}
            for code, kind in PROBLEMS.items()
        ],
        "violations": _registry(VIOLATION_CODES),
        "warnings": _registry(WARNING_CODES),
    }


@cache
def reference_page() -> tuple[bytes, str]:
    """Return the reference's bytes and their ETag."""
    content = msgspec.json.encode(reference_document())
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Whether If-None-Match names this ETag (weakly compared, RFC 9110 section 13.1.2)."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or "*" in tags


def _codes(choices: type[StrEnum]) -> list[Json]:
    return [_code(choices, code.value) for code in choices]


def _code(choices: type[StrEnum], value: str) -> Json:
    label = LABELS[choices][value]
    labels = {"en": label.en, "ro": label.ro}
    return {"value": value, "labels": labels, "aliases": list(label.aliases)}


def _status(status: Status) -> Json:
    return _code(Status, status.value) | {
        "isOnMarket": status in ON_MARKET,
        "isClosed": status in CLOSED,
        "moves": [after.value for after in Status if after in MOVES[status]],
    }


def _field(field: Field) -> Json:
    told: Json = {
        "name": field.name,
        "type": json_type(field),
        "kind": field.kind.value,
        "description": field.description,
        "requiredOnCreate": field.is_required_on_create,
        "requiredOnUpdate": field.is_required_on_update,
        "nullClears": field.is_clearable,
        "recommendedFor": _by_transaction(field.recommended_for),
        "example": field.example,
        "since": field.since,
        "deprecated": field.is_deprecated,
    }
    return told | {name: value for name, value in _bounds(field).items() if value is not None}


def _by_transaction(offers: Iterable[tuple[Transaction, PropertyType]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for transaction, kind in offers:
        grouped.setdefault(transaction.value, []).append(kind.value)
    return grouped


def _bounds(field: Field) -> Json:
    return {
        "unit": field.unit,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "exclusiveMinimum": field.above,
        "exclusiveMaximum": field.below,
        "maxLength": field.max_length,
        "maxItems": field.max_items,
        "enum": [code.value for code in field.choices] if field.choices else None,
        "format": "RFC 3339 with a zone" if field.kind is Kind.INSTANT else None,
        "fields": [_field(inner) for inner in field.fields] or None,
    }


def _registry(codes: dict[str, str]) -> list[Json]:
    return [{"code": code, "description": told} for code, told in codes.items()]
