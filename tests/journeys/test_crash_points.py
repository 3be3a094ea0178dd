"""Killed once at every crash point and resumed: the tables of an undisturbed run."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

import store.raw_lake
from flows.steps.exports import export_publication, exported
from flows.steps.pictures import drain_pictures
from flows.steps.reference import load_packaged
from flows.steps.replay import replay
from flows.steps.worker import start_worker
from store.backup import back_up, restore
from store.crash_points import POINTS
from store.database import (
    open_journal_database,
    open_warehouse_reader,
    reading,
    warehouse_names,
    writing,
)
from store.digests import published_digests
from store.frames import read_frame
from store.home import Home
from store.journal import Sender, open_journal
from store.keys import create_key
from store.raw_lake import RawLake
from store.schema import migrate
from store.settings import Settings
from store.shapes.posts import Post
from store.tables import warehouse as tables
from store.warehouse import progress_of
from tests.conftest import NOW, Ticking
from tests.crashing import CrashError, Crashes
from tests.journeys.market import posts_of, send, synthetic
from tests.listings import deletion, post

pytestmark = pytest.mark.slow

SENDER = Sender(key_id=1, partner_id=1, providers=None)


def settings_of(home: Path, **other: object) -> Settings:
    return Settings(home=home, as_of_date=NOW.date(), journal_keep_hours=0, **other)


@pytest.fixture(scope="module")
def posts() -> list[Post]:
    """What partners post: the first half is in every home, the second comes with the crash."""
    return posts_of(synthetic(60).events, NOW)


@pytest.fixture(scope="module")
def begun_home(posts: list[Post], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an edition, to be copied."""
    home = tmp_path_factory.mktemp("begun") / "home"
    begin(settings_of(home), posts)
    return home


@pytest.fixture
def home(
    database: str, posts: list[Post], tmp_path: Path, request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:  # fmt: skip
    """A home of the test's own with an edition."""
    home = tmp_path / "home"
    if database == "sqlite":
        shutil.copytree(request.getfixturevalue("begun_home"), home)
    else:
        server = request.getfixturevalue("postgres")
        url = server.home("begun", home, lambda made: begin(
            settings_of(made.home, database_url=made.database_url), posts))  # fmt: skip
        monkeypatch.setenv("IMO360_DATABASE_URL", url)
    return home


def begin(settings: Settings, posts: list[Post]) -> None:
    """Make a home, and post and publish the first half."""
    clock = Ticking()
    migrate(settings)
    load_packaged(settings, clock())
    with writing(open_journal_database(settings)) as connection:
        create_key(connection, "Test CRM", ["publish.estates"], None, None, NOW)
    work(settings, clock, posts[: len(posts) // 2])


def work(settings: Settings, clock: Ticking, posts: Sequence[Post]) -> None:
    """Post, refresh, judge pictures, export, look after the lake: everything a home does."""
    journal = open_journal(settings, clock)
    try:
        send(journal, SENDER, posts)
    finally:
        journal.close()
    worker = start_worker(settings, "test", clock)
    assert worker is not None, "the lease was not freed"
    try:
        worker.drain()
        drain_pictures(settings, clock)
        worker.drain()
        export_publication(Home(settings.home), worker.engine, 2, worker.lease)
        worker.lake.compact(clock())
        worker.lake.verify_new()
        worker.lake.prune(clock())
    finally:
        worker.close()


def do_everything(
    settings: Settings, elsewhere: Settings, clock: Ticking, posts: Sequence[Post]
) -> None:
    """Work, rebuild, back up, restore elsewhere."""
    work(settings, clock, posts)
    replay(settings, clock)
    folder = settings.home.with_name("backup")
    back_up(settings, folder, clock())
    restore(elsewhere, folder)


ALWAYS = ("post_committed", "seal_written", "compact_catalogued", "publish_market_written",
          "edition_made", "pictures_fetched", "replay_loaded")  # fmt: skip
"""One of each kind; `make soak-short`, which CI runs, kills at all the others."""

ALWAYS_ON_SERVER = ("publish_market_written",)


@pytest.mark.parametrize(
    ("database", "point"),
    [
        pytest.param(database, point, marks=() if point in always else pytest.mark.soak)
        for database, always in (("sqlite", ALWAYS), ("postgresql", ALWAYS_ON_SERVER))
        for point in POINTS
    ],
    indirect=["database"],
)
def test_a_kill_at_a_point_leaves_the_tables_of_an_undisturbed_run(
    point: str, home: Path, elsewhere: Settings, posts: list[Post],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    # Ticking goes on after whatever the fixture saw.
    growth = 0.01 if "edition" in point else 100.0
    clock = Ticking(NOW.replace(hour=10))
    settings = settings_of(home, retrain_growth=growth)
    monkeypatch.setattr(store.raw_lake, "COMPACT_FILES", 2)
    rest = posts[len(posts) // 2 :]
    first = rest[:40]
    if point.startswith("pictures"):
        # Elsewhere none: each round of verdicts is a cycle more, on both sides of the crash.
        first = [post("pictured", imageUrls=["https://pictures.example/a.jpg"]), *first]
    gone = [deletion(each.external_id, "withdrawn", each.provider_identifier) for each in rest[:3]]
    crashes = Crashes(monkeypatch)
    crashes.arm(point)
    with pytest.raises(CrashError):  # a point that is not reached fails here
        do_everything(settings, elsewhere, clock, first)
    work(settings, clock, [*first, *gone, *rest[40:]])

    incremental = published_digests(open_warehouse_reader(settings))
    assert exported(Home(settings.home)) == progress_of(open_warehouse_reader(settings)).publication
    replay(settings, clock)
    assert published_digests(open_warehouse_reader(settings)) == incremental
    with reading(open_warehouse_reader(settings)) as connection:
        listings = read_frame(connection, tables.core_listings)
        published = read_frame(connection, tables.market_listings)
    sent = {(each.provider_identifier, each.external_id) for each in [*posts, *first]}
    lake = pl.from_arrow(RawLake(settings).read(0, 100_000, ["provider_identifier", "external_id"]))
    assert set(lake.drop_nulls().iter_rows()) == sent  # nothing is lost, nobody else's is there
    assert set(listings.select("provider_identifier", "external_id").iter_rows()) <= sent
    assert published.height > len(sent) * 0.8
    assert_nothing_lies_about(settings)


def assert_nothing_lies_about(settings: Settings) -> None:
    """Lake, exports and warehouses hold what is catalogued or pointed to, and no more."""
    lake, home = RawLake(settings), Home(settings.home)
    named = {file.path.name for file in lake.files()}
    assert {path.name for path in (home.lake / "events").iterdir()} == named
    assert lake.read(0, 10_000_000, ["event_offset"]).num_rows == lake.last_offset()
    assert len(list(home.exports.glob("publication-*"))) <= 2
    assert len(warehouse_names(settings)) <= 2


def test_a_point_that_is_none_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "tables", "--home", str(tmp_path)],
        env={"CRASH_AT": "nowhere", "PATH": "/usr/bin"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("imo360: CRASH_AT=nowhere is no crash point; there are post_")


def test_the_environment_ends_a_process_at_its_point(begun_home: Path, tmp_path: Path) -> None:
    shutil.copytree(begun_home, tmp_path / "home")
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "replay", "--home", str(tmp_path / "home")],
        env={"CRASH_AT": "replay_loaded", "PATH": "/usr/bin"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 137
