"""Replays of some listings: what was damaged is mended, what was not stays, and what-if tells."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import flows.steps.replay
from flows.steps.check import Check
from flows.steps.reference import load_packaged, load_rates
from flows.steps.replay import ReplayStoppedError, Scope, replay, what_if
from flows.steps.worker import start_worker
from store.database import (
    open_journal_database,
    open_warehouse_reader,
    warehouse_name,
    warehouse_names,
    writing,
)
from store.digests import published_digests
from store.home import Home
from store.journal import Sender, open_journal
from store.keys import create_key
from store.schema import migrate
from store.settings import Settings
from store.warehouse import progress_of
from tests.conftest import NOW, Ticking
from tests.homes import warehouse_file
from tests.journeys.market import posts_of, send, synthetic
from tests.journeys.test_replay_digests import core_frames, with_deletions

pytestmark = pytest.mark.slow


def settings_of(home: Path) -> Settings:
    return Settings(home=home, as_of_date=NOW.date())


@pytest.fixture(scope="module")
def filled_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published home with deletions, refusals and rates that came in the middle."""
    folder, clock = tmp_path_factory.mktemp("filled"), Ticking()
    settings = settings_of(folder / "home")
    migrate(settings)
    load_packaged(settings, clock())
    with writing(open_journal_database(settings)) as connection:
        create_key(connection, "Test CRM", ["publish.estates"], None, None, NOW)
    posts = with_deletions(posts_of(synthetic(120).events, NOW), random.Random(5))
    journal = open_journal(settings, clock)
    send(journal, Sender(1, 1, None), posts[: len(posts) // 2])
    rates = folder / "rates.csv"
    rates.write_text("currency,rate_date,units_per_eur\nRON,2025-12-01,6.5\n")
    load_rates(settings, rates, clock())
    send(journal, Sender(1, 1, None), posts[len(posts) // 2 :])
    journal.close()
    worker = start_worker(settings, "test", clock)
    assert worker is not None
    worker.drain()
    worker.close()
    return settings.home


@pytest.fixture
def filled(filled_home: Path, tmp_path: Path) -> Settings:
    shutil.copytree(filled_home, tmp_path / "home")
    return settings_of(tmp_path / "home")


def damage(settings: Settings, where: str) -> None:
    """Change, double and lose rows of the listings meant, as a bug in a rule would."""
    with sqlite3.connect(warehouse_file(settings.home)) as connection:
        ids = f"(SELECT id FROM core_listings WHERE {where})"
        connection.executescript(
            f"""
            UPDATE core_listing_versions SET price = 1, title = 'x' WHERE id IN {ids};
            DELETE FROM core_price_history WHERE id IN {ids};
            DELETE FROM core_listing_places WHERE id IN {ids};
            DELETE FROM core_refusals WHERE severity != 'warned' AND listing_id IN {ids};
            UPDATE market_listings SET price = 1 WHERE id IN {ids};
            UPDATE core_listings SET price = 1, spell = 7 WHERE {where};
            """
        )


Choose = Callable[[Settings], tuple[str, Scope]]


def one_listing(settings: Settings) -> tuple[str, Scope]:
    listing = most_revised(settings)
    return f"id = {listing}", Scope(listing_id=listing)


def one_provider(settings: Settings) -> tuple[str, Scope]:
    provider = core_frames(settings)["core_listings"]["provider_identifier"].sort()[0]
    return f"provider_identifier = '{provider}'", Scope(provider=provider)


def from_an_offset(settings: Settings) -> tuple[str, Scope]:
    offsets = core_frames(settings)["core_listings"]["event_offset"].sort()
    offset = offsets[len(offsets) // 2]
    return f"event_offset >= {offset}", Scope(from_offset=offset)


def most_revised(settings: Settings) -> int:
    listings = core_frames(settings)["core_listings"]
    return int(listings.sort("revision", "id")["id"][-1])


@pytest.mark.parametrize("choose", [one_listing, one_provider, from_an_offset])
def test_a_replay_of_some_listings_mends_them_and_leaves_the_rest(
    filled: Settings, choose: Choose
) -> None:
    digests, core = published_digests(open_warehouse_reader(filled)), core_frames(filled)
    where, scope = choose(filled)
    damage(filled, where)
    assert published_digests(open_warehouse_reader(filled)) != digests
    told = {each.table: each for each in what_if(filled, Ticking(), scope=scope)}
    assert told["core_listings"].changed > 0
    assert told["core_listings"].columns["spell"] == told["core_listings"].changed
    assert told["core_price_history"].added > 0
    replay(filled, Ticking(), iter([7, 60] * 1_000), scope=scope)
    assert published_digests(open_warehouse_reader(filled)) == digests
    for name, frame in core_frames(filled).items():
        assert frame.equals(core[name]), name
    # Nothing differs from a replay of everything, and a worker goes on from there.
    assert all(each.is_none for each in what_if(filled, Ticking()))
    worker = start_worker(filled, "test", Ticking())
    assert worker is not None
    assert worker.cycle() is None
    worker.close()


def test_what_if_changes_nothing_and_leaves_nothing(filled: Settings) -> None:
    before = sorted(path.name for path in Home(filled.home).warehouses.iterdir())
    digests = published_digests(open_warehouse_reader(filled))
    found = what_if(filled, Ticking(), scope=Scope(listing_id=most_revised(filled)))
    assert all(each.is_none for each in found)
    after = sorted(path.name for path in Home(filled.home).warehouses.iterdir())
    assert [n for n in after if n.endswith("sqlite")] == [n for n in before if n.endswith("sqlite")]
    assert published_digests(open_warehouse_reader(filled)) == digests


def test_a_scope_without_listings_is_a_replay_of_nothing(filled: Settings) -> None:
    digests = published_digests(open_warehouse_reader(filled))
    replay(filled, Ticking(), scope=Scope(provider="nobody"))
    assert published_digests(open_warehouse_reader(filled)) == digests


def test_before_anything_is_loaded_there_is_nothing_to_replay(settings: Settings) -> None:
    replay(settings, Ticking(), scope=Scope(provider="my-crm"))
    assert progress_of(open_warehouse_reader(settings)).watermark == 0


@pytest.mark.parametrize("scope", [Scope(), Scope(from_offset=1)])
def test_a_rebuild_that_a_check_stops_leaves_nothing_beside(
    filled: Settings, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = warehouse_name(Home(filled.home))
    failing = [Check("score_is_in_range", True, 1, "market_scores")]
    monkeypatch.setattr(flows.steps.replay, "check", lambda _rows: failing)
    with pytest.raises(ReplayStoppedError, match="score_is_in_range"):
        replay(filled, Ticking(), scope=scope)
    assert warehouse_name(Home(filled.home)) == before
    assert warehouse_names(filled) == [before]
