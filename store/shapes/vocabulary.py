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


class EnergyClass(StrEnum):
    """Class on the energy certificate (Romanian: certificat de performanță energetică)."""

    A_PLUS = "A+"
    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"
    G = "G"


class Heating(StrEnum):
    """Where the heat comes from."""

    OWN_BOILER = "OWN_BOILER"
    BLOCK_BOILER = "BLOCK_BOILER"
    DISTRICT = "DISTRICT"
    HEAT_PUMP = "HEAT_PUMP"
    ELECTRIC = "ELECTRIC"
    STOVE = "STOVE"
    NONE = "NONE"
    OTHER = "OTHER"


class Furnished(StrEnum):
    """How far it is furnished."""

    UNFURNISHED = "UNFURNISHED"
    PARTLY_FURNISHED = "PARTLY_FURNISHED"
    FURNISHED = "FURNISHED"


class ConstructionStage(StrEnum):
    """How far the building is built."""

    PLANNED = "PLANNED"
    UNDER_CONSTRUCTION = "UNDER_CONSTRUCTION"
    SHELL = "SHELL"
    UNFINISHED = "UNFINISHED"
    FINISHED = "FINISHED"


class BuildingType(StrEnum):
    """What stands around the home."""

    BLOCK = "BLOCK"
    VILLA = "VILLA"
    DETACHED_HOUSE = "DETACHED_HOUSE"
    SEMI_DETACHED_HOUSE = "SEMI_DETACHED_HOUSE"
    TERRACED_HOUSE = "TERRACED_HOUSE"
    OFFICE_BUILDING = "OFFICE_BUILDING"
    SHOPPING_CENTRE = "SHOPPING_CENTRE"
    OTHER = "OTHER"


class Structure(StrEnum):
    """What carries the building."""

    CONCRETE = "CONCRETE"
    PREFABRICATED = "PREFABRICATED"
    BRICK = "BRICK"
    AERATED_CONCRETE = "AERATED_CONCRETE"
    WOOD = "WOOD"
    METAL = "METAL"
    ADOBE = "ADOBE"
    OTHER = "OTHER"


class Parking(StrEnum):
    """The best place for a car that comes with it."""

    NONE = "NONE"
    STREET = "STREET"
    OUTDOOR = "OUTDOOR"
    UNDERGROUND = "UNDERGROUND"
    GARAGE = "GARAGE"


class OwnershipDocument(StrEnum):
    """Papers the seller holds."""

    TITLE_DEED = "TITLE_DEED"
    LAND_REGISTER = "LAND_REGISTER"
    CADASTRE = "CADASTRE"
    BUILDING_PERMIT = "BUILDING_PERMIT"
    URBAN_CERTIFICATE = "URBAN_CERTIFICATE"
    COMPLETION_RECORD = "COMPLETION_RECORD"
    ENERGY_CERTIFICATE = "ENERGY_CERTIFICATE"


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
    """What an API key may do. A live key of any kind may read the reference (ROLE_API).

    There is no `admin.*` among them: keys lie in configuration files of partners, so what makes
    and ends keys is for people alone, who log in and whose role is looked up at every call.
    """

    PUBLISH_ESTATES = "publish.estates"
    READ_ESTATES = "read.estates"
    READ_MARKET = "read.market"
    READ_LEADS = "read.leads"


class Environment(StrEnum):
    """What a key's posts become: listings of the market, or a rehearsal that nobody sees."""

    LIVE = "live"
    SANDBOX = "sandbox"


class Role(StrEnum):
    """What a person who logs in may do: admins make and end keys."""

    ADMIN = "admin"
    MEMBER = "member"


class ValueLabel(StrEnum):
    """Where an asking price stands against the 80 % interval of its value."""

    UNDER_PRICED = "under_priced"
    FAIR = "fair"
    OVER_PRICED = "over_priced"


