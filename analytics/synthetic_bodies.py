"""The first body of every synthetic advert, under the wire's names.

Serves `synthetic_market`: facts and words become what a partner's software would post first.
Faults and later posts are left to other files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics import synthetic_words as words
from analytics.synthetic_ground import Floats, Ground, Ints
from analytics.synthetic_homes import LAND, PARTITIONINGS, TYPES, Homes
from analytics.synthetic_lives import DAY, WINDOW_DAYS, Adverts
from store.shapes.vocabulary import EnergyClass, Furnished, Heating

Body = dict[str, Any]

HAS_POINT = 0.85
NAMES_ZONE, NAMES_CITY = 0.78, 0.19
"""Of the adverts without a point: how many name their zone, only their city, or nothing."""

NAMES_ZONE_BESIDE_POINT = 0.80
ALIAS_SHARE = 0.08
KEEPS = {"rooms": 0.99, "year": 0.92, "floor": 0.96, "floor_max": 0.95, "partitioning": 0.90}
"""Share of the adverts that say a fact their home has."""

POSTS_USABLE_AREA = (1, 3)
"""Providers that post both areas; the others post the usable one as totalArea."""

SAME_POINT_SHARE, POINT_NOISE_KM = 0.40, 0.025
"""Duplicates that repeat the first advert's point, and how far off the others are (sd)."""

RETOUCH_SHARE = 0.5
PRIVATE_SHARE, PICTURED_SHARE, MAX_PICTURES = 0.12, 0.88, 8
BACKLOG_AGE_DAYS = 60
LOCAL_TIME_PROVIDER = 2
"""Writes its instants with the offset of Bucharest's winter instead of Z."""

_HEATING = (Heating.OWN_BOILER, Heating.DISTRICT, Heating.BLOCK_BOILER)
_ENERGY = (EnergyClass.A, EnergyClass.B, EnergyClass.C, EnergyClass.D)
_DICE = 24


@dataclass(frozen=True)
class Said:
    """What each advert says of its home; arrays and lists with one entry per advert.

    A fact is None where the advert does not say it; point is (latitude, longitude).
    """

    facts: list[words.Facts]
    points: list[tuple[float, float] | None]
    names: list[str]
    dice: list[list[int]]


def instant_texts(time: Ints, provider: Ints) -> list[str]:
    """Return instants (s since 1970) as RFC 3339, in the style of each row's provider."""
    is_local = provider == LOCAL_TIME_PROVIDER
    shown = (time + np.where(is_local, 7_200, 0)).astype("datetime64[s]")
    zones = np.where(is_local, "+02:00", "Z").tolist()
    plain = np.datetime_as_string(shown).tolist()
    return [text + zone for text, zone in zip(plain, zones, strict=True)]


def say(ground: Ground, homes: Homes, adverts: Adverts, rng: np.random.Generator) -> Said:
    """Decide what each advert tells, leaves out, and how exactly it places its home."""
    count = len(adverts.home)
    has_point = rng.random(count) < HAS_POINT
    points = _points(ground, homes, adverts, rng)
    names = _named(has_point, rng)
    return Said(
        facts=_facts(ground, homes, adverts, names, rng),
        points=[p if has else None for p, has in zip(points, has_point.tolist(), strict=True)],
        names=names,
        dice=rng.integers(0, 1_000_000, (count, _DICE)).tolist(),
    )


def _points(
    ground: Ground, homes: Homes, adverts: Adverts, rng: np.random.Generator
) -> list[tuple[float, float]]:
    count = len(adverts.home)
    moves = (np.array(adverts.relation) == "duplicate") & (rng.random(count) > SAME_POINT_SHARE)
    noise = rng.normal(0.0, POINT_NOISE_KM, (count, 2)) * moves[:, None]
    degrees = np.round(ground.degrees(homes.plane[adverts.home] + noise), 6)
    return list(zip(degrees[:, 1].tolist(), degrees[:, 0].tolist(), strict=True))


