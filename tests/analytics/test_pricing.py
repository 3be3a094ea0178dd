"""Zone figures: homes counted once, suppressed when few, the same in part as in whole."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from analytics import pricing
from store.tables.warehouse import market_zone_months, market_zones
from tests.analytics import planted
from tests.analytics.conftest import World, world_of
from tests.analytics.planted import AS_OF

FIGURES: list[Callable[..., pl.DataFrame]] = [pricing.zone_figures, pricing.zone_months]


def figures_of(make: Callable[..., pl.DataFrame], world: World) -> pl.DataFrame:
    market = world.market
    return make(world.listings, world.spells, market.price_history, market.zones, world.edition)


def cell(frame: pl.DataFrame, zone: str = "a.c.1.x", **segment: Any) -> dict[str, Any]:
    wanted = {
        "zone_id": zone,
        "transaction": "SALE",
        "type": "all",
        "rooms_band": "all",
        "age_band": "all",
        **segment,
    }
    return frame.filter(**wanted).row(0, named=True)


def homes(count: int, **changes: Any) -> list[dict[str, Any]]:
    """Return homes on floors of their own, at 1,000 a m2 and 20 more for each next one."""
    return [
        {"floor": n, "floor_max": 99, "price": 50.0 * (1000 + 20 * n), **changes}
        for n in range(count)
    ]


def stock(*rows: dict[str, Any]) -> World:
    return world_of(planted.listings_from(list(rows)))


@pytest.mark.parametrize(
    ("make", "table"),
    [(pricing.zone_figures, market_zones), (pricing.zone_months, market_zone_months)],
)
def test_columns_are_those_of_the_tables(
    make: Callable[..., pl.DataFrame], table: Any, thin: World
) -> None:
    frame = figures_of(make, thin)
    names = [column.name for column in table.columns if column.name != "publication"]
    needed = [c.name for c in table.columns if not c.nullable and c.name != "publication"]
    assert frame.columns == names
    assert frame.select(needed).null_count().sum_horizontal().item() == 0
    keys = [column.name for column in table.primary_key.columns]
    assert frame.select(keys).is_duplicated().sum() == 0
    assert frame.equals(frame.sort(keys))


def test_a_zone_of_enough_homes_shows_its_median_with_interval() -> None:
    row = cell(figures_of(pricing.zone_figures, stock(*homes(11))))
    assert (row["n"], row["stock"], row["currency"]) == (11, 11, "EUR")
    assert (row["median_price_per_m2"], row["median_low"], row["median_high"]) == (1100, 1020, 1180)
    assert (row["p10_price_per_m2"], row["p90_price_per_m2"]) == (1020, 1180)
    assert row["median_price"] == 55_000
    assert (row["basis"], row["reason"]) == ("own", None)


def test_a_zone_of_few_homes_borrows_and_says_so() -> None:
    world = stock(*homes(9), *homes(12, zone_id="a.c.1.y", latitude=44.5))
    frame = figures_of(pricing.zone_figures, world)
    row = cell(frame)
    shown = ["median_price_per_m2", "median_low", "p10_price_per_m2", "median_price"]
    assert [row[name] for name in shown] == [None] * 4
    assert (row["n"], row["reason"], row["basis"]) == (9, "below_n_min", "sector")
    assert row["shrunk_price_per_m2"] == cell(frame, "a.c.1")["shrunk_price_per_m2"]


def test_where_nobody_has_enough_nobody_lends() -> None:
    row = cell(figures_of(pricing.zone_figures, stock(*homes(3))))
    assert (row["shrunk_price_per_m2"], row["basis"], row["stock"]) == (None, "none", 3)


def test_a_median_is_shrunk_to_its_parent_by_its_number() -> None:
    world = stock(*homes(10), *homes(20, zone_id="b.c.1.x", latitude=45.0))
    frame = figures_of(pricing.zone_figures, world)
    country, county = cell(frame, "ro"), cell(frame, "a")
    expected = (10 * 1090 + 20 * country["median_price_per_m2"]) / 30
    assert county["shrunk_price_per_m2"] == pytest.approx(expected, abs=0.01)


def test_two_adverts_of_one_home_count_once() -> None:
    again = [{**home, "external_id": f"again-{n}"} for n, home in enumerate(homes(11))]
    once = cell(figures_of(pricing.zone_figures, stock(*homes(11))))
    twice = cell(figures_of(pricing.zone_figures, stock(*homes(11), *again)))
    assert twice == once


def test_flows_are_counted_by_window_and_kind() -> None:
    def left(days: int, status: str) -> dict[str, Any]:
        return {"left": AS_OF - timedelta(days=days), "status": status}

    begun = {"began": date(2024, 1, 2)}
    rows = homes(12, **begun)
    rows += [{"floor": 50, "floor_max": 99, **begun, **left(10, "sold")}]
    rows += [{"floor": 51, "floor_max": 99, **begun, **left(60, "sold")}]
    rows += [{"floor": 52, "floor_max": 99, **begun, **left(30, "withdrawn")}]
    rows += [{"floor": 53, "floor_max": 99, **begun, **left(90, "expired")}]
    row = cell(figures_of(pricing.zone_figures, stock(*rows)))
    assert [row[f"closed_{days}d"] for days in (30, 90, 365)] == [1, 2, 2]
    assert [row[f"withdrawn_{days}d"] for days in (30, 90, 365)] == [0, 1, 2]
    assert [row[f"new_{days}d"] for days in (30, 90, 365)] == [0, 0, 16]
    assert row["absorption_90d"] == pytest.approx(2 / 12, abs=1e-6)
    assert row["months_of_supply"] == pytest.approx(12 / (3 / 3))


def test_cuts_of_the_stock_are_counted() -> None:
    cut = {"is_cut": True, "began": AS_OF - timedelta(days=20)}
    old = {"is_cut": True, "began": AS_OF - timedelta(days=200), "floor": 90, "floor_max": 99}
    row = cell(figures_of(pricing.zone_figures, stock(*homes(11, **cut), old)))
    assert row["cut_share_90d"] == pytest.approx(11 / 12, abs=1e-6)
    assert row["median_cut_pct_90d"] == 5.0
    assert row["median_ask_to_first"] == pytest.approx(0.95, abs=1e-6)


def test_the_price_at_which_a_home_returns_is_no_cut() -> None:
    world = stock(*homes(10))
    back = world.market.price_history.with_columns(
        pl.lit(2, dtype=pl.Int64).alias("revision"), pl.lit(-10.0).alias("change_pct")
    )
    market = replace(world.market, price_history=pl.concat([world.market.price_history, back]))
    row = cell(figures_of(pricing.zone_figures, replace(world, market=market)))
    assert row["cut_share_90d"] == 0.0


def test_months_hold_each_home_at_its_last_price_by_then() -> None:
    cut = {"is_cut": True, "began": date(2024, 3, 31)}
    frame = figures_of(pricing.zone_months, stock(*homes(10, **cut)))
    march, april = (cell(frame, month=date(2024, month, 1)) for month in (3, 4))
    assert march["median_price_per_m2"] == pytest.approx(1090 / 0.95, abs=0.01)
    assert april["median_price_per_m2"] == 1090
    assert (march["new_units"], april["new_units"]) == (10, 0)
    assert (march["cut_units"], april["cut_units"]) == (0, 10)
    assert (april["cut_share"], april["median_cut_pct"]) == (1.0, 5.0)


def test_months_run_from_the_first_home_to_the_as_of_month() -> None:
    rows = homes(10, began=date(2024, 2, 10), left=date(2024, 4, 3), status="sold")
    rows += homes(1, began=date(2024, 6, 1), floor=80)
    frame = figures_of(pricing.zone_months, stock(*rows)).filter(
        zone_id="ro", type="all", rooms_band="all", age_band="all"
    )
    columns = ["stock_end", "new_units", "closed_units", "withdrawn_units", "n"]
    assert frame.select(pl.col("month").dt.month(), *columns).rows() == [
        (2, 10, 10, 0, 0, 10),
        (3, 10, 0, 0, 0, 10),
        (4, 0, 0, 10, 0, 10),
        (6, 1, 1, 0, 0, 1),
    ]


def test_what_is_dated_after_the_as_of_date_counts_as_of_it() -> None:
    rows = homes(10, began=AS_OF + timedelta(days=40))
    frame = figures_of(pricing.zone_months, stock(*rows))
    assert frame["month"].unique().to_list() == [date(2024, 6, 1)]
    assert cell(frame)["new_units"] == 10


def test_one_absurd_date_costs_ten_years_of_months_at_most() -> None:
    frame = figures_of(pricing.zone_months, stock(*homes(1, began=date(1970, 1, 1))))
    assert frame["month"].n_unique() == 120


@pytest.mark.parametrize("make", FIGURES)
def test_the_order_of_rows_does_not_matter_to_the_bit(
    make: Callable[..., pl.DataFrame], thin: World
) -> None:
    def mixed(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.sample(fraction=1.0, shuffle=True, seed=11)

    market = thin.market
    shuffled = make(
        mixed(thin.listings),
        mixed(thin.spells),
        mixed(market.price_history),
        mixed(market.zones),
        thin.edition,
    )
    assert shuffled.equals(figures_of(make, thin))


@pytest.mark.parametrize("make", FIGURES)
def test_an_empty_market_has_no_figures(make: Callable[..., pl.DataFrame], thin: World) -> None:
    empty = replace(thin, listings=thin.listings.clear(), spells=thin.spells.clear())
    assert figures_of(make, empty).height == 0
