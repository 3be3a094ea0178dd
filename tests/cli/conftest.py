"""The running API of the door's tests, for commands that speak to it; commands in this process."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

import cli.main
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
