"""`imo360 up` as its user meets it: post, see it in the explorer, Ctrl-C, nothing left behind."""

import http.client
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.free_port import free_port
from tests.journeys.server import await_health, command, get, kill, run
from tests.listings import document
from tests.watching import await_true

pytestmark = pytest.mark.slow

Process = subprocess.Popen[bytes]
Start = Callable[..., Process]
LONGEST = 120.0


@pytest.fixture
def start() -> Iterator[Start]:
    """Start `imo360`, and end it whatever becomes of the test."""
    started: list[Process] = []

    def call(*arguments: str, home: Path) -> Process:
        started.append(command(*arguments, home=home))
        return started[-1]

    yield call
    for process in started:
        if process.poll() is None:
            kill(process)


def children(parent: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(status.parent.name))
    return found


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def post(port: int, key: str, body: dict[str, Any]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    connection.request("POST", "/api/integration/estates", json.dumps(body), headers)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_up_serves_publishes_and_ends_cleanly(
    ending: signal.Signals, tmp_path: Path, start: Start
) -> None:
    """The page: "Published listings are immediately available for market explorer"."""
    home, port = tmp_path / "home", free_port()
    up = start("up", "--port", str(port), home=home)
    base = f"http://127.0.0.1:{port}"
    await_health(base, up)
    key = run("keys", "create", "--partner", "CRM", "--permission", "publish.estates",
              home=home).stdout.strip()  # fmt: skip
    assert post(port, key, document("a", title="Apartament 3 camere Herastrau")) == 201
    await_true(
        lambda: get(f"{base}/api/market/publication")[1]["publication"] is not None,
        "a publication",
        LONGEST,
    )
    status, listings = get(f"{base}/api/market/listings?transaction=SALE&type=APARTMENT")
    assert status == 200
    assert [row["title"] for row in listings["rows"]] == ["Apartament 3 camere Herastrau"]
    assert get(f"{base}/api/integration/estates")[0] == 401
    workers = children(up.pid)
    assert workers
    up.send_signal(ending)
    out, err = up.communicate(timeout=90)
    assert up.returncode == 0, err
    assert f"imo360 is up: {base}".encode() in out
    assert b"Traceback" not in err
    assert not any(is_alive(worker) for worker in workers)


def test_a_killed_up_does_not_leave_its_worker_behind(tmp_path: Path, start: Start) -> None:
    home, port = tmp_path / "home", free_port()
    up = start("up", "--port", str(port), home=home)
    await_health(f"http://127.0.0.1:{port}", up)
    await_true(lambda: children(up.pid), "the children", LONGEST)
    workers = children(up.pid)
    kill(up)
    await_true(lambda: not any(map(is_alive, workers)), "their end", LONGEST)
