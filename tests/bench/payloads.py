"""The payloads that are posted: the integration page's full example under ever new references."""

from typing import Any

FULL: dict[str, Any] = {
    "title": "Apartament 3 camere, zona Herastrau",
    "transaction": "SALE",
    "type": "APARTMENT",
    "price": 185000,
    "currency": "EUR",
    "rooms": 3,
    "totalArea": 85.5,
    "latitude": 44.4812,
    "longitude": 26.0766,
    "constructionYear": 2020,
    "floor": 4,
    "floorMax": 10,
    "partitioning": "DETACHED",
    "imageUrls": ["https://example.com/img1.jpg"],
    "agency": {"name": "VIB Imobiliare", "phone": "+40721000000"},
    "agent": {"name": "Ana Popescu", "phone": "+40721000001"},
}


def full_listing(external_id: str, **fields: Any) -> dict[str, Any]:
    """Return the page's full payload under this reference."""
    return {"providerIdentifier": "bench-crm", "externalId": external_id, **FULL, **fields}
