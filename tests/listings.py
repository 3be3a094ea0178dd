"""Listings for tests, small and readable."""

import json
from typing import Any

from store.shapes.posts import Post, deletion_of, post_of

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


def deletion(external_id: str, reason: str = "withdrawn", provider: str = "my-crm") -> Post:
    """Return what deletes a listing."""
    return deletion_of(provider, external_id, reason, None)
