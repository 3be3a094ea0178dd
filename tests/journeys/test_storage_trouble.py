"""A full disk and a read-only home: refused, nothing told that is not kept, well again alone."""

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.free_port import free_port
from store.audit import COMMAND_LINE
from store.database import open_journal_database, open_warehouse_reader, writing
from store.keys import KeyWish, issue_key
from store.raw_lake import RawLake
from store.settings import Settings
from store.warehouse import progress_of
from tests.journeys.server import await_health, command, kill, run
from tests.listings import document
from tests.watching import await_true

pytestmark = pytest.mark.slow

SIZE_MIB = 48


@pytest.fixture
def small_disk(empty_home: Path, tmp_path: Path) -> Iterator[Path]:
    """A file system of some MiB with a migrated home on it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(disk)],
        capture_output=True, check=False,
    )  # fmt: skip
    if os.geteuid() != 0 and mounted.returncode:
        # Only root may mount. CI is root, and there a mount that fails fails the test.
        pytest.skip("only root may mount a small disk")
    assert mounted.returncode == 0, mounted.stderr
    shutil.copytree(empty_home, disk / "home")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def key_of(settings: Settings) -> str:
    engine = open_journal_database(settings)
    wish = KeyWish(partner="P", permissions=["publish.estates"])
    with writing(engine) as connection:
        key = issue_key(connection, wish, COMMAND_LINE, datetime.now(UTC)).key
    engine.dispose()
    return key


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def post(port: int, key: str, name: str) -> tuple[int, str | None]:
    """Return status and Retry-After."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/integration/estates", json.dumps(document(name)).encode(),
        {"X-API-Key": key, "Content-Type": "application/json"},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, None
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code, problem.headers["Retry-After"]


def test_a_full_disk_refuses_posts_and_everything_recovers_once_there_is_room(
    small_disk: Path,
) -> None:
    settings = Settings(home=small_disk / "home")
    key, port = key_of(settings), free_port()
    api = command("serve", "--port", str(port), home=settings.home)
    worker = command("work", home=settings.home)
    kept = []
    try:
        await_health(f"http://127.0.0.1:{port}", api)
        assert post(port, key, "before")[0] == 201
        kept.append("before")
        fill(small_disk)
        answers = []
        for number in range(400):  # what is left of the database's own pages takes a few
            answers.append(post(port, key, f"full-{number}"))
            if answers[-1][0] == 201:
                kept.append(f"full-{number}")
            if answers[-3:] == [(503, "2")] * 3:
                break
        assert answers[-3:] == [(503, "2")] * 3
        assert {status for status, _ in answers} <= {201, 503}
        (small_disk / "filler").unlink()
        await_true(lambda: post(port, key, "after")[0] in (200, 201), "a post that is taken", 20)
        kept.append("after")
        last = RawLake(settings).last_offset()
        await_true(
            lambda: progress_of(open_warehouse_reader(settings)).watermark >= last,
            "the worker to load it", 60,
        )  # fmt: skip
        assert (api.poll(), worker.poll()) == (None, None)
    finally:
        kill(api)
        kill(worker)
    names = RawLake(settings).read(0, 1_000, ["external_id", "kind"]).to_pylist()
    assert {row["external_id"] for row in names if row["kind"] == "listing"} == set(kept)


def test_a_read_only_home_is_refused_in_one_line(small_disk: Path) -> None:
    settings = Settings(home=small_disk / "home")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for arguments in (("serve", "--port", "0"), ("work",), ("refresh",)):
        done = run(*arguments, home=settings.home)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].startswith("imo360: cannot use")
