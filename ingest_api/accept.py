"""Accepts listings: read, hand to the journal, learn the verdict. Knows no HTTP.

Everything returned as taken is durable. Whatever an authenticated sender had refused is kept
beside the journal before the answer.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ingest_api.desk import Desk
from ingest_api.reading import Refusal, Understood, invalid, read_listing
from store.journal import JournalClosedError
from store.shapes.checks import Violation, Warned
from store.shapes.posts import Accepted, Failed, Sender, Verdict

LOG = logging.getLogger(__name__)

CHUNK_POSTS = 200
"""Items read and handed over before other requests get their turn of the event loop."""


class Owners(Protocol):
    """Knows whose a provider identifier is."""

    def owner(self, provider: str) -> int | None:
        """Return the partner that owns it; None while it is free."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A post that is durable, and what the sender should know about it."""

    accepted: Accepted
    warnings: list[Warned]


Outcome = Taken | Refusal


async def accept_listing(
    desk: Desk, owners: Owners, sender: Sender, payload: bytes, now: datetime
) -> Outcome:
    """Accept one posted listing."""
    read = read_listing(payload, now)
    if isinstance(read, Understood):
        outcome = await _accept_one(desk, sender, read)
    else:
        outcome = _whose(owners, sender, read)
    if isinstance(outcome, Refusal):
        await keep_refused(desk, sender, outcome, payload)
    return outcome


async def _accept_one(desk: Desk, sender: Sender, read: Understood) -> Outcome:
    try:
        (verdict,) = await desk.submit(sender, (read.post,))
    except JournalClosedError:
        return CLOSED
    return _outcome(read, verdict)


async def accept_bulk(
    desk: Desk, owners: Owners, sender: Sender, items: Sequence[bytes], now: datetime
) -> list[Outcome]:
    """Accept each item of a bulk by itself, in order; a refused item hinders no other."""
    chunks = []
    for start in range(0, len(items), CHUNK_POSTS):
        reads = [read_listing(item, now) for item in items[start : start + CHUNK_POSTS]]
        posts = [read.post for read in reads if isinstance(read, Understood)]
        chunks.append((reads, desk.submit(sender, posts) if posts else None))
        await asyncio.sleep(0)
    outcomes: list[Outcome] = []
    for reads, submitted in chunks:
        verdicts = iter(await _verdicts(submitted))
        outcomes += [_item_outcome(owners, sender, read, verdicts) for read in reads]
    await _keep_refused_items(desk, sender, items, outcomes)
    return outcomes


async def keep_refused(desk: Desk, sender: Sender, refusal: Refusal, body: bytes) -> None:
    """Keep a refused body when the body was the reason."""
    if body and refusal.code in JUDGE_BODIES:
        codes = sorted({v.code for v in refusal.violations}) or [refusal.code]
        await desk.keep_refused(sender, codes, body)


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
FAILED = Refusal("internal_error", "Nothing of this item was stored: send it again.")


async def _verdicts(
    submitted: "asyncio.Future[list[Verdict]] | None",
) -> Sequence[Verdict | BaseException]:
    """Wait for one chunk. Its failure is the verdict of its items: others may be durable."""
    if submitted is None:
        return ()
    try:
        return await submitted
    except Exception as problem:
        LOG.exception("a chunk of a bulk was not committed")
        return [problem] * CHUNK_POSTS


def _item_outcome(
    owners: Owners,
    sender: Sender,
    read: Understood | Refusal,
    verdicts: Iterator[Verdict | BaseException],
) -> Outcome:
    if isinstance(read, Refusal):
        return _whose(owners, sender, read)
    return _outcome(read, next(verdicts))


def _outcome(read: Understood, verdict: Verdict | BaseException) -> Outcome:
    if isinstance(verdict, Accepted):
        return Taken(verdict, read.warnings)
    if isinstance(verdict, Failed):
        return FAILED
    if isinstance(verdict, BaseException):
        return CLOSED if isinstance(verdict, JournalClosedError) else FAILED
    if verdict.reason == "provider_not_owned":
        return NOT_OWNED
    if verdict.reason == "key_ended":
        return KEY_ENDED
    message = "must be in a listing's first post"
    return invalid(tuple(Violation(f, "required_on_create", message) for f in verdict.fields))


def _whose(owners: Owners, sender: Sender, refusal: Refusal) -> Refusal:
    """Judge whose the provider is before anything else is told about the listing."""
    if refusal.provider is None:
        return refusal
    if sender.providers is not None and refusal.provider not in sender.providers:
        return NOT_OWNED
    is_free = owners.owner(refusal.provider) in (None, sender.partner_id)
    return refusal if is_free else NOT_OWNED


async def _keep_refused_items(
    desk: Desk, sender: Sender, items: Sequence[bytes], outcomes: Sequence[Outcome]
) -> None:
    await asyncio.gather(
        *(
            keep_refused(desk, sender, outcome, item)
            for item, outcome in zip(items, outcomes, strict=True)
            if isinstance(outcome, Refusal)
        )
    )
