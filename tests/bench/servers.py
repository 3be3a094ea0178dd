"""Servers to measure, each a process of its own, with homes in temporary folders."""

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from cli.free_port import free_port
from cli.starting import start_home
from store.audit import COMMAND_LINE
from store.database import open_journal_database, writing
from store.keys import KeyWish, issue_key
from store.raw_lake import RawLake
from store.settings import Settings

START_S = 60.0
SEAL_S = 300.0

RATE_PER_MINUTE = 1_000_000  # the most a key may have; the first million goes at once


@dataclass(frozen=True)
class Server:
    """A running server process."""

    pid: int
    port: int
    standard_input: IO[bytes]

    def tell(self, line: str) -> None:
        """Write to its standard input."""
        self.standard_input.write(line.encode())
        self.standard_input.flush()


@contextmanager
def temporary_home() -> Iterator[Settings]:
    """Yield the settings of a started home that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="imo360-bench-") as folder:
        today = datetime.now(UTC).date()
        settings = Settings(home=Path(folder) / "home", image_hosts=frozenset(), as_of_date=today)
        start_home(settings)
        yield settings


def make_bench_key(settings: Settings) -> str:
    """Return a key that may publish, with a rate no bench reaches: its limiter is in the path."""
    wish = KeyWish(
        partner="Bench (synthetic)",
        permissions=["publish.estates"],
        rate_per_minute=RATE_PER_MINUTE,
    )
    with writing(open_journal_database(settings)) as connection:
        return issue_key(connection, wish, COMMAND_LINE, datetime.now(UTC)).key


@contextmanager
def serving(settings: Settings) -> Iterator[Server]:
    """Run `imo360 serve` on a home."""
    port = free_port()
    command = ["cli.main", "serve", "--home", str(settings.home), "--port", str(port)]
    with _running(command, port, "/healthz") as server:
        yield server


@contextmanager
def comparing(module: str, settings: Settings) -> Iterator[Server]:
    """Run a server of this package that we are compared with, on the keys of a home."""
    port = free_port()
    command = [f"tests.bench.{module}", str(port), str(settings.home)]
    with _running(command, port, "/openapi.json") as server:
        yield server


@contextmanager
def sampled(settings: Settings, samples: Path) -> Iterator[Server]:
    """Run `imo360 serve` on a home with a sampler beside it."""
    port = free_port()
    command = ["tests.bench.sampled_server", str(port), str(settings.home), str(samples)]
    with _running(command, port, "/healthz") as server:
        yield server


def await_sealed(settings: Settings) -> None:
    """Wait until the server has brought everything into the lake, so that it is idle."""
    lake = RawLake(settings)
    end = time.monotonic() + SEAL_S
    while lake.waiting():
        if time.monotonic() > end:
            raise RuntimeError(f"the server did not seal within {SEAL_S:.0f} s")
        time.sleep(0.05)


@contextmanager
def _running(module: list[str], port: int, ready_path: str) -> Iterator[Server]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IMO360_")}
    process = subprocess.Popen(
        [sys.executable, "-m", *module],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment,
    )  # fmt: skip
    assert process.stdin is not None
    try:
        _await_ready(process, port, ready_path)
        yield Server(process.pid, port, process.stdin)
    finally:
        process.terminate()
        process.wait(timeout=60)
        process.stdin.close()


def _await_ready(process: "subprocess.Popen[bytes]", port: int, path: str) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2):
                return
        except (TimeoutError, urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"the server on port {port} did not start")
