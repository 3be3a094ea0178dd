"""Accepts listings: read, hand to the journal, learn the verdict. Knows no HTTP.

Everything returned as taken is durable. Whatever an authenticated sender had refused is kept
beside the journal before the answer.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import msgspec

from ingest_api.desk import Desk
from ingest_api.reading import Refusal, RefusedError, Understood, invalid, read_listing
from store.journal import JournalClosedError
from store.shapes.checks import Violation, Warned
from store.shapes.posts import (
    Accepted,
    Answer,
    Failed,
    Keeping,
    Kept,
    Post,
    RefusedBody,
    Rejected,
    Sender,
    Verdict,
    Work,
)
from store.storage_problems import Complaints, storage_complaint

COMPLAINTS = Complaints(logging.getLogger(__name__))

CHUNK_POSTS = 200
"""Items read and handed over before other requests get their turn of the event loop."""


class Owners(Protocol):
    """Knows whose a provider identifier is."""

    def owner(self, provider: str) -> int | None:
        """Return the partner that owns it; None while it is free."""


class Taken(msgspec.Struct, frozen=True, gc=False):
    """A post that is durable, and what the sender should know about it.

    supersedes: the position in the same bulk of an earlier post of the same listing.
    """

    accepted: Accepted
    warnings: Sequence[Warned]
    supersedes: int | None = None


Outcome = Taken | Refusal


Reader = Callable[[bytes, datetime], Understood | Refusal]


@dataclass(frozen=True, slots=True)
class Counter:
    """Where posts are accepted: the way into the journal, who owns what, how bodies are read."""

    desk: Desk
    owners: Owners
    read: Reader = read_listing


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks beside its posts.

    if_match: the revision that must be stored. snapshot: the snapshot that the posts belong to.
    is_part: the items are a part of a request that is counted as one call elsewhere.
    idempotency_key, request_sha256: keep the answer, or give the one that was kept.
    """

    if_match: int | None = None
    snapshot: str | None = None
    is_part: bool = False
    idempotency_key: str | None = None
    request_sha256: str = ""


NOTHING_ELSE = Wanted()


async def accept_listing(
    counter: Counter, sender: Sender, payload: bytes, now: datetime,
    wanted: Wanted = NOTHING_ELSE, reply: Callable[[Outcome], Answer] | None = None,
) -> Outcome | Kept:  # fmt: skip
    """Accept one posted listing; reply makes the answer that is kept when that was asked."""
    read = counter.read(payload, now)
    if isinstance(read, Refusal):
        outcome: Outcome | Kept = _whose(counter.owners, sender, read)
        calls = 1
    else:
        outcome = await _accept_one(counter, sender, read, wanted, reply)
        calls = 0
    if isinstance(outcome, Refusal):
        await keep_refused(counter.desk, sender, [(outcome, payload)], calls)
    return outcome


async def _accept_one(
    counter: Counter, sender: Sender, read: Understood, wanted: Wanted,
    reply: Callable[[Outcome], Answer] | None,
) -> Outcome | Kept:  # fmt: skip
    post = read.post
    if wanted.if_match is not None:
        post = msgspec.structs.replace(post, if_match=wanted.if_match)
    keeping = None
    if wanted.idempotency_key is not None and reply is not None:
        keeping = Keeping(
            wanted.idempotency_key, wanted.request_sha256,
            lambda verdicts: _kept_when_taken(_outcome(read, verdicts[0]), reply),
        )  # fmt: skip
    work = Work(sender, (post,), (), wanted.snapshot, keeping, None, bool(read.warnings))
    try:
        done = await counter.desk.submit(work)
    except JournalClosedError:
        return CLOSED
    return done if isinstance(done, Kept) else _outcome(read, done[0])


def _kept_when_taken(outcome: Outcome, reply: Callable[[Outcome], Answer]) -> Answer | None:
    return reply(outcome) if isinstance(outcome, Taken) else None


async def accept_bulk(
    counter: Counter, sender: Sender, items: Sequence[bytes], now: datetime,
    wanted: Wanted = NOTHING_ELSE, reply: Callable[[list[Outcome]], Answer] | None = None,
) -> list[Outcome] | Kept:  # fmt: skip
    """Accept each item of a bulk by itself, in order; a refused item hinders no other.

    A bulk whose answer is kept goes into the journal whole, in one transaction with its answer.
    """
    calls = 0
    if wanted.idempotency_key is not None and reply is not None:
        done = await _accept_whole(counter, sender, items, now, wanted, reply)
    else:
        done, calls = await _accept_chunks(counter, sender, items, now, wanted)
    if not isinstance(done, Kept):
        refused = [(outcome, item) for outcome, item in zip(done, items, strict=True)
                   if isinstance(outcome, Refusal)]  # fmt: skip
        await keep_refused(counter.desk, sender, refused, calls)
    return done