def _named(has_point: NDArray[np.bool_], rng: np.random.Generator) -> list[str]:
    """Return the most specific place that title or address name: zone, city or none."""
    die = rng.random(len(has_point))
    zone_share = np.where(has_point, NAMES_ZONE_BESIDE_POINT, NAMES_ZONE)
    city_share = np.where(has_point, 1.0, NAMES_ZONE + NAMES_CITY)
    named = np.select([die < zone_share, die < city_share], ["zone", "city"], "none")
    return [str(name) for name in named]


def _facts(
    ground: Ground, homes: Homes, adverts: Adverts, names: Sequence[str], rng: np.random.Generator
) -> list[words.Facts]:
    home = adverts.home
    zone = homes.zone[home].tolist()
    told = {fact: _told(getattr(homes, fact)[home], share, rng) for fact, share in KEEPS.items()}
    alias = rng.random(len(home)) < ALIAS_SHARE
    columns = zip(
        zone, names, alias.tolist(), homes.is_rent[home].tolist(), homes.type[home].tolist(),
        homes.area_m2[home].tolist(), *told.values(), strict=True,
    )  # fmt: skip
    return [
        words.Facts(
            bool(is_rent), TYPES[kind], rooms, area, year, floor, floor_max, partitioning,
            *_places(ground, at, named, uses_alias),
        )
        for at, named, uses_alias, is_rent, kind, area, rooms, year, floor, floor_max, partitioning
        in columns
    ]  # fmt: skip


def _told(values: Ints, share: float, rng: np.random.Generator) -> list[int | None]:
    keeps = (rng.random(len(values)) < share) & (values >= 0)
    return [value if kept else None for value, kept in zip(values.tolist(), keeps, strict=True)]


def _places(
    ground: Ground, zone: int, named: str, uses_alias: bool
) -> tuple[str | None, bool, str | None, str | None, str]:
    """Return place, whether it is the city, city, sector and a neighbouring place's name."""
    city = ground.cities.names[int(ground.city[zone])]
    neighbour = ground.names[int(ground.neighbour[zone])]
    if named == "none":
        return None, False, None, None, neighbour
    if named == "city" or ground.is_city[zone]:
        return city, True, city, None, neighbour
    aliases = ground.aliases[zone]
    name = aliases[0] if uses_alias and aliases else ground.names[zone]
    return name, False, city, ground.sectors[zone], neighbour


def first_bodies(
    homes: Homes, adverts: Adverts, said: Said, prices: Floats, end: int,
    picture_urls: Sequence[str], rng: np.random.Generator,
) -> list[Body]:  # fmt: skip
    """Return what each advert's first post holds; a re-post follows its source's words."""
    published, updated = _instants(adverts, end, rng)
    homes_of, providers = adverts.home.tolist(), adverts.provider.tolist()
    usable_to_total = rng.uniform(1.06, 1.18, len(homes.zone))[adverts.home]
    totals = np.round(homes.area_m2[adverts.home] * usable_to_total, 1).tolist()
    repeats = (adverts.source >= 0) & (rng.random(len(homes_of)) < RETOUCH_SHARE)
    bodies: list[Body] = []
    for at, (home, provider) in enumerate(zip(homes_of, providers, strict=True)):
        dice = said.dice[at]
        body = _identity(at, provider) | _texts(said.facts[at], dice, provider)
        if repeats[at] and said.names[at] == said.names[adverts.source[at]]:
            body["title"] = _retouched(bodies[adverts.source[at]]["title"], dice[0])
        body |= _money(said.facts[at], prices[at], adverts.is_ron[at])
        body |= _size(said.facts[at], totals[at], provider)
        body |= _details(said.facts[at], said.points[at])
        body |= _pictures(picture_urls, home, dice) | _parties(provider, dice)
        body |= _comforts(said.facts[at], dice)
        body["attributes"] = _attributes(said.facts[at], dice)
        body["publishedAt"], body["sourceUpdatedAt"] = published[at], updated[at]
        bodies.append(body)
    return bodies


