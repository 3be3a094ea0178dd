"""The register: identity, order and state of listings, decided inside the journal's transaction.

It gives ids and revisions, merges patches and turns each post into one event that carries the
whole document after it. A turn looks up what its posts need, decides them one by one in memory
and writes once at its end. Other processes write the same tables: what is remembered from one
transaction to the next holds only while the database says that nobody else committed.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from store.shapes.bodies import BodyCodec
from store.shapes.merge import effective_at, merge
from store.shapes.posts import Accepted, Post, Rejected, Sender, Verdict
from store.shapes.vocabulary import Status
from store.shapes.wire import REQUIRED_ON_CREATE
from store.tables.columns import instant_text, parse_instant
from store.tables.journal import (
    ingest_counters,
    ingest_events,
    ingest_keys,
    ingest_listings,
    ingest_providers,
    ingest_refusals,
)
from store.writer import Row, Writer

Key = tuple[str, str]


def new_event_id(offset: int) -> str:
    """Return an identifier that leads to its event without an index and cannot be guessed."""
    return f"{offset:012x}{os.urandom(8).hex()}"


class Register:
    """Statements compiled once and codecs, over a connection of its own; one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        self.writer = Writer(engine)
        self.codec = BodyCodec()
        self.encode = msgspec.json.Encoder().encode
        self.decode = msgspec.json.Decoder().decode
        self.sql = {name: self.writer.compile(each) for name, each in _STATEMENTS.items()}
        self.sized = {name: self.writer.compile_sizes(each) for name, each in _SIZED.items()}
        self._facts: _Facts | None = None

    @contextmanager
    def turn(self, now: datetime) -> Iterator["Turn"]:
        """Open a transaction; what the turn decided is durable when the block has ended."""
        kept, self._facts = self._facts, None
        with self.writer.transaction():
            is_alone = self.writer.is_alone()
            facts = kept if kept is not None and is_alone else _Facts(self._read_counters())
            turn = Turn(self, facts, now)
            yield turn
            turn.write()
        # Only now: after a rollback, what the turn noted is not what is stored.
        self._facts = facts

    def close(self) -> None:
        """Give the connection back."""
        self.writer.close()

    def _read_counters(self) -> dict[str, int]:
        return dict(self.writer.all(self.sql["counters"]))


class _Facts:
    """What is stored of counters, keys and owners, as far as it was asked.

    Kept from one transaction to the next for as long as nobody else commits.
    """

    __slots__ = ("counters", "key_ends", "owners")

    def __init__(self, counters: dict[str, int]) -> None:
        self.counters = counters
        self.key_ends: dict[int, tuple[datetime, ...] | None] = {}
        self.owners: dict[str, int | None] = {}


class _Known:
    """A listing as this transaction sees it. encoded: the document's JSON."""

    __slots__ = ("document", "encoded", "id", "is_new", "is_touched", "revision")

    def __init__(self, id: int, revision: int, document: Any, encoded: bytes) -> None:
        self.id = id
        self.revision = revision
        self.document: dict[str, Any] | None = document
        self.encoded = encoded
        self.is_new = document is None
        self.is_touched = False


