"""The power fails: what was acknowledged is there, once, whole and in its newest state."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from cli.free_port import free_port
from store.database import open_journal_database, writing
from store.keys import create_key
from store.settings import Settings
from tests.journeys.crowd import Crowd, LostError, expect_kept
from tests.journeys.power_cut import (
    Disk,
    Kept,
    PowerCutError,
    log_position,
    play_until,
    preloadable,
    read_log,
    recording,
)
from tests.journeys.server import await_health, command, kill

CUTS = int(os.environ.get("IMO360_TEST_CUTS", "4"))
"""Positions at which the power is cut; at each, all of KEPT is looked at."""

POSTS = int(os.environ.get("IMO360_TEST_CUT_POSTS", "3000"))
"""Posts acknowledged before the server is ended."""

LEAST_LOG = 8 << 20
"""Bytes of changes that hold a checkpoint or two."""

LEAST_FILES = 2
"""Sealed while posts went on."""

KEPT: tuple[Kept, ...] = get_args(Kept)


@dataclass(frozen=True)
class Run:
    """A server that was posted to while its changes were logged."""

    home: Path
    key: str
    disk: Disk
    log: Path
    crowd: Crowd


def run_logged(
    home: Path,
    folder: Path,
    posts: int,
    least_log: int = 0,
    least_files: int = 0,
    **environment: str,
) -> Run:
    """Serve a home; kill the server when so much is acknowledged, logged and sealed."""
    engine = open_journal_database(Settings(home=home))
    with writing(engine) as connection:
        key = create_key(connection, "T", ["publish.estates"], None, None, datetime.now(UTC))
    engine.dispose()
    disk, log, port = Disk(home), folder / "changes.log", free_port()
    logged = recording(preloadable(folder), home, log)
    server = command("serve", "--port", str(port), home=home, IMO360_SEAL_SECONDS="0.1",
                     **logged, **environment)  # fmt: skip
    crowd = Crowd(port, key, seed=21, pause_seconds=0.01, log=log)
    try:
        await_health(f"http://127.0.0.1:{port}", server)
        crowd.start()
        crowd.await_told(posts)
        while log_position(log) < least_log or sealed_files(home) < least_files:
            crowd.await_told(len(crowd.told) + 1)
    finally:
        kill(server)
        crowd.stop()
    assert not crowd.wrong
    return Run(home, key, disk, log, crowd)


def sealed_files(home: Path) -> int:
    """Return how many files the lake of events holds."""
    return len(list((home / "lake" / "events").glob("*.parquet")))


def cut_and_look(
    run: Run, folder: Path, positions: list[int], kept: tuple[Kept, ...]
) -> tuple[int, int]:
    """Cut the power at these positions; return homes looked at and acknowledgements checked."""
    chance = random.Random(22)
    count = checked = 0
    for position in play_until(run.disk, read_log(run.log), sorted(positions)):
        before = [each for each in run.crowd.told if each.position <= position]
        for what in kept:
            home = folder / "after"
            run.disk.cut(home, what, chance)
            expect_kept(Settings(home=home), run.key, before, run.crowd.sent)
            shutil.rmtree(home)
            count, checked = count + 1, checked + len(before)
    return count, checked


def behind_answers(run: Run, count: int) -> list[int]:
    """Return positions just behind an acknowledgement, which may not need time to be durable."""
    positions = sorted({each.position for each in run.crowd.told})
    return [*random.Random(23).sample(positions, count - 1), positions[-1]]


def amid_upkeep(run: Run, count: int) -> list[int]:
    """Return positions amid checkpoints (writes to the database itself) and sealing (renames)."""
    database = (run.home / "journal.sqlite").stat().st_ino
    checkpoints, renames = [], []
    for record in read_log(run.log):
        if record.operation == "W" and record.inode == database:
            checkpoints.append(record.end)
        elif record.operation == "R":
            renames.append(record.end)
    assert checkpoints, "the run was too short: no checkpoint in it"
    assert len(renames) > 1, "the run was too short: hardly a sealed file in it"
    chance = random.Random(24)
    half = count // 2
    return [*chance.choices(checkpoints, k=half), *chance.choices(renames, k=count - half)]


@pytest.mark.slow
def test_a_power_cut_loses_nothing_that_was_acknowledged(
    settings: Settings, tmp_path: Path
) -> None:
    served = run_logged(settings.home, tmp_path, POSTS, LEAST_LOG, LEAST_FILES)
    begun = time.monotonic()
    positions = [*behind_answers(served, CUTS - CUTS // 2), *amid_upkeep(served, CUTS // 2)]
    count, checked = cut_and_look(served, tmp_path, positions, KEPT)
    # Without a cut all of it is there: no change went past the log.
    assert served.disk.differences(served.home) == []
    print(
        f"{len(served.crowd.told)} acknowledged, {served.log.stat().st_size >> 20} MiB of changes, "
        f"{count} homes after a cut, {checked} acknowledgements looked up in "
        f"{time.monotonic() - begun:.0f} s"
    )


@pytest.mark.slow
def test_without_its_syncs_the_server_would_be_seen_to_lose(
    settings: Settings, tmp_path: Path
) -> None:
    served = run_logged(settings.home, tmp_path, 500, POWER_CUT_DROPS_SYNCS="1")
    with pytest.raises(LostError, match=r"lost"):
        cut_and_look(served, tmp_path, behind_answers(served, 1), ("nothing",))


@pytest.mark.slow
def test_a_home_made_under_the_log_is_there_after_a_cut(tmp_path: Path) -> None:
    base, log = tmp_path / "base", tmp_path / "changes.log"
    base.mkdir()
    disk = Disk(base)
    logged = recording(preloadable(tmp_path), base, log)
    made = f"from store.schema import migrate; migrate(Settings(home={str(base / 'home')!r}))"
    program = f"from store.settings import Settings; {made}"
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ | logged)
    for record in read_log(log):
        disk.play(record)
    assert disk.differences(base) == []
    disk.cut(tmp_path / "after", "nothing", random.Random(1))
    folders = [path for path in base.rglob("*") if path.is_dir()]
    for path in (*folders, base / "home" / "journal.sqlite"):
        assert (tmp_path / "after" / path.relative_to(base)).exists(), path


# -- the harness itself ---------------------------------------------------------------------

WRITERS = {
    "no sync": ("open('a', 'w').write('x')", {}),
    "a synced file in a folder that was not": (
        "f = open('a', 'w'); f.write('x'); f.flush(); os.fsync(f.fileno())", {},
    ),
    "a synced file and folder": (
        "f = open('a', 'w'); f.write('x'); f.flush(); os.fsync(f.fileno()); sync('.')",
        {"a": "x"},
    ),
    "a write behind the sync": (
        "f = open('a', 'w'); f.write('x'); f.flush(); os.fsync(f.fileno()); sync('.');"
        "f.write('y'); f.flush()",
        {"a": "x"},
    ),
    "a synced folder and a file that was not": ("open('a', 'w').write('x'); sync('.')", {"a": ""}),
    "a rename before the folder's sync": (
        "f = open('b', 'w'); f.write('x'); f.flush(); os.fsync(f.fileno());"
        "os.replace('b', 'a'); sync('.')",
        {"a": "x"},
    ),
    "a rename behind the folder's sync": (
        "f = open('b', 'w'); f.write('x'); f.flush(); os.fsync(f.fileno()); sync('.');"
        "os.replace('b', 'a')",
        {"b": "x"},
    ),
    "a rename that was synced, of a file that was not": (
        "open('b', 'w').write('x'); os.replace('b', 'a'); sync('.')", {"a": ""},
    ),
    "a removal behind the folder's sync": (
        "f = open('a', 'w'); f.write('x'); f.flush(); os.fsync(f.fileno()); sync('.');"
        "os.unlink('a')",
        {"a": "x"},
    ),
    "a truncation behind the sync": (
        "f = open('a', 'w'); f.write('xyz'); f.flush(); os.fsync(f.fileno()); sync('.');"
        "f.truncate(1)",
        {"a": "xyz"},
    ),
    "a new folder's file, its own folder not synced": (
        "os.mkdir('d'); f = open('d/a', 'w'); f.write('x'); f.flush(); os.fsync(f.fileno());"
        "sync('d')",
        {},
    ),
    "a new folder's file, all synced": (
        "os.mkdir('d'); f = open('d/a', 'w'); f.write('x'); f.flush(); os.fsync(f.fileno());"
        "sync('d'); sync('.')",
        {"d/a": "x"},
    ),
    "writes at offsets": (
        "f = os.open('a', os.O_RDWR | os.O_CREAT); os.pwrite(f, b'xx', 2); os.fdatasync(f);"
        "sync('.'); os.pwrite(f, b'yy', 0)",
        {"a": "\0\0xx"},
    ),
}  # fmt: skip

PRELUDE = """
import os
def sync(folder):
    f = os.open(folder, os.O_RDONLY); os.fsync(f); os.close(f)
