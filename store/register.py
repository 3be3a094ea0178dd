"""The register: identity, order and state of listings, decided inside the journal's transaction.

It gives ids and revisions, merges patches and turns each post into one event that carries the
whole document after it. A turn looks up what its posts need, decides them one by one in memory
and writes once at its end. Other processes write the same tables: what is remembered from one
transaction to the next holds only while the database says that nobody else committed.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy.engine import Engine

from store.register_sql import ONCE, SIZED
from store.shapes.bodies import BodyCodec
from store.shapes.merge import effective_at, merge, revive
from store.shapes.posts import (
    ANY_REVISION,
    Accepted,
    Answer,
    Keeping,
    Kept,
    Post,
    RefusedBody,
    Rejected,
    Sender,
    Verdict,
)
from store.shapes.vocabulary import Status, is_legal_move
from store.shapes.wire import REQUIRED_ON_CREATE
from store.tables.columns import instant_text, parse_instant
from store.turn_notes import TurnNotes
from store.writer import Row, Writer

Key = tuple[str, str]

FORGET_EVERY = timedelta(hours=1)
"""Shortest time between two looks for answers that are kept no longer: each reads the table."""


class Register:
    """Statements compiled once and codecs, over a connection of its own; one thread at a time."""

    def __init__(self, engine: Engine, *, knows_keys: bool = True, waits: bool = False) -> None:
        self.knows_keys = knows_keys
        self.writer = Writer(engine, waits=waits)
        self.codec = BodyCodec()
        self.encode = msgspec.json.Encoder().encode
        self.decode = msgspec.json.Decoder().decode
        self.sql = {name: self.writer.compile(each) for name, each in ONCE.items()}
        self.sized = {name: self.writer.compile_sizes(each) for name, each in SIZED.items()}
        self.forgets_at = datetime.min.replace(tzinfo=UTC)
        self._facts: _Facts | None = None

    def begin(self, now: datetime) -> "Turn":
        """Open a transaction and return its turn; end it by `commit` or `abandon`."""
        kept, self._facts = self._facts, None
        self.writer.begin()
        try:
            is_alone = self.writer.is_alone()
            facts = kept if kept is not None and is_alone else _Facts(self._read_counters())
            return Turn(self, facts, now)
        except BaseException:
            self.writer.rollback()
            raise

    def commit(self, turn: "Turn") -> None:
        """Make what the turn wrote durable. Rolls back and raises when that is not possible."""
        self.writer.commit()
        # Only now: after a rollback, what the turn noted is not what is stored.
        self._facts = turn.facts

    def abandon(self) -> None:
        """Undo the turn."""
        self.writer.rollback()

    @contextmanager
    def turn(self, now: datetime) -> Iterator["Turn"]:
        """Open a transaction; what the turn decided is durable when the block has ended."""
        turn = self.begin(now)
        try:
            yield turn
            turn.write()
        except BaseException:
            self.abandon()
            raise
        self.commit(turn)

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
    """A listing as this transaction sees it.

    packed: the document's frame as stored; document and its JSON are opened when first needed,
    which an unchanged re-post never does.
    """

    __slots__ = (
        "document", "encoded", "event_offset", "fingerprint", "id", "is_new", "is_touched",
        "packed", "revision", "status",
    )  # fmt: skip

    def __init__(self, row: Sequence[Any]) -> None:
        self.id, self.revision, self.event_offset, self.status, self.fingerprint, self.packed = row
        self.document: dict[str, Any] | None = None
        self.encoded = b""
        self.is_new = False
        self.is_touched = False


class Turn:
    """The works of one transaction: `look_up`, then `take` each post; then `write`."""

    def __init__(self, register: Register, facts: _Facts, now: datetime) -> None:
        self.facts = facts
        self.now = now
        self.now_text = instant_text(now)
        self.writer = register.writer
        self.codec = register.codec
        self.notes = TurnNotes(self.now_text)
        self._register = register
        self._knows_keys = register.knows_keys
        self._encode = register.encode
        self._decode = register.decode
        self._sql = register.sql
        self._sized = register.sized
        self._live_keys: set[int] = set()
        self._known: dict[Key, _Known | None] = {}
        self._claims: list[Row] = []
        self._events: list[Row] = []
        self._changes: list[Row] = []
        self._refusals: list[Row] = []
        self._kept: dict[tuple[int, str], Row] = {}
        self._sent: set[Row] = set()
        self._counters = facts.counters
        self._before = dict(facts.counters)

    def look_up(self, posts: Iterable[Post]) -> None:
        """Read what is stored of these posts' listings and of their providers' owners.

        In key order: databases that lock rows must meet them in one order.
        """
        keys = {(post.provider_identifier, post.external_id) for post in posts}
        for provider in {provider for provider, _ in keys} - self.facts.owners.keys():
            self.look_up_owner(provider)
        unseen = keys - self._known.keys()
        if unseen:
            self._known.update(dict.fromkeys(unseen))
            found = self.writer.find(self._sized["listings"], sorted(unseen))
            for provider, external, *row in found:
                self._known[provider, external] = _Known(row)

    def look_up_owner(self, provider: str) -> None:
        """Read whose a provider is, when that was not asked yet."""
        if provider not in self.facts.owners:
            owner = self.first("owner", (provider,))
            self.facts.owners[provider] = None if owner is None else owner[0]

    @property
    def last_offset(self) -> int:
        """Return the offset of the newest event."""
        return self._counters["event_offset"]

    def document(self, post: Post) -> bytes:
        """Return the document (JSON) of a post's listing after what was taken so far; empty when
        there is none."""
        known = self._known.get((post.provider_identifier, post.external_id))
        if known is None:
            return b""
        return known.encoded or self.codec.unpack(known.packed)

    def take(self, sender: Sender, post: Post) -> Verdict:
        """Decide one post that was looked up: key, ownership, order, merge; queue its event."""
        provider = post.provider_identifier
        if sender.key_id not in self._live_keys and not self.is_live(sender.key_id):
            return Rejected("key_ended")
        if not self.may_write(sender, provider):
            return Rejected("provider_not_owned")
        known = self._known[provider, post.external_id]
        if post.if_match is not None and not _matches(post.if_match, known):
            return Rejected("precondition_failed", revision=known.revision if known else None)
        if known is None:
            return self._create(sender, post)
        if post.fingerprint is not None and post.fingerprint == known.fingerprint:
            return self._leave(sender, post, known)
        return self._change(sender, post, known)

    def add_fact(self, kind: str, facts: bytes) -> int:
        """Queue an event of another kind; return its offset."""
        offset = self._next("event_offset")
        self._events.append(
            (offset, self._event_id(offset), kind, None, None, None, None, None,
             self.now_text, self.now_text, True, facts, b"{}")
        )  # fmt: skip
        return offset

    def keep_refused(self, sender: Sender, refused: RefusedBody, most_bytes: int) -> None:
        """Queue a refused body, cut to so many bytes."""
        self._refusals.append(
            (self._next("refusal_offset"), sender.key_id, self.now_text,
             self._encode(refused.codes).decode(), refused.provider_identifier,
             refused.external_id, refused.problem, len(refused.body),
             self.codec.pack(refused.body[:most_bytes]))
        )  # fmt: skip

    def find_kept(self, sender: Sender, keeping: Keeping, since: str) -> Kept | None:
        """Return the answer kept for an Idempotency-Key since then (instant text), if any."""
        self._forget_old(since)
        row = self._kept.get((sender.key_id, keeping.idempotency_key))
        if row is None:
            row = self.first("kept", (sender.key_id, keeping.idempotency_key, since))
        return None if row is None else _kept(row, keeping)

    def keep_answer(self, sender: Sender, keeping: Keeping, verdicts: list[Verdict]) -> None:
        """Queue the answer under its Idempotency-Key."""
        answer = keeping.answer(verdicts)
        if answer is not None:
            self.writer.execute(self._sql["forget_kept"], (sender.key_id, keeping.idempotency_key))
            self._kept[sender.key_id, keeping.idempotency_key] = (
                keeping.request_sha256, answer.status,
                self._encode(answer.headers).decode(), answer.body,
            )  # fmt: skip

    def note_sent(self, snapshot: str, verdicts: Sequence[Verdict]) -> None:
        """Queue what was sent with a snapshot."""
        self._sent.update((snapshot, v.id) for v in verdicts if isinstance(v, Accepted))

    def write(self) -> None:
        """Write everything queued."""
        writer, sized = self.writer, self._sized
        if self._events:
            body = self.codec.pack_events(self._events)
            batch = (self._events[0][0], self._events[-1][0], self.now_text, body)
            writer.insert(sized["add_batches"], [batch])
        writer.insert(sized["add_changes"], self._changes)
        writer.insert(sized["add_refusals"], self._refusals)
        self._write_listings()
        writer.insert(sized["add_providers"], self._claims)
        kept = [(*name, *row, self.now_text) for name, row in self._kept.items()]
        writer.insert(sized["add_kept"], kept)
        writer.insert(sized["add_sent"], sorted(self._sent))
        writer.insert(sized["add_usage"], self.notes.usage_rows())
        writer.insert(sized["add_audit"], self.notes.audit_rows())
        moved = [(value, name) for name, value in self._counters.items()
                 if value != self._before[name]]  # fmt: skip
        writer.update(self._sql["move_counter"], moved)

    def write_nothing(self) -> None:
        """Write a page and leave it as it was, so that the commit needs the disk."""
        name = "event_offset"
        stored = self._before[name]
        self.writer.update(self._sql["move_counter"], [(stored + 1, name), (stored, name)])

    def first(self, name: str, parameters: Row) -> Row | None:
        """Return the first row of a statement of `register_sql.ONCE`."""
        return self.writer.first(self._sql[name], parameters)

    def is_live(self, key_id: int) -> bool:
        """Whether the key is neither revoked nor expired now."""
        if not self._knows_keys:
            self._live_keys.add(key_id)
            return True
        ends = self.facts.key_ends
        if key_id not in ends:
            row = self.first("key_ends", (key_id,))
            ends[key_id] = None if row is None else tuple(_moment(end) for end in row if end)
        found = ends[key_id]
        is_live = found is not None and all(self.now < end for end in found)
        if is_live:
            self._live_keys.add(key_id)
        return is_live

    def may_write(self, sender: Sender, provider: str) -> bool:
        """Whether the provider (looked up before) is the sender's, or free."""
        if sender.providers is not None and provider not in sender.providers:
            return False
        return self.facts.owners[provider] in (None, sender.partner_id)

    def _create(self, sender: Sender, post: Post) -> Verdict:
        if post.deletion is not None:
            return Rejected("not_found")
        if post.is_whole:
            document = None
            status = post.status or Status.ACTIVE.value
            encoded = _with_status(post, status, self.now_text)
            became_true = self.now_text
        else:
            patch = self._decode(post.patch)
            if missing := _missing_on_create(patch):
                return Rejected("required_on_create", missing)
            document = merge(None, patch).document
            status = document.setdefault("status", Status.ACTIVE.value)
            became_true = effective_at(None, document, patch, self.now_text)
            document["statusSince"] = became_true
            encoded = self._encode(document)
        key = (post.provider_identifier, post.external_id)
        known = _Known((self._next("listing_id"), 0, 0, status, None, b""))
        known.is_new = True
        known.document = document
        self._known[key] = known
        self._claim(sender, post.provider_identifier)
        return self._revise(sender, post, known, encoded, became_true, is_created=True)

    def _change(self, sender: Sender, post: Post, known: _Known) -> Verdict:
        self._claim(sender, post.provider_identifier)
        before, patch = self._document(known), self._decode(post.patch)
        is_revived = post.deletion is None and "deletedAt" in before
        merged = merge(revive(before, patch) if is_revived else before, patch)
        if merged.is_stale:
            return self._leave(sender, post, known, is_stale=True)
        document = merged.document
        if post.deletion is not None:
            document |= {"deletedAt": before.get("deletedAt", self.now_text),
                         "deletionReason": post.deletion}  # fmt: skip
        elif not is_revived and not is_legal_move(known.status, document["status"]):
            return Rejected("illegal_move", ("status",))
        if document == before:
            return self._leave(sender, post, known)
        became_true = effective_at(before, document, patch, self.now_text)
        if document["status"] != known.status:
            document["statusSince"] = became_true
        known.document, known.status = document, document["status"]
        encoded = self._encode(document)
        if not merged.is_changed and not is_revived and post.deletion is None:
            return self._note_order(sender, post, known, encoded, became_true)
        return self._revise(sender, post, known, encoded, became_true, is_revived=is_revived)

    def _revise(
        self, sender: Sender, post: Post, known: _Known, encoded: bytes, became_true: str,
        *, is_created: bool = False, is_revived: bool = False,
    ) -> Accepted:  # fmt: skip
        """Queue the event that makes the next revision."""
        offset = self._next("event_offset")
        known.revision += 1
        known.event_offset = offset
        known.encoded = encoded
        known.fingerprint = post.fingerprint
        known.is_touched = True
        self._changes.append(
            (post.provider_identifier, offset, known.id, known.revision, known.status,
             post.deletion is not None, self.now_text)
        )  # fmt: skip
        return self._event(
            sender, post, known, offset, encoded, became_true, is_changed=True,
            is_created=is_created, is_revived=is_revived,
        )  # fmt: skip

    def _note_order(
        self, sender: Sender, post: Post, known: _Known, encoded: bytes, became_true: str
    ) -> Accepted:
        """Queue the event of a post that moved the source's clock alone: no revision."""
        known.encoded, known.fingerprint, known.is_touched = encoded, post.fingerprint, True
        offset = self._next("event_offset")
        return self._event(sender, post, known, offset, encoded, became_true, is_changed=False)

    def _leave(
        self, sender: Sender, post: Post, known: _Known, *, is_stale: bool = False
    ) -> Accepted:
        """Queue the event of a post that left the listing as it was."""
        offset = self._next("event_offset")
        return self._event(
            sender, post, known, offset, b"", self.now_text, is_changed=False, is_stale=is_stale
        )

    def _event(
        self, sender: Sender, post: Post, known: _Known, offset: int, encoded: bytes,
        became_true: str, *, is_changed: bool, is_created: bool = False, is_revived: bool = False,
        is_stale: bool = False,
    ) -> Accepted:  # fmt: skip
        event_id = self._event_id(offset)
        provider, external = post.provider_identifier, post.external_id
        self._events.append(
            (offset, event_id, "listing", known.id, known.revision, provider, external,
             sender.key_id, self.now_text, became_true, is_changed, post.payload, encoded)
        )  # fmt: skip
        return Accepted(
            known.id, provider, external, is_created, is_changed, is_stale, known.status,
            known.revision, event_id, offset, self.now_text, is_revived,
        )  # fmt: skip

    def _document(self, known: _Known) -> dict[str, Any]:
        if known.document is None:
            known.encoded = known.encoded or self.codec.unpack(known.packed)
            known.document = self._decode(known.encoded)
        return known.document

    def _write_listings(self) -> None:
        pack = self.codec.pack
        touched = [(key, known) for key, known in self._known.items() if known and known.is_touched]
        new = [(known.id, *key, known.revision, known.event_offset, known.status,
                known.fingerprint, pack(known.encoded))
               for key, known in touched if known.is_new]  # fmt: skip
        self.writer.insert(self._sized["add_listings"], sorted(new))
        old = [(known.revision, known.event_offset, known.status, known.fingerprint,
                pack(known.encoded), known.id)
               for _, known in touched if not known.is_new]  # fmt: skip
        self.writer.update(self._sql["move_listing"], sorted(old, key=_by_id))

    def _forget_old(self, since: str) -> None:
        if self.now >= self._register.forgets_at:
            self.writer.execute(self._sql["forget_old"], (since,))
            self._register.forgets_at = self.now + FORGET_EVERY

    def _next(self, counter: str) -> int:
        self._counters[counter] += 1
        return self._counters[counter]

    def _event_id(self, offset: int) -> str:
        return f"{offset:012x}{self.notes.random_part()}"

    def _claim(self, sender: Sender, provider: str) -> None:
        if self.facts.owners[provider] is None:
            self.facts.owners[provider] = sender.partner_id
            self._claims.append((provider, sender.partner_id, self.now_text))


def _by_id(row: Row) -> int:
    """Rows of one page together: SQLite then writes the page once."""
    id: int = row[-1]
    return id


def _with_status(post: Post, status: str, since: str) -> bytes:
    """Return the document of a whole post, without decoding it."""
    named = b"" if post.status is not None else b',"status":"%b"' % status.encode()
    return b'%b%b,"statusSince":"%b"}' % (post.patch[:-1], named, since.encode())


def _matches(if_match: int, known: _Known | None) -> bool:
    return known is not None and if_match in (ANY_REVISION, known.revision)


def _kept(row: Row, keeping: Keeping) -> Kept:
    request_sha256, status, headers, body = row
    answer = Answer(status, msgspec.json.decode(headers), body)
    return Kept(answer, request_sha256 == keeping.request_sha256)


def _moment(stored: str | datetime) -> datetime:
    """Read an instant as the driver gives it: text on SQLite, an instant on PostgreSQL."""
    return parse_instant(stored) if isinstance(stored, str) else stored


def _missing_on_create(patch: dict[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in REQUIRED_ON_CREATE if patch.get(name) is None)