def _instants(adverts: Adverts, end: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Return publishedAt and sourceUpdatedAt; a backlog was published before it was sent."""
    in_backlog = adverts.start < end - (WINDOW_DAYS - 21) * DAY
    age = (rng.random(len(in_backlog)) * BACKLOG_AGE_DAYS * DAY).astype(np.int64)
    before = adverts.start - np.where(in_backlog, age, 0)
    provider = adverts.provider
    return instant_texts(before, provider), instant_texts(adverts.start, provider)


def _identity(number: int, provider: int) -> Body:
    return {
        "providerIdentifier": words.PROVIDERS[provider],
        "externalId": words.external_id(number + 1, provider),
    }


def _texts(facts: words.Facts, dice: list[int], provider: int) -> Body:
    encodings = words.ENCODINGS[provider]
    encoding = encodings[dice[5] % len(encodings)]
    title = f"{words.title(facts, dice[:5])} {words.LABEL}"
    body = {
        "title": words.encode(title, encoding),
        "description": words.encode(words.description(facts, dice[6:11]), encoding),
    }
    # One in twenty names its place in the title alone, where the city is left to be guessed.
    if facts.place is None or facts.city is None or dice[11] % 20 == 0:
        return body
    return body | {"address": words.encode(words.address(facts, dice[12:14]), encoding)}


def _retouched(title: str, die: int) -> str:
    plain = title.removesuffix(f" {words.LABEL}")
    return f"{words.retouched(plain, die)} {words.LABEL}"


def _money(facts: words.Facts, price: float, is_ron: int) -> Body:
    return {
        "transaction": "RENT" if facts.is_rent else "SALE",
        "type": facts.type,
        "price": int(price),
        "currency": "RON" if is_ron else "EUR",
    }


def _size(facts: words.Facts, total: float, provider: int) -> Body:
    if provider in POSTS_USABLE_AREA and facts.type != TYPES[LAND]:
        return {"totalArea": total, "usableArea": facts.area_m2}
    return {"totalArea": facts.area_m2}


def _details(facts: words.Facts, point: tuple[float, float] | None) -> Body:
    way = None if facts.partitioning is None else PARTITIONINGS[facts.partitioning]
    latitude, longitude = point or (None, None)
    details = {
        "rooms": facts.rooms,
        "latitude": latitude,
        "longitude": longitude,
        "constructionYear": facts.year,
        "floor": facts.floor,
        "floorMax": facts.floor_max,
        "partitioning": way,
    }
    return {name: value for name, value in details.items() if value is not None}


def _pictures(urls: Sequence[str], home: int, dice: list[int]) -> Body:
    """Return pictures of the home: equal ones in its duplicates, some left out."""
    if not urls or dice[14] % 100 >= 100 * PICTURED_SHARE:
        return {}
    shown = min(1 + dice[15] % MAX_PICTURES, len(urls))
    first = home * 7
    return {"imageUrls": [urls[(first + at) % len(urls)] for at in range(shown)]}


def _parties(provider: int, dice: list[int]) -> Body:
    agency = min(dice[16] % words.AGENCY_COUNT, dice[17] % words.AGENCY_COUNT)
    agent = agency * words.AGENTS_PER_AGENCY + dice[18] % words.AGENTS_PER_AGENCY
    parties: Body = {"agent": words.agent(agent, provider)}
    if dice[19] % 100 < 100 * PRIVATE_SHARE:
        return parties
    return {"agency": words.agency(agency, provider)} | parties


def _comforts(facts: words.Facts, dice: list[int]) -> Body:
    if facts.type == TYPES[LAND]:
        return {}
    comforts: Body = {"heating": _HEATING[dice[20] % 3].value}
    if dice[22] % 2:
        comforts["energyClass"] = _ENERGY[dice[23] % 4].value
    if facts.is_rent:
        comforts["furnished"] = tuple(Furnished)[dice[23] % 3].value
    return comforts


def _attributes(facts: words.Facts, dice: list[int]) -> Body:
    attributes: Body = {"synthetic": True}
    if facts.type == TYPES[LAND]:
        return attributes | {"frontage_m": 8 + dice[20] % 30}
    return attributes | {"balconies": dice[21] % 3}
