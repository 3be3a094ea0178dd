"""The planted faults of the synthetic market: what goes wrong in real feeds, by name.

Serves `synthetic_market`. Faults of the flow pass the door and are for the flow to refuse, to
blank or to doubt; faults of the door are refused there with 422 and never become listings.
"""

from collections.abc import Callable

import numpy as np

from analytics.synthetic_bodies import Body
from analytics.synthetic_ground import Ints

Fault = Callable[[Body, int], Body]

FLOW_SHARE, DOOR_SHARE = 0.025, 0.012
NO_FAULT = -1


def _price_too_small(body: Body, die: int) -> Body:
    return {"price": 1 + die % (200 if body["transaction"] == "SALE" else 8)}


def _price_too_large(body: Body, die: int) -> Body:
    floor = 600_000_000 if body["transaction"] == "SALE" else 4_000_000
    return {"price": floor + die}


def _area_too_small(body: Body, die: int) -> Body:
    return _areas(body, 0.5 + die % 4)


def _area_too_large(body: Body, die: int) -> Body:
    return _areas(body, 2_000_000 + die)


def _area_slip(body: Body, die: int) -> Body:
    area = float(body["usableArea"] if "usableArea" in body else body["totalArea"])
    return _areas(body, round(area * (10 if die % 2 else 100), 1))


def _areas(body: Body, area: float) -> Body:
    return {name: area for name in ("totalArea", "usableArea") if name in body}


def _floor_above_top(body: Body, die: int) -> Body:
    top = body.get("floorMax", 4)
    return {"floor": top + 1 + die % 10, "floorMax": top}


def _point_swapped(body: Body, die: int) -> Body:
    # Adverts without a point get one of Bucharest, so that there is something to swap.
    return {
        "latitude": body.get("longitude", round(26.05 + die % 100 / 1_000, 6)),
        "longitude": body.get("latitude", round(44.40 + die % 70 / 1_000, 6)),
    }


def _point_abroad(body: Body, die: int) -> Body:
    latitude, longitude = ((0.0, 0.0), (48.8566, 2.3522), (41.0082, 28.9784))[die % 3]
    return {"latitude": latitude, "longitude": longitude}


def _year_in_future(body: Body, die: int) -> Body:
    return {"constructionYear": 2_100 + die % 99}


FLOW_FAULTS: dict[str, Fault] = {
    "price_too_small": _price_too_small,
    "price_too_large": _price_too_large,
    "area_too_small": _area_too_small,
    "area_too_large": _area_too_large,
    "area_slip": _area_slip,
    "floor_above_top": _floor_above_top,
    "point_swapped": _point_swapped,
    "point_abroad": _point_abroad,
    "year_in_future": _year_in_future,
}
"""Faults that the wire allows: the whole row is absurd, or one value of it."""

PRICE_FAULTS = ("price_too_small", "price_too_large")

DOOR_FAULTS: dict[str, Fault] = {
    "price_zero": lambda body, die: {"price": 0},
    "price_as_text": lambda body, die: {"price": f"{body['price']:,} EUR".replace(",", ".")},
    "area_zero": lambda body, die: {"totalArea": 0},
    "currency_unknown": lambda body, die: {"currency": "MDL"},
    "type_unknown": lambda body, die: {"type": "PENTHOUSE"},
    "point_off_earth": lambda body, die: {"latitude": 444_268.0, "longitude": 26.1},
    "title_blank": lambda body, die: {"title": "  "},
    "rooms_as_text": lambda body, die: {"rooms": "trei"},
}
"""Faults that break the wire contract: the API answers 422 and keeps no listing."""


def draw_faults(count: int, rng: np.random.Generator) -> list[str | None]:
    """Return the flow fault of each advert, None for the sound ones."""
    kinds = list(FLOW_FAULTS)
    is_bad = rng.random(count) < FLOW_SHARE
    drawn = rng.integers(0, len(kinds), count)
    return [kinds[kind] if bad else None for kind, bad in zip(drawn, is_bad, strict=True)]


def break_bodies(bodies: list[Body], faults: list[str | None], rng: np.random.Generator) -> None:
    """Plant each advert's flow fault in its first body, in place."""
    dice = rng.integers(0, 1_000, len(bodies)).tolist()
    for body, fault, die in zip(bodies, faults, dice, strict=True):
        if fault is not None:
            body.update(FLOW_FAULTS[fault](body, die))


def draw_refused(count: int, rng: np.random.Generator) -> tuple[Ints, list[str]]:
    """Return which adverts are posted once more, broken, under a reference of their own."""
    chosen = np.sort(rng.permutation(count)[: round(count * DOOR_SHARE)])
    kinds = list(DOOR_FAULTS)
    return chosen, [kinds[at % len(kinds)] for at in range(len(chosen))]
