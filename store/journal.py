"""The journal: makes posts durable before the partner is answered, and keeps the register.

A group of works is decided in memory and written in one transaction with one fsync. `begin`
decides and writes, `Pending.commit` waits for the disk, so that a serving process can decide on
its event loop and wait on a thread (`ingest_api.desk`); `submit` does both for everybody else.
Downstream of it stands the raw lake (`raw_lake`).
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
from sqlalchemy.engine import Engine

from store.crash_points import crash_at
from store.database import expect_home, open_journal_database
from store.home import FileLock, Home
from store.register import Register, Turn
from store.settings import Settings
from store.shapes.posts import (
    Accepted,
    Done,
    Failed,
    Post,
    Rejected,
    Sender,
    Verdict,
    Work,
)
from store.storage_problems import is_locked, storage_complaint
from store.tables.columns import instant_text

__all__ = [
    "Accepted",
    "Failed",
    "Journal",
    "JournalClosedError",
    "Pending",
    "Post",
    "Rejected",
    "Sender",
    "Verdict",
    "Work",
    "append_event",
    "open_journal",
]

LOG = logging.getLogger("imo360.journal")

Clock = Callable[[], datetime]

REFUSED_BYTES = 64 * 1024
"""How much of a refused body is kept."""

ANSWERS_KEPT = timedelta(hours=24)
"""How long an answer is given again for its Idempotency-Key."""

PATIENCE_SECONDS = 2.0
"""How long a group waits for a database that somebody else holds locked. While it stays locked,
the groups after it wait IMPATIENCE_SECONDS."""

IMPATIENCE_SECONDS = 0.1

POST, DELETE = "estates.post", "estates.delete"
"""Actions of the audit."""


class JournalClosedError(Exception):
    """The journal was closed before the post was committed: it was not accepted."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A group that is decided and written, and not yet durable."""

    journal: "Journal"
    turn: Turn
    group: Sequence[Work]
    outcomes: list[Done]

    def commit(self) -> list[Done | BaseException]:
        """Wait until the group is durable; return what each work came to.

        When the commit fails, each work is tried again alone, and fails alone.
        """
        return self.journal.finish(self)


class Journal:
    """The way into one home's journal. One transaction at a time; not for use after `close`."""

    def __init__(
        self, engine: Engine, lock: Path, clock: Clock = lambda: datetime.now(UTC), *,
        knows_keys: bool = True,
    ) -> None:  # fmt: skip
        self._register = Register(engine, knows_keys=knows_keys)
        self._file_lock = FileLock(lock)
        self._clock = clock
        self._one = threading.Lock()
        self._patience = PATIENCE_SECONDS
        self._is_closed = False

    def submit(self, sender: Sender, posts: Sequence[Post]) -> list[Verdict]:
        """Commit posts in their order; return one verdict each once they are durable."""
        return cast("list[Verdict]", self.do(Work(sender, posts)))

    def do(self, work: Work) -> Done:
        """Do one work; return what it came to. Raises what kept it from being done."""
        with self._one:
            if self._is_closed:
                raise JournalClosedError("the journal is closed: nothing was accepted")
            self.take_turn()
            try:
                (outcome,) = self.begin([work]).commit()
            except Exception as problem:
                (outcome,) = self.alone([work], problem)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def preview(self, work: Work) -> Done:
        """Return what a work would come to; nothing of it is kept."""
        with self._one, self._file_lock.taken():
            turn = self._register.begin(self._clock())
            try:
                return _tried(turn, work)
            finally:
                self._register.abandon()

    def try_take_turn(self) -> bool:
        """Take the turn among the processes that write; False at once while another has it."""
        return self._file_lock.try_take()

    def take_turn(self) -> None:
        """Take the turn among the processes that write, when it comes."""
        self._file_lock.take()

    def begin(self, group: Sequence[Work]) -> Pending:
        """Decide a group and write it. The turn must be taken; `Pending.commit` gives it back.

        Raises what kept the group from being written; the turn is then given back.
        """
        try:
            turn, outcomes = self._decide(group)
        except BaseException:
            self._file_lock.free()
            raise
        return Pending(self, turn, group, outcomes)

    def finish(self, pending: Pending) -> list[Done | BaseException]:
        """See `Pending.commit`."""
        try:
            self._register.commit(pending.turn)
            crash_at("post_committed")
        except Exception as problem:
            return self._retried(pending.group, problem)
        else:
            return list(pending.outcomes)
        finally:
            self._file_lock.free()

    def alone(self, group: Sequence[Work], problem: Exception) -> list[Done | BaseException]:
        """Do each work by itself, after the group failed with a problem. Takes its own turn."""
        with self._file_lock.taken():
            return self._retried(group, problem)

    def close(self) -> None:
        """Give the connection back; nothing is accepted any more."""
        with self._one:
            self._is_closed = True
            self._register.close()
            self._file_lock.close()

    def _decide(self, group: Sequence[Work]) -> tuple[Turn, list[Done]]:
        turn = self._register.begin(self._clock())
        try:
            if len(group) > 1:
                turn.look_up(post for work in group for post in work.posts)
            outcomes = [_do(turn, work) for work in group]
            turn.write()
            crash_at("post_written")
        except BaseException:
            self._register.abandon()
            raise
        return turn, outcomes

    def _retried(self, group: Sequence[Work], problem: Exception) -> list[Done | BaseException]:
        if is_locked(problem):
            return self._waited(group, problem)
        if len(group) == 1 and len(group[0].posts) < 2:
            return [problem]
        return [self._done_alone(work) for work in group]

    def _waited(self, group: Sequence[Work], problem: Exception) -> list[Done | BaseException]:
        """Try the group again until the database is free or patience ends. Never on a loop."""
        ends = time.monotonic() + self._patience
        while is_locked(problem):
            if time.monotonic() >= ends:
                self._patience = IMPATIENCE_SECONDS
                return [problem] * len(group)
            time.sleep(0.01)
            try:
                turn, outcomes = self._decide(group)
                self._register.commit(turn)
            except Exception as again:
                problem = again
            else:
                self._patience = PATIENCE_SECONDS
                return list(outcomes)
        return self._retried(group, problem)

    def _done_alone(self, work: Work) -> Done | BaseException:
        try:
            turn, (outcome,) = self._decide([work])
            self._register.commit(turn)
        except Exception as problem:
            is_hopeless = len(work.posts) < 2 or storage_complaint(problem) is not None
            return problem if is_hopeless else self._one_by_one(work)
        else:
            return outcome

    def _one_by_one(self, work: Work) -> list[Verdict]:
        """Commit each post of a bulk by itself: the one at fault fails, its neighbours do not."""
        verdicts: list[Verdict] = []
        for post in work.posts:
            outcome = self._done_alone(replace(work, posts=(post,), keeping=None))
            if isinstance(outcome, BaseException):
                LOG.error(
                    "a post could not be committed; nothing of it is stored", exc_info=outcome
                )
                verdicts.append(Failed())
            else:
                verdicts += cast("list[Verdict]", outcome)
        return verdicts


