"""A small published market with planted figures: 42 zones at four levels, some 640 listings.

Cells are a lattice whose inner corners are nudged, so that neighbours share edges exactly.
Figures are computed here with the standard library, apart from the code under test.
"""

import json
import math
import random
import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from shapely import to_wkb, union_all
from shapely.geometry import Polygon

from store.database import open_warehouse, point_warehouse
from store.home import Home
from store.settings import Settings
from store.shapes.vocabulary import ALL, N_MIN
from store.tables.warehouse import WAREHOUSE

Row = dict[str, Any]

AS_OF = date(2026, 10, 31)
PUBLISHED_AT = datetime(2026, 11, 1, 4, 30, tzinfo=UTC)
STAMP: Row = {"as_of_date": AS_OF, "edition": 1, "publication": 7}
COLUMNS, ROWS = 8, 5
WEST, SOUTH, CELL = 26.0, 44.38, 0.022
HOSTILE_TITLE = '<img src=x onerror="window.hit=1"> <script>window.hit=1</script> [synthetic]'
MONTHS = [date(2025 + (10 + k) // 12, (10 + k) % 12 + 1, 1) for k in range(12)]
NAMES = [
    "Aviației", "Herăstrău", "Băneasa", "Dorobanți", "Primăverii", "Floreasca", "Tei", "Colentina",
    "Crângași", "Grozăvești", "Victoriei", "Romană", "Cișmigiu", "Obor", "Iancului", "Pantelimon",
    "Militari", "Gorjului", "Cotroceni", "Izvor", "Unirii", "Decebal", "Muncii", "Titan",
    "Ghencea", "Rahova", "Tineretului", "Vitan", "Dristor", "Sălăjan", "Berceni", "Giurgiului",
]  # fmt: skip
TYPES = ["APARTMENT"] * 16 + ["STUDIO", "HOUSE"]


@dataclass(frozen=True)
class Cell:
    """A planted neighbourhood: its polygon, its sector, and the price per m2 it was given."""

    zone_id: str
    name: str
    sector_id: str
    polygon: Polygon
    price_per_m2: float
    homes: int


def plant_home(root: Path, *, listings: int = 640) -> Home:
    """Make a home whose current warehouse holds the planted market."""
    home = Home(root)
    home.make()
    engine = open_warehouse(Settings(home=root), "planted.sqlite")
    WAREHOUSE.create_all(engine)
    plant(engine, listings=listings)
    engine.dispose()
    point_warehouse(home, "planted.sqlite")
    return home


def plant_empty_home(root: Path) -> Home:
    """Make a home with a warehouse and no publication."""
    home = Home(root)
    home.make()
    engine = open_warehouse(Settings(home=root), "planted.sqlite")
    WAREHOUSE.create_all(engine)
    engine.dispose()
    point_warehouse(home, "planted.sqlite")
    return home


def plant(engine: sa.Engine, *, listings: int = 640) -> None:
    """Fill the tables that the explorer reads."""
    chance = random.Random(360)
    cells = planted_cells(chance)
    adverts = list(_adverts(cells, chance, listings))
    tables: dict[str, list[Row]] = {
        "core_zones": _zones(cells),
        "core_editions": [_edition()],
        "core_listing_images": _images(adverts),
        "market_runs": [_run(len(adverts))],
        "market_listings": adverts,
        "market_valuations": [_valuation(row, chance) for row in adverts],
        "market_scores": [_score(row, chance) for row in adverts],
        "market_zones": list(_figures(adverts)),
        "market_zone_months": list(_months(adverts, chance)),
    }
    with engine.begin() as conn:
        for name, rows in tables.items():
            for row in rows:
                row.pop("truth", None)
            conn.execute(sa.insert(WAREHOUSE.tables[name]), rows)


def planted_cells(chance: random.Random) -> list[Cell]:
    """Return the lattice of neighbourhoods, row by row from the south-west."""
    corners = {(x, y): _corner(x, y, chance) for y in range(ROWS + 1) for x in range(COLUMNS + 1)}
    cells = []
    for index in range(COLUMNS * ROWS):
        x, y = index % COLUMNS, index // COLUMNS
        ring = [corners[x, y], corners[x + 1, y], corners[x + 1, y + 1], corners[x, y + 1]]
        centre = math.hypot(x - 3.5, (y - 3) * 1.4)
        price = 3100 - 330 * centre + chance.uniform(-180, 180)
        homes = 0 if index == 39 else 3 if index in (7, 32, 24) else chance.randint(9, 16)
        name = NAMES[index] if index < len(NAMES) else f"Cartier {index}"
        sector = f"ro/b/s{1 + (x >= 4) + 2 * (y >= 3)}"
        cells.append(Cell(f"ro/b/n{index:02d}", name, sector, Polygon(ring), price, homes))
    return cells


def _corner(x: int, y: int, chance: random.Random) -> tuple[float, float]:
    nudge = CELL * 0.28
    east, north = chance.uniform(-nudge, nudge), chance.uniform(-nudge, nudge)
    return WEST + x * CELL + east, SOUTH + (y * CELL + north) * 0.75


def _zones(cells: list[Cell]) -> list[Row]:
    sectors = sorted({cell.sector_id for cell in cells})
    whole = union_all([cell.polygon for cell in cells])
    rows = [
        _zone("ro", "country", "România", None, whole.buffer(0.03)),
        _zone("ro/b", "city", "București", "ro", whole),
    ]
    for number, sector in enumerate(sectors, start=1):
        parts = union_all([cell.polygon for cell in cells if cell.sector_id == sector])
        rows.append(_zone(sector, "sector", f"Sectorul {number}", "ro/b", parts))
    for cell in cells:
        rows.append(_zone(cell.zone_id, "neighbourhood", cell.name, cell.sector_id, cell.polygon))
    return rows


def _zone(zone_id: str, level: str, name: str, parent_id: str | None, shape: Any) -> Row:
    point = shape.representative_point()
    return {
        "zone_id": zone_id, "level": level, "name": name, "parent_id": parent_id, "aliases": "[]",
        "latitude": point.y, "longitude": point.x, "source": "planted", "licence": "CC0",
        "is_approximate": level == "neighbourhood", "geometry_wkb": to_wkb(shape),
        "zone_set": "planted-1",
    }  # fmt: skip


def _adverts(cells: list[Cell], chance: random.Random, count: int) -> Iterator[Row]:
    weighted = [cell for cell in cells for _ in range(cell.homes)]
    for number in range(1, count + 1):
        cell = weighted[number % len(weighted)]
        yield _advert(number, cell, chance)


def _advert(number: int, cell: Cell, chance: random.Random) -> Row:
    transaction = "RENT" if number % 8 == 0 else "SALE"
    kind = TYPES[chance.randrange(len(TYPES))]
    rooms = 1 if kind == "STUDIO" else chance.randint(2, 5)
    area = round(22.0 * rooms + chance.uniform(6, 30), 1)
    worth = cell.price_per_m2 * area / (230 if transaction == "RENT" else 1)
    price = round(worth * math.exp(chance.gauss(0, 0.11)), -1)
    title = HOSTILE_TITLE if number == 1 else f"{_kind_name(kind, rooms)}, {cell.name} [synthetic]"
    days = chance.randint(0, 240)
    since = PUBLISHED_AT - timedelta(days=days, hours=3)
    point = cell.polygon.representative_point()
    age = chance.choice(["new", "old", "old"])
    return {
        "truth": worth, "id": number, "provider_identifier": "planted", "title": title,
        "external_id": f"p-{number}", "transaction": transaction, "type": kind,
        "status": "sold" if number % 17 == 0 else "active", "is_on_market": number % 17 != 0,
        "price": price, "currency": "EUR", "price_eur": price,
        "price_eur_per_m2": round(price / area, 2), "quote_currency": "EUR", "price_quote": price,
        "rooms": rooms, "rooms_band": str(rooms) if rooms < 4 else "4+", "age_band": age,
        "total_area_m2": area, "area_m2": area,
        "construction_year": 2025 if age == "new" else chance.randint(1936, 2010),
        "floor": chance.randint(0, 9), "floor_max": 10, "partitioning": "DETACHED",
        "latitude": point.y, "longitude": point.x, "zone_id": cell.zone_id,
        "zone_name": cell.name, "zone_level": "neighbourhood", "neighbourhood_id": cell.zone_id,
        "sector_id": cell.sector_id, "city_id": "ro/b", "county_id": None, "country_id": "ro",
        "place_precision": "exact", "agency_identifier": "planted:Agenția Unu",
        "agent_identifier": None, "unit_id": f"u{number}", "is_unit_lead": True, "spell": 1,
        "first_effective_at": since, "effective_at": since, "status_since": since,
        "spell_started_at": since, "days_online": days, "price_cuts": int(days > 120),
        "last_cut_pct": 3.2 if days > 120 else None,
        "ask_to_first_ratio": 0.968 if days > 120 else 1.0, "image_count": number % 3,
        "images_stored": 0, "images_state": "pending" if number % 3 else "none",
        "cover_sha256": None, **STAMP,
    }  # fmt: skip


def _kind_name(kind: str, rooms: int) -> str:
    names = {"STUDIO": "Garsonieră", "HOUSE": f"Casă {rooms} camere"}
    return names.get(kind, f"Apartament {rooms} camere")


def _valuation(advert: Row, chance: random.Random) -> Row:
    row: Row = {"id": advert["id"], "currency": "EUR", "n": 312, "basis": "model",
                "model_version": "planted", **STAMP}  # fmt: skip
    if advert["id"] % 41 == 0:
        return {**_blank("market_valuations"), **row, "n": 0, "reason": "no_area"}
    value = round(advert["truth"] * math.exp(chance.gauss(0, 0.04)), 2)
    sigma = round(chance.uniform(0.04, 0.16), 6)
    low_80, high_80 = value * math.exp(-1.28 * sigma), value * math.exp(1.28 * sigma)
    low_90, high_90 = value * math.exp(-1.64 * sigma), value * math.exp(1.64 * sigma)
    width = (high_90 - low_90) / value
    price = advert["price_quote"]
    label = "under_priced" if price < low_80 else "over_priced" if price > high_80 else "fair"
    return {
        **_blank("market_valuations"), **row, "value": value, "value_eur": value,
        "value_per_m2": round(value / advert["area_m2"], 2), "low_80": round(low_80, 2),
        "high_80": round(high_80, 2), "low_90": round(low_90, 2), "high_90": round(high_90, 2),
        "sigma": sigma, "gap_pct": round(100 * (price / value - 1), 6), "label": label,
        "z_score": round(math.log(price / value) / sigma, 6),
        "grade": "A" if width <= 0.2 else "B" if width <= 0.35 else "C" if width <= 0.55 else "D",
    }  # fmt: skip


def _score(advert: Row, chance: random.Random) -> Row:
    row: Row = {**_blank("market_scores"), "id": advert["id"], **STAMP}
    if advert["transaction"] == "RENT":
        return {**row, "reason": "not_for_sale"}
    names = ["yield", "gap", "liquidity", "momentum", "certainty"]
    weights = dict(zip(names, [0.3, 0.25, 0.15, 0.15, 0.15], strict=True))
    parts = {name: round(chance.uniform(2, 98), 2) for name in names}
    total = sum(parts[name] * weights[name] for name in names)
    return {
        **row, **{f"{name}_part": parts[name] for name in names},
        **{f"{name}_weight": weights[name] for name in names}, "score": round(total, 2),
        "yield_basis": "neighbourhood", "liquidity_basis": "sector", "momentum_basis": "city",
        "predicted_rent_eur": round(advert["truth"] / 230, 2), "gross_yield_pct": 5.2,
        "net_yield_pct": 3.9, "liquidity": 0.31, "momentum_pct": 1.4, "uncertainty": 0.28,
    }  # fmt: skip


def _blank(table: str) -> Row:
    return {column.name: None for column in WAREHOUSE.tables[table].columns}


def _segments(advert: Row) -> Iterator[tuple[str, str, str, str]]:
    for kind in (advert["type"], ALL):
        for rooms in (advert["rooms_band"], ALL):
            for age in (advert["age_band"], ALL):
                yield advert["transaction"], kind, rooms, age


def _places(advert: Row) -> list[tuple[str, str, str, str | None]]:
    sector = advert["sector_id"]
    return [
        ("ro", "country", "România", None),
        ("ro/b", "city", "București", "ro"),
        (sector, "sector", f"Sectorul {sector[-1]}", "ro/b"),
        (advert["zone_id"], "neighbourhood", advert["zone_name"], sector),
    ]


def _grouped(adverts: list[Row]) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for advert in adverts:
        if advert["is_on_market"]:
            for place in _places(advert):
                for segment in _segments(advert):
                    groups[*place, *segment].append(advert)
    return groups


def _figures(adverts: list[Row]) -> Iterator[Row]:
    for key, group in sorted(_grouped(adverts).items(), key=str):
        zone_id, level, name, parent_id, transaction, kind, rooms, age = key
        cuts = [row for row in group if row["price_cuts"]]
        yield {
            "zone_id": zone_id, "transaction": transaction, "type": kind, "rooms_band": rooms,
            "age_band": age, "zone_name": name, "level": level, "parent_id": parent_id,
            **_asking([row["price_eur_per_m2"] for row in group], 1.0), "stock": len(group),
            **{f"{what}_{days}d": int(len(group) * share * days / 365)
               for what, share in (("new", 0.9), ("closed", 0.5), ("withdrawn", 0.2))
               for days in (30, 90, 365)},
            "absorption_90d": 0.12, "months_of_supply": 5.4,
            "cut_share_90d": round(len(cuts) / len(group), 6), "median_cut_pct_90d": 3.2,
            "median_ask_to_first": 0.99,
            "median_age_days": statistics.median(row["days_online"] for row in group), **STAMP,
        }  # fmt: skip


def _months(adverts: list[Row], chance: random.Random) -> Iterator[Row]:
    for key, group in sorted(_grouped(adverts).items(), key=str):
        if key[6:] != (ALL, ALL):
            continue
        for index, month in enumerate(MONTHS):
            n = max(1, round(len(group) * (0.6 + 0.03 * index)))
            drift = 0.93 + 0.006 * index + chance.uniform(-0.006, 0.006)
            yield {
                "zone_id": key[0], "transaction": key[4], "type": key[5], "rooms_band": ALL,
                "age_band": ALL, "month": month,
                **_asking([row["price_eur_per_m2"] for row in group[:n]], drift),
                "stock_end": n, "new_units": n // 4, "closed_units": n // 6,
                "withdrawn_units": n // 10, "cut_units": n // 8, "cut_share": 0.125,
                "median_cut_pct": 3.1, **STAMP,
            }  # fmt: skip


def _asking(prices: list[float], drift: float) -> Row:
    n, scaled = len(prices), sorted(price * drift for price in prices)
    if n < N_MIN:
        return {
            **dict.fromkeys(_ASKING_COLUMNS), "currency": "EUR", "n": n, "basis": "sector",
            "reason": "below_n_min",
        }  # fmt: skip
    half = 0.98 * math.sqrt(n)
    low = scaled[max(0, math.floor(n / 2 - half))]
    high = scaled[min(n - 1, math.ceil(n / 2 + half))]
    tenths = statistics.quantiles(scaled, n=20, method="inclusive")
    median = round(statistics.median(scaled), 2)
    return {
        "currency": "EUR", "n": n, "median_price_per_m2": median, "median_low": round(low, 2),
        "median_high": round(high, 2), "p10_price_per_m2": round(tenths[1], 2),
        "p25_price_per_m2": round(tenths[4], 2), "p75_price_per_m2": round(tenths[14], 2),
        "p90_price_per_m2": round(tenths[17], 2), "median_price": round(median * 62, 2),
        "median_price_eur_per_m2": median, "shrunk_price_per_m2": median, "basis": "own",
        "reason": None,
    }  # fmt: skip


_ASKING_COLUMNS = (
    "median_price_per_m2", "median_low", "median_high", "p10_price_per_m2", "p25_price_per_m2",
    "p75_price_per_m2", "p90_price_per_m2", "median_price", "median_price_eur_per_m2",
    "shrunk_price_per_m2",
)  # fmt: skip


def _images(adverts: list[Row]) -> list[Row]:
    return [
        {
            "listing_id": advert["id"], "position": 0, "ok": None, "state": "pending",
            "url": f"http://pictures.test/{advert['id']}.jpg", "reason": None, "sha256": None,
            "width_px": None, "height_px": None, "bytes": None, "attempts": 0,
        }
        for advert in adverts if advert["image_count"]
    ]  # fmt: skip


def _edition() -> Row:
    accuracy = {
        "n": 120, "mdape_pct": 8.4, "within_10_pct": 57.5, "within_20_pct": 88.3, "cod": 10.2,
        "coverage_90": 0.908, "width_90_pct": 37.0, "baseline_mdape_pct": 14.9,
    }  # fmt: skip
    figures = {
        "ro/SALE/EUR": {
            "units": 560, "on_market": 520, "basis": "model", **accuracy,
            "by_type": {"APARTMENT": {**accuracy, "n": 100}}, "by_city": {"ro/b": accuracy},
        },
        "ro/RENT/EUR": {"units": 80, "on_market": 75, "basis": "ladder"},
    }  # fmt: skip
    return {
        "edition": 1, "event_offset": 1, "made_at_offset": 0, "as_of_date": AS_OF,
        "artefact_sha256": "0" * 64, "reason": "first", "listings": 640,
        "zone_set": "planted-1",
        "figures": json.dumps(figures),
    }  # fmt: skip


def _run(listings: int) -> Row:
    return {
        "publication": 7, "run_id": "planted", "watermark": listings, "edition": 1,
        "as_of_date": AS_OF, "started_at": PUBLISHED_AT, "published_at": PUBLISHED_AT,
        "events": listings, "listings": listings, "refused": 0, "zones": 45,
        "delay_p50_ms": 20.0, "delay_p95_ms": 31.0, "delay_max_ms": 44.0, "checks": "[]",
    }  # fmt: skip
