"""The wire contract: every field a partner may post, defined once.

From this table come the checks at the door (`checks`), the JSON Schema and the client model
(`schemas`), the reference document and the OpenAPI page (`ingest_api`). No I/O.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from store.shapes.vocabulary import Currency, Partitioning, PropertyType, Status, Transaction

WIRE_VERSION = "1.0"

MAX_LISTING_BYTES = 2 * 1024 * 1024
MAX_BULK_BYTES = 32 * 1024 * 1024
MAX_BULK_ITEMS = 1_000
MAX_NDJSON_BYTES = 256 * 1024 * 1024
MAX_NDJSON_LINES = 100_000
MAX_IMAGE_URLS = 50
MAX_URL_LENGTH = 2_048
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_NAME = 100
MAX_ATTRIBUTE_TEXT = 2_000
MAX_DAYS_AHEAD = 1
"""How far in the future an instant may lie: clocks differ and some senders mean their own day."""

EARLIEST_YEAR = 1900


class Kind(StrEnum):
    """What a field holds; each kind has one check and one JSON Schema."""

    IDENTIFIER = "identifier"  # printable text, no white space at its ends
    TEXT = "text"
    ENUM = "enum"
    DECIMAL = "decimal"
    INTEGER = "integer"
    INSTANT = "instant"  # RFC 3339 with a zone; kept in UTC
    URLS = "urls"
    OBJECT = "object"
    ATTRIBUTES = "attributes"  # names to scalars


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of the wire.

    lands: the columns (`table.column`) it becomes. minimum and maximum are allowed themselves,
    above and below are not. is_clearable: null is allowed and clears the stored value.
    """

    name: str
    kind: Kind
    lands: tuple[str, ...]
    description: str
    example: Any
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    max_length: int | None = None
    forbidden: str = ""
    may_be_blank: bool = False
    max_items: int | None = None
    choices: type[StrEnum] | None = None
    fields: tuple["Field", ...] = ()
    is_required_on_create: bool = False
    is_required_on_update: bool = False
    is_clearable: bool = True
    since: str = WIRE_VERSION


def _identifier(name: str, lands: str, about: str, example: str, **options: Any) -> Field:
    return Field(
        name=name, kind=Kind.IDENTIFIER, lands=(f"core_listings.{lands}",), description=about,
        example=example, is_required_on_create=True, is_required_on_update=True,
        is_clearable=False, **options,
    )  # fmt: skip


def _needed(name: str, kind: Kind, about: str, example: Any, **options: Any) -> Field:
    return Field(
        name=name, kind=kind, lands=(f"core_listings.{name}",), description=about,
        example=example, is_required_on_create=True, is_clearable=False, **options,
    )  # fmt: skip


def _optional(name: str, kind: Kind, lands: str, about: str, example: Any, **options: Any) -> Field:
    return Field(
        name=name, kind=kind, lands=(f"core_listings.{lands}",), description=about,
        example=example, **options,
    )  # fmt: skip


def _party(name: str, table: str, about: str, example: dict[str, str]) -> Field:
    return Field(
        name=name, kind=Kind.OBJECT, lands=(f"core_listings.{name}_identifier",),
        description=f"{about} Replaced whole when its name changes, else merged by field.",
        example=example,
        fields=(
            Field(name="name", kind=Kind.TEXT, lands=(f"{table}.name", f"{table}.identifier"),
                  description="Name; with the provider it makes the identifier provider:name.",
                  example=example["name"], max_length=200, is_required_on_create=True,
                  is_clearable=False),
            Field(name="phone", kind=Kind.TEXT, lands=(f"{table}.phone",),
                  description="Phone number, best in E.164.", example=example["phone"],
                  max_length=50, may_be_blank=True),
            Field(name="email", kind=Kind.TEXT, lands=(f"{table}.email",),
                  description="E-mail address.", example="office@example.com", max_length=254,
                  may_be_blank=True),
        ),
    )  # fmt: skip


