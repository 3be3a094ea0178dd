"""Homes for tests: real databases, real Parquet, in a temporary folder.

On SQLite, or on PostgreSQL for tests marked `engines` and, with IMO360_TEST_ENGINE=postgresql, for
every test that takes its home from here.
"""

import os
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
from tests.postgres import PostgresServer

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


ENGINE = os.environ.get("IMO360_TEST_ENGINE", "sqlite")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests marked `engines` on each of them."""
    if "database" in metafunc.fixturenames and metafunc.definition.get_closest_marker("engines"):
        metafunc.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """What databases are kept in: sqlite or postgresql."""
    name = str(getattr(request, "param", ENGINE))
    if name == "postgresql" and request.node.get_closest_marker("sqlite_only"):
        pytest.skip("about SQLite's own files")
    return name


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running server, shared by all tests of the process."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


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
    home = tmp_path_factory.mktemp("packaged") / "home"
    shutil.copytree(empty_home, home)
    _load_packaged(Settings(home=home, as_of_date=NOW.date()))
    return home


def _load_packaged(settings: Settings) -> None:
    # Here, because most tests need no maps.
    from flows.steps.reference import load_packaged
    from flows.steps.worker import start_worker

    clock = Ticking()
    load_packaged(settings, clock())
    worker = start_worker(settings, "test", clock)
    assert worker is not None
    worker.drain()
    worker.close()


def _make_packaged(settings: Settings) -> None:
    migrate(settings)
    _load_packaged(settings.model_copy(update={"as_of_date": NOW.date()}))


@pytest.fixture
def packaged(
    database: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings of a home of the test's own with zones and rates."""
    home = tmp_path / "home"
    if database == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        monkeypatch.setenv("IMO360_DATABASE_URL", server.home("packaged", home, _make_packaged))
    else:
        shutil.copytree(request.getfixturevalue("packaged_home"), home)
    return Settings(home=home, as_of_date=NOW.date())


@pytest.fixture
def settings(
    database: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings of a migrated home of the test's own."""
    home = tmp_path / "home"
    if database == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        # In the environment, so that the test's other processes find it, too.
        monkeypatch.setenv("IMO360_DATABASE_URL", server.home("empty", home, _make_empty))
    else:
        shutil.copytree(request.getfixturevalue("empty_home"), home)
    return Settings(home=home, as_of_date=NOW.date())


@pytest.fixture
def elsewhere(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Settings of another home, which is not there yet."""
    if database == "postgresql":
        url = request.getfixturevalue("postgres").new_database()
        return Settings(home=tmp_path / "other", database_url=url)
    return Settings(home=tmp_path / "other")


def _make_empty(settings: Settings) -> None:
    migrate(settings)


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
