"""Serving: API and explorer on one port, the sealer beside them, and for `up` the worker too.

The worker is a process of its own, so that models and maps never slow an answer down.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from cli.free_port import free_port, listen
from cli.options import environment_for
from explorer.app import create_explorer
from ingest_api.app import create_app
from store.home import Home
from store.raw_lake import RawLake
from store.schema import expect_current
from store.settings import Settings
from store.signing_secret import expect_safe

LOG = logging.getLogger("imo360.serve")

RESTART_SECONDS = 2.0

EXPLORER_PATHS = ("/static/", "/images/", "/api/market/", "/favicon")


class Sealer:
    """Brings journaled events into the lake every `seal_seconds`, on a thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sealer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Seal what waits, then end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        lake = RawLake(self._settings)
        is_open = True
        while is_open:
            is_open = not self._stop.wait(self._settings.seal_seconds)
            try:
                lake.seal(datetime.now(UTC))
            except Exception:
                LOG.exception("sealing failed; the events stay in the journal, trying again")


class ChildWorker:
    """`imo360 work` as a child process, started again when it dies."""

    def __init__(self, settings: Settings) -> None:
        self._environment = environment_for(settings)
        self._stop = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name="worker-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._process is not None:
            self._process.terminate()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            command = [sys.executable, "-m", "cli.main", "work", "--parent", str(os.getpid())]
            # A session of its own: Ctrl-C reaches us first, and we stop the worker in order.
            self._process = subprocess.Popen(command, env=self._environment, start_new_session=True)
            if self._stop.is_set():
                self._process.terminate()
            code = self._process.wait()
            if not self._stop.is_set():
                LOG.warning("the worker ended with %d; starting it again", code)
                self._stop.wait(RESTART_SECONDS)


def build_app(settings: Settings) -> ASGIApp:
    """Return the API with the explorer beside it, told apart by the path.

    Not a mount at "/": it would match whatever the API's routes do not, and answer the
    explorer's 404 where the API owes a 405.
    """
    api, explorer = create_app(settings), create_explorer(settings)

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        is_looking = scope["type"] == "http" and _is_explorers(scope["path"])
        await (explorer if is_looking else api)(scope, receive, send)

    return route


def _is_explorers(path: str) -> bool:
    return path == "/" or path.startswith(EXPLORER_PATHS)


def serve_alone(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code."""
    expect_safe(settings)
    start_if_new(settings)
    return _serve(settings, [Sealer(settings)])


def bring_up(settings: Settings, *, with_prefect: bool) -> int:
    """Serve, seal and refresh until SIGINT or SIGTERM; return the exit code."""
    expect_safe(settings)
    start_if_new(settings)
    parts: list[Any] = [Sealer(settings)]
    if with_prefect:
        parts.append(_PrefectPart(Home(settings.home)))
    parts.append(_LatePart(settings))
    return _serve(settings, parts)


class _PrefectPart:
    """A Prefect server for as long as we serve."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def start(self) -> None:
        from cli.prefect_server import start_prefect

        port = free_port()
        self._server = start_prefect(self._home, port)
        print(f"Prefect's pages: http://127.0.0.1:{port}", flush=True)

    def stop(self) -> None:
        from cli.prefect_server import stop_prefect

        stop_prefect(self._server)


class _LatePart:
    """The worker, made when it starts: it must see the Prefect address set before it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self) -> None:
        self._child = ChildWorker(self._settings)
        self._child.start()

    def stop(self) -> None:
        self._child.stop()


def start_if_new(settings: Settings) -> None:
    """Start the home in a child process (it loads maps, which serving must not)."""
    home = Home(settings.home)
    if home.journal.exists():
        expect_current(settings)
        return
    command = [sys.executable, "-m", "cli.main", "migrate"]
    done = subprocess.run(command, env=environment_for(settings), check=False, stdout=sys.stderr)
    if done.returncode:
        raise SystemExit(done.returncode)  # it has said why


def _serve(settings: Settings, parts: list[Any]) -> int:
    listener = listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    config = uvicorn.Config(
        build_app(settings), log_level="warning", access_log=False, timeout_graceful_shutdown=10
    )
    server = uvicorn.Server(config)
    started: list[Any] = []
    # uvicorn raises the signal that ended it once more when it is done: let both of them
    # arrive here, where the parts are stopped in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for part in parts:
            part.start()
            started.append(part)
        threading.Thread(target=_announce, args=(server, host, port), daemon=True).start()
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    finally:
        for part in reversed(started):
            part.stop()
        listener.close()
    return 0 if server.started else 1


def _announce(server: uvicorn.Server, host: str, port: int) -> None:
    while not server.started:
        time.sleep(0.02)
    print(f"imo360 is up: http://{host}:{port} (explorer), /docs (API)", flush=True)
