"""Children of a serving process: started again, ended with it, killed when they hang."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

import cli.children
from cli.children import Child, stop_with
from store.settings import Settings

LONGEST = 20.0


@pytest.fixture
def sealer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Child]:
    """A child that is started again at once."""
    monkeypatch.setattr(cli.children, "RESTART_SECONDS", 0.01)
    child = Child(settings, ["seal"])
    yield child
    child.stop()


def await_pid(child: Child, before: int | None = None) -> int:
    """Wait for the child's next process."""
    pause = threading.Event()
    for _ in range(int(LONGEST / 0.01)):
        pid = child.pid
        if pid is not None and pid != before:
            return pid
        pause.wait(0.01)
    raise AssertionError("the child was not started")


def exists(pid: int) -> bool:
    """Whether there is such a process."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_a_child_that_dies_is_started_again_and_a_stopped_one_is_not(
    sealer: Child, caplog: pytest.LogCaptureFixture
) -> None:
    sealer.start()
    first = await_pid(sealer)
    assert os.getsid(first) == first  # Ctrl-C in our terminal is not its
    os.kill(first, signal.SIGKILL)
    second = await_pid(sealer, first)
    assert "seal ended with -9; starting it again" in caplog.text
    sealer.stop()
    assert sealer.pid is None
    assert not exists(second)


def test_a_child_that_hangs_is_killed(
    sealer: Child, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cli.children, "KILL_SECONDS", 0.0)
    handler = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # inherited until it has started
    try:
        sealer.start()
        pid = await_pid(sealer)
        sealer.stop()
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert not exists(pid)
    assert "seal did not end within 0 s: killed" in caplog.text


def test_a_child_that_cannot_be_started_is_tried_again(
    sealer: Child, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried, popen = threading.Event(), subprocess.Popen

    def refuse(*arguments: object, **options: object) -> object:
        monkeypatch.setattr(subprocess, "Popen", popen)
        tried.set()
        raise OSError("too many open files")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    sealer.start()
    assert tried.wait(LONGEST)
    await_pid(sealer)
    assert "could not be started: too many open files" in caplog.text


def test_stopping_what_was_never_started_is_nothing(sealer: Child) -> None:
    sealer.stop()
    assert sealer.pid is None


def test_a_child_stops_when_its_parent_is_another_process_than_it_was() -> None:
    stop = threading.Event()
    stop_with(os.getpid(), stop)  # we are not our own parent
    assert stop.wait(LONGEST)


@pytest.mark.parametrize("parent", [None, os.getppid()], ids=["no parent", "a living parent"])
def test_a_child_goes_on_while_its_parent_lives(parent: int | None) -> None:
    stop = threading.Event()
    stop_with(parent, stop)
    assert not stop.wait(0.05)
    stop.set()
