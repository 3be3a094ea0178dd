"""Several API processes on one journal: one order, nothing lost, rates shared, nobody left."""

import http.client
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.free_port import free_port
from store.audit import COMMAND_LINE
from store.database import open_journal_database, writing
from store.keys import KeyWish, issue_key
from store.raw_lake import RawLake
from store.settings import Settings
from tests.journeys.crowd import PATH, Crowd, expect_kept
from tests.journeys.server import await_health, command, kill
from tests.listings import document
from tests.watching import await_true

pytestmark = pytest.mark.slow

WORKERS = 2
KILLS = int(os.environ.get("IMO360_TEST_WORKER_KILLS", "3"))
POSTS_A_KILL = 600
LONGEST = 30.0


def key_of(settings: Settings, **wish: int) -> str:
    engine = open_journal_database(settings)
    asked = KeyWish(partner="P", permissions=["publish.estates"], **wish)  # type: ignore[arg-type]
    with writing(engine) as connection:
        key = issue_key(connection, asked, COMMAND_LINE, datetime.now(UTC)).key
    engine.dispose()
    return key


def children_of(parent: int) -> dict[int, str]:
    """Return the living child processes: id -> command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, ppid = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(ppid) == parent and state != "Z":
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
    return found


def named(parent: int, word: str) -> set[int]:
    """Return the children whose command holds a word: `--socket` for workers, `seal`."""
    return {pid for pid, line in children_of(parent).items() if f" {word} " in line}


def exists(pid: int) -> bool:
    with suppress(OSError):
        return (Path(f"/proc/{pid}/stat")).read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@contextmanager
def shared(
    settings: Settings, workers: int = WORKERS
) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """Serve with several processes; yields the port and the parent, ended in the end."""
    port = free_port()
    parent = command(
        "serve", "--port", str(port), "--workers", str(workers), home=settings.home,
        IMO360_SEAL_SECONDS="0.1",
    )  # fmt: skip
    try:
        await_health(f"http://127.0.0.1:{port}", parent)
        if workers > 1:
            await_true(
                lambda: len(named(parent.pid, "--socket")) == workers, "the workers", LONGEST
            )
        yield port, parent
    finally:
        if parent.poll() is None:
            parent.terminate()
        parent.communicate()


def test_killed_workers_are_replaced_and_nothing_told_is_lost(settings: Settings) -> None:
    key, chance = key_of(settings), random.Random(7)
    with shared(settings) as (port, parent):
        crowd = Crowd(port, key, seed=8)
        crowd.start(partners=4)
        replaced = set()
        try:
            for turn in range(KILLS):
                crowd.await_told(len(crowd.told) + POSTS_A_KILL)
                time.sleep(chance.uniform(0, 0.05))
                word = "seal" if turn == 1 else "--socket"
                victim = chance.choice(sorted(named(parent.pid, word)))
                before = named(parent.pid, word)
                os.kill(victim, signal.SIGKILL)
                await_true(
                    lambda: len(named(parent.pid, word) - {victim}) == len(before),  # noqa: B023
                    f"another {word}",
                    LONGEST,
                )
                replaced.add(word)
            crowd.await_told(len(crowd.told) + POSTS_A_KILL)
        finally:
            crowd.stop()
        assert replaced == {"seal", "--socket"}
        parent.send_signal(signal.SIGINT)
        assert parent.wait(LONGEST) == 0
    assert not crowd.wrong
    kept = expect_kept(settings, key, crowd.told, crowd.sent)
    print(f"{KILLS} kills: {len(crowd.told)} posts acknowledged, {kept} kept")


def post_once(port: int, key: str, number: int) -> int:
    """Post on a connection of its own, so that either process may take it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    body = json.dumps(document(f"a-{number}", provider="limited")).encode()
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    connection.request("POST", PATH, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_rate_is_shared_by_the_workers(settings: Settings) -> None:
    key = key_of(settings, rate_per_minute=6, rate_burst=20)
    with shared(settings) as (port, _):
        began = time.monotonic()
        statuses = [post_once(port, key, number) for number in range(80)]
        most = 20 + (time.monotonic() - began) / 10 + 1
    assert set(statuses) == {201, 429}
    assert 10 <= statuses.count(201) <= most


@pytest.mark.parametrize("workers", [1, WORKERS])
@pytest.mark.parametrize(
    ("ending", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -9)]
)
def test_nothing_is_left_behind(
    settings: Settings, workers: int, ending: signal.Signals, code: int
) -> None:
    with shared(settings, workers) as (port, parent):
        held = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        held.connect()  # an open connection holds nobody up
        children = children_of(parent.pid)
        assert len(children) == (1 + workers if workers > 1 else 1)
        parent.send_signal(ending)
        assert parent.wait(LONGEST) == code
        await_true(lambda: not any(map(exists, children)), f"the end of {children}", LONGEST)
        with pytest.raises(OSError, match="refused"):
            http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
        held.close()


def test_seal_alone_seals_what_was_posted(settings: Settings) -> None:
    key = key_of(settings)
    with shared(settings, 1) as (port, parent):
        kill_sealer_for_good(parent)
        assert post_once(port, key, 1) == 201
        kill(parent)
    lake = RawLake(settings)
    assert lake.waiting()
    sealer = command("seal", home=settings.home)
    try:
        await_true(lambda: not lake.waiting(), "sealing", LONGEST)
    finally:
        sealer.send_signal(signal.SIGINT)
        out, err = sealer.communicate(timeout=LONGEST)
    assert (sealer.returncode, out, err) == (0, b"", b"")
    assert lake.read(0, 10, ["external_id"]).to_pylist() == [{"external_id": "a-1"}]


def kill_sealer_for_good(parent: "subprocess.Popen[bytes]") -> None:
    """Kill the sealer; its parent waits two seconds before it starts another."""
    await_true(lambda: bool(named(parent.pid, "seal")), "the sealer", LONGEST)
    (sealer,) = named(parent.pid, "seal")
    os.kill(sealer, signal.SIGKILL)
    await_true(lambda: not exists(sealer), "the sealer's end", LONGEST)
