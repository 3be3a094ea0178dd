"""The API killed at random under bulks and singles, of hot and of cold listings: all is kept."""

import os
import random
import subprocess
import time
import urllib.error
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from cli.free_port import free_port
from store.database import open_journal_database, writing
from store.keys import create_key
from store.settings import Settings
from tests.journeys.crowd import (
    Crowd,
    LostError,
    Told,
    expect_acknowledged,
    expect_each_once,
    expect_kept,
)
from tests.journeys.server import command, get, kill

KILLS = int(os.environ.get("IMO360_TEST_BULK_KILLS", "3"))
ACKNOWLEDGED = int(os.environ.get("IMO360_TEST_BULK_KILLS_POSTS", "2000"))
"""Posts that must have been acknowledged by the last kill; more kills follow until they are."""

START_SECONDS = 60.0


def start(settings: Settings, port: int) -> "subprocess.Popen[bytes]":
    """Serve, and seal often: kills are to meet the sealer too. Return when it answers."""
    api = command("serve", "--port", str(port), home=settings.home, IMO360_SEAL_SECONDS="0.1")
    ends = time.monotonic() + START_SECONDS
    while api.poll() is None and time.monotonic() < ends:
        with suppress(urllib.error.URLError, ConnectionError):
            get(f"http://127.0.0.1:{port}/healthz")
            return api
        time.sleep(0.02)
    api.kill()
    raise AssertionError(f"the API did not start again: {api.communicate()[1].decode()[-2000:]}")


@pytest.mark.slow
def test_kills_under_bulks_lose_double_stale_and_tear_nothing(settings: Settings) -> None:
    engine = open_journal_database(settings)
    with writing(engine) as connection:
        key = create_key(connection, "T", ["publish.estates"], None, None, datetime.now(UTC))
    engine.dispose()
    port, chance = free_port(), random.Random(31)
    crowd = Crowd(port, key, seed=32)
    begun, kills = time.monotonic(), 0
    api = start(settings, port)
    crowd.start(partners=4)
    try:
        while kills < KILLS or len(crowd.told) < ACKNOWLEDGED:
            # Now and then at once: a start that recovers from the last kill is killed too.
            share = ACKNOWLEDGED // KILLS
            more = 0 if kills % 4 == 2 else chance.randint(share, 3 * share)
            crowd.await_told(len(crowd.told) + more)
            time.sleep(chance.uniform(0, 0.05))
            kill(api)
            kills += 1
            api = start(settings, port)
    finally:
        kill(api)
        crowd.stop()
    killed = time.monotonic()
    assert not crowd.wrong
    names = [each.external_id for each in crowd.told]
    assert sum(name.startswith("cold") for name in names) > ACKNOWLEDGED / 4
    assert sum(name.startswith("hot") for name in names) > ACKNOWLEDGED / 4
    events = expect_kept(settings, key, crowd.told, crowd.sent)
    print(
        f"{kills} kills in {killed - begun:.0f} s: {len(crowd.told)} of {len(crowd.sent)} posts "
        f"acknowledged, {events} kept, looked up in {time.monotonic() - killed:.0f} s"
    )


# Rows are offset, event, listing, revision, external id, payload.
GOOD = [(1, "e1", 1, 1, "a", b"1"), (2, "e2", 2, 1, "b", b"2"), (3, "e3", 1, 2, "a", b"3")]
SENT = {b"1", b"2", b"3", b"4"}

SPOILT = {
    "a gap": ([GOOD[0], GOOD[2]], "gaps"),
    "a body kept twice": ([*GOOD, (4, "e4", 1, 3, "a", b"3")], "doubled"),
    "a body nobody sent": ([*GOOD, (4, "e4", 1, 3, "a", b"half")], "torn"),
    "two listings of one": ([*GOOD, (4, "e4", 3, 3, "a", b"4")], "doubled"),
    "one listing of two": ([*GOOD, (4, "e4", 1, 1, "c", b"4")], "one id"),
    "a revision again": ([*GOOD, (4, "e4", 1, 2, "a", b"4")], "order"),
}


@pytest.mark.parametrize(("events", "found"), SPOILT.values(), ids=SPOILT.keys())
def test_spoilt_events_are_seen(events: list[tuple[object, ...]], found: str) -> None:
    expect_each_once(GOOD, SENT)
    with pytest.raises(LostError, match=found):
        expect_each_once(events, SENT)


def test_a_lost_acknowledgement_is_seen() -> None:
    told = [Told(0, "a", b"3", 1, "e3")]
    expect_acknowledged(GOOD, told)
    with pytest.raises(LostError, match="lost"):
        expect_acknowledged(GOOD[:2], told)
    with pytest.raises(LostError, match="another event"):
        expect_acknowledged(GOOD, [Told(0, "a", b"4", 1, "e3")])
