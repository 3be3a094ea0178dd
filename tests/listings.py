"""Listings for tests, small and readable."""

import json
from typing import Any

from store.shapes.posts import Post, post_of

FLAT: dict[str, Any] = {
    "title": "Apartament 3 camere, zona Herastrau",
    "transaction": "SALE",
    "type": "APARTMENT",
    "price": 185000,
    "currency": "EUR",
    "rooms": 3,
    "totalArea": 85.5,
}


def document(external_id: str, provider: str = "my-crm", **fields: Any) -> dict[str, Any]:
    """Return a complete wire document."""
    return {"providerIdentifier": provider, "externalId": external_id, **FLAT, **fields}


def post(external_id: str, provider: str = "my-crm", **fields: Any) -> Post:
    """Return a complete post."""
    return as_post(document(external_id, provider, **fields))


def as_post(fields: dict[str, Any]) -> Post:
    """Return a post of exactly these wire fields."""
    return post_of(
        fields["providerIdentifier"], fields["externalId"], fields, json.dumps(fields).encode()
    )


DELETED_AT = "2026-06-15T08:00:00.000000Z"


def deletion(of: Post, reason: str = "withdrawn") -> Post:
    """Return what deletes a listing: the platform's own fields in its document."""
    fields = {"status": reason, "deletedAt": DELETED_AT, "deletionReason": reason}
    return Post(of.provider_identifier, of.external_id, fields, json.dumps(fields).encode())


def revival(of: Post, **fields: Any) -> Post:
    """Return what brings a deleted listing back: any post of it, active unless it says else."""
    patch = {"status": "active", **fields, "deletedAt": None, "deletionReason": None}
    return Post(of.provider_identifier, of.external_id, patch, json.dumps(patch).encode())