def try_write(turn: Turn) -> None:
    """An act that changes nothing and yet writes: it fails while nothing can be stored."""
    turn.write_nothing()


def _tried(turn: Turn, work: Work) -> list[Verdict]:
    """Decide the posts of a dry run; what is accepted carries the documents."""
    if work.snapshot is not None and (closed := _closed_snapshot(turn, work)):
        return closed
    turn.look_up(work.posts)
    verdicts: list[Verdict] = []
    for post in work.posts:
        before = turn.document(post)
        verdict = turn.take(work.sender, post)
        if isinstance(verdict, Accepted):
            after = turn.document(post)
            verdict = msgspec.structs.replace(verdict, before=before, after=after)
        verdicts.append(verdict)
    return verdicts


def _do(turn: Turn, work: Work) -> Done:
    """Do one work within a turn."""
    if work.act is not None:
        return work.act(turn)
    sender = work.sender
    for refused in work.refused:
        turn.keep_refused(sender, refused, REFUSED_BYTES)
        _note_refused(turn, sender, refused.provider_identifier, refused.codes)
    if work.keeping is not None:
        since = instant_text(turn.now - ANSWERS_KEPT)
        kept = turn.find_kept(sender, work.keeping, since)
        if kept is not None:
            turn.notes.use(sender.key_id, "calls", work.calls)
            return kept
    if work.snapshot is not None and (closed := _closed_snapshot(turn, work)):
        turn.notes.use(sender.key_id, "calls", work.calls)
        return closed
    turn.look_up(work.posts)
    verdicts = [turn.take(sender, post) for post in work.posts]
    if work.snapshot is not None:
        turn.note_sent(work.snapshot, verdicts)
    if work.keeping is not None:
        turn.keep_answer(sender, work.keeping, verdicts)
    _note_verdicts(turn, work, verdicts)
    return verdicts


def _closed_snapshot(turn: Turn, work: Work) -> list[Verdict]:
    """Return the verdicts of posts whose snapshot takes no more; empty while it does."""
    row = turn.first("open_snapshot", (work.snapshot, work.sender.partner_id))
    if row is None:
        return [Rejected("snapshot_closed") for _ in work.posts]
    if any(post.provider_identifier != row[0] for post in work.posts):
        return [Rejected("snapshot_scope", ("providerIdentifier",)) for _ in work.posts]
    return []


def _note_verdicts(turn: Turn, work: Work, verdicts: Sequence[Verdict]) -> None:
    notes, sender = turn.notes, work.sender
    notes.use(sender.key_id, "calls", work.calls)
    notes.use(sender.key_id, "warned", work.warned)
    # What was rejected is counted when the door keeps its body and knows what it answers.
    accepted = Counter(
        (POST if post.deletion is None else DELETE, post.provider_identifier)
        for post, verdict in zip(work.posts, verdicts, strict=True)
        if isinstance(verdict, Accepted)
    )
    for (action, provider), count in accepted.items():
        notes.audit(sender, action, provider, "done", count)
    notes.use(sender.key_id, "accepted", accepted.total())


def _note_refused(turn: Turn, sender: Sender, provider: str | None, codes: Sequence[str]) -> None:
    turn.notes.use(sender.key_id, "refused")
    for code in codes:
        turn.notes.use(sender.key_id, f"code:{code}")
        turn.notes.audit(sender, POST, provider, code)


def open_journal(
    settings: Settings, clock: Clock = lambda: datetime.now(UTC), *, knows_keys: bool = True
) -> Journal:
    """Open the journal of a migrated home.

    knows_keys: the keys of its senders are in the same database, and are judged again with each
    post; False for a sandbox, whose keys are the platform's.
    """
    expect_home(settings)
    engine = open_journal_database(settings)
    return Journal(engine, Home(settings.home).locks / "journal.lock", clock, knows_keys=knows_keys)


def append_event(settings: Settings, kind: str, facts: dict[str, Any], now: datetime) -> int:
    """Journal an input that is not a payload (zones, rates, verdicts, editions); return its offset.

    For flows and operator commands, from any process; durable on return.
    """
    engine = open_journal_database(settings)
    register = Register(engine, waits=True)
    lock = FileLock(Home(settings.home).locks / "journal.lock")
    try:
        with lock.taken(), register.turn(now) as turn:
            return turn.add_fact(kind, msgspec.json.encode(facts))
    finally:
        register.close()
        lock.close()
        engine.dispose()
