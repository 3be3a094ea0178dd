"""Signals of zones: how soon homes go, which way asks move."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from analytics import signals
from tests.analytics import planted
from tests.analytics.conftest import world_of
from tests.analytics.planted import AS_OF


def signals_of(rows: list[dict[str, Any]], zone: str = "a.c.1.x") -> dict[str, Any] | None:
    world = world_of(planted.listings_from(rows))
    frame = signals.make(
        world.listings, world.spells, world.market.price_history, world.edition
    ).filter(zone_id=zone, type="APARTMENT")
    return frame.row(0, named=True) if frame.height else None


def homes(count: int, first: int = 0, **changes: Any) -> list[dict[str, Any]]:
    return [{"floor": first + n, "floor_max": 99, **changes} for n in range(count)]


def test_liquidity_is_the_share_gone_within_90_days() -> None:
    began = AS_OF - timedelta(days=200)
    quick = {"left": began + timedelta(days=60), "status": "sold"}
    slow = {"left": began + timedelta(days=120), "status": "withdrawn"}
    rows = [
        *homes(5, began=began, **quick),
        *homes(6, 10, began=began, **slow),
        *homes(9, 20, began=began),
        *homes(30, 40, began=AS_OF - timedelta(days=30)),  # too young to tell
    ]
    found = signals_of(rows)
    assert found is not None
    assert found["liquidity"] == pytest.approx(5 / 20)


def test_momentum_is_the_change_over_three_months() -> None:
    old = {"began": date(2024, 2, 1), "left": date(2024, 4, 20), "status": "sold"}
    rows = [
        *homes(12, **old, price=100_000.0),
        *homes(12, 30, began=date(2024, 5, 2), price=110_000.0),
    ]
    found = signals_of(rows)
    assert found is not None
    assert found["momentum_pct"] == pytest.approx(10.0)


def test_few_homes_give_no_signal() -> None:
    assert signals_of(homes(5, began=AS_OF - timedelta(days=200))) is None


def test_an_empty_market_has_no_signals() -> None:
    world = world_of(planted.listings_from([]))
    assert world.edition.signals.height == 0
    assert world.edition.signals.schema["momentum_pct"] == pl.Float64
