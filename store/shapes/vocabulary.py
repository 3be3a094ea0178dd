"""Words of the trade and their codes: what a field may hold, with labels and aliases.

Every enumeration on the wire, in the tables and in the reference comes from here. No I/O.
"""

from dataclasses import dataclass
from enum import StrEnum


class Transaction(StrEnum):
    """What is offered: the home itself, or its use against rent."""

    SALE = "SALE"
    RENT = "RENT"


class PropertyType(StrEnum):
    """What kind of property is offered."""

    APARTMENT = "APARTMENT"
    STUDIO = "STUDIO"
    HOUSE = "HOUSE"
    LAND = "LAND"
    OFFICE = "OFFICE"
    COMMERCIAL = "COMMERCIAL"
    INDUSTRIAL = "INDUSTRIAL"
    GARAGE = "GARAGE"


class Status(StrEnum):
    """Where a listing stands in its life. Only `active` and `reserved` are on the market."""

    ACTIVE = "active"
    RESERVED = "reserved"
    SOLD = "sold"
    RENTED = "rented"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    DRAFT = "draft"


class Partitioning(StrEnum):
    """How the rooms of a flat are reached (Romanian: compartimentare)."""

    DETACHED = "DETACHED"
    SEMI_DETACHED = "SEMI_DETACHED"
    OPEN = "OPEN"
    CIRCULAR = "CIRCULAR"


class Currency(StrEnum):
    """ISO 4217 codes that a price may be posted in; each has a dated rate to the euro."""

    EUR = "EUR"
    RON = "RON"
    USD = "USD"
    GBP = "GBP"
    CHF = "CHF"
    PLN = "PLN"
    HUF = "HUF"
    BGN = "BGN"
    CZK = "CZK"


class ZoneLevel(StrEnum):
    """Levels of places, widest first; a place has at most one zone at each level."""

    COUNTRY = "country"
    COUNTY = "county"
    CITY = "city"
    SECTOR = "sector"
    NEIGHBOURHOOD = "neighbourhood"


class PlacePrecision(StrEnum):
    """How well the place of a listing is known."""

    EXACT = "exact"  # a point, inside a zone
    NEIGHBOURHOOD = "neighbourhood"  # from here on: a name found in the text
    SECTOR = "sector"
    CITY = "city"
    COUNTY = "county"
    UNKNOWN = "unknown"


class Permission(StrEnum):
    """What an API key may do. A live key of any kind may read the reference (ROLE_API)."""

    PUBLISH_ESTATES = "publish.estates"
    READ_ESTATES = "read.estates"
    READ_MARKET = "read.market"


class ValueLabel(StrEnum):
    """Where an asking price stands against the 80 % interval of its value."""

    UNDER_PRICED = "under_priced"
    FAIR = "fair"
    OVER_PRICED = "over_priced"


ON_MARKET = frozenset({Status.ACTIVE, Status.RESERVED})
CLOSED = frozenset({Status.SOLD, Status.RENTED})
LEFT = frozenset({Status.WITHDRAWN, Status.EXPIRED})

DELETION_REASONS = ("withdrawn", "sold", "rented", "expired")
"""Why a listing may be deleted: the status that it is left with."""

ZONE_LEVELS = tuple(level.value for level in ZoneLevel)
ROOMS_BANDS = ("1", "2", "3", "4+")
AGE_BANDS = ("new", "old")
ALL = "all"
"""The value of a segment's dimension that does not narrow it."""

N_MIN = 10
"""Fewest units behind a published figure (METRICS: suppression); below it the figure is null."""


@dataclass(frozen=True)
class Label:
    """How an enumerated value is called by people, and the spellings we recognise for it."""

    en: str
    ro: str
    aliases: tuple[str, ...] = ()


LABELS: dict[type[StrEnum], dict[str, Label]] = {
    Transaction: {
        "SALE": Label("for sale", "de vânzare", ("vanzare", "sell")),
        "RENT": Label("to let", "de închiriat", ("inchiriere", "let")),
    },
    PropertyType: {
        "APARTMENT": Label("apartment", "apartament", ("flat",)),
        "STUDIO": Label("studio", "garsonieră", ("garsoniera",)),
        "HOUSE": Label("house", "casă", ("casa", "vila", "villa")),
        "LAND": Label("land", "teren", ("lot", "plot")),
        "OFFICE": Label("office", "birouri", ("birou",)),
        "COMMERCIAL": Label("commercial space", "spațiu comercial", ("shop", "retail")),
        "INDUSTRIAL": Label("industrial space", "spațiu industrial", ("hala", "warehouse")),
        "GARAGE": Label("garage", "garaj", ("parking",)),
    },
    Status: {
        "active": Label("active", "activ"),
        "reserved": Label("reserved", "rezervat"),
        "sold": Label("sold", "vândut", ("vandut",)),
        "rented": Label("rented", "închiriat", ("inchiriat",)),
        "withdrawn": Label("withdrawn", "retras"),
        "expired": Label("expired", "expirat"),
        "draft": Label("draft", "ciornă"),
    },
    Partitioning: {
        "DETACHED": Label("detached rooms", "decomandat", ("decomandat",)),
        "SEMI_DETACHED": Label("semi-detached rooms", "semidecomandat", ("semidecomandat",)),
        "OPEN": Label("open plan", "nedecomandat", ("nedecomandat",)),
        "CIRCULAR": Label("circular", "circular"),
    },
    Currency: {
        "EUR": Label("euro", "euro", ("€",)),
        "RON": Label("Romanian leu", "leu", ("lei",)),
        "USD": Label("US dollar", "dolar american", ("$",)),
        "GBP": Label("pound sterling", "liră sterlină", ("£",)),
        "CHF": Label("Swiss franc", "franc elvețian"),
        "PLN": Label("Polish zloty", "zlot polonez"),
        "HUF": Label("Hungarian forint", "forint maghiar"),
        "BGN": Label("Bulgarian lev", "leva bulgărească"),
        "CZK": Label("Czech koruna", "coroană cehă"),
    },
}
