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

KILL_SECONDS = 20.0
"""How long a child may take to end when told to: longer than serving ones take to answer what is
under way."""


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

    @property
    def pid(self) -> int | None:
        """The process id; None while there is no process."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        self._thread.start()

    def tell_to_stop(self) -> None:
        """Ask the child to end, and start it no more."""
        self._stop.set()
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        """End the child: when it does not end by itself, by force."""
        self.tell_to_stop()
        if self._thread.ident is None:
            return  # it was never started
        self._thread.join(KILL_SECONDS)
        if self._thread.is_alive() and self._process is not None:
            LOG.warning("%s did not end within %g s: killed", self._name, KILL_SECONDS)
            self._process.kill()
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                told = f"ended with {self._run()}"
            except OSError as problem:  # no memory, or too many files are open
                told = f"could not be started: {problem}"
            if not self._stop.is_set():
                LOG.warning("%s %s; starting it again", self._name, told)
                self._stop.wait(RESTART_SECONDS)

    def _run(self) -> int:
        # A session of its own: Ctrl-C reaches us first, and we stop the children in order.
        self._process = subprocess.Popen(
            self._command, env=self._environment, start_new_session=True,
            pass_fds=self._descriptors,
        )  # fmt: skip
        if self._stop.is_set():
            self._process.terminate()
        return self._process.wait()


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
