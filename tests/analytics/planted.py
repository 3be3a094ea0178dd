"""A planted market for the analytics' tests: homes whose true value is known, in core frames.

Not the demo's generator: small, blunt, and free to be absurd. Everything is synthetic.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from analytics import units
from analytics.history import INSTANT

AS_OF = date(2024, 6, 15)
LEVELS = ("country", "county", "city", "sector", "neighbourhood")
NOISE = 0.08
"""Standard deviation of ln ask around the planted value."""


@dataclass(frozen=True)
class Market:
    """Core frames of a market, and the planted value of each listing."""

    core: pl.DataFrame
    places: pl.DataFrame
    zones: pl.DataFrame
    status_history: pl.DataFrame
    price_history: pl.DataFrame
    rates: pl.DataFrame
    truth: pl.DataFrame


def instant(day: date, hour: int = 12) -> datetime:
    """Return an instant of a day."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def zones() -> pl.DataFrame:
    """Return one country, two counties, a city each, two sectors and eight neighbourhoods."""
    rows = [("ro", "country", "Romania", None)]
    for county in ("a", "b"):
        rows.append((f"{county}", "county", f"County {county}", "ro"))
        rows.append((f"{county}.c", "city", f"City {county}", county))
        for sector in ("1", "2"):
            rows.append(
                (f"{county}.c.{sector}", "sector", f"Sector {county}{sector}", f"{county}.c")
            )
            rows += [
                (
                    f"{county}.c.{sector}.{n}",
                    "neighbourhood",
                    f"Hood {county}{sector}{n}",
                    f"{county}.c.{sector}",
                )
                for n in ("x", "y")
            ]
    return pl.DataFrame(rows, schema=["zone_id", "level", "name", "parent_id"], orient="row")


def rates(ron: float = 5.0) -> pl.DataFrame:
    """Return rates of RON and PLN on two days before the as-of date and one after."""
    return pl.DataFrame(
        {
            "currency": ["RON", "RON", "RON", "PLN"],
            "rate_date": [
                date(2024, 1, 2),
                date(2024, 6, 14),
                date(2024, 6, 17),
                date(2024, 6, 14),
            ],
            "units_per_eur": [4.0, ron, 9.0, 4.3],
        }
    )


def market(count: int, seed: int = 1, rent_share: float = 0.3, factor: float = 1.0) -> Market:
    """Return `count` homes, some let, some left, some cut in price, some posted twice.

    ln value per m2 = level of the transaction + slopes in place, area, year and floor; asks
    scatter around it by NOISE. `factor` multiplies every price.
    """
    rng = np.random.default_rng(seed)
    draw = _homes(rng, count, rent_share)
    ask = np.round(np.exp(draw["ln_value"] + rng.normal(0, NOISE, count)), 2) * factor
    draw |= {"ask": ask, "value": np.exp(draw.pop("ln_value")) * factor}
    lives = _lives(rng, count)
    twice = np.arange(count) % 11 == 0
    rows = [_row(draw, lives, i) for i in range(count)]
    rows += [
        {**_row(draw, lives, i), "external_id": f"again-{i}", "price": float(ask[i]) + 10 * factor}
        for i in np.flatnonzero(twice)
    ]
    return _frames(rows)


def _homes(rng: np.random.Generator, count: int, rent_share: float) -> dict[str, Any]:
    county = rng.integers(0, 2, count)
    sector = rng.integers(0, 2, count)
    hood = rng.integers(0, 2, count)
    rooms = rng.integers(1, 6, count)
    area = np.round(22.0 * rooms * rng.uniform(0.8, 1.3, count), 1)
    east, north = rng.uniform(0, 1, count), rng.uniform(0, 1, count)
    year = rng.integers(1950, 2025, count)
    floor = rng.integers(0, 9, count)
    rent = rng.uniform(size=count) < rent_share
    level = (
        np.log(1500.0)
        + 0.35 * county
        + 0.2 * sector
        + 0.25 * hood * np.sin(3 * east)
        - 0.12 * (rooms - 3)
        + 0.004 * (year - 1985)
        - 0.06 * (floor == 0)
    )
    return {
        "zone": [
            f"{'ab'[c]}.c.{s + 1}.{'xy'[h]}" for c, s, h in zip(county, sector, hood, strict=True)
        ],
        "rooms": rooms,
        "area": area,
        "latitude": 44.0 + county + 0.05 * sector + 0.02 * hood + 0.02 * north,
        "longitude": 26.0 + 0.05 * sector + 0.02 * hood + 0.02 * east,
        "year": year,
        "floor": floor,
        "rent": rent,
        "ln_value": level + np.log(area) + np.where(rent, np.log(0.05 / 12), 0.0),
    }


