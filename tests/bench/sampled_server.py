"""`imo360 serve` with a sampler inside: `python -m tests.bench.sampled_server PORT HOME FILE`.

A line `DELAY SECONDS` on standard input makes it sample once, write FILE and rest again. Every
2 ms a timer's signal makes the event loop's thread look where each thread stands, and gives that
place the CPU the thread has used since the last look (its own clock, read without giving the
interpreter up). So waiting weighs nothing, and all weights together are the threads' CPU.

Not by a thread of its own: it would get the interpreter's lock where the loop gives it up, and
see the loop nowhere else. That bias remains for the other threads: they are seen where they let
the loop run (a system call, SQLite, a commit) or wait for the lock. C code counts to the Python
function that called it, the loop's own C code (sockets) to the next Python function it enters.
Threads that are not Python's and child processes are not seen.
"""

import signal
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import FrameType

import msgspec

from cli.serving import serve_alone
from store.settings import Settings

EVERY_S = 0.002

Stack = tuple[str, ...]
"""Places, innermost first."""


class Samples(msgspec.Struct):
    """CPU seconds by thread and stack; thread names by the kernel's ids; looks taken."""

    seconds: float
    looks: int
    threads: dict[int, str]
    stacks: list[tuple[str, Stack, float]]


class Sampler:
    """Looks at all threads at each signal of a timer. Made on the thread that serves."""

    def __init__(self) -> None:
        self._weights: defaultdict[tuple[str, Stack], float] = defaultdict(float)
        self._clocks: dict[int, float] = {}
        self._looks = 0
        signal.signal(signal.SIGALRM, self._look)

    def sample(self, seconds: float) -> Samples:
        """Look for so long, from another thread than the one that serves."""
        started = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, EVERY_S, EVERY_S)
        time.sleep(seconds)
        signal.setitimer(signal.ITIMER_REAL, 0)
        taken = time.perf_counter() - started
        threads = {one.native_id or 0: one.name for one in threading.enumerate()}
        stacks = [(thread, stack, weight) for (thread, stack), weight in self._weights.items()]
        return Samples(taken, self._looks, threads, stacks)

    def _look(self, _signal: int, interrupted: FrameType | None) -> None:
        self._looks += 1
        names = {one.ident: one.name for one in threading.enumerate()}
        frames = {**sys._current_frames(), threading.get_ident(): interrupted}
        for ident, frame in frames.items():
            # The thread lives: it stands in the interpreter's list, and we hold the lock.
            used = time.clock_gettime(time.pthread_getcpuclockid(ident))
            spent = used - self._clocks.get(ident, used)
            self._clocks[ident] = used
            if spent > 0 and frame is not None:
                self._weights[names.get(ident, "?"), _stack(frame)] += spent


def _stack(frame: FrameType | None) -> Stack:
    places = []
    while frame is not None:
        places.append(f"{_short(frame.f_code.co_filename)}:{frame.f_code.co_qualname}")
        frame = frame.f_back
    return tuple(places)


def _short(path: str) -> str:
    """Return a path from the packages' folder, the standard library's or ours."""
    for root in _ROOTS:
        _, found, rest = path.rpartition(root)
        if found:
            return rest
    return path


_ROOTS = (
    "site-packages/",
    f"lib/python{sys.version_info.major}.{sys.version_info.minor}/",
    f"{Path(__file__).parents[2]}/",
)


def _obey(sampler: Sampler, file: Path) -> None:
    for line in sys.stdin:
        delay, seconds = map(float, line.split())
        time.sleep(delay)
        whole = file.with_suffix(".part")
        whole.write_bytes(msgspec.json.encode(sampler.sample(seconds)))
        whole.rename(file)


if __name__ == "__main__":
    port, home, file = sys.argv[1:]
    threading.Thread(
        target=_obey, args=(Sampler(), Path(file)), name="sampler", daemon=True
    ).start()
    sys.exit(serve_alone(Settings(home=Path(home), port=int(port))))
