"""Child processes of a serving one: started, started again when they die, ended with it."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

from cli.options import environment_for
from store.settings import Settings

LOG = logging.getLogger("imo360.serve")

RESTART_SECONDS = 2.0


class Child:
    """An `imo360` command as a child process, started again when it dies.

    The command takes `--parent`, and ends when that process is gone: a killed parent leaves
    nothing behind. descriptors: open files that it inherits.
    """

    def __init__(
        self, settings: Settings, arguments: Sequence[str], descriptors: Sequence[int] = ()
    ) -> None:
        self._name = arguments[0]
        self._command = [sys.executable, "-m", "cli.main", *arguments, "--parent", str(os.getpid())]
        self._environment = environment_for(settings)
        self._descriptors = tuple(descriptors)
        self._stop = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name=f"{self._name}-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._process is not None:
            self._process.terminate()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            # A session of its own: Ctrl-C reaches us first, and we stop the children in order.
            self._process = subprocess.Popen(
                self._command, env=self._environment, start_new_session=True,
                pass_fds=self._descriptors,
            )  # fmt: skip
            if self._stop.is_set():
                self._process.terminate()
            code = self._process.wait()
            if not self._stop.is_set():
                LOG.warning("%s ended with %d; starting it again", self._name, code)
                self._stop.wait(RESTART_SECONDS)


def stop_with(parent: int | None, stop: threading.Event) -> None:
    """Set `stop` once the parent process is gone (watched on a thread); None: no parent."""
    if parent is not None:
        threading.Thread(target=_watch_parent, args=(parent, stop), daemon=True).start()


def stop_on_signals(stop: threading.Event) -> None:
    """Set `stop` at SIGINT and SIGTERM."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda _signal, _frame: stop.set())


def _watch_parent(parent: int, stop: threading.Event) -> None:
    while os.getppid() == parent and not stop.is_set():
        stop.wait(1.0)
    stop.set()