def _lives(rng: np.random.Generator, count: int) -> dict[str, Any]:
    return {
        "started": rng.integers(5, 330, count),
        "lasts": rng.integers(10, 400, count),
        "is_cut": rng.uniform(size=count) < 0.25,
        "status": rng.choice(["sold", "withdrawn"], count),
    }


def _row(draw: dict[str, Any], lives: dict[str, Any], i: int) -> dict[str, Any]:
    started, lasts = int(lives["started"][i]), int(lives["lasts"][i])
    began = AS_OF - timedelta(days=started)
    left = began + timedelta(days=lasts)
    closed = "rented" if draw["rent"][i] else "sold"
    gone = closed if lives["status"][i] == "sold" else "withdrawn"
    return {
        "external_id": f"home-{i}",
        "transaction": "RENT" if draw["rent"][i] else "SALE",
        "type": "APARTMENT",
        "status": gone if left <= AS_OF else "active",
        "began": began,
        "left": left if left <= AS_OF else None,
        "is_cut": bool(lives["is_cut"][i]) and min(started, lasts) > 4,
        "price": float(draw["ask"][i]),
        "value": float(draw["value"][i]),
        "rooms": int(draw["rooms"][i]),
        "area_m2": float(draw["area"][i]),
        "latitude": float(draw["latitude"][i]),
        "longitude": float(draw["longitude"][i]),
        "construction_year": int(draw["year"][i]),
        "floor": int(draw["floor"][i]),
        "zone_id": draw["zone"][i],
    }


CORE_DEFAULTS: dict[str, Any] = {
    "provider_identifier": "demo",
    "title": "Synthetic home",
    "currency": "EUR",
    "type": "APARTMENT",
    "transaction": "SALE",
    "status": "active",
    "price": 100_000.0,
    "rooms": 2,
    "area_m2": 50.0,
    "floor": 3,
    "floor_max": 10,
    "construction_year": 2000,
    "partitioning": "DETACHED",
    "latitude": 44.43,
    "longitude": 26.1,
    "zone_id": "a.c.1.x",
    "spell": 1,
    "image_count": 0,
    "agency_identifier": None,
    "agent_identifier": None,
    "began": date(2024, 5, 1),
    "left": None,
    "is_cut": False,
}

CORE_SCHEMA = {
    "id": pl.Int64,
    "revision": pl.Int64,
    "provider_identifier": pl.String,
    "external_id": pl.String,
    "title": pl.String,
    "transaction": pl.String,
    "type": pl.String,
    "status": pl.String,
    "price": pl.Float64,
    "currency": pl.String,
    "price_eur": pl.Float64,
    "rooms": pl.Int64,
    "total_area_m2": pl.Float64,
    "area_m2": pl.Float64,
    "price_eur_per_m2": pl.Float64,
    "latitude": pl.Float64,
    "longitude": pl.Float64,
    "construction_year": pl.Int64,
    "floor": pl.Int64,
    "floor_max": pl.Int64,
    "partitioning": pl.String,
    "agency_identifier": pl.String,
    "agent_identifier": pl.String,
    "image_count": pl.Int64,
    "first_effective_at": INSTANT,
    "effective_at": INSTANT,
    "status_since": INSTANT,
    "spell": pl.Int64,
    "spell_started_at": INSTANT,
    "first_price": pl.Float64,
    "first_currency": pl.String,
    "price_cuts": pl.Int64,
    "last_cut_pct": pl.Float64,
}

PER_EUR = {"EUR": 1.0, "RON": 5.0, "PLN": 4.3}


