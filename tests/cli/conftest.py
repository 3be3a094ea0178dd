"""The running API of the door's tests, for commands that speak to it; commands in this process; a
home with its zones and rates, which take a second or two to load."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import cli.main
from cli.starting import start_home
from store.settings import Settings
from tests.client.conftest import stand_in
from tests.ingest_api.conftest import Api, api, provider, running_api

__all__ = ["Api", "api", "provider", "running_api", "stand_in"]


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


Call = Callable[..., Done]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Run the command in this process: its start is most of what a process would cost."""

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["imo360", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main.run()
        out, err = capfd.readouterr()
        return Done(int(ended.value.code or 0), out, err)

    return run


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
