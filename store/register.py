"""The register: identity, order and state of listings, decided inside the journal's transaction.

It gives ids and revisions, merges patches and turns each post into one event that carries the
whole document after it. All reads and writes here go through the caller's open transaction.
"""

import json
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from store.database import driver_sql
from store.shapes.bodies import BodyCodec
from store.shapes.merge import effective_at, merge
from store.shapes.posts import Accepted, Post, Rejected, Sender, Verdict
from store.shapes.vocabulary import Status
from store.shapes.wire import REQUIRED_ON_CREATE
from store.tables.columns import instant_text
from store.tables.journal import (
    COUNTERS,
    ingest_counters,
    ingest_events,
    ingest_keys,
    ingest_listings,
    ingest_providers,
    ingest_refusals,
)

Row = tuple[Any, ...]


def new_event_id(offset: int) -> str:
    """Return an identifier that leads to its event without an index and cannot be guessed."""
    return f"{offset:012x}{os.urandom(8).hex()}"


class _Known:
    """A listing as this transaction sees it."""

    __slots__ = ("document", "id", "revision")

    def __init__(self, id: int, revision: int, document: dict[str, Any] | None) -> None:
        self.id = id
        self.revision = revision
        self.document = document


class Register:
    """Compiled statements and codecs; one per committer thread."""

    def __init__(self, engine: Engine) -> None:
        key = sa.bindparam("provider"), sa.bindparam("external")
        self.codec = BodyCodec()
        self.encode = msgspec.json.Encoder().encode
        self.decode = msgspec.json.Decoder().decode
        self.find = driver_sql(
            sa.select(ingest_listings.c.id, ingest_listings.c.revision, ingest_listings.c.document)
            .where(ingest_listings.c.provider_identifier == key[0])
            .where(ingest_listings.c.external_id == key[1]),
            engine,
        )
        self.insert_events = driver_sql(sa.insert(ingest_events), engine)
        self.insert_listings = driver_sql(sa.insert(ingest_listings), engine)
        self.update_listings = driver_sql(
            sa.update(ingest_listings)
            .values(revision=sa.bindparam("new_revision"), document=sa.bindparam("new_document"))
            .where(ingest_listings.c.id == sa.bindparam("listing")),
            engine,
        )
        self.insert_refusals = driver_sql(sa.insert(ingest_refusals), engine)

    def begin(self, connection: Connection, now: datetime) -> "Turn":
        """Start one transaction's work on an open write transaction."""
        return Turn(self, connection, now)