ON_MARKET = frozenset({Status.ACTIVE, Status.RESERVED})
CLOSED = frozenset({Status.SOLD, Status.RENTED})
LEFT = frozenset({Status.WITHDRAWN, Status.EXPIRED})

MOVES: dict[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.ACTIVE, Status.RESERVED, *LEFT}),
    Status.ACTIVE: frozenset(Status) - {Status.ACTIVE},
    Status.RESERVED: frozenset(Status) - {Status.RESERVED},
    Status.SOLD: frozenset({Status.ACTIVE, Status.WITHDRAWN}),
    Status.RENTED: frozenset({Status.ACTIVE, Status.WITHDRAWN}),
    Status.WITHDRAWN: frozenset(Status) - {Status.WITHDRAWN},
    Status.EXPIRED: frozenset(Status) - {Status.EXPIRED},
}
"""Where each status may go next. What was sold or let comes back by way of `active`, so that a
return to the market is always seen; a draft was never offered, so nobody can have bought it."""

DELETION_REASONS = ("withdrawn", "sold", "rented", "expired")
"""Why a listing may be deleted: the status that it is left with."""

ZONE_LEVELS = tuple(level.value for level in ZoneLevel)
ROOMS_BANDS = ("1", "2", "3", "4+")
AGE_BANDS = ("new", "old")
ALL = "all"
"""The value of a segment's dimension that does not narrow it."""

N_MIN = 10
"""Fewest units behind a published figure (METRICS: suppression); below it the figure is null."""


def is_legal_move(before: str | None, after: str) -> bool:
    """Tell whether a listing may go from one status to another; None: it is posted first.

    To stay where it is, is no move and always allowed.
    """
    return before is None or before == after or after in MOVES[Status(before)]


@dataclass(frozen=True)
class Label:
    """How an enumerated value is called by people, and the spellings we recognise for it.

    aliases: spellings that mean this value and no other. Case, diacritics, spaces, hyphens and
    underscores do not matter (`coercions.folded`).
    """

    en: str
    ro: str
    aliases: tuple[str, ...] = ()


