"""Preview: what a post would become, by the steps of a refresh, without a trace of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.steps.preview import Ground, ground_version, preview, read_ground
from flows.steps.reference import load_rates
from flows.steps.worker import start_worker
from store.database import open_warehouse_reader, reading
from store.frames import read_frame
from store.home import Home
from store.journal import Journal, Sender
from store.raw_lake import RawLake
from store.settings import Settings
from store.tables.columns import instant_text
from store.tables.warehouse import core_listing_places, core_listings, core_refusals
from store.warehouse import progress_of
from tests.conftest import NOW, Ticking
from tests.listings import FLAT, post

DOCUMENT = {"providerIdentifier": "my-crm", "externalId": "a", **FLAT, "status": "active",
            "latitude": 44.4812, "longitude": 26.0766, "floor": 9,
            "floorMax": 4, "agent": {"name": "Ana", "phone": "0721000001"}}  # fmt: skip


def refresh(settings: Settings, clock: Ticking) -> None:
    worker = start_worker(settings, "test", clock)
    assert worker is not None
    worker.drain()
    worker.close()


@pytest.fixture
def settings(packaged: Settings) -> Settings:
    """Zones and rates are loaded already."""
    return packaged


@pytest.fixture
def ground(settings: Settings) -> Ground:
    return read_ground(settings)


@pytest.mark.slow
def test_a_preview_is_what_the_refresh_makes_of_the_post(
    ground: Ground, settings: Settings, journal: Journal, sender: Sender, clock: Ticking
) -> None:
    (previewed,) = preview(ground, [DOCUMENT], clock())
    journal.submit(sender, [post("a", **DOCUMENT)])
    refresh(settings, clock)
    with reading(open_warehouse_reader(settings)) as connection:
        listing = read_frame(connection, core_listings).row(0, named=True)
        place = read_frame(connection, core_listing_places).row(0, named=True)
        refusals = read_frame(connection, core_refusals)
    clocks = ("recorded_at", "effective_at")
    same = {name: listing[name] for name in previewed["record"] if name not in clocks}
    assert {name: previewed["record"][name] for name in same} == same
    assert previewed["refusals"] == refusals.select(list(previewed["refusals"][0])).to_dicts()
    assert previewed["zone"] == {
        "zone_id": place["zone_id"], "name": "Herăstrău", "precision": "exact",
        "confidence": 1.0, "matched_name": None,
    }  # fmt: skip


def kept(settings: Settings) -> tuple[object, ...]:
    home = Home(settings.home)
    folders = (home.lake, home.objects, home.exports)
    files = sorted(path for folder in folders for path in folder.rglob("*"))
    progress = progress_of(open_warehouse_reader(settings))
    return files, progress, RawLake(settings).last_offset()


def test_a_preview_writes_nothing(ground: Ground, settings: Settings) -> None:
    before = kept(settings)
    preview(read_ground(settings), [DOCUMENT], NOW)
    assert kept(settings) == before


def test_what_would_be_refused_has_no_record(ground: Ground) -> None:
    (previewed,) = preview(ground, [{**DOCUMENT, "price": 1, "floor": None}], NOW)
    assert previewed["record"] is None
    assert previewed["zone"] is None
    (refusal,) = previewed["refusals"]
    assert (refusal["rule_code"], refusal["severity"]) == ("price_out_of_range", "refused")


def test_a_preview_is_plain_json(ground: Ground) -> None:
    (previewed,) = preview(ground, [{**DOCUMENT, "currency": "RON"}], NOW)
    assert json.loads(json.dumps(previewed)) == previewed
    assert previewed["record"]["recorded_at"] == instant_text(NOW)
    assert previewed["record"]["rate_date"] == "2026-06-15"


def test_a_home_without_zones_places_nothing(empty_home: Path) -> None:
    (previewed,) = preview(read_ground(Settings(home=empty_home)), [DOCUMENT], NOW)
    assert previewed["zone"]["precision"] == "unknown"


def test_other_rates_make_another_ground(
    ground: Ground, settings: Settings, clock: Ticking, tmp_path: Path
) -> None:
    assert ground_version(settings) == ground.version
    path = tmp_path / "rates.csv"
    path.write_text("currency,rate_date,units_per_eur\nUSD,2026-06-15,2.0\n")
    load_rates(settings, path, clock())
    refresh(settings, clock)
    assert ground_version(settings) != ground.version
    dollars: dict[str, Any] = {**DOCUMENT, "currency": "USD"}
    record = preview(read_ground(settings), [dollars], NOW)[0]["record"]
    assert record["price_eur"] == DOCUMENT["price"] / 2
