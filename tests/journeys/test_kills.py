"""Killed at random, again and again: nothing acknowledged is missing, doubled or stale."""

import http.client
import json
import os
import random
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pytest

from cli.free_port import free_port
from cli.starting import start_home
from flows.steps.reference import load_packaged
from flows.steps.worker import start_worker
from store.database import open_journal_database, open_warehouse_reader, reading, writing
from store.frames import read_frame
from store.journal import Journal, Sender, open_journal
from store.keys import create_key
from store.raw_lake import RawLake
from store.settings import Settings
from store.tables import warehouse as tables
from store.warehouse import LeaseLostError
from tests.conftest import NOW, Ticking
from tests.journeys.market import posts_of, send, synthetic
from tests.journeys.server import await_health, command, kill, run
from tests.journeys.watcher import Watcher, await_worker, generation
from tests.listings import document

KILLS = int(os.environ.get("IMO360_TEST_KILLS", "10"))
LISTINGS = int(os.environ.get("IMO360_TEST_KILLS_LISTINGS", "0"))
"""Synthetic listings posted and published before the kills begin; 41,000 make 100,000 events."""

HOT = 6
PAUSE_SECONDS = 0.01
"""Between posts: kills are to be many, not listings."""


@dataclass
class Partner:
    """Posts without pause, hot keys again and cold keys once, and remembers what it was told."""

    port: int
    key: str
    chance: random.Random
    stop: threading.Event = field(default_factory=threading.Event)
    acknowledged: dict[str, int] = field(default_factory=dict)
    ids: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    sent_since: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    last_offset: int = 0
    count: int = 0

    def run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        price = 10_000
        while not self.stop.is_set():
            price += 1
            is_hot = self.chance.random() < 0.5
            name = f"hot-{self.chance.randrange(HOT)}" if is_hot else f"cold-{price}"
            self.sent_since[name].append(price)
            connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                answer = self._post(connection, document(name, price=price))
            except (OSError, http.client.HTTPException):
                connection.close()
                connection = None
                time.sleep(0.02)
                continue
            self._note(name, price, answer)
            self.stop.wait(PAUSE_SECONDS)
        if connection is not None:
            connection.close()

    def _post(self, connection: http.client.HTTPConnection, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        connection.request("POST", "/api/integration/estates", json.dumps(body), headers)
        response = connection.getresponse()
        content = response.read()
        assert response.status in (200, 201), content
        answer: dict[str, Any] = json.loads(content)
        return answer

    def _note(self, name: str, price: int, answer: dict[str, Any]) -> None:
        self.count += 1
        self.acknowledged[name] = price
        self.sent_since[name].clear()
        self.ids[name].add(answer["id"])
        self.last_offset = max(self.last_offset, int(answer["eventId"][:12], 16))


def expect_kept(settings: Settings, partner: Partner) -> None:
    """Compare the core tables with what the partner was told."""
    with reading(open_warehouse_reader(settings)) as connection:
        listings = read_frame(connection, tables.core_listings)
    stored = {row["external_id"]: row for row in listings.iter_rows(named=True)}
    assert listings["external_id"].n_unique() == listings.height, "doubled"
    missing = set(partner.acknowledged) - set(stored)
    assert not missing, f"missing: {sorted(missing)[:5]}"
    for name, price in partner.acknowledged.items():
        # A post that was cut off before its answer may or may not have been kept.
        assert stored[name]["price"] in (price, *partner.sent_since[name]), f"stale: {name}"
        assert {stored[name]["id"]} == partner.ids[name], f"another id: {name}"


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)], indirect=True
)
@pytest.mark.slow
def test_kills_of_api_and_worker_lose_double_and_stale_nothing(
    elsewhere: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = elsewhere
    if settings.database_url is not None:  # the processes read it from there
        monkeypatch.setenv("IMO360_DATABASE_URL", settings.database_url.get_secret_value())
    start_home(settings)
    with writing(open_journal_database(settings)) as connection:
        key = create_key(connection, "Test", ["publish.estates"], None, None, NOW)
    fill(settings, LISTINGS)
    port, chance = free_port(), random.Random(11)
    partner, watcher = Partner(port, key, random.Random(12)), Watcher(settings)
    ready: dict[str, list[float]] = {"api": [], "worker": []}
    begun = time.monotonic()
    thread = threading.Thread(target=partner.run)
    api = command("serve", "--port", str(port), home=settings.home)
    worker = command("work", home=settings.home)
    await_health(f"http://127.0.0.1:{port}", api)
    thread.start()
    watcher.start()
    try:
        for turn in range(KILLS):
            time.sleep(chance.uniform(0.1, 0.9))
            if turn % 4:
                kill(api)
                started = time.monotonic()
                api = command("serve", "--port", str(port), home=settings.home)
                await_health(f"http://127.0.0.1:{port}", api)
                ready["api"].append(time.monotonic() - started)
            else:
                time.sleep(chance.uniform(0.0, 2.5))
                before = generation(settings)
                kill(worker)
                started = time.monotonic()
                worker = command("work", home=settings.home)
                await_worker(settings, before)
                ready["worker"].append(time.monotonic() - started)
    finally:
        partner.stop.set()
        thread.join()
        watcher.stop()
        kill(worker)
        kill(api)
    killed = time.monotonic()
    done = run("refresh", home=settings.home)
    assert done.returncode == 0, done.stderr
    assert partner.count > 20 * KILLS
    expect_kept(settings, partner)
    assert watcher.wrong == []
    assert watcher.looks > KILLS
    lake = RawLake(settings)
    offsets = lake.read(0, 10_000_000, ["event_offset"]).column(0).to_pylist()
    assert offsets == list(range(1, len(offsets) + 1))
    assert len(offsets) >= partner.last_offset
    print(
        f"{KILLS} kills in {killed - begun:.0f} s, {partner.count} acknowledged, "
        f"{len(partner.acknowledged)} listings, refreshed in {time.monotonic() - killed:.0f} s; "
        f"{len(offsets)} events in the lake; {watcher.looks} looks at "
        f"{len(watcher.publications)} publications; ready again, s: "
        + ", ".join(f"{name} {max(times):.1f} at most" for name, times in ready.items() if times)
    )


def fill(settings: Settings, listings: int) -> None:
    """Post a synthetic market and publish it."""
    if not listings:
        return
    journal = open_journal(settings)
    send(journal, Sender(1, 1, None), posts_of(synthetic(listings).events, NOW))
    journal.close()
    done = run("refresh", home=settings.home)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_worker_that_slept_past_its_lease_cannot_write(
    settings: Settings, journal: Journal, sender: Sender, clock: Ticking
) -> None:
    load_packaged(settings, clock())
    send(journal, sender, posts_of(synthetic(60).events, clock.now)[:20])
    sleeper = start_worker(settings, "sleeper", clock)
    assert sleeper is not None
    assert start_worker(settings, "second", clock) is None
    sleeper.lease.release()
    taker = start_worker(settings, "taker", clock)
    assert taker is not None
    with pytest.raises(LeaseLostError, match="taken over"):
        sleeper.cycle()
    assert taker.cycle() is not None
    with reading(taker.engine) as connection:
        versions = read_frame(connection, tables.core_listing_versions)
    assert versions.select(pl.struct("id", "revision").is_unique().all()).item()
    taker.close()