def listings_from(rows: list[dict[str, Any]]) -> Market:
    """Return a market of the rows given, each over CORE_DEFAULTS; ids count from 1."""
    return _frames([{"external_id": f"home-{n}", **row} for n, row in enumerate(rows)])


def _frames(rows: list[dict[str, Any]]) -> Market:
    full = [_completed(number, row) for number, row in enumerate(rows, start=1)]
    core = pl.DataFrame([row["core"] for row in full], schema=CORE_SCHEMA, orient="row")
    return Market(
        core=core.with_columns(units.unit_id()),
        places=pl.DataFrame([row["place"] for row in full], schema=PLACE_SCHEMA, orient="row"),
        zones=zones(),
        status_history=pl.DataFrame(
            [move for row in full for move in row["moves"]], schema=STATUS_SCHEMA, orient="row"
        ),
        price_history=pl.DataFrame(
            [price for row in full for price in row["prices"]], schema=PRICE_SCHEMA, orient="row"
        ),
        rates=rates(),
        truth=pl.DataFrame(
            [(row["core"]["id"], row["value"]) for row in full],
            schema={"id": pl.Int64, "truth": pl.Float64},
            orient="row",
        ),
    )


PLACE_SCHEMA = {
    "id": pl.Int64,
    "zone_id": pl.String,
    **{f"{level}_id": pl.String for level in reversed(LEVELS)},
    "precision": pl.String,
}
STATUS_SCHEMA = {
    "id": pl.Int64,
    "revision": pl.Int64,
    "effective_at": INSTANT,
    "recorded_at": INSTANT,
    "status": pl.String,
    "spell": pl.Int64,
}
PRICE_SCHEMA = {
    "id": pl.Int64,
    "revision": pl.Int64,
    "effective_at": INSTANT,
    "recorded_at": INSTANT,
    "price": pl.Float64,
    "currency": pl.String,
    "price_eur": pl.Float64,
    "change_pct": pl.Float64,
    "spell": pl.Int64,
}


def _completed(number: int, given: dict[str, Any]) -> dict[str, Any]:
    row = {**CORE_DEFAULTS, **given, "id": number}
    began, left = instant(row["began"]), row["left"] and instant(row["left"])
    first = row["price"] and (round(row["price"] / 0.95, 2) if row["is_cut"] else row["price"])
    eur = row["price"] and row["price"] / PER_EUR[row["currency"]]
    cut_at = began + timedelta(days=2)
    last = left or (cut_at if row["is_cut"] else began)
    core = {
        **row,
        "revision": 1 + row["is_cut"] + (left is not None),
        "price_eur": eur,
        "total_area_m2": row["area_m2"],
        "price_eur_per_m2": eur / row["area_m2"] if eur and row["area_m2"] else None,
        "first_effective_at": began,
        "effective_at": last,
        "status_since": left or began,
        "spell_started_at": began,
        "first_price": first,
        "first_currency": row["currency"],
        "price_cuts": int(row["is_cut"]),
        "last_cut_pct": 5.0 if row["is_cut"] else None,
    }
    moves = [(number, 1, began, began, "active" if left else row["status"], row["spell"])]
    if left:
        moves.append((number, core["revision"], left, left, row["status"], row["spell"]))
    prices = [_price(number, 1, began, first, row, None)]
    if row["is_cut"]:
        prices.append(_price(number, 2, cut_at, row["price"], row, -5.0))
    return {
        "core": {name: core[name] for name in CORE_SCHEMA},
        "place": _place(number, row["zone_id"]),
        "moves": moves,
        "prices": prices,
        "value": row.get("value"),
    }


def _price(
    number: int,
    revision: int,
    at: datetime,
    price: float | None,
    row: dict[str, Any],
    change: float | None,
) -> tuple[Any, ...]:
    eur = price and price / PER_EUR[row["currency"]]
    return (number, revision, at, at, price, row["currency"], eur, change, row["spell"])


def _place(number: int, zone: str | None) -> tuple[Any, ...]:
    if zone is None:
        return (number, None, None, None, None, None, None, "unknown")
    parts = zone.split(".")
    chain = [".".join(parts[: n + 1]) for n in range(4)][: len(parts)]
    ids = [*reversed(chain + [None] * (4 - len(chain))), "ro"]
    return (number, zone, *ids, "exact")
