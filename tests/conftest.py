"""Homes for tests: real SQLite files, real Parquet, in a temporary folder."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis
import pytest

from store.database import open_journal_database, writing
from store.journal import Journal, Sender, open_journal
from store.keys import create_key
from store.schema import migrate
from store.settings import Settings

NOW = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)

# A busy machine is no defect: time is judged by `make bench`, not by hypothesis.
hypothesis.settings.register_profile(
    "house",
    deadline=None,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("house")


class Ticking:
    """A clock that moves a second at each look."""

    def __init__(self, start: datetime = NOW) -> None:
        self.now = start

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated home without anything in it, to be copied."""
    home = tmp_path_factory.mktemp("empty") / "home"
    migrate(Settings(home=home))
    return home


@pytest.fixture(scope="session")
def packaged_home(empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that has loaded the zones and rates which ship with imo360, to be copied.

    Deriving and loading them takes a second or two.
    """
    # Here, because most tests need no maps.
    from flows.steps.reference import load_packaged
    from flows.steps.worker import start_worker

    home = tmp_path_factory.mktemp("packaged") / "home"
    shutil.copytree(empty_home, home)
    settings, clock = Settings(home=home, as_of_date=NOW.date()), Ticking()
    load_packaged(settings, clock())
    worker = start_worker(settings, "test", clock)
    assert worker is not None
    worker.drain()
    worker.close()
    return home


@pytest.fixture
def packaged(packaged_home: Path, tmp_path: Path) -> Settings:
    """Settings of a home of the test's own with zones and rates."""
    shutil.copytree(packaged_home, tmp_path / "home")
    return Settings(home=tmp_path / "home", as_of_date=NOW.date())


@pytest.fixture
def settings(empty_home: Path, tmp_path: Path) -> Settings:
    """Settings of a migrated home of the test's own."""
    shutil.copytree(empty_home, tmp_path / "home")
    return Settings(home=tmp_path / "home", as_of_date=NOW.date())


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def api_key(settings: Settings) -> str:
    """A key that may publish, of the partner `Test CRM`."""
    with writing(open_journal_database(settings)) as connection:
        return create_key(connection, "Test CRM", ["publish.estates"], None, None, NOW)


@pytest.fixture
def sender(api_key: str) -> Sender:
    """Who `api_key` belongs to."""
    return Sender(key_id=1, partner_id=1, providers=None)


@pytest.fixture
def journal(settings: Settings, clock: Callable[[], datetime]) -> Iterator[Journal]:
    opened = open_journal(settings, clock)
    yield opened
    opened.close()
