"""The explorer over planted homes: one full, one without a publication, one without a warehouse."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from explorer.app import create_explorer
from store.settings import Settings
from tests.explorer.served import served
from tests.planted_market import plant_empty_home, plant_home


@pytest.fixture(scope="session")
def market_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the planted market; tests only read it."""
    return plant_home(tmp_path_factory.mktemp("explorer") / "home").root


@pytest.fixture(scope="session")
def client(market_home: Path) -> Iterator[httpx.Client]:
    with served(create_explorer(Settings(home=market_home))) as opened:
        yield opened


@pytest.fixture
def unpublished(tmp_path: Path) -> Iterator[httpx.Client]:
    home = plant_empty_home(tmp_path / "unpublished")
    with served(create_explorer(Settings(home=home.root))) as opened:
        yield opened


@pytest.fixture
def homeless(tmp_path: Path) -> Iterator[httpx.Client]:
    with served(create_explorer(Settings(home=tmp_path / "nowhere"))) as opened:
        yield opened
