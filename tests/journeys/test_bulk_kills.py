"""The API killed at random under bulks and singles, of hot and of cold listings: all is kept."""

import os
import random
import time
from datetime import UTC, datetime

import pytest

from cli.free_port import free_port
from store.database import open_journal_database, writing
from store.keys import create_key
from store.settings import Settings
from tests.journeys.crowd import Crowd, expect_kept
from tests.journeys.server import await_health, command, kill

KILLS = int(os.environ.get("IMO360_TEST_BULK_KILLS", "4"))
ACKNOWLEDGED = int(os.environ.get("IMO360_TEST_BULK_KILLS_POSTS", "2000"))
"""Posts that must have been acknowledged by the last kill; more kills follow until they are."""


@pytest.mark.slow
def test_kills_under_bulks_lose_double_stale_and_tear_nothing(settings: Settings) -> None:
    engine = open_journal_database(settings)
    with writing(engine) as connection:
        key = create_key(connection, "T", ["publish.estates"], None, None, datetime.now(UTC))
    engine.dispose()
    port, chance = free_port(), random.Random(31)
    crowd = Crowd(port, key, seed=32)
    begun, kills = time.monotonic(), 0
    # Sealed often: kills are to meet the sealer too.
    start = ("serve", "--port", str(port)), {"IMO360_SEAL_SECONDS": "0.1"}
    api = command(*start[0], home=settings.home, **start[1])
    await_health(f"http://127.0.0.1:{port}")
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
            api = command(*start[0], home=settings.home, **start[1])
            await_health(f"http://127.0.0.1:{port}")
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
