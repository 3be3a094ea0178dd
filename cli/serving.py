"""Serving: API and explorer on one port, the sealer beside them, and for `up` the worker too.

Sealer and worker are processes of their own, so that neither files nor models slow an answer down.
"""

import logging
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from cli.children import Child, stop_with
from cli.free_port import free_port, listen
from cli.http_protocol import HttpProtocol
from cli.options import environment_for
from cli.preview_process import PreviewProcess
from explorer.app import create_explorer
from ingest_api.app import create_app
from ingest_api.short_way import ShortWay
from store.home import Home
from store.schema import expect_current
from store.settings import Settings
from store.signing_secret import expect_safe

LOG = logging.getLogger("imo360.serve")

BACKLOG = 2_048
"""Connections that may wait to be accepted."""

EXPLORER_PATHS = ("/static/", "/images/", "/api/market/", "/favicon")


def build_app(settings: Settings, previewer: PreviewProcess) -> ASGIApp:
    """Return the API with the explorer beside it, told apart by the path.

    Not a mount at "/": it would match whatever the API's routes do not, and answer the
    explorer's 404 where the API owes a 405.
    """
    api, explorer = ShortWay(create_app(settings, previewer=previewer)), create_explorer(settings)

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        is_looking = scope["type"] == "http" and _is_explorers(scope["path"])
        await (explorer if is_looking else api)(scope, receive, send)

    return route


def _is_explorers(path: str) -> bool:
    return path == "/" or path.startswith(EXPLORER_PATHS)


def serve_alone(settings: Settings, workers: int = 1) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code."""
    expect_safe(settings)
    start_if_new(settings)
    return _serve(settings, [Child(settings, ["seal"])], workers)


def bring_up(settings: Settings, *, with_prefect: bool) -> int:
    """Serve, seal and refresh until SIGINT or SIGTERM; return the exit code."""
    expect_safe(settings)
    start_if_new(settings)
    parts: list[Any] = [Child(settings, ["seal"])]
    if with_prefect:
        parts.append(_PrefectPart(Home(settings.home)))
    parts.append(_LatePart(settings))
    return _serve(settings, parts, 1)


def serve_share(settings: Settings, descriptor: int, parent: int | None) -> int:
    """Serve on an inherited socket, one of several processes, until SIGTERM."""
    stop = threading.Event()
    stop_with(parent, stop)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # see _serve
    with socket.socket(fileno=descriptor) as listener:
        previewer = PreviewProcess(settings)
        server = uvicorn.Server(_config(settings, previewer))
        threading.Thread(target=_end_with, args=(server, stop), daemon=True).start()
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
        previewer.close()
    return 0 if server.started else 1


def _end_with(server: uvicorn.Server, stop: threading.Event) -> None:
    stop.wait()
    server.should_exit = True


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
        self._child = Child(self._settings, ["work"])
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


def _serve(settings: Settings, parts: list[Any], workers: int) -> int:
    listener = listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    started: list[Any] = []
    # uvicorn raises the signal that ended it once more when it is done: let both of them
    # arrive here, where the parts are stopped in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def start_parts() -> None:
        _say_up(host, port)
        for part in parts:
            part.start()
            started.append(part)

    try:
        if workers > 1:
            return _serve_shared(settings, listener, workers, start_parts)
        previewer = PreviewProcess(settings)
        server = _DoorFirst(_config(settings, previewer), start_parts)
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
        previewer.close()
        return 0 if server.started else 1
    finally:
        for part in reversed(started):
            part.stop()
        listener.close()


class _DoorFirst(uvicorn.Server):
    """Calls `then` once connections are accepted.

    What works beside the API takes seconds of CPU to start: the API's own start comes first.
    """

    def __init__(self, config: uvicorn.Config, then: Callable[[], None]) -> None:
        super().__init__(config)
        self._then = then

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._then()


def _serve_shared(
    settings: Settings, listener: socket.socket, workers: int, then: Callable[[], None]
) -> int:
    """Let so many processes accept on one socket, until a signal; call `then` beside them."""
    listener.listen(BACKLOG)
    descriptor = listener.fileno()
    share = settings.model_copy(update={"api_processes": workers})
    arguments = ["serve", "--socket", str(descriptor)]
    children = [Child(share, arguments, [descriptor]) for _ in range(workers)]
    try:
        for child in children:
            child.start()
        with suppress(KeyboardInterrupt):
            then()
            threading.Event().wait()
    finally:
        for child in children:  # all at once: each finishes what is under way
            child.tell_to_stop()
        for child in children:
            child.stop()
    return 0


def _config(settings: Settings, previewer: PreviewProcess) -> uvicorn.Config:
    return uvicorn.Config(
        build_app(settings, previewer), log_level="warning", access_log=False, ws="none",
        http=HttpProtocol, backlog=BACKLOG, timeout_graceful_shutdown=10,
    )  # fmt: skip


def _say_up(host: str, port: int) -> None:
    print(f"imo360 is up: http://{host}:{port} (explorer), /docs (API)", flush=True)
