"""Dry runs: what a post would come to, by the very code that would do it; nothing is kept.

The register decides in a transaction that is rolled back; the flows' own steps normalise and place
the result in a process beside. Knows no HTTP.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import msgspec

from ingest_api.accept import (
    CHUNK_POSTS,
    NOTHING_ELSE,
    Counter,
    Outcome,
    Taken,
    Wanted,
    judge_items,
)
from ingest_api.reading import Refusal, Understood
from store.journal import Journal, Work
from store.shapes.posts import Accepted, Sender
from store.shapes.wire import PLATFORM_FIELDS

LOG = logging.getLogger(__name__)


class Previewer(Protocol):
    """Shows what the flows would make of documents."""

    async def preview(self, documents: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """Return, for each document, `record`, `refusals` and `zone`."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field that a post would change. before and after: None where it is absent."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Tried:
    """What a post would come to.

    preview: what the flows would make of it; None when they could not be asked.
    """

    taken: Taken
    changes: list[Change]
    preview: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Where posts are tried: as the counter reads them, over a connection of its own; and the
    flows' previewer."""

    journal: Journal
    counter: Counter
    previewer: Previewer | None

    async def try_posts(
        self, sender: Sender, items: Sequence[bytes], now: datetime, wanted: Wanted = NOTHING_ELSE
    ) -> list[Tried | Outcome]:
        """Return what each post would come to, in order, as if those before it had been done."""
        reads: list[Understood | Refusal] = []
        for start in range(0, len(items), CHUNK_POSTS):
            reads += [self.counter.read(item, now) for item in items[start : start + CHUNK_POSTS]]
            await asyncio.sleep(0)
        outcomes = await judge_items(self._preview, self.counter.owners, sender, reads, wanted)
        documents = [_after(outcome) for outcome in outcomes]
        shown = iter(await self._shown([each for each in documents if each is not None]))
        return [
            outcome if document is None or not isinstance(outcome, Taken)
            else Tried(outcome, _changes(outcome.accepted), next(shown))
            for outcome, document in zip(outcomes, documents, strict=True)
        ]  # fmt: skip

    async def _preview(self, work: Work) -> Any:
        return await asyncio.to_thread(self.journal.preview, work)

    async def _shown(
        self, documents: Sequence[Mapping[str, Any]]
    ) -> Sequence[Mapping[str, Any] | None]:
        nothing: list[Mapping[str, Any] | None] = [None] * len(documents)
        if self.previewer is None or not documents:
            return nothing
        try:
            return [*await self.previewer.preview(documents)]
        except Exception:
            LOG.exception("the flows could not be asked what they would make of a dry run")
            return nothing


def _after(outcome: Outcome) -> dict[str, Any] | None:
    """Return the document as it would be; None when the post would not be taken."""
    if not isinstance(outcome, Taken):
        return None
    accepted = outcome.accepted
    document: dict[str, Any] = msgspec.json.decode(accepted.after)
    return document


def _changes(accepted: Accepted) -> list[Change]:
    before = msgspec.json.decode(accepted.before) if accepted.before else {}
    after = msgspec.json.decode(accepted.after)
    names = [name for name in {**before, **after} if name not in PLATFORM_FIELDS]
    return [Change(name, before.get(name), after.get(name))
            for name in names if before.get(name) != after.get(name)]  # fmt: skip