async def _accept_chunks(
    counter: Counter, sender: Sender, items: Sequence[bytes], now: datetime, wanted: Wanted
) -> tuple[list[Outcome], int]:
    """Return the outcomes, and the calls that no chunk has counted: the first with posts does."""
    chunks = []
    calls = 0 if wanted.is_part else 1
    for start in range(0, len(items), CHUNK_POSTS):
        reads = [counter.read(item, now) for item in items[start : start + CHUNK_POSTS]]
        work = _bulk_work(sender, reads, wanted, None, calls)
        chunks.append((reads, counter.desk.submit(work) if work.posts else None))
        calls = 0 if work.posts else calls
        await asyncio.sleep(0)
    done = [await _verdicts(submitted) for _, submitted in chunks]
    if not wanted.is_part:
        _raise_when_nothing_is_stored(done)
    outcomes: list[Outcome] = []
    for (reads, _), verdicts in zip(chunks, done, strict=True):
        outcomes += _item_outcomes(counter.owners, sender, reads, verdicts)
    return _with_supersedes(outcomes), calls


def _raise_when_nothing_is_stored(chunks: Sequence[Sequence[Verdict | BaseException]]) -> None:
    """Raise the storage problem that every chunk met: the bulk as a whole is to be sent again."""
    verdicts = [verdict for chunk in chunks for verdict in chunk]
    problems = [each for each in verdicts if isinstance(each, BaseException)]
    if problems and len(problems) == len(verdicts) and storage_complaint(problems[0]):
        raise problems[0]


async def _accept_whole(
    counter: Counter, sender: Sender, items: Sequence[bytes], now: datetime, wanted: Wanted,
    reply: Callable[[list[Outcome]], Answer],
) -> list[Outcome] | Kept:  # fmt: skip
    reads = [counter.read(item, now) for item in items]

    def outcomes(verdicts: Sequence[Verdict | BaseException]) -> list[Outcome]:
        return _with_supersedes(_item_outcomes(counter.owners, sender, reads, verdicts))

    def answer(verdicts: list[Verdict]) -> Answer | None:
        done = outcomes(verdicts)
        return reply(done) if any(isinstance(each, Taken) for each in done) else None

    keeping = Keeping(wanted.idempotency_key or "", wanted.request_sha256, answer)
    work = _bulk_work(sender, reads, wanted, keeping, 1)
    try:
        done = await counter.desk.submit(work)
    except JournalClosedError as problem:
        done = [problem] * len(work.posts)
    return done if isinstance(done, Kept) else outcomes(done)


def _bulk_work(
    sender: Sender, reads: Sequence[Understood | Refusal], wanted: Wanted,
    keeping: Keeping | None, calls: int,
) -> Work:  # fmt: skip
    understood = [read for read in reads if isinstance(read, Understood)]
    return Work(
        sender, [read.post for read in understood], (), wanted.snapshot, keeping, None,
        sum(bool(read.warnings) for read in understood), calls,
    )  # fmt: skip


async def judge_items(
    submit: Callable[[Work], Awaitable[list[Verdict]]], owners: Owners, sender: Sender,
    reads: Sequence[Understood | Refusal], wanted: Wanted,
) -> list[Outcome]:  # fmt: skip
    """Return what items come to when `submit` decides them: for dry runs."""
    work = _bulk_work(sender, reads, wanted, None, 0)
    if wanted.if_match is not None:
        work.posts = [
            msgspec.structs.replace(post, if_match=wanted.if_match) for post in work.posts
        ]
    verdicts = await submit(work) if work.posts else []
    return _with_supersedes(_item_outcomes(owners, sender, reads, verdicts))


async def delete_listing(counter: Counter, sender: Sender, post: Post) -> Taken | Refusal:
    """Delete a listing: it leaves the market and keeps its id and history."""
    try:
        (verdict,) = await counter.desk.submit(Work(sender, (post,)))
    except JournalClosedError:
        return CLOSED
    if _hides(verdict):
        return NOT_FOUND  # the same as for a listing that nobody has
    return _outcome(Understood(post, ()), verdict)


def _hides(verdict: Verdict) -> bool:
    """Whether it would tell another partner's listing from none."""
    if not isinstance(verdict, Rejected):
        return False
    is_absent = verdict.reason == "precondition_failed" and verdict.revision is None
    return is_absent or verdict.reason == "provider_not_owned"


async def keep_refused(
    desk: Desk, sender: Sender, refused: Iterable[tuple[Refusal, bytes]], calls: int = 0
) -> None:
    """Keep refused bodies when the body was the reason; durable on return. Count the others.

    calls: requests that nobody has counted yet. Raises RefusedError when the journal is closed.
    """
    bodies: list[RefusedBody] = []
    for refusal, body in refused:
        if body and refusal.code in JUDGE_BODIES:
            bodies.append(_refused_body(refusal, body))
        else:
            desk.tally.refuse(sender.key_id, refusal.codes)
    if bodies:
        try:
            await desk.submit(Work(sender, refused=bodies, calls=calls))
        except JournalClosedError:
            raise RefusedError(CLOSED) from None
    elif calls:
        desk.tally.count(sender.key_id, "calls", calls)


