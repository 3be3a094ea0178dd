"""Groups works on the event loop, decides them there, and waits for the disk on a thread.

A group is whatever queued while the previous one was being synced; nobody waits for company.
Deciding happens on the loop's own thread, because two threads that both need the interpreter
spend more time handing it over than a post costs (docs/performance.md).
"""

import asyncio
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from ingest_api.tally import Tally
from store.journal import Journal, JournalClosedError, Pending
from store.shapes.posts import Done, Sender, Work
from store.storage_problems import Complaints, storage_complaint

LOG = logging.getLogger(__name__)
COMPLAINTS = Complaints(LOG)

GROUP_POSTS = 400
"""Most posts in one transaction: two chunks of bulks share the fsync, and it is decided in some
milliseconds, for which no other request gets its turn of the loop."""

TALLY_SECONDS = 1.0
"""Shortest time between two commits that carry the tally."""

NOBODY = Sender(0, 0, None)

Outcomes = list[Done | BaseException]


class Desk:
    """The event loop's side of the journal. Made inside the running loop; used by it alone."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[Work, asyncio.Future[Any]]] = deque()
        self._taken: list[tuple[Work, asyncio.Future[Any]]] = []
        self._is_busy = False
        self._is_closed = False
        self._is_stuck = False
        self.tally = Tally(lambda: self._loop.call_later(TALLY_SECONDS, self._write_tally))
        self._writes_tally_at = 0.0
        self._errands: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run_errands, name="committer", daemon=True)
        self._thread.start()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def healthy(self) -> bool:
        """Whether works can still be done."""
        return self._thread.is_alive() and not self._is_closed

    @property
    def is_stuck(self) -> bool:
        """Whether the newest work could not be stored, for want of a disk or a database."""
        return self._is_stuck

    def submit(self, work: Work) -> asyncio.Future[Any]:
        """Queue a work; the future holds what it came to once that is durable."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._is_closed:
            future.set_exception(JournalClosedError("the journal is closed: nothing was accepted"))
            return future
        self._waiting.append((work, future))
        if not self._is_busy:
            self._is_busy = True
            self._idle.clear()
            self._loop.call_soon(self._next_group)
        return future

    async def close(self) -> None:
        """Do what is waiting, then stop; the journal stays open."""
        if self.tally and not self._is_closed:
            try:
                await self.submit(Work(NOBODY, act=self.tally.write))
            except Exception:
                LOG.exception("some counts of keys' use are lost")
        self._is_closed = True
        await self._idle.wait()
        self._errands.put(None)
        await asyncio.to_thread(self._thread.join)

    def _next_group(self) -> None:
        self._taken = self._take_waiting()
        if self._taken and self.tally and self._loop.time() >= self._writes_tally_at:
            future = self._loop.create_future()
            future.add_done_callback(_counts_are_lost)
            self._taken.append((Work(NOBODY, act=self.tally.write), future))
            self._writes_tally_at = self._loop.time() + TALLY_SECONDS
        if not self._taken:
            self._is_busy = False
            self._idle.set()
        elif self._journal.try_take_turn():
            self._decide()
        else:
            self._errands.put(self._await_turn)

    def _write_tally(self) -> None:
        """Write what was counted when no post came to carry it."""
        if self.tally and not self._is_closed:
            self.submit(Work(NOBODY, act=self.tally.write)).add_done_callback(_counts_are_lost)

    def _take_waiting(self) -> list[tuple[Work, asyncio.Future[Any]]]:
        taken: list[tuple[Work, asyncio.Future[Any]]] = []
        size = 0
        while self._waiting and (not taken or size + len(self._waiting[0][0].posts) <= GROUP_POSTS):
            taken.append(self._waiting.popleft())
            size += max(1, len(taken[-1][0].posts))
        return taken

    def _await_turn(self) -> None:
        """On the thread: another process writes."""
        try:
            self._journal.take_turn()
        except OSError as problem:
            self._call(self._hand_out, [problem] * len(self._taken))
        else:
            self._call(self._decide)

    def _decide(self) -> None:
        group = [work for work, _ in self._taken]
        try:
            pending = self._journal.begin(group)
        except Exception as problem:
            self._errands.put(_alone(self, group, problem))
        else:
            self._errands.put(_commit(self, pending))

    def _hand_out(self, outcomes: Outcomes) -> None:
        for (_, future), outcome in zip(self._taken, outcomes, strict=True):
            self._is_stuck = (
                isinstance(outcome, BaseException) and storage_complaint(outcome) is not None
            )
            if future.done():
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        self._taken = []
        self._next_group()

    def _run_errands(self) -> None:
        """The thread: whatever waits for the disk or for another process."""
        while (errand := self._errands.get()) is not None:
            errand()

    def _call(self, step: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(step, *arguments)
        except RuntimeError:
            LOG.debug("the loop is closed: nobody is waiting for an answer any more")


def _counts_are_lost(future: asyncio.Future[Any]) -> None:
    if not future.cancelled() and (problem := future.exception()) is not None:
        COMPLAINTS.tell("some counts of keys' use are lost", problem)


def _commit(desk: Desk, pending: Pending) -> Callable[[], None]:
    return lambda: desk._call(desk._hand_out, pending.commit())


def _alone(desk: Desk, group: Sequence[Work], problem: Exception) -> Callable[[], None]:
    """The group could not be written together: each work by itself."""
    return lambda: desk._call(desk._hand_out, desk._journal.alone(group, problem))
