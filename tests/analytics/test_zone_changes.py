"""Figures after changes of some homes are those of a full computation, and only theirs move."""

import random
from typing import Any

import polars as pl
import pytest

from analytics import pricing
from analytics.segments import SEGMENT
from analytics.zone_changes import MONTH_KEY, Adverts, ZoneLedgers
from tests.analytics import planted
from tests.analytics.conftest import World, describe, make_edition
from tests.analytics.planted import Market

HOMES: list[dict[str, Any]] = [
    {
        "floor": floor,
        "floor_max": 99,
        "price": 50.0 * (1000 + 20 * floor),
        "zone_id": zone,
        "latitude": latitude,
    }
    for zone, latitude in (("a.c.1.x", 44.4), ("a.c.1.y", 44.5), ("b.c.1.x", 45.0))
    for floor in range(18)
]


def adverts_of(market: Market, world: World) -> Adverts:
    from analytics import history

    return Adverts(
        describe(market, world.edition), history.spells(market.status_history), market.price_history
    )


def full(adverts: Adverts, world: World) -> tuple[pl.DataFrame, pl.DataFrame]:
    facts = (adverts.listings, adverts.spells, adverts.price_history)
    zones, edition = world.market.zones, world.edition
    return (
        pricing.zone_figures(*facts, zones, edition),
        pricing.zone_months(*facts, zones, edition),
    )


def patched(
    shown: pl.DataFrame, rows: pl.DataFrame, gone: pl.DataFrame, key: tuple[str, ...]
) -> pl.DataFrame:
    """Do to what is shown what publish does to the tables."""
    on = list(key)
    kept = shown.join(gone, on=on, how="anti").join(rows.select(on), on=on, how="anti")
    return pl.concat([kept, rows]).sort(on)


@pytest.fixture(scope="module")
def world() -> World:
    market = planted.listings_from(HOMES)
    edition = make_edition(market)
    empty = pl.DataFrame()
    return World(market, edition, describe(market, edition), empty, empty)


def changed_homes(chance: random.Random, homes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the homes with some asking more, of more rooms, moved, gone or sold."""
    after = [dict(home) for home in homes]
    for home in chance.sample(after, chance.choice([1, 3, 10])):
        kind = chance.choice(["price", "rooms", "zone", "sold"])
        if kind == "price":
            home["price"] = home["price"] * chance.uniform(0.8, 1.2)
        elif kind == "rooms":
            home["rooms"] = chance.choice([1, 2, 3, 5])
        elif kind == "zone":
            home["zone_id"], home["latitude"] = "b.c.2.y", 45.2
        else:
            home["left"], home["status"] = planted.AS_OF, "sold"
    return after


@pytest.mark.parametrize("seed", range(4))
def test_changes_give_what_a_full_computation_gives(world: World, seed: int) -> None:
    chance, homes = random.Random(seed), HOMES
    before = adverts_of(planted.listings_from(homes), world)
    ledgers = ZoneLedgers.of(before, world.edition)
    zones, months = full(before, world)
    for _ in range(4):
        homes = changed_homes(chance, homes)
        after = adverts_of(planted.listings_from(homes), world)
        units = pl.concat([before.listings, after.listings]).select("unit_id").unique()
        changed = ledgers.change(
            before.of_units(units), after.of_units(units), world.market.zones, world.edition
        )
        zones = patched(zones, changed.zones, changed.gone_zones, SEGMENT)
        months = patched(months, changed.zone_months, changed.gone_months, MONTH_KEY)
        before = after
    expected_zones, expected_months = full(before, world)
    assert zones.equals(expected_zones)
    assert months.equals(expected_months)


def test_a_home_moves_the_figures_of_its_own_zones_alone(world: World) -> None:
    before = adverts_of(planted.listings_from(HOMES), world)
    cheaper = [{**HOMES[0], "price": 40_000.0}, *HOMES[1:]]
    after = adverts_of(planted.listings_from(cheaper), world)
    units = before.listings.filter(pl.col("zone_id") == "a.c.1.x").select("unit_id")
    changed = ZoneLedgers.of(before, world.edition).change(
        before.of_units(units), after.of_units(units), world.market.zones, world.edition
    )
    assert set(changed.zones["zone_id"]) == {"a.c.1.x", "a.c.1", "a.c", "a", "ro"}
    assert changed.gone_zones.is_empty()
    assert changed.zone_months.height < 200