def _refused_body(refusal: Refusal, body: bytes) -> RefusedBody:
    problem = {
        "code": refusal.code,
        "violations": [
            {"propertyPath": v.path, "message": v.message, "code": v.code}
            for v in refusal.violations
        ],
    }
    text = msgspec.json.encode(problem).decode()
    return RefusedBody(refusal.codes, text, body, refusal.provider, refusal.external_id)


JUDGE_BODIES = frozenset(
    {"invalid_json", "validation_failed", "provider_not_owned", "too_large", "too_many_items"}
)

NOT_OWNED = Refusal(
    "provider_not_owned",
    "providerIdentifier belongs to another partner, or your key is bound to others.",
    (Violation("providerIdentifier", "provider_not_owned", "must be one of yours"),),
)
"""The same whether the listing exists or not."""

KEY_ENDED = Refusal("invalid_api_key", "The key ended while the post was under way.")
CLOSED = Refusal("not_ready", "The service is stopping; nothing was stored: send it again.")
NOT_STORED = Refusal("not_ready", "Nothing of this item was stored: send it again in a moment.")
FAILED = Refusal("internal_error", "Nothing of this item was stored: send it again.")
SNAPSHOT_CLOSED = Refusal("snapshot_closed", "The snapshot takes no more listings: open another.")
NOT_FOUND = Refusal("not_found", "You have no such listing.")

_MESSAGES = {
    "required_on_create": "must be in a listing's first post",
    "illegal_move": "cannot follow the status that is stored: see the reference's moves",
    "snapshot_scope": "must be the snapshot's own",
}

_STALE = Warned(
    "sourceUpdatedAt", "stale", "a newer body came before: nothing was taken from this one"
)
_REVIVED = Warned("", "revived", "the listing was deleted before and is on the market again")


async def _verdicts(
    submitted: "asyncio.Future[list[Verdict]] | None",
) -> Sequence[Verdict | BaseException]:
    """Wait for one chunk. Its failure is the verdict of its items: others may be durable."""
    if submitted is None:
        return ()
    try:
        return await submitted
    except Exception as problem:
        COMPLAINTS.tell("a chunk of a bulk was not committed", problem)
        return [problem] * CHUNK_POSTS


def _item_outcomes(
    owners: Owners, sender: Sender, reads: Sequence[Understood | Refusal],
    verdicts: Sequence[Verdict | BaseException],
) -> list[Outcome]:  # fmt: skip
    left = iter(verdicts)
    return [
        _whose(owners, sender, read) if isinstance(read, Refusal) else _outcome(read, next(left))
        for read in reads
    ]


def _with_supersedes(outcomes: list[Outcome]) -> list[Outcome]:
    """Tell each taken post which earlier one of the same bulk it came after."""
    last: dict[int, int] = {}
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, Taken):
            before = last.get(outcome.accepted.id)
            if before is not None:
                outcomes[index] = msgspec.structs.replace(outcome, supersedes=before)
            last[outcome.accepted.id] = index
    return outcomes


def _outcome(read: Understood, verdict: Verdict | BaseException) -> Outcome:
    if isinstance(verdict, Accepted):
        return Taken(verdict, _warned(read, verdict))
    if isinstance(verdict, Failed):
        return FAILED
    if isinstance(verdict, JournalClosedError):
        return CLOSED
    if isinstance(verdict, BaseException):
        return FAILED if storage_complaint(verdict) is None else NOT_STORED
    refusal = _rejection(verdict)
    post = read.post
    return replace(refusal, provider=post.provider_identifier, external_id=post.external_id)


def _warned(read: Understood, accepted: Accepted) -> Sequence[Warned]:
    """Add what only the stored state could tell."""
    if accepted.revived:
        return [*read.warnings, _REVIVED]
    return [*read.warnings, _STALE] if accepted.stale else read.warnings


def _rejection(verdict: Rejected) -> Refusal:
    match verdict.reason:
        case "provider_not_owned":
            return NOT_OWNED
        case "key_ended":
            return KEY_ENDED
        case "snapshot_closed":
            return SNAPSHOT_CLOSED
        case "not_found":
            return NOT_FOUND
        case "precondition_failed":
            stored = "none" if verdict.revision is None else f'"r{verdict.revision}"'
            return Refusal("precondition_failed", f"The stored revision's ETag is {stored}.")
        case _:
            message = _MESSAGES[verdict.reason]
            return invalid(
                tuple(Violation(field, verdict.reason, message) for field in verdict.fields)
            )


def _whose(owners: Owners, sender: Sender, refusal: Refusal) -> Refusal:
    """Judge whose the provider is before anything else is told about the listing."""
    if refusal.provider is None:
        return refusal
    not_owned = replace(NOT_OWNED, provider=refusal.provider, external_id=refusal.external_id)
    if sender.providers is not None and refusal.provider not in sender.providers:
        return not_owned
    is_free = owners.owner(refusal.provider) in (None, sender.partner_id)
    return refusal if is_free else not_owned
