"""The words of the synthetic adverts: Romanian titles, descriptions, addresses, invented names.

Serves `synthetic_market`. Phrases are written for this project; streets, agencies and agents are
combinations that say of themselves that they are synthetic, and no phone number belongs to a
range given to an operator. Every choice is made by a die (a whole number) that the caller threw.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

LABEL = "[synthetic]"
CLOSING = "Date sintetice."

PROVIDERS = (
    "synthetic-alfa",
    "synthetic-beta",
    "synthetic-gama",
    "synthetic-delta",
    "synthetic-epsilon",
    "synthetic-omega",
)

COMMA, CEDILLA, BARE, DECOMPOSED = range(4)
ENCODINGS = (
    (COMMA,),
    (BARE,),
    (CEDILLA,),
    (COMMA,),
    (BARE, DECOMPOSED),
    (COMMA, BARE),
)
"""How each provider's software writes ș and ț: with comma or cedilla, bare, or decomposed."""

_CEDILLA = str.maketrans("șțȘȚ", "şţŞŢ")
_BARE = str.maketrans("ăâîșțĂÂÎȘȚ", "aaistAAIST")

TREES = (
    "Stejarul", "Arțarul", "Teiul", "Mesteacănul", "Salcâmul", "Bradul",
    "Fagul", "Plopul", "Nucul", "Cireșul", "Carpenul", "Ulmul",
)  # fmt: skip
_AGENCIES = ("Agenția Sintetică", "Imobiliare Sintetice", "Case Sintetice", "Biroul Sintetic")
AGENCY_COUNT = len(TREES) * len(_AGENCIES)
AGENTS_PER_AGENCY = 4

_STREETS = (
    "Str. Exemplului", "Strada Fictivă", "Bd. Demonstrației", "Aleea Probei", "Calea Sintezei",
    "Str. Eșantionului", "Intrarea Simulării", "Șos. Modelului",
)  # fmt: skip

_PARTITIONINGS = ("decomandat", "semidecomandat", "nedecomandat", "circular")
_SALE_VERBS = ("Vând", "De vânzare", "Se vinde", "Vânzare")
_RENT_VERBS = ("Închiriez", "De închiriat", "Ofer spre închiriere", "Închiriere")
_AREAS = ("zona {}", "{}", "cartierul {}", "în {}", "{}")
_EXTRAS = (
    "aproape de metrou", "vedere spre parc", "renovat recent", "ocupare imediată", "bloc nou",
    "loc de parcare", "centrală proprie", "mobilat și utilat", "balcon închis", "etaj bun",
)  # fmt: skip
_OPENINGS = (
    "Vă propunem o locuință luminoasă, potrivită pentru o familie.",
    "Proprietatea se află într-o zonă liniștită, cu acces rapid la transport.",
    "Ofertă fără surprize: actele sunt pregătite pentru notar.",
    "Spațiul este bine întreținut și gata de mutare.",
    "Imobilul a fost îngrijit de un singur proprietar.",
    "Anunț pentru cei care caută lumină, verdeață și vecini discreți.",
)
_MIDDLES = (
    "Ferestrele sunt termopan, iar pereții au fost reparați anul trecut.",
    "Bucătăria este spațioasă, iar baia are geam.",
    "În apropiere sunt școală, grădiniță și magazine.",
    "Încălzirea se face cu centrală proprie, costurile sunt mici.",
    "Blocul este reabilitat termic și are lift.",
    "Stația de autobuz este la câteva minute de mers pe jos.",
    "Există posibilitatea unui loc de parcare în fața imobilului.",
    "Orientarea este sud-estică, cu soare până după prânz.",
)
_ENDINGS = (
    "Pentru vizionare, sunați cu o zi înainte.",
    "Prețul este ușor negociabil la fața locului.",
    "Se acceptă credit ipotecar.",
    "Nu se percepe comision cumpărătorului.",
)
_EDITS = ("Preț actualizat.", "Fotografii noi.", "Disponibil din luna viitoare.")
_RETOUCHES = ("Preț nou! {}", "{} - urgent", "Revenit la ofertă: {}", "{}, negociabil")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the words may mention; None where the advert does not say.

    place: name of the most specific place named; in_city: whether that is the city itself.
    """

    is_rent: bool
    type: str
    rooms: int | None
    area_m2: float
    year: int | None
    floor: int | None
    floor_max: int | None
    partitioning: int | None
    place: str | None
    in_city: bool
    city: str | None
    sector: str | None
    neighbour: str


def encode(text: str, encoding: int) -> str:
    """Return Romanian text as a provider's software writes it."""
    if encoding == CEDILLA:
        return text.translate(_CEDILLA)
    if encoding == BARE:
        return text.translate(_BARE)
    return unicodedata.normalize("NFD", text) if encoding == DECOMPOSED else text


