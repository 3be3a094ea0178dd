"""The wire contract: every field a partner may post, defined once.

From this table come the checks at the door (`checks`), the JSON Schema and the client model
(`schemas`), the reference document and the OpenAPI page (`ingest_api`). No I/O.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from store.shapes.vocabulary import (
    BuildingType,
    ConstructionStage,
    Currency,
    EnergyClass,
    Furnished,
    Heating,
    OwnershipDocument,
    Parking,
    Partitioning,
    PropertyType,
    Status,
    Structure,
    Transaction,
)

WIRE_VERSION = "1.1"
FIRST_VERSION = "1.0"

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
    BOOLEAN = "boolean"
    INSTANT = "instant"  # RFC 3339 with a zone; kept in UTC
    URLS = "urls"
    CODES = "codes"  # a list of codes of one enumeration
    OBJECT = "object"
    ATTRIBUTES = "attributes"  # names to scalars


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of the wire.

    lands: the columns (`table.column`) it becomes. minimum and maximum are allowed themselves,
    above and below are not. is_clearable: null is allowed and clears the stored value.
    recommended_for: offers that are worth less to readers without it; never a condition.
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
    recommended_for: tuple[tuple[Transaction, PropertyType], ...] = ()
    since: str = FIRST_VERSION
    is_deprecated: bool = False


def _both(*types: PropertyType) -> tuple[tuple[Transaction, PropertyType], ...]:
    return tuple((transaction, kind) for transaction in Transaction for kind in types)


_FLATS = (PropertyType.APARTMENT, PropertyType.STUDIO)
_HOMES = (*_FLATS, PropertyType.HOUSE)
_GROUNDS = (PropertyType.HOUSE, PropertyType.LAND)
_BUILT = tuple(kind for kind in PropertyType if kind is not PropertyType.LAND)


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


def _added(name: str, kind: Kind, lands: str, about: str, example: Any, **options: Any) -> Field:
    return _optional(name, kind, lands, about, example, since="1.1", **options)


def _place(name: str, lands: str, about: str, example: str, max_length: int = 200) -> Field:
    return _added(name, Kind.TEXT, lands, about, example, max_length=max_length, may_be_blank=True)


def _party(name: str, table: str, about: str, example: dict[str, str]) -> Field:
    return Field(
        name=name, kind=Kind.OBJECT, lands=(f"core_listings.{name}_identifier",),
        description=f"{about} Replaced whole when its name changes, else merged by field; "
        "formerName says that the name alone changed.",
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
            Field(name="formerName", kind=Kind.TEXT, lands=(f"{table}.former_identifier",),
                  description="The name it had before: row and history go on under the new name.",
                  example=f"{example['name']} Vechi", max_length=200, since="1.1"),
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
              "Apartament luminos, aproape de parc.", max_length=20_000, may_be_blank=True,
              recommended_for=_both(*PropertyType)),
    _optional("address", Kind.TEXT, "address", "Address in one line.",
              "Soseaua Nordului 12, Bucuresti", max_length=500, may_be_blank=True),
    _optional("rooms", Kind.INTEGER, "rooms", "Number of rooms.", 3, minimum=0, maximum=1_000,
              recommended_for=_both(*_HOMES)),
    _optional("totalArea", Kind.DECIMAL, "total_area_m2", "Total area.", 85.5, unit="m2", above=0,
              maximum=1e8, recommended_for=_both(*_BUILT)),
    _optional("usableArea", Kind.DECIMAL, "area_m2",
              "Usable area; figures per square metre prefer it to totalArea.", 78.2, unit="m2",
              above=0, maximum=1e8),
    _optional("latitude", Kind.DECIMAL, "latitude", "WGS84 latitude.", 44.4812, unit="degrees",
              minimum=-90, maximum=90, recommended_for=_both(*PropertyType)),
    _optional("longitude", Kind.DECIMAL, "longitude", "WGS84 longitude.", 26.0766,
              unit="degrees", minimum=-180, maximum=180, recommended_for=_both(*PropertyType)),
    _optional("constructionYear", Kind.INTEGER, "construction_year", "Year built.", 2020,
              unit="year", minimum=1000, maximum=2200, recommended_for=_both(*_HOMES)),
    _optional("floor", Kind.INTEGER, "floor", "Floor; 0 is the ground floor, -1 the basement.",
              4, minimum=-20, maximum=300, recommended_for=_both(*_FLATS)),
    _optional("floorMax", Kind.INTEGER, "floor_max", "Floors above the ground floor.", 10,
              minimum=0, maximum=300, recommended_for=_both(*_FLATS)),
    _optional("partitioning", Kind.ENUM, "partitioning", "How the rooms are reached.",
              "DETACHED", choices=Partitioning, recommended_for=_both(PropertyType.APARTMENT)),
    Field(name="imageUrls", kind=Kind.URLS,
          lands=("core_listing_images.url", "core_listings.image_count"),
          description="Addresses of pictures in order; replaced whole, [] removes all.",
          example=["https://example.com/img1.jpg"], max_items=MAX_IMAGE_URLS,
          max_length=MAX_URL_LENGTH, recommended_for=_both(*PropertyType)),
    _party("agency", "core_agencies", "The agency that offers the home.",
           {"name": "VIB Imobiliare", "phone": "+40721000000"}),
    _party("agent", "core_agents", "The person who offers it.",
           {"name": "Ana Popescu", "phone": "+40721000001"}),
    _optional("attributes", Kind.ATTRIBUTES, "attributes",
              "Anything else, as names and single values; merged name by name, null removes.",
              {"petsAllowed": True, "balconies": 2}, max_items=MAX_ATTRIBUTES),
    _optional("publishedAt", Kind.INSTANT, "published_at", "When it was first advertised.",
              "2026-03-01T09:00:00Z"),
    _optional("sourceUpdatedAt", Kind.INSTANT, "source_updated_at",
              "When it last changed at the sender; an older body than the stored one is stale.",
              "2026-03-02T10:30:00+02:00"),
    _optional("soldAt", Kind.INSTANT, "sold_at", "When it was sold or let.",
              "2026-05-20T12:00:00Z"),
    _optional("soldPrice", Kind.DECIMAL, "sold_price", "Price it went for.", 181000,
              unit="currency", above=0, below=1e12),
    _added("builtArea", Kind.DECIMAL, "built_area_m2", "Built area, walls included.", 102.5,
           unit="m2", above=0, maximum=1e8),
    _added("landArea", Kind.DECIMAL, "land_area_m2",
           "Area of the plot; figures per square metre of LAND use it.", 450, unit="m2", above=0,
           maximum=1e8, recommended_for=_both(*_GROUNDS)),
    _added("balconyArea", Kind.DECIMAL, "balcony_area_m2", "Area of balconies and terraces.", 7.3,
           unit="m2", minimum=0, maximum=1e5),
    _added("bathrooms", Kind.INTEGER, "bathrooms", "Number of bathrooms.", 2, minimum=0,
           maximum=1_000),
    _added("energyClass", Kind.ENUM, "energy_class", "Class on the energy certificate.", "A+",
           choices=EnergyClass, recommended_for=_both(*_HOMES)),
    _added("heating", Kind.ENUM, "heating", "Where the heat comes from.", "OWN_BOILER",
           choices=Heating),
    _added("furnished", Kind.ENUM, "furnished", "How far it is furnished.", "PARTLY_FURNISHED",
           choices=Furnished,
           recommended_for=tuple((Transaction.RENT, kind) for kind in _HOMES)),
    _added("newBuild", Kind.BOOLEAN, "is_new_build", "Sold or let for the first time.", True),
    _added("constructionStage", Kind.ENUM, "construction_stage",
           "How far the building is built.", "FINISHED", choices=ConstructionStage),
    _added("buildingType", Kind.ENUM, "building_type", "What stands around the home.", "BLOCK",
           choices=BuildingType),
    _added("structure", Kind.ENUM, "structure", "What carries the building.", "CONCRETE",
           choices=Structure),
    _added("parking", Kind.ENUM, "parking", "The best place for a car that comes with it.",
           "UNDERGROUND", choices=Parking),
    _added("parkingSpaces", Kind.INTEGER, "parking_spaces", "Places for cars that come with it.",
           1, minimum=0, maximum=10_000),
    _added("vatIncluded", Kind.BOOLEAN, "is_vat_included", "Whether price holds the VAT.", True),
    _added("commissionPct", Kind.DECIMAL, "commission_pct",
           "Commission the buyer or tenant pays, in percent of the price; 0 for none.", 2,
           unit="percent", minimum=0, maximum=100),
    _place("street", "street", "Street, without the number.", "Soseaua Nordului"),
    _place("streetNumber", "street_number", "Number in the street.", "12A", 50),
    _place("block", "block", "Block (Romanian: bloc).", "B2", 50),
    _place("staircase", "staircase", "Staircase (Romanian: scara).", "1", 50),
    _place("postalCode", "postal_code", "Postal code.", "014104", 20),
    _place("neighbourhood", "neighbourhood", "Neighbourhood (Romanian: cartier).", "Herastrau"),
    _place("city", "city", "City, town or commune.", "Bucuresti"),
    _place("county", "county", "County (Romanian: judet).", "Bucuresti"),
    _place("country", "country", "Country, best as its ISO 3166 code of two letters.", "RO", 100),
    _added("ownershipDocuments", Kind.CODES, "ownership_documents",
           "Papers the seller holds; replaced whole, [] empties.", ["TITLE_DEED", "CADASTRE"],
           choices=OwnershipDocument, max_items=len(OwnershipDocument)),
    _added("hideExact", Kind.BOOLEAN, "is_exact_hidden",
           "Asks that the exact point be shown to nobody; figures still use it.", False),
)  # fmt: skip
"""All fields, in the order the documents show them."""

PLATFORM_FIELDS = ("statusSince", "deletedAt", "deletionReason")
"""What the register adds to a merged document; never read from a post."""

BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}
REQUIRED_ON_CREATE = tuple(field.name for field in FIELDS if field.is_required_on_create)
REQUIRED_ON_UPDATE = tuple(field.name for field in FIELDS if field.is_required_on_update)
