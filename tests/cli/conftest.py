"""Homes with their zones and rates, which take a command a second or two to load."""

import shutil
from pathlib import Path

import pytest

from cli.starting import start_home
from store.settings import Settings


@pytest.fixture(scope="session")
def started_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as `imo360 migrate` leaves it, to be copied."""
    home = tmp_path_factory.mktemp("started") / "home"
    start_home(Settings(home=home))
    return home


@pytest.fixture
def started(started_home: Path, tmp_path: Path) -> Settings:
    """Settings of a started home of the test's own."""
    shutil.copytree(started_home, tmp_path / "started")
    return Settings(home=tmp_path / "started")