FIELDS: tuple[Field, ...] = (
    _identifier("providerIdentifier", "provider_identifier",
                "The system that sends the listing; bound to the partner by its first post.",
                "my-crm", max_length=100, forbidden=":"),
    _identifier("externalId", "external_id",
                "The partner's own reference: the same pair always means the same listing.",
                "listing-456", max_length=200),
    _needed("title", Kind.TEXT, "Title of the advert.", "Apartament 3 camere, zona Herastrau",
            max_length=500),
    _needed("transaction", Kind.ENUM, "Sale or rent.", "SALE", choices=Transaction),
    _needed("type", Kind.ENUM, "Kind of property.", "APARTMENT", choices=PropertyType),
    _needed("price", Kind.DECIMAL, "Asking price; for RENT a month's rent.", 185000,
            unit="currency", above=0, below=1e12),
    _needed("currency", Kind.ENUM, "ISO 4217 code of price and soldPrice.", "EUR",
            choices=Currency),
    _optional("status", Kind.ENUM, "status", "Lifecycle status; active when first posted without.",
              "active", choices=Status, is_clearable=False),
    _optional("description", Kind.TEXT, "description", "Text of the advert.",
              "Apartament luminos, aproape de parc.", max_length=20_000, may_be_blank=True),
    _optional("address", Kind.TEXT, "address", "Address in one line.",
              "Soseaua Nordului 12, Bucuresti", max_length=500, may_be_blank=True),
    _optional("rooms", Kind.INTEGER, "rooms", "Number of rooms.", 3, minimum=0, maximum=1_000),
    _optional("totalArea", Kind.DECIMAL, "total_area_m2", "Total area.", 85.5, unit="m2", above=0,
              maximum=1e8),
    _optional("usableArea", Kind.DECIMAL, "area_m2",
              "Usable area; figures per square metre prefer it to totalArea.", 78.2, unit="m2",
              above=0, maximum=1e8),
    _optional("latitude", Kind.DECIMAL, "latitude", "WGS84 latitude.", 44.4812, unit="degrees",
              minimum=-90, maximum=90),
    _optional("longitude", Kind.DECIMAL, "longitude", "WGS84 longitude.", 26.0766,
              unit="degrees", minimum=-180, maximum=180),
    _optional("constructionYear", Kind.INTEGER, "construction_year", "Year built.", 2020,
              unit="year", minimum=1000, maximum=2200),
    _optional("floor", Kind.INTEGER, "floor", "Floor; 0 is the ground floor, -1 the basement.",
              4, minimum=-20, maximum=300),
    _optional("floorMax", Kind.INTEGER, "floor_max", "Floors above the ground floor.", 10,
              minimum=0, maximum=300),
    _optional("partitioning", Kind.ENUM, "partitioning", "How the rooms are reached.",
              "DETACHED", choices=Partitioning),
    Field(name="imageUrls", kind=Kind.URLS,
          lands=("core_listing_images.url", "core_listings.image_count"),
          description="Addresses of pictures in order; replaced whole, [] removes all.",
          example=["https://example.com/img1.jpg"], max_items=MAX_IMAGE_URLS,
          max_length=MAX_URL_LENGTH),
    _party("agency", "core_agencies", "The agency that offers the home.",
           {"name": "VIB Imobiliare", "phone": "+40721000000"}),
    _party("agent", "core_agents", "The person who offers it.",
           {"name": "Ana Popescu", "phone": "+40721000001"}),
    _optional("attributes", Kind.ATTRIBUTES, "attributes",
              "Anything else, as names and single values; merged name by name, null removes.",
              {"heating": "own boiler", "balconies": 2}, max_items=MAX_ATTRIBUTES),
    _optional("publishedAt", Kind.INSTANT, "published_at", "When it was first advertised.",
              "2026-03-01T09:00:00Z"),
    _optional("sourceUpdatedAt", Kind.INSTANT, "source_updated_at",
              "When it last changed at the sender; an older body than the stored one is stale.",
              "2026-03-02T10:30:00+02:00"),
    _optional("soldAt", Kind.INSTANT, "sold_at", "When it was sold or let.",
              "2026-05-20T12:00:00Z"),
    _optional("soldPrice", Kind.DECIMAL, "sold_price", "Price it went for.", 181000,
              unit="currency", above=0, below=1e12),
)  # fmt: skip
"""All fields, in the order the documents show them."""

BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}
REQUIRED_ON_CREATE = tuple(field.name for field in FIELDS if field.is_required_on_create)
REQUIRED_ON_UPDATE = tuple(field.name for field in FIELDS if field.is_required_on_update)
