"""The journal: makes posts durable before the partner is answered, and keeps the register.

One committer thread takes whatever is waiting, commits it in one transaction with one fsync and
answers all of it; nobody waits for company. Downstream of it stands the raw lake (`raw_lake`).
"""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.engine import Engine

from store.database import open_journal_database
from store.home import Home, locked
from store.register import Register
from store.settings import Settings
from store.shapes.posts import Accepted, Failed, Post, Rejected, Sender, Verdict

__all__ = [
    "Accepted",
    "Failed",
    "Journal",
    "JournalClosedError",
    "Post",
    "Rejected",
    "Sender",
    "Verdict",
    "append_event",
    "open_journal",
]

LOG = logging.getLogger("imo360.journal")

GROUP_POSTS = 1_000
"""Most posts in one transaction: enough to share the fsync, few enough to answer soon."""

REFUSED_BYTES = 64 * 1024
"""How much of a refused body is kept."""


@dataclass(slots=True)
class _Work:
    """One caller's posts (or one refused body) on their way to the committer."""

    sender: Sender
    posts: Sequence[Post]
    refused: tuple[Sequence[str], bytes] | None
    deliver: Callable[[list[Verdict] | BaseException], None]


class JournalClosedError(Exception):
    """The journal was closed before the post was committed: it was not accepted."""


class Journal:
    """The serving process's way into the journal. Thread-safe; owns the committer thread."""

    def __init__(
        self, engine: Engine, lock: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._register = Register(engine)
        self._lock = lock
        self._clock = clock
        self._waiting: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._is_closed = False
        self._door = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    @property
    def healthy(self) -> bool:
        """Whether posts can still be committed."""
        return self._thread.is_alive() and not self._is_closed

    def submit(self, sender: Sender, posts: Sequence[Post]) -> Future[list[Verdict]]:
        """Commit posts in their order; the future holds one verdict each once they are durable."""
        future: Future[list[Verdict]] = Future()
        self.deliver(sender, posts, lambda outcome: _settle(future, outcome))
        return future

    def deliver(
        self,
        sender: Sender,
        posts: Sequence[Post],
        deliver: Callable[[list[Verdict] | BaseException], None],
    ) -> None:
        """Like `submit`, but call `deliver` on the committer's thread (cheaper than a future)."""
        self._put(_Work(sender, posts, None, deliver))

    def refuse(self, sender: Sender, codes: Sequence[str], body: bytes) -> Future[list[Verdict]]:
        """Keep the first 64 KiB of a refused body, with the codes of its violations."""
        future: Future[list[Verdict]] = Future()
        work = _Work(sender, (), (codes, body[:REFUSED_BYTES]), lambda o: _settle(future, o))
        self._put(work)
        return future

    def close(self) -> None:
        """Commit what is waiting, then stop."""
        with self._door:
            self._is_closed = True
            self._waiting.put(None)
        self._thread.join()
        self._register.close()

    def _put(self, work: _Work) -> None:
        # Under one lock with `close`: nothing may queue behind the mark that ends the committer.
        with self._door:
            if self._is_closed:
                raise JournalClosedError("the journal is closed: nothing was accepted")
            self._waiting.put(work)

    def _run(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._next_group()
            if group:
                self._commit(group)

    def _next_group(self) -> tuple[list[_Work], bool]:
        """Wait for work, then take all that queued meanwhile; False when closing."""
        group: list[_Work] = []
        size = 0
        work = self._waiting.get()
        while work is not None:
            group.append(work)
            size += max(1, len(work.posts))
            if size >= GROUP_POSTS:
                return group, True
            try:
                work = self._waiting.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _commit(self, group: list[_Work]) -> None:
        try:
            outcomes = self._commit_together(group)
        except Exception as problem:
            # One bad neighbour must not fail the others: each is tried again alone.
            if len(group) > 1:
                for work in group:
                    self._commit([work])
            elif len(group[0].posts) > 1:
                self._commit_one_by_one(group[0])
            else:
                group[0].deliver(problem)
            return
        for work, outcome in zip(group, outcomes, strict=True):
            work.deliver(outcome)

    def _commit_one_by_one(self, work: _Work) -> None:
        """Commit each post of a bulk by itself: the one at fault fails, its neighbours do not."""
        verdicts: list[Verdict] = []
        for post in work.posts:
            try:
                ((verdict,),) = self._commit_together([replace(work, posts=(post,))])
            except Exception:
                LOG.exception("a post could not be committed; nothing of it is stored")
                verdict = Failed()
            verdicts.append(verdict)
        work.deliver(verdicts)

    def _commit_together(self, group: list[_Work]) -> list[list[Verdict]]:
        outcomes: list[list[Verdict]] = []
        with locked(self._lock), self._register.turn(self._clock()) as turn:
            turn.look_up(post for work in group for post in work.posts)
            for work in group:
                if work.refused is not None:
                    turn.keep_refused(work.sender.key_id, *work.refused)
                outcomes.append([turn.take(work.sender, post) for post in work.posts])
        return outcomes


def _settle(future: Future[list[Verdict]], outcome: list[Verdict] | BaseException) -> None:
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def open_journal(
    settings: Settings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Journal:
    """Open the journal of a migrated home."""
    home = Home(settings.home)
    home.expect()
    return Journal(open_journal_database(settings), home.locks / "journal.lock", clock)


def append_event(settings: Settings, kind: str, facts: dict[str, Any], now: datetime) -> int:
    """Journal an input that is not a payload (zones, rates, verdicts, editions); return its offset.

    For flows and operator commands, from any process; durable on return.
    """
    engine = open_journal_database(settings)
    register = Register(engine)
    try:
        with locked(Home(settings.home).locks / "journal.lock"), register.turn(now) as turn:
            return turn.add_fact(kind, msgspec.json.encode(facts))
    finally:
        register.close()
        engine.dispose()