class Turn:
    """The posts of one transaction: `look_up`, then `take` each; `Register.turn` writes."""

    def __init__(self, register: Register, facts: _Facts, now: datetime) -> None:
        self._codec = register.codec
        self._encode = register.encode
        self._decode = register.decode
        self._writer = register.writer
        self._sql = register.sql
        self._sized = register.sized
        self._facts = facts
        self._now = now
        self._now_text = instant_text(now)
        self._known: dict[Key, _Known | None] = {}
        self._claims: list[Row] = []
        self._events: list[Row] = []
        self._refusals: list[Row] = []
        self._counters = facts.counters
        self._before = dict(facts.counters)

    def look_up(self, posts: Iterable[Post]) -> None:
        """Read what is stored of these posts' listings and of their providers' owners.

        In key order: databases that lock rows must meet them in one order.
        """
        keys = {(post.provider_identifier, post.external_id) for post in posts}
        self._known = dict.fromkeys(keys)
        for provider, external, id, revision, body in self._writer.find(
            self._sized["listings"], sorted(keys)
        ):
            _, encoded = self._codec.unpack(body)
            known = _Known(id, revision, self._decode(encoded), encoded)
            self._known[provider, external] = known
        for provider in sorted({provider for provider, _ in keys} - self._facts.owners.keys()):
            owner = self._first("owner", (provider,))
            self._facts.owners[provider] = None if owner is None else owner[0]

    def take(self, sender: Sender, post: Post) -> Verdict:
        """Decide one post that was looked up: key, ownership, order, merge; queue its event."""
        key = (post.provider_identifier, post.external_id)
        if not self._is_live(sender.key_id):
            return Rejected("key_ended")
        if not self._may_write(sender, post.provider_identifier):
            return Rejected("provider_not_owned")
        known = self._known[key]
        if known is None:
            if missing := _missing_on_create(post.patch):
                return Rejected("required_on_create", missing)
            known = self._known[key] = _Known(self._next("listing_id"), 0, None, b"")
        self._claim(sender, post.provider_identifier)
        return self._merge(sender, post, key, known)

    def _merge(self, sender: Sender, post: Post, key: Key, known: _Known) -> Accepted:
        before = known.document
        merged = merge(before, post.patch)
        document = merged.document
        document.setdefault("status", Status.ACTIVE.value)
        became_true = effective_at(before, document, post.patch, self._now_text)
        if document != before:
            known.document, known.encoded = document, self._encode(document)
            known.is_touched = True
        known.revision += merged.is_changed
        offset = self._next("event_offset")
        event_id = new_event_id(offset)
        body = self._codec.pack(post.payload, known.encoded)
        self._events.append(
            (offset, event_id, "listing", known.id, known.revision, *key, sender.key_id,
             self._now_text, became_true, merged.is_changed, body)
        )  # fmt: skip
        return Accepted(
            id=known.id, provider_identifier=key[0], external_id=key[1], created=before is None,
            changed=merged.is_changed, stale=merged.is_stale, status=document["status"],
            event_id=event_id, event_offset=offset, received_at=self._now,
        )  # fmt: skip

    def add_fact(self, kind: str, facts: bytes) -> int:
        """Queue an event of another kind; return its offset."""
        offset = self._next("event_offset")
        body = self._codec.pack(facts, b"{}")
        self._events.append(
            (offset, new_event_id(offset), kind, None, None, None, None, None,
             self._now_text, self._now_text, True, body)
        )  # fmt: skip
        return offset

    def keep_refused(self, key_id: int, codes: Sequence[str], body: bytes) -> None:
        """Queue a refused body."""
        packed = self._codec.pack(body, b"")
        self._refusals.append(
            (self._next("refusal_offset"), key_id, self._now_text, json.dumps(list(codes)), packed)
        )

    def write(self) -> None:
        """Write everything queued."""
        writer, sized = self._writer, self._sized
        writer.insert(sized["add_events"], self._events)
        writer.insert(sized["add_refusals"], self._refusals)
        touched = [(key, known) for key, known in self._known.items() if known and known.is_touched]
        new = [(known.id, *key, known.revision, self._packed(known))
               for key, known in touched if known.is_new]  # fmt: skip
        writer.insert(sized["add_listings"], new)
        old = [(known.revision, self._packed(known), known.id)
               for _, known in touched if not known.is_new]  # fmt: skip
        writer.update(self._sql["move_listing"], old)
        writer.insert(sized["add_providers"], self._claims)
        moved = [(value, name) for name, value in self._counters.items()
                 if value != self._before[name]]  # fmt: skip
        writer.update(self._sql["move_counter"], moved)

    def _packed(self, known: _Known) -> bytes:
        return self._codec.pack(b"", known.encoded)

    def _first(self, name: str, parameters: Row) -> Row | None:
        return self._writer.first(self._sql[name], parameters)

    def _next(self, counter: str) -> int:
        self._counters[counter] += 1
        return self._counters[counter]

    def _is_live(self, key_id: int) -> bool:
        ends = self._facts.key_ends
        if key_id not in ends:
            row = self._first("key_ends", (key_id,))
            ends[key_id] = None if row is None else tuple(_moment(end) for end in row if end)
        found = ends[key_id]
        return found is not None and all(self._now < end for end in found)

    def _may_write(self, sender: Sender, provider: str) -> bool:
        if sender.providers is not None and provider not in sender.providers:
            return False
        return self._facts.owners[provider] in (None, sender.partner_id)

    def _claim(self, sender: Sender, provider: str) -> None:
        if self._facts.owners[provider] is None:
            self._facts.owners[provider] = sender.partner_id
            self._claims.append((provider, sender.partner_id, self._now_text))


def _moment(stored: str | datetime) -> datetime:
    """Read an instant as the driver gives it: text on SQLite, an instant on PostgreSQL."""
    return parse_instant(stored) if isinstance(stored, str) else stored


def _missing_on_create(patch: dict[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in REQUIRED_ON_CREATE if patch.get(name) is None)


_COUNTER, _KEY, _LISTING = ingest_counters.c, ingest_keys.c, ingest_listings.c


def _listings(count: int) -> sa.Select[Any]:
    """Select the listings of so many keys: provider, reference, provider, reference ..."""
    return sa.select(
        _LISTING.provider_identifier, _LISTING.external_id, _LISTING.id, _LISTING.revision,
        _LISTING.document,
    ).where(
        sa.or_(
            *(
                sa.and_(
                    _LISTING.provider_identifier == sa.bindparam(f"provider_{number}"),
                    _LISTING.external_id == sa.bindparam(f"external_{number}"),
                )
                for number in range(count)
            )
        )
    )  # fmt: skip


def _insert(table: sa.Table) -> Callable[[int], sa.Insert]:
    """Insert so many rows, each with all columns in the table's order."""
    nothing = dict.fromkeys(table.columns.keys())
    return lambda count: sa.insert(table).values([nothing] * count)


_STATEMENTS: dict[str, sa.Select[Any] | sa.Update] = {
    # FOR UPDATE orders the writers on PostgreSQL; SQLite has let in only one already.
    "counters": sa.select(_COUNTER.name, _COUNTER.value).with_for_update(),
    "key_ends": sa.select(_KEY.expires_at, _KEY.revoked_at).where(_KEY.id == sa.bindparam("key")),
    "owner": sa.select(ingest_providers.c.partner_id).where(
        ingest_providers.c.identifier == sa.bindparam("provider")
    ),
    "move_listing": sa.update(ingest_listings)
    .values(revision=sa.bindparam("new_revision"), document=sa.bindparam("new_document"))
    .where(_LISTING.id == sa.bindparam("listing")),
    "move_counter": sa.update(ingest_counters)
    .values(value=sa.bindparam("last"))
    .where(_COUNTER.name == sa.bindparam("counter")),
}
"""Parameters are positional, in the order in which the text names them."""

_SIZED: dict[str, Callable[[int], sa.ClauseElement]] = {
    "listings": _listings,
    "add_events": _insert(ingest_events),
    "add_refusals": _insert(ingest_refusals),
    "add_listings": _insert(ingest_listings),
    "add_providers": _insert(ingest_providers),
}