"""


def write(tmp_path: Path, program: str) -> tuple[Disk, Path]:
    """Run a program in a logged folder; return the disk at its end, and the folder."""
    folder, log = tmp_path / "disk", tmp_path / "changes.log"
    folder.mkdir()
    disk = Disk(folder)
    environment = os.environ | recording(preloadable(tmp_path), folder, log)
    subprocess.run([sys.executable, "-c", PRELUDE + program], check=True, cwd=folder,
                   env=environment)  # fmt: skip
    for record in read_log(log):
        disk.play(record)
    return disk, folder


def contents(folder: Path) -> dict[str, str]:
    """Return the files below a folder."""
    return {str(path.relative_to(folder)): path.read_text()
            for path in folder.rglob("*") if path.is_file()}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("program", "left"), WRITERS.values(), ids=WRITERS.keys())
def test_a_cut_leaves_what_was_synced(program: str, left: dict[str, str], tmp_path: Path) -> None:
    disk, folder = write(tmp_path, program)
    disk.cut(tmp_path / "after", "nothing", random.Random(1))
    assert contents(tmp_path / "after") == left
    assert disk.differences(folder) == []


@pytest.mark.parametrize(("synchronous", "rows"), [("OFF", 0), ("FULL", 50)])
def test_a_database_keeps_its_commits_only_with_its_syncs(
    synchronous: str, rows: int, tmp_path: Path
) -> None:
    program = f"""
