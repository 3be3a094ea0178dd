"""The homes of the synthetic market and what each is truly worth.

Serves `synthetic_market`, whose docstring states the model; adverts are left to other files.
"""

from dataclasses import dataclass

import numpy as np

from analytics.synthetic_ground import Floats, Ground, Ints, place_effect, scatter

TYPES = ("APARTMENT", "STUDIO", "HOUSE", "LAND", "OFFICE", "COMMERCIAL")
APARTMENT, STUDIO, HOUSE, LAND, OFFICE, COMMERCIAL = range(6)
SALE_TYPES = (0.70, 0.10, 0.13, 0.04, 0.01, 0.02)
RENT_TYPES = (0.68, 0.20, 0.03, 0.00, 0.05, 0.04)
RENT_SHARE = 0.28

PARTITIONINGS = ("DETACHED", "SEMI_DETACHED", "OPEN", "CIRCULAR")
NO_PARTITIONING = -1
FLAT_PARTITIONINGS = (0.58, 0.27, 0.10, 0.05)
STUDIO_PARTITIONINGS = (0.60, 0.00, 0.40, 0.00)
PARTITIONING_EFFECT = np.array([0.02, -0.01, -0.05, -0.04, 0.0])

ELASTICITY = np.array([0.92, 0.92, 0.72, 0.85, 0.90, 0.88])
REFERENCE_M2 = np.array([55.0, 55.0, 110.0, 500.0, 100.0, 90.0])
TYPE_OFFSET = np.array([0.0, 0.02, -0.25, -2.2, -0.05, 0.05])
RENT_ELASTICITY = -0.10
"""Large homes let for less of their value."""

ERAS = ((1900, 1945), (1955, 1977), (1978, 1990), (1991, 2010), (2011, 2027))
ERA_SHARES = (0.11, 0.31, 0.41, 0.17)
"""Of the homes that were not built lately (the last era)."""

ERA_EFFECT = np.array([-0.03, -0.06, -0.02, 0.03, 0.10])
GROUND_FLOOR_EFFECT, TOP_FLOOR_EFFECT = -0.04, -0.03
UNIT_SD = 0.05
MAX_TOP = {0: (2, 3, 4), 1: (4, 8, 10), 2: (4, 8, 10), 3: (4, 5, 8), 4: (3, 4, 6, 8, 10)}


@dataclass(frozen=True)
class Homes:
    """The homes; each array has one entry per home.

    rooms, floor, floor_max, year: -1 where the type has none. area_m2: usable (of the ground
    for LAND). log_value: ln of the true value in EUR (a month's rent when is_rent) at the as-of
    date; trend: its change per month.
    """

    zone: Ints
    plane: Floats
    is_rent: Ints
    type: Ints
    rooms: Ints
    area_m2: Floats
    year: Ints
    floor: Ints
    floor_max: Ints
    partitioning: Ints
    unit_effect: Floats
    log_value: Floats
    trend: Floats


def build_homes(ground: Ground, count: int, last_year: int, rng: np.random.Generator) -> Homes:
    """Draw homes and value them; none is built after last_year."""
    asked_zone = rng.choice(len(ground.share), count, p=ground.share)
    plane, zone = scatter(ground, asked_zone, rng)
    is_rent = (rng.random(count) < RENT_SHARE).astype(np.int64)
    kind = np.where(
        is_rent == 1, rng.choice(6, count, p=RENT_TYPES), rng.choice(6, count, p=SALE_TYPES)
    )
    rooms = _rooms(kind, rng)
    area = _areas(kind, rooms, rng)
    era, year = _years(ground.new_share[zone], kind, last_year, rng)
    floor, floor_max = _floors(kind, era, rng)
    partitioning = _partitionings(kind, rng)
    unit = rng.normal(0.0, UNIT_SD, count)
    body = _log_area(kind, area) + _age(kind, era) + _floor_effect(floor, floor_max)
    value = place_effect(ground, plane, zone) + body + PARTITIONING_EFFECT[partitioning] + unit
    return Homes(
        zone, plane, is_rent, kind, rooms, area, year, floor, floor_max, partitioning, unit,
        log_value=np.where(is_rent == 1, value + _to_rent(ground, zone, area), value),
        trend=_trend(ground, zone, is_rent),
    )  # fmt: skip


