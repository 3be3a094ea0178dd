"""The bodies that are posted: the integration page's full example, each with other values.

Values differ from body to body, for a store that compresses would be flattered by a million
copies of one. They follow from the listing's number, so a body can be made again.
"""

from typing import Any

import msgspec

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

_VARIED = {
    b'"@id"': b'"%(id)b"',
    b'"@title"': b'"Apartament %(rooms)d camere, zona Herastrau, ref. %(word)08x"',
    b'"@price"': b"%(price)d",
    b'"@rooms"': b"%(rooms)d",
    b'"@area"': b"%(area)d.%(tenth)d",
    b'"@latitude"': b"44.4%(north)03d",
    b'"@longitude"': b"26.%(east)04d",
    b'"@year"': b"%(year)d",
    b'"@floor"': b"%(floor)d",
    b'"@image"': b'"https://example.com/%(word)08x.jpg"',
    b'"@phone"': b'"+40721%(line)06d"',
}

_GOLDEN = 0x9E3779B97F4A7C15
"""2**64 by the golden ratio: multiplying by it scatters consecutive numbers (Knuth, TAOCP 3, 6.4)
and, being odd, gives no two the same."""

_MASK = 2**64 - 1


def full_listing(external_id: str, **fields: Any) -> dict[str, Any]:
    """Return the page's full payload under this reference."""
    return {"providerIdentifier": "bench-crm", "externalId": external_id, **FULL, **fields}


def listing_body(number: int, external_id: bytes, change: int = 0) -> bytes:
    """Return the JSON of one listing; each change up to 1,000,000 has another price."""
    mixed = number * _GOLDEN & _MASK
    return _TEMPLATE % {
        b"id": external_id,
        b"price": 100_000 + mixed % 700_000 + change % 1_000_000,
        b"rooms": mixed % 5 + 1,
        b"area": 20 + (mixed >> 8) % 80,
        b"tenth": (mixed >> 16) % 9 + 1,
        b"north": (mixed >> 24) % 1_000,
        b"east": (mixed >> 28) % 10_000,
        b"year": 1950 + (mixed >> 32) % 75,
        b"floor": (mixed >> 40) % 10,
        b"word": mixed >> 32,
        b"line": (mixed >> 44) % 1_000_000,
    }


def scattered_id(number: int) -> bytes:
    """Return a reference that looks random and belongs to this number alone."""
    return b"%016x" % (number * _GOLDEN & _MASK)


def _template() -> bytes:
    listing = full_listing(
        "@id", title="@title", price="@price", rooms="@rooms", totalArea="@area",
        latitude="@latitude", longitude="@longitude", constructionYear="@year", floor="@floor",
        imageUrls=["@image"], agent={"name": "Ana Popescu", "phone": "@phone"},
    )  # fmt: skip
    text = msgspec.json.encode(listing)
    for marked, varied in _VARIED.items():
        text = text.replace(marked, varied)
    return text


_TEMPLATE = _template()