class Turn:
    """The posts of one transaction. Nothing is written before `write`."""

    def __init__(self, register: Register, connection: Connection, now: datetime) -> None:
        self._register = register
        self._connection = connection
        self._now = now
        self._now_text = instant_text(now)
        self._known: dict[tuple[str, str], _Known] = {}
        self._owners: dict[str, int | None] = {}
        self._claims: dict[str, int] = {}
        self._live_keys: dict[int, bool] = {}
        self._events: list[Row] = []
        self._refusals: list[Row] = []
        self._touched: dict[tuple[str, str], bool] = {}  # -> whether it is new
        self._counters = self._read_counters()
        self._counters_before = dict(self._counters)

    def take(self, sender: Sender, post: Post) -> Verdict:
        """Decide one post: order, ownership, merge; queue its event."""
        if not self._is_live(sender.key_id):
            return Rejected("key_ended")
        if not self._may_write(sender, post.provider_identifier):
            return Rejected("provider_not_owned")
        key = (post.provider_identifier, post.external_id)
        known = self._find(key)
        if known is None and (missing := _missing_on_create(post.patch)):
            return Rejected("required_on_create", missing)
        self._claim(sender, post.provider_identifier)
        known, is_new = (known, False) if known else (self._create(key), True)
        before = known.document
        merged = merge(before, post.patch)
        merged.document.setdefault("status", Status.ACTIVE.value)
        received = self._now_text
        became_true = effective_at(before, merged.document, post.patch, received)
        known.revision += merged.is_changed
        if merged.document is not before:
            known.document = merged.document
            self._touched.setdefault(key, is_new)
        offset = self._next("event_offset")
        event_id = new_event_id(offset)
        body = self._register.codec.pack(
            post.payload, self._register.encode(merged.document)
        )
        self._events.append(
            (offset, event_id, "listing", known.id, known.revision, *key, sender.key_id,
             received, became_true, merged.is_changed, body)
        )
        return Accepted(
            id=known.id, provider_identifier=key[0], external_id=key[1], created=is_new,
            changed=merged.is_changed, stale=merged.is_stale, status=merged.document["status"],
            event_id=event_id, event_offset=offset, received_at=self._now,
        )

    def add_fact(self, kind: str, facts: bytes) -> int:
        """Queue an event of another kind; return its offset."""
        offset = self._next("event_offset")
        body = self._register.codec.pack(facts, b"{}")
        self._events.append(
            (offset, new_event_id(offset), kind, None, None, None, None, None,
             self._now_text, self._now_text, True, body)
        )
        return offset

    def keep_refused(self, key_id: int, codes: Sequence[str], body: bytes) -> None:
        """Queue a refused body."""
        packed = self._register.codec.pack(body, b"")
        self._refusals.append(
            (self._next("refusal_offset"), key_id, self._now_text, json.dumps(list(codes)), packed)
        )

    def write(self) -> None:
        """Write everything queued."""
        register = self._register
        self._execute_many(register.insert_events, self._events)
        self._execute_many(register.insert_refusals, self._refusals)
        new = [self._listing_row(key) for key, is_new in self._touched.items() if is_new]
        self._execute_many(register.insert_listings, new)
        old = [self._update_row(key) for key, is_new in self._touched.items() if not is_new]
        self._execute_many(register.update_listings, old)
        for provider, partner in self._claims.items():
            self._connection.execute(
                sa.insert(ingest_providers).values(
                    identifier=provider, partner_id=partner, claimed_at=self._now
                )
            )
        for name in COUNTERS:
            if self._counters[name] != self._counters_before[name]:
                self._connection.execute(
                    sa.update(ingest_counters)
                    .where(ingest_counters.c.name == name)
                    .values(value=self._counters[name])
                )

    def _execute_many(self, statement: str, rows: list[Row]) -> None:
        if rows:
            self._connection.exec_driver_sql(statement, rows)

    def _read_counters(self) -> dict[str, int]:
        # FOR UPDATE orders the writers on PostgreSQL; SQLite already let in only one.
        rows = self._connection.execute(
            sa.select(ingest_counters.c.name, ingest_counters.c.value).with_for_update()
        )
        return {name: value for name, value in rows}

    def _next(self, counter: str) -> int:
        self._counters[counter] += 1
        return self._counters[counter]

    def _is_live(self, key_id: int) -> bool:
        if key_id not in self._live_keys:
            row = self._connection.execute(
                sa.select(ingest_keys.c.expires_at, ingest_keys.c.revoked_at).where(
                    ingest_keys.c.id == key_id
                )
            ).first()
            self._live_keys[key_id] = row is not None and all(
                end is None or self._now < end for end in row
            )
        return self._live_keys[key_id]

    def _may_write(self, sender: Sender, provider: str) -> bool:
        if sender.providers is not None and provider not in sender.providers:
            return False
        if provider not in self._owners:
            self._owners[provider] = self._connection.execute(
                sa.select(ingest_providers.c.partner_id).where(
                    ingest_providers.c.identifier == provider
                )
            ).scalar()
        return self._owners[provider] in (None, sender.partner_id)

    def _claim(self, sender: Sender, provider: str) -> None:
        if self._owners[provider] is None:
            self._owners[provider] = sender.partner_id
            self._claims[provider] = sender.partner_id

    def _find(self, key: tuple[str, str]) -> _Known | None:
        if key not in self._known:
            row = self._connection.exec_driver_sql(self._register.find, key).first()
            if row is None:
                return None
            _, document = self._register.codec.unpack(row[2])
            self._known[key] = _Known(row[0], row[1], self._register.decode(document))
        return self._known[key]

    def _create(self, key: tuple[str, str]) -> _Known:
        known = _Known(self._next("listing_id"), 0, None)
        self._known[key] = known
        return known

    def _packed_document(self, known: _Known) -> bytes:
        return self._register.codec.pack(b"", self._register.encode(known.document))

    def _listing_row(self, key: tuple[str, str]) -> Row:
        known = self._known[key]
        return (known.id, *key, known.revision, self._packed_document(known))

    def _update_row(self, key: tuple[str, str]) -> Row:
        known = self._known[key]
        return (known.revision, self._packed_document(known), known.id)


def _missing_on_create(patch: dict[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in REQUIRED_ON_CREATE if patch.get(name) is None)


def owners(connection: Connection) -> Iterable[tuple[str, int]]:
    """Yield (provider identifier, partner id) of every claimed provider."""
    rows = connection.execute(
        sa.select(ingest_providers.c.identifier, ingest_providers.c.partner_id)
    )
    return ((identifier, partner) for identifier, partner in rows)