def _rooms(kind: Ints, rng: np.random.Generator) -> Ints:
    count = len(kind)
    flat = rng.choice([2, 3, 4, 5], count, p=[0.42, 0.38, 0.16, 0.04])
    house = rng.choice([3, 4, 5, 6, 7], count, p=[0.25, 0.34, 0.24, 0.11, 0.06])
    office = rng.integers(1, 9, count)
    none = np.full(count, -1)
    return np.choose(kind, [flat, np.ones_like(flat), house, none, office, none])


def _areas(kind: Ints, rooms: Ints, rng: np.random.Generator) -> Floats:
    flat = np.select([rooms == 2, rooms == 3, rooms == 4], [54.0, 72.0, 95.0], 125.0)
    middle = np.choose(kind, [flat, 34.0, 45.0 + 27.0 * rooms, 550.0, 110.0, 90.0])
    sd = np.array([0.14, 0.15, 0.22, 0.55, 0.60, 0.60])[kind]
    area = np.maximum(middle * np.exp(sd * rng.normal(0.0, 1.0, len(kind))), 14.0)
    style = rng.random(len(kind))
    exact: Floats = np.where(style < 0.75, np.round(area * 2) / 2, np.round(area, 2))
    return np.where((style < 0.55) | (kind == LAND), np.round(area), exact)


def _years(
    new_share: Floats, kind: Ints, last_year: int, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Return the era of each home and its year (-1 for land)."""
    count = len(kind)
    old = rng.choice(4, count, p=ERA_SHARES)
    era = np.where(rng.random(count) < new_share, 4, old)
    first = np.array([start for start, _ in ERAS])[era]
    last = np.minimum(np.array([end for _, end in ERAS])[era], last_year)
    year = first + np.floor(rng.random(count) * (last - first + 1)).astype(np.int64)
    return era, np.where(kind == LAND, -1, year)


def _floors(kind: Ints, era: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    count = len(kind)
    tops = np.choose(era, [rng.choice(MAX_TOP[number], count) for number in range(5)])
    in_block = rng.integers(0, tops + 1)
    low = rng.integers(1, 3, count)
    floor = np.choose(kind, [in_block, in_block, -1, -1, in_block, 0])
    return floor, np.choose(kind, [tops, tops, low, -1, tops, tops])


def _partitionings(kind: Ints, rng: np.random.Generator) -> Ints:
    flat = rng.choice(4, len(kind), p=FLAT_PARTITIONINGS)
    studio = rng.choice(4, len(kind), p=STUDIO_PARTITIONINGS)
    none = np.full(len(kind), NO_PARTITIONING)
    return np.choose(kind, [flat, studio, none, none, none, none])


def _log_area(kind: Ints, area: Floats) -> Floats:
    reference = REFERENCE_M2[kind]
    base = TYPE_OFFSET[kind] + np.log(reference)
    effect: Floats = base + ELASTICITY[kind] * np.log(area / reference)
    return effect


def _age(kind: Ints, era: Ints) -> Floats:
    return np.where(kind == LAND, 0.0, ERA_EFFECT[era])


def _floor_effect(floor: Ints, floor_max: Ints) -> Floats:
    ground = np.where(floor == 0, GROUND_FLOOR_EFFECT, 0.0)
    top = np.where((floor > 0) & (floor == floor_max), TOP_FLOOR_EFFECT, 0.0)
    return np.asarray(ground + top)


def _to_rent(ground: Ground, zone: Ints, area: Floats) -> Floats:
    """Return ln (month's rent / value)."""
    per_month = ground.cities.rent_yield[ground.city[zone]] / 12.0
    ratio: Floats = np.log(per_month) + RENT_ELASTICITY * np.log(area / 55.0)
    return ratio


def _trend(ground: Ground, zone: Ints, is_rent: Ints) -> Floats:
    city = ground.city[zone]
    return np.where(is_rent == 1, ground.cities.rent_trend[city], ground.cities.trend[city])