def title(facts: Facts, dice: Sequence[int]) -> str:
    """Return a title such as "Apartament 3 camere decomandat, zona Titan, etaj 4/10"."""
    head, place = _head(facts, dice[0]), _place(facts, dice[1])
    area = f"{facts.area_m2:g} mp"
    match dice[2] % 5:
        case 0:
            parts = [head, place, _floor(facts)]
        case 1:
            parts = [f"{_verb(facts, dice[3])} {head[0].lower()}{head[1:]}", place, area]
        case 2:
            parts = [f"{place} - {head}" if place else head, area]
        case 3:
            parts = [f"{head} {place}".strip(), _EXTRAS[dice[3] % len(_EXTRAS)]]
        case _:
            parts = [head, place, f"an {facts.year}" if facts.year else area]
    text = ", ".join(part for part in parts if part)
    return text.upper() if dice[4] % 20 == 0 else text[0].upper() + text[1:]


def _head(facts: Facts, die: int) -> str:
    match facts.type:
        case "APARTMENT":
            head = f"Apartament {facts.rooms} camere" if facts.rooms else "Apartament"
        case "STUDIO":
            head = ("Garsonieră", "Studio", "Garsonieră confort 1")[die % 3]
        case "HOUSE":
            kind = ("Casă", "Vilă", "Casă cu curte")[die % 3]
            head = f"{kind} {facts.rooms} camere" if facts.rooms else kind
        case "LAND":
            return ("Teren intravilan", "Teren", "Lot de casă")[die % 3]
        case "OFFICE":
            return ("Spațiu birouri", "Birouri")[die % 2]
        case _:
            return ("Spațiu comercial", "Spațiu stradal")[die % 2]
    says_partitioning = facts.partitioning is not None and die % 10 < 7
    return f"{head} {_PARTITIONINGS[facts.partitioning or 0]}" if says_partitioning else head


def _place(facts: Facts, die: int) -> str:
    if facts.place is None:
        return ""
    if facts.in_city:
        return (facts.place, f"în {facts.place}")[die % 2]
    return _AREAS[die % len(_AREAS)].format(facts.place)


def _floor(facts: Facts) -> str:
    if facts.floor is None:
        return ""
    if facts.floor == 0:
        return "parter"
    top = f"/{facts.floor_max}" if facts.floor_max is not None else ""
    return f"etaj {facts.floor}{top}"


def _verb(facts: Facts, die: int) -> str:
    verbs = _RENT_VERBS if facts.is_rent else _SALE_VERBS
    return verbs[die % len(verbs)]


def retouched(text: str, die: int) -> str:
    """Return a title as people change it when they post a home again."""
    return _RETOUCHES[die % len(_RETOUCHES)].format(text)


def description(facts: Facts, dice: Sequence[int]) -> str:
    """Return a description; it ends by saying that it is synthetic."""
    sentences = [_OPENINGS[dice[0] % len(_OPENINGS)]]
    if facts.year:
        sentences.append(f"Construcție din {facts.year}, suprafață {facts.area_m2:g} mp.")
    first = dice[1] % len(_MIDDLES)
    sentences.extend((_MIDDLES * 2)[first : first + 1 + dice[2] % 3])
    if dice[3] % 10 == 0:
        sentences.append(f"La câteva minute de {facts.neighbour}.")
    sentences.append(_ENDINGS[dice[4] % len(_ENDINGS)])
    return " ".join([*sentences, CLOSING])


def edited(text: str, die: int) -> str:
    """Return a description with one more sentence before the closing one."""
    return f"{text[: -len(CLOSING)]}{_EDITS[die % len(_EDITS)]} {CLOSING}"


def address(facts: Facts, dice: Sequence[int]) -> str:
    """Return an address in one line: an invented street, then the places that may be named."""
    street = f"{_STREETS[dice[0] % len(_STREETS)]} nr. {1 + dice[1] % 180}"
    place = None if facts.in_city else facts.place
    named = [street, place, facts.sector, facts.city]
    return ", ".join(part for part in named if part)


def agency(number: int, provider: int) -> dict[str, str]:
    """Return an invented agency of a provider."""
    name = f"{_AGENCIES[number % len(_AGENCIES)]} {TREES[number // len(_AGENCIES) % len(TREES)]}"
    return {"name": name, "phone": _phone(provider * 1_000 + number)}


def agent(number: int, provider: int) -> dict[str, str]:
    """Return an invented agent of a provider."""
    tree = TREES[number % len(TREES)]
    return {
        "name": f"Agent Sintetic {tree} {number:03d}",
        "phone": _phone(10_000 + provider * 1_000 + number),
        "email": f"agent-{number:03d}@{PROVIDERS[provider]}.example",
    }


def _phone(number: int) -> str:
    """Return a possible Romanian mobile number of 0709, a prefix without an operator."""
    return f"+40709{number:06d}"


def external_id(number: int, provider: int) -> str:
    """Return a reference in the style of the provider's software."""
    styles = ("A-{:06d}", "{:08d}", "apt/2026/{:06d}", "X{:07d}", "ref {:06d}", "omega_{:07d}")
    return styles[provider].format(number)