LABELS: dict[type[StrEnum], dict[str, Label]] = {
    Transaction: {
        "SALE": Label("for sale", "de vânzare", ("vânzare", "sell")),
        "RENT": Label("to let", "de închiriat", ("închiriere", "let", "for rent")),
    },
    PropertyType: {
        "APARTMENT": Label("apartment", "apartament", ("flat",)),
        "STUDIO": Label("studio", "garsonieră"),
        "HOUSE": Label("house", "casă", ("vilă", "villa", "casă/vilă")),
        "LAND": Label("land", "teren", ("lot", "plot")),
        "OFFICE": Label("office", "birouri", ("birou", "spațiu de birouri")),
        "COMMERCIAL": Label("commercial space", "spațiu comercial", ("shop", "retail")),
        "INDUSTRIAL": Label("industrial space", "spațiu industrial", ("hală", "warehouse")),
        "GARAGE": Label("garage", "garaj", ("parking", "loc de parcare")),
    },
    Status: {
        "active": Label("active", "activ"),
        "reserved": Label("reserved", "rezervat"),
        "sold": Label("sold", "vândut"),
        "rented": Label("rented", "închiriat"),
        "withdrawn": Label("withdrawn", "retras"),
        "expired": Label("expired", "expirat"),
        "draft": Label("draft", "ciornă"),
    },
    Partitioning: {
        "DETACHED": Label("detached rooms", "decomandat"),
        "SEMI_DETACHED": Label("semi-detached rooms", "semidecomandat"),
        "OPEN": Label("open plan", "nedecomandat"),
        "CIRCULAR": Label("circular", "circular"),
    },
    EnergyClass: {
        "A+": Label("class A+", "clasa A+"),
        **{letter: Label(f"class {letter}", f"clasa {letter}") for letter in "ABCDEFG"},
    },
    Heating: {
        "OWN_BOILER": Label("own boiler", "centrală proprie", ("centrală termică proprie",)),
        "BLOCK_BOILER": Label(
            "boiler of the building", "centrală de bloc",
            ("centrală imobil", "centrală termică de bloc"),
        ),
        "DISTRICT": Label("district heating", "termoficare", ("încălzire centralizată",)),
        "HEAT_PUMP": Label("heat pump", "pompă de căldură"),
        "ELECTRIC": Label("electric heating", "încălzire electrică", ("centrală electrică",)),
        "STOVE": Label("stove", "sobă", ("sobe", "sobă de teracotă")),
        "NONE": Label("no heating", "fără încălzire"),
        "OTHER": Label("other", "altele", ("altă sursă",)),
    },
    Furnished: {
        "UNFURNISHED": Label("unfurnished", "nemobilat"),
        "PARTLY_FURNISHED": Label(
            "partly furnished", "parțial mobilat", ("semimobilat", "mobilat parțial")
        ),
        "FURNISHED": Label("furnished", "mobilat", ("complet mobilat", "mobilat complet")),
    },
    ConstructionStage: {
        "PLANNED": Label("planned", "în proiect", ("proiect",)),
        "UNDER_CONSTRUCTION": Label("under construction", "în construcție"),
        "SHELL": Label("structure stands", "la roșu"),
        "UNFINISHED": Label("before finishes", "la gri", ("semifinisat",)),
        "FINISHED": Label("finished", "finalizat", ("la cheie", "finalizată")),
    },
    BuildingType: {
        "BLOCK": Label("block of flats", "bloc de apartamente", ("bloc",)),
        "VILLA": Label("villa", "vilă"),
        "DETACHED_HOUSE": Label("detached house", "casă individuală"),
        "SEMI_DETACHED_HOUSE": Label("semi-detached house", "duplex", ("casă cuplată",)),
        "TERRACED_HOUSE": Label("terraced house", "casă înșiruită"),
        "OFFICE_BUILDING": Label("office building", "clădire de birouri"),
        "SHOPPING_CENTRE": Label("shopping centre", "centru comercial", ("mall",)),
        "OTHER": Label("other", "altul", ("altele",)),
    },
    Structure: {
        "CONCRETE": Label("reinforced concrete", "beton", ("beton armat",)),
        "PREFABRICATED": Label("prefabricated panels", "panouri prefabricate", ("prefabricate",)),
        "BRICK": Label("brick", "cărămidă"),
        "AERATED_CONCRETE": Label("aerated concrete", "BCA"),
        "WOOD": Label("wood", "lemn"),
        "METAL": Label("metal", "metal", ("structură metalică",)),
        "ADOBE": Label("adobe", "chirpici", ("paiantă",)),
        "OTHER": Label("other", "altele", ("altă structură",)),
    },
    Parking: {
        "NONE": Label("no parking", "fără parcare"),
        "STREET": Label("in the street", "pe stradă"),
        "OUTDOOR": Label("outdoor space of its own", "loc exterior", ("parcare exterioară",)),
        "UNDERGROUND": Label(
            "underground space", "loc subteran", ("parcare subterană", "subteran")
        ),
        "GARAGE": Label("garage", "garaj"),
    },
    OwnershipDocument: {
        "TITLE_DEED": Label(
            "title deed", "act de proprietate", ("contract de vânzare-cumpărare",)
        ),
        "LAND_REGISTER": Label(
            "extract of the land register", "extras de carte funciară",
            ("carte funciară", "intabulare"),
        ),
        "CADASTRE": Label("cadastral file", "cadastru", ("documentație cadastrală",)),
        "BUILDING_PERMIT": Label("building permit", "autorizație de construire"),
        "URBAN_CERTIFICATE": Label("town planning certificate", "certificat de urbanism"),
        "COMPLETION_RECORD": Label(
            "record of completion", "proces-verbal de recepție", ("recepție finală",)
        ),
        "ENERGY_CERTIFICATE": Label("energy certificate", "certificat energetic"),
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
}  # fmt: skip
