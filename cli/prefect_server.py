"""A Prefect server of our own, for the time it is needed; never left behind.

It runs below a keeper (`python -m cli.prefect_server`), which ends it when the process that
asked for it is gone, however that ended.
"""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cli.free_port import free_port
from store.home import Home

START_SECONDS = 90.0

STOP_SECONDS = 8.0
"""How long the server may take to end by itself."""


class PrefectStartError(Exception):
    """Prefect's server did not come up."""


def prefect_environment(home: Home, port: int) -> dict[str, str]:
    """Return what makes a process keep Prefect's state in the home and use the server there."""
    return {
        "PREFECT_HOME": str((home.root / "prefect").resolve()),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }


def start_prefect(home: Home, port: int) -> "subprocess.Popen[bytes]":
    """Start the server without waiting for it; point this process at it."""
    values = prefect_environment(home, port)
    os.environ.update(values)
    home.prefect.mkdir(parents=True, exist_ok=True)
    with (home.prefect / "server.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "cli.prefect_server", str(port), str(os.getpid())],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip


def await_prefect(server: "subprocess.Popen[bytes]", home: Home) -> None:
    """Wait until the server answers. Raises PrefectStartError naming its log."""
    url = os.environ["PREFECT_API_URL"] + "/health"
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 our own address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise PrefectStartError(f"Prefect's server did not start: see {home.prefect / 'server.log'}")


def stop_prefect(server: "subprocess.Popen[bytes]") -> None:
    """Stop the server, gently first."""
    _stop(server, STOP_SECONDS + 2)


def _stop(server: "subprocess.Popen[bytes]", seconds: float) -> None:
    server.terminate()
    try:
        server.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


@contextmanager
def prefect_server(home: Home) -> Iterator[Any]:
    """Run a server for the time of the block."""
    server = start_prefect(home, free_port())
    try:
        await_prefect(server, home)
        yield server
    finally:
        stop_prefect(server)


def keep(port: int, parent: int) -> None:
    """Run the server until it ends, SIGTERM comes or the parent process is gone."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the parent stops us in order
    server = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1",
         "--port", str(port)]
    )  # fmt: skip
    while server.poll() is None and os.getppid() == parent and not stop.wait(0.5):
        pass
    _stop(server, STOP_SECONDS)


if __name__ == "__main__":
    keep(int(sys.argv[1]), int(sys.argv[2]))