import sqlite3
c = sqlite3.connect("a.db", isolation_level=None)
c.execute("PRAGMA journal_mode=WAL")
c.execute("CREATE TABLE t (x)")
c.execute("PRAGMA synchronous={synchronous}")
for x in range(50):
    c.execute("INSERT INTO t VALUES (?)", (x,))
os._exit(0)
"""
    disk, _ = write(tmp_path, program)
    disk.cut(tmp_path / "after", "nothing", random.Random(1))
    connection = sqlite3.connect(tmp_path / "after" / "a.db")
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (rows,)
    connection.close()


def test_a_call_that_is_not_modelled_fails_the_test(tmp_path: Path) -> None:
    with pytest.raises(PowerCutError, match="link"):
        write(tmp_path, "open('a', 'w').close(); os.link('a', 'b')")


def test_a_write_is_torn_between_sectors(tmp_path: Path) -> None:
    program = "f = os.open('a', os.O_RDWR | os.O_CREAT); sync('.'); os.pwrite(f, b'x' * 8192, 100)"
    disk, _ = write(tmp_path, program)
    left = set()
    for seed in range(50):
        disk.cut(tmp_path / str(seed), "something", random.Random(seed))
        left.add((tmp_path / str(seed) / "a").read_bytes())
    assert {b"", bytes(100) + b"x" * 8192} < left
    assert len(left) > 10
