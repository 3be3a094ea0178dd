"""Render pictures in processes of their own: the part of fetch_images that burns the processor.

Two processes beat two threads, and a picture that kills its decoder kills neither the worker
nor its neighbours. What a picture must be is left to `store.pictures`.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from store.pictures import PictureProblem, Rendered, render

Outcome = Rendered | PictureProblem


class Renderers:
    """A pool of rendering processes, started by the first picture and ended by `close`.

    May be kept over many calls and event loops: starting it costs about a second of processor
    time. The processes end when this one dies, however it dies.
    """

    def __init__(
        self,
        processes: int = 2,
        work: Callable[[bytes], Outcome] = render,
    ) -> None:
        """`work` is what each picture goes through: a function that can be pickled by name."""
        self._processes = processes
        self._work = work
        self._pool: ProcessPoolExecutor | None = None

    async def render(self, original: bytes) -> Outcome | None:
        """Return what `work` makes of the picture; None when it kills the process it is in."""
        pool = self._pool = self._pool or _pool(self._processes)
        try:
            return await _run(pool, self._work, original)
        except BrokenProcessPool:
            # One picture killed a process and its neighbours lost theirs: each once more, alone.
            if self._pool is pool:
                self._pool = None
            pool.shutdown(wait=False)
            return await self._alone(original)

    async def _alone(self, original: bytes) -> Outcome | None:
        pool = _pool(1)
        try:
            return await _run(pool, self._work, original)
        except BrokenProcessPool:
            return None
        finally:
            pool.shutdown(wait=False)

    def close(self) -> None:
        """End the processes; what waits is dropped, what runs (a second at most) is awaited."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


async def _run(
    pool: ProcessPoolExecutor, work: Callable[[bytes], Outcome], original: bytes
) -> Outcome:
    return await asyncio.get_running_loop().run_in_executor(pool, work, original)


def _pool(processes: int) -> ProcessPoolExecutor:
    # Spawned, not forked: a fork of a process with threads (uvicorn, Prefect) may deadlock.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, mp_context=context, initializer=_begin)


def _begin() -> None:
    """Leave Ctrl-C to the parent, and leave with it: a pool's orphans would wait forever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
