"""The API as a process of its own, to be spoken to over loopback and killed."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from cli.free_port import free_port

ROOT = Path(__file__).resolve().parents[2]


def command(*arguments: str, home: Path, **environment: str) -> "subprocess.Popen[bytes]":
    """Start `imo360` with these arguments."""
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", *arguments, "--home", str(home)],
        env={**os.environ, **environment}, cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def run(*arguments: str, home: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `imo360` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments, "--home", str(home)],
        env={**os.environ, **environment}, cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=240,
    )  # fmt: skip


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End a process as a power cut would, and its pipes with it."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def get(url: str, key: str | None = None) -> tuple[int, Any]:
    """GET a JSON document."""
    request = urllib.request.Request(url, headers={"X-API-Key": key} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, msgspec.json.decode(answer.read())
    except urllib.error.HTTPError as problem:
        with problem:
            return problem.code, msgspec.json.decode(problem.read())


def await_health(base: str, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the API of a process answers. AssertionError: it ended (told why), or is late."""
    for _ in range(600):
        try:
            get(f"{base}/healthz")
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None:
                said = process.communicate()[1]
                raise AssertionError(f"{base} ended with {process.returncode}: {said!r}") from None
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"the API at {base} did not start")


@contextmanager
def serving(home: Path, port: int | None = None) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Serve the API on a free port; yields its address and process."""
    chosen = port or free_port()
    process = command("serve", "--port", str(chosen), home=home)
    try:
        base = f"http://127.0.0.1:{chosen}"
        await_health(base, process)
        yield base, process
    finally:
        process.terminate()
        process.communicate()
