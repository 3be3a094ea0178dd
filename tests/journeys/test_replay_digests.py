"""Incremental in any split, killed or not, equals a replay from the lake, edition by edition."""

import random
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from flows.steps.reference import load_packaged
from flows.steps.replay import replay
from flows.steps.worker import Worker, start_worker
from store.database import open_journal_database, open_warehouse_reader, reading, writing
from store.digests import published_digests
from store.frames import read_frame
from store.journal import Journal, Sender, open_journal
from store.keys import create_key
from store.schema import migrate
from store.settings import Settings
from store.shapes.posts import Post
from store.tables import warehouse as tables
from tests.conftest import NOW, Ticking
from tests.journeys.market import posts_of, send, synthetic
from tests.listings import deletion
from tests.postgres import PostgresServer

pytestmark = pytest.mark.slow

CORE = (
    tables.core_listings, tables.core_listing_versions, tables.core_price_history,
    tables.core_status_history, tables.core_agencies, tables.core_agents, tables.core_refusals,
    tables.core_agency_versions, tables.core_agent_versions, tables.core_listing_places,
    tables.core_listing_images,
)  # fmt: skip


def worker_of(settings: Settings, clock: Callable[[], datetime]) -> Worker:
    worker = start_worker(settings, "test", clock)
    assert worker is not None
    return worker


def core_frames(settings: Settings) -> dict[str, pl.DataFrame]:
    with reading(open_warehouse_reader(settings)) as connection:
        return {table.name: read_frame(connection, table) for table in CORE}


def published_ids(settings: Settings) -> set[int]:
    by_listing = (tables.market_listings, tables.market_valuations, tables.market_scores)
    with reading(open_warehouse_reader(settings)) as connection:
        return {id for table in by_listing for id in read_frame(connection, table)["id"]}


def with_deletions(posts: list[Post], chance: random.Random) -> list[Post]:
    """Delete every fifth listing some time after it was posted; post every second of those again.

    Whatever else is posted of it afterwards revives it, too.
    """
    planned = list(posts)
    for place, first in sorted(first_posts(posts).items(), reverse=True):
        if place % 5 == 0:
            at = chance.randint(place + 1, len(planned))
            reason = chance.choice(["withdrawn", "expired"])
            planned.insert(at, deletion(first.external_id, reason, first.provider_identifier))
            if place % 2 == 0:
                planned.insert(chance.randint(at + 1, len(planned)), first)
    return planned


def first_posts(posts: list[Post]) -> dict[int, Post]:
    """Return the first post of each listing by its place among all."""
    firsts: dict[str, int] = {}
    for place, post in enumerate(posts):
        firsts.setdefault(post.external_id, place)
    return {place: posts[place] for place in firsts.values()}


LISTINGS = 300
SPLITS = 20


@pytest.mark.parametrize(
    ("database", "seed"),
    [
        ("sqlite", 3),
        *(
            pytest.param(database, seed, marks=pytest.mark.soak)
            for database in ("sqlite", "postgresql")
            for seed in range(100, 100 + SPLITS)
        ),
    ],
    indirect=["database"],
)
def test_random_splits_and_a_replay_give_equal_tables(
    settings: Settings, journal: Journal, sender: Sender, clock: Ticking, seed: int
) -> None:
    load_packaged(settings, clock())
    chance = random.Random(seed)
    posts = with_deletions(posts_of(synthetic(LISTINGS).events, clock.now), chance)
    half = len(posts) // 2
    send(journal, sender, posts[:half])
    worker = worker_of(settings, clock)
    worker.drain()
    assert worker.resident.edition is not None
    start = half
    while start < len(posts):
        step = chance.choice([1, 2, 7, 40, 120])
        send(journal, sender, posts[start : start + step])
        start += step
        if chance.random() < 0.3:
            # Another process takes over, with nothing in memory.
            worker.close()
            worker = worker_of(settings, clock)
        assert worker.cycle() is not None
    worker.close()
    incremental, core = published_digests(open_warehouse_reader(settings)), core_frames(settings)
    publication = worker.resident.progress.publication

    sizes = iter([chance.randint(1, 400) for _ in range(500)])
    replay(settings, clock, sizes)
    assert published_digests(open_warehouse_reader(settings)) == incremental
    for name, frame in core_frames(settings).items():
        assert frame.equals(core[name]), name
    worker = worker_of(settings, clock)
    assert worker.resident.progress.publication > publication
    # Some planted faults are refused by normalise.
    assert 0.97 * LISTINGS <= worker.resident.listings == core["core_listings"].height
    deleted = core["core_listings"].filter(pl.col("deleted_at").is_not_null())
    assert deleted.height > LISTINGS / 25
    assert published_ids(settings).isdisjoint(deleted["id"])
    worker.close()


def test_the_next_edition_moves_everything_and_replays_too(
    settings: Settings, journal: Journal, sender: Sender, clock: Ticking
) -> None:
    load_packaged(settings, clock())
    posts = posts_of(synthetic(120).events, clock.now)
    send(journal, sender, posts[: len(posts) // 3])
    worker = worker_of(settings, clock)
    worker.drain()
    send(journal, sender, posts[len(posts) // 3 :])
    worker.drain()
    assert worker.resident.edition is not None
    assert worker.resident.edition.number == 2  # the listings grew by more than a quarter
    worker.close()
    incremental = published_digests(open_warehouse_reader(settings))
    replay(settings, clock)
    assert published_digests(open_warehouse_reader(settings)) == incremental


def test_the_engines_agree(tmp_path: Path, postgres: PostgresServer) -> None:
    posts = posts_of(synthetic(120).events, NOW)
    planned = with_deletions(posts, random.Random(5))
    digests, cores = [], []
    for database in (None, postgres.new_database()):
        settings = Settings(
            home=tmp_path / ("files" if database is None else "server"), as_of_date=NOW.date(),
            database_url=database,
        )  # fmt: skip
        work_through_all(settings, Ticking(), planned)
        digests.append(published_digests(open_warehouse_reader(settings)))
        cores.append(core_frames(settings))
    assert digests[0] == digests[1]
    for name, frame in cores[0].items():
        others = [column for column in frame.columns if column != "event_id"]  # partly random
        assert frame.select(others).equals(cores[1][name].select(others)), name


def work_through_all(settings: Settings, clock: Ticking, posts: list[Post]) -> None:
    """Make a home and refresh it after each of a few parts of these posts."""
    migrate(settings)
    with writing(open_journal_database(settings)) as connection:
        create_key(connection, "Test CRM", ["publish.estates"], None, None, NOW)
    load_packaged(settings, clock())
    journal = open_journal(settings, clock)
    worker = worker_of(settings, clock)
    try:
        for start in range(0, len(posts), 70):
            send(journal, Sender(1, 1, None), posts[start : start + 70])
            worker.drain()
    finally:
        worker.close()
        journal.close()
