"""Snapshots as JSON."""

import msgspec

from store.shapes.checks import wire_instant
from store.snapshots import Snapshot


class SnapshotAnswer(msgspec.Struct, rename="camel"):
    """How a snapshot stands. The counts are null until it was closed once.

    state: open (takes listings), held (closing it would withdraw too much), confirmed
    (withdrawing), applied or abandoned. missing counts what closing withdrew or would withdraw.
    """

    id: str
    state: str
    provider_identifier: str
    transaction: str | None
    type: str | None
    opened_at: str
    closed_at: str | None
    sent: int | None
    on_market: int | None
    missing: int | None


def snapshot_answer(snapshot: Snapshot) -> SnapshotAnswer:
    """Return the answer of a snapshot."""
    return SnapshotAnswer(
        id=snapshot.snapshot_id,
        state=snapshot.state,
        provider_identifier=snapshot.provider_identifier,
        transaction=snapshot.transaction,
        type=snapshot.type,
        opened_at=wire_instant(snapshot.opened_at),
        closed_at=None if snapshot.closed_at is None else wire_instant(snapshot.closed_at),
        sent=snapshot.sent,
        on_market=snapshot.on_market,
        missing=snapshot.missing,
    )
