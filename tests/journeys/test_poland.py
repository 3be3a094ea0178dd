"""Real input: two monthly snapshots of Polish flats, posted, refreshed, and what must be true."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from analytics.accuracy import coverage_pct, mdape_pct
from cli.posting import PostingSummary, post_market
from flows.steps.reference import load_rates, load_zone_file
from flows.steps.refresh import refresh
from store.database import open_journal_database, open_warehouse_reader, reading, writing
from store.frames import read_frame
from store.keys import create_key
from store.reference import rates_path
from store.schema import migrate
from store.settings import Settings
from store.tables import warehouse as tables
from tests.journeys.server import serving
from tests.poland import city_zones, snapshot_path, snapshot_payloads, snapshot_rows

pytestmark = pytest.mark.slow

MONTHS = (1, 2)


@dataclass(frozen=True)
class Poland:
    """The posted snapshots and what came of them."""

    payloads: dict[int, dict[str, dict]]
    posted: PostingSummary
    frames: dict[str, pl.DataFrame]

    def table(self, name: str) -> pl.DataFrame:
        return self.frames[name]


@pytest.fixture(scope="module")
def poland(tmp_path_factory: pytest.TempPathFactory) -> Poland:
    cities = city_zones(snapshot_rows(snapshot_path(1)))
    settings = Settings(home=tmp_path_factory.mktemp("poland") / "home",
                        as_of_date=date(2024, 2, 29))  # fmt: skip
    migrate(settings)
    now = datetime.now(UTC)
    zones = settings.home / "poland.geojson"
    zones.write_text(json.dumps(cities))
    load_zone_file(settings, zones, now)
    load_rates(settings, rates_path(), now)
    with writing(open_journal_database(settings)) as connection:
        key = create_key(connection, "Test", ["publish.estates"], None, None, now)
    payloads = {month: snapshot_payloads(snapshot_path(month), month) for month in MONTHS}
    events = [(month, payload) for month in MONTHS for payload in payloads[month]]
    with serving(settings.home) as (base, _):
        posted = post_market(base, key, events, single_share=0.0)
    refresh(settings, "test")
    with reading(open_warehouse_reader(settings)) as connection:
        frames = {
            name: read_frame(connection, table) for name, table in tables.WAREHOUSE.tables.items()
        }
    by_id = {month: {p["externalId"]: p for p in payloads[month]} for month in MONTHS}
    return Poland(by_id, posted, frames)


def test_every_id_is_one_listing(poland: Poland) -> None:
    ids = set(poland.payloads[1]) | set(poland.payloads[2])
    listings = poland.table("core_listings")
    assert poland.posted.refused == []
    assert listings.height == len(ids)
    assert set(listings["external_id"]) == ids
    assert listings["id"].n_unique() == len(ids)


def test_price_changes_stand_in_the_history_at_the_snapshots_days(poland: Poland) -> None:
    both = set(poland.payloads[1]) & set(poland.payloads[2])
    moved = {i for i in both if poland.payloads[1][i]["price"] != poland.payloads[2][i]["price"]}
    history = poland.table("core_price_history").join(
        poland.table("core_listings").select("id", "external_id"), on="id"
    )
    changed = history.filter(pl.col("revision") > 1)
    assert set(changed["external_id"]) == moved
    assert changed.height == len(moved)
    assert set(changed["effective_at"].dt.date()) == {date(2024, 2, 15)}
    one = changed.row(0, named=True)
    before = poland.payloads[1][one["external_id"]]["price"]
    after = poland.payloads[2][one["external_id"]]["price"]
    assert one["change_pct"] == pytest.approx(100 * (after / before - 1), abs=1e-3)


def test_every_point_has_its_city(poland: Poland) -> None:
    placed = poland.table("core_listings").join(poland.table("core_listing_places"), on="id")
    assert set(placed["precision"]) == {"exact"}
    named = placed.join(
        poland.table("core_zones").select(pl.col("zone_id").alias("city_id"), "name"), on="city_id"
    )
    assert named.height == placed.height
    newest = {**poland.payloads[1], **poland.payloads[2]}
    expected = [newest[i]["address"] for i in named["external_id"]]
    agree = np.mean([a.lower() == b.lower() for a, b in zip(named["name"], expected, strict=True)])
    assert agree > 0.99


def test_values_beat_the_city_median_on_units_not_trained_on(poland: Poland) -> None:
    """Values are cross-fitted: each by the fold model that never saw its unit."""
    leads = (
        poland.table("market_listings")
        .filter("is_unit_lead")
        .join(poland.table("market_valuations").drop("currency"), on="id")
    )
    valued = leads.filter((pl.col("basis") == "model") & pl.col("price_quote").is_not_null())
    assert valued.height > 0.97 * leads.height
    per_m2 = pl.col("price_quote") / pl.col("area_m2")
    baseline = (per_m2.median().over("city_id") * pl.col("area_m2")).alias("baseline")
    judged = valued.with_columns(baseline)
    price = judged["price_quote"].to_numpy()
    ours = mdape_pct(judged["value"].to_numpy(), price)
    theirs = mdape_pct(judged["baseline"].to_numpy(), price)
    assert ours < 0.75 * theirs, (ours, theirs)
    low, high = judged["low_90"].to_numpy(), judged["high_90"].to_numpy()
    assert coverage_pct(price, low, high) == pytest.approx(90, abs=2)


def test_figures_are_in_zloty_and_say_their_euro_rate(poland: Poland) -> None:
    zones = poland.table("market_zones").filter(
        (pl.col("level") == "city") & (pl.col("type") == "all") & (pl.col("rooms_band") == "all")
        & (pl.col("age_band") == "all")
    )  # fmt: skip
    assert zones.height == 15
    assert set(zones["currency"]) == {"PLN"}
    ratio = zones["median_price_per_m2"] / zones["median_price_eur_per_m2"]
    assert ratio.is_between(4.2, 4.5).all()
