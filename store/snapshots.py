"""Snapshots: a provider's whole inventory, sent listing by listing.

Only closing withdraws, and what closing would withdraw is found first and judged by whoever asks.
Functions that take a turn run inside the journal's transaction; `find_missing` reads beside it, and
each withdrawal then names the revision it saw, so that a post that came meanwhile wins.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from store.database import reading
from store.register import Turn
from store.shapes.bodies import BodyCodec
from store.shapes.posts import Post, Sender
from store.shapes.vocabulary import ON_MARKET, Status
from store.tables.journal import ingest_listings, ingest_snapshot_items, ingest_snapshots

OPEN, HELD, CONFIRMED, APPLIED, ABANDONED = "open", "held", "confirmed", "applied", "abandoned"
"""States. Held: takes no more listings and has withdrawn nothing. Confirmed: withdrawing."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot as it stands. sent, on_market, missing: None before it was closed."""

    snapshot_id: str
    partner_id: int
    provider_identifier: str
    transaction: str | None
    type: str | None
    state: str
    opened_offset: int
    opened_at: datetime
    closed_at: datetime | None
    sent: int | None
    on_market: int | None
    missing: int | None


@dataclass(frozen=True, slots=True)
class Missing:
    """What closing would withdraw, out of how many on the market; sent counts what came."""

    sent: int
    on_market: int
    listings: list[tuple[str, int]]
    """Reference and revision of each."""


_SNAPSHOT = ingest_snapshots.c
_COLUMNS = [_SNAPSHOT[name] for name in Snapshot.__dataclass_fields__]


def open_snapshot(
    turn: Turn, sender: Sender, provider: str, transaction: str | None, type: str | None
) -> Snapshot | None:
    """Open a snapshot; None when the provider is another partner's."""
    turn.look_up_owner(provider)
    if not turn.may_write(sender, provider) or not turn.is_live(sender.key_id):
        return None
    snapshot_id = secrets.token_urlsafe(16)
    turn.notes.audit(sender, "snapshots.open", provider, "done")
    turn.writer.run(
        sa.insert(ingest_snapshots).values(
            snapshot_id=snapshot_id, partner_id=sender.partner_id, key_id=sender.key_id,
            provider_identifier=provider, transaction=transaction, type=type, state=OPEN,
            opened_offset=turn.last_offset, opened_at=turn.now,
        )
    )  # fmt: skip
    return Snapshot(snapshot_id, sender.partner_id, provider, transaction, type, OPEN,
                    turn.last_offset, turn.now, None, None, None, None)  # fmt: skip


def move_snapshot(turn: Turn, snapshot_id: str, before: Sequence[str], after: str) -> bool:
    """Move a snapshot from one of some states to another; False when it is in none of them."""
    moved: int = turn.writer.run(
        sa.update(ingest_snapshots)
        .where(_SNAPSHOT.snapshot_id == snapshot_id, _SNAPSHOT.state.in_(before))
        .values(state=after, closed_at=turn.now if after in (APPLIED, ABANDONED) else None)
    )
    return moved == 1


def note_missing(turn: Turn, snapshot_id: str, missing: Missing) -> bool:
    """Keep the counts that closing found; False when the snapshot is not held any more."""
    noted: int = turn.writer.run(
        sa.update(ingest_snapshots)
        .where(_SNAPSHOT.snapshot_id == snapshot_id, _SNAPSHOT.state == HELD)
        .values(sent=missing.sent, on_market=missing.on_market, missing=len(missing.listings))
    )
    return noted == 1


def find_snapshot(connection: Connection, snapshot_id: str, partner_id: int) -> Snapshot | None:
    """Return a partner's snapshot; None when it has none such."""
    row = connection.execute(
        sa.select(*_COLUMNS).where(
            _SNAPSHOT.snapshot_id == snapshot_id, _SNAPSHOT.partner_id == partner_id
        )
    ).first()
    return None if row is None else Snapshot(*row)


def find_missing(engine: Engine, snapshot: Snapshot) -> Missing:
    """Return what is on the market in the snapshot's scope and was not sent with it.

    A listing that was made or changed after the snapshot was opened is not missing.
    """
    listing, item = ingest_listings.c, ingest_snapshot_items.c
    with reading(engine) as connection:
        sent = set(
            connection.execute(
                sa.select(item.listing_id).where(item.snapshot_id == snapshot.snapshot_id)
            ).scalars()
        )
        rows = connection.execute(
            sa.select(listing.id, listing.external_id, listing.revision, listing.event_offset,
                      listing.document)
            .where(listing.provider_identifier == snapshot.provider_identifier,
                   listing.status.in_(sorted(ON_MARKET)))
            .order_by(listing.external_id)
        )  # fmt: skip
        scope = [row for row in rows if _is_in_scope(snapshot, row.document)]
    missing = [(row.external_id, row.revision) for row in scope
               if row.id not in sent and row.event_offset <= snapshot.opened_offset]  # fmt: skip
    return Missing(len(sent), len(scope), missing)


def withdrawals(snapshot: Snapshot, listings: Sequence[tuple[str, int]]) -> list[Post]:
    """Return the posts that withdraw these listings, each only at the revision that was seen."""
    patch = msgspec.json.encode({"status": Status.WITHDRAWN.value})
    return [
        Post(snapshot.provider_identifier, external_id, patch,
             _payload(snapshot, external_id), None, if_match=revision)
        for external_id, revision in listings
    ]  # fmt: skip


def _payload(snapshot: Snapshot, external_id: str) -> bytes:
    return msgspec.json.encode(
        {
            "providerIdentifier": snapshot.provider_identifier,
            "externalId": external_id,
            "status": Status.WITHDRAWN.value,
        }
    )


def _is_in_scope(snapshot: Snapshot, packed: bytes) -> bool:
    wanted = {"transaction": snapshot.transaction, "type": snapshot.type}
    asked = {name: value for name, value in wanted.items() if value is not None}
    if not asked:
        return True
    document: dict[str, Any] = msgspec.json.decode(BodyCodec().unpack(packed))
    return all(document.get(name) == value for name, value in asked.items())
