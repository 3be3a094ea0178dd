"""Synchronises a provider's inventory by snapshots: open, feed, close, confirm. Knows no HTTP.

Feeding is `accept`'s business. Closing first stops the feeding, then finds what was not sent, and
withdraws it unless that is so much that it looks like a cut stream: then it waits for a word.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Engine

from ingest_api.accept import FAILED, KEY_ENDED
from ingest_api.desk import Desk
from ingest_api.reading import Refusal
from store.audit import DONE
from store.database import reading
from store.register import Turn
from store.shapes.posts import Failed, Rejected, Sender, Verdict, Work
from store.snapshots import (
    ABANDONED,
    APPLIED,
    CONFIRMED,
    HELD,
    OPEN,
    Missing,
    Snapshot,
    find_missing,
    find_snapshot,
    move_snapshot,
    note_missing,
    open_snapshot,
    withdrawals,
)

CHUNK_POSTS = 200
"""Withdrawals in one transaction."""


@dataclass(frozen=True, slots=True)
class Brake:
    """How much closing may withdraw without being asked again: at most a share of what is on the
    market, or fewer listings than `listings`."""

    share_pct: float
    listings: int

    def holds(self, missing: Missing) -> bool:
        """Whether this is too much."""
        count = len(missing.listings)
        return count >= self.listings and 100 * count > self.share_pct * missing.on_market


@dataclass(frozen=True, slots=True)
class Synchroniser:
    """The snapshots of one home."""

    desk: Desk
    engine: Engine
    brake: Brake

    async def open(
        self, sender: Sender, provider: str, transaction: str | None, type: str | None
    ) -> Snapshot | None:
        """Open a snapshot; None when the provider is another partner's."""
        opened: Snapshot | None = await self._act(
            sender, lambda turn: open_snapshot(turn, sender, provider, transaction, type)
        )
        return opened

    async def find(self, sender: Sender, snapshot_id: str) -> Snapshot | None:
        """Return the sender's snapshot; None when it has none such."""
        return await asyncio.to_thread(self._find, sender, snapshot_id)

    async def close(self, sender: Sender, snapshot: Snapshot, expected: int) -> Snapshot | Refusal:
        """Withdraw what was not sent, unless the count is wrong or the brake holds."""
        if snapshot.state in (APPLIED, CONFIRMED):
            return await self._apply(sender, snapshot)
        if snapshot.state == ABANDONED:
            return CLOSED
        missing = await self._held(sender, snapshot)
        if missing is None:
            return await self.close(sender, await self._again(sender, snapshot), expected)
        if missing.sent != expected:
            await self._move(sender, snapshot, (HELD,), OPEN)
            detail = f"{missing.sent} listings came with it: send the rest and close it again."
            return Refusal("snapshot_incomplete", detail)
        if self.brake.holds(missing):
            detail = (
                f"{len(missing.listings)} of {missing.on_market} listings would be withdrawn: "
                "confirm it, or abandon it."
            )
            return Refusal("snapshot_held", detail)
        return await self._apply(sender, snapshot)

    async def confirm(self, sender: Sender, snapshot: Snapshot) -> Snapshot | Refusal:
        """Withdraw what was not sent, however much it is."""
        if snapshot.state not in (HELD, CONFIRMED, APPLIED):
            return NOT_HELD
        return await self._apply(sender, snapshot)

    async def _held(self, sender: Sender, snapshot: Snapshot) -> Missing | None:
        """Stop the feeding and find what was not sent; None when another call was faster."""
        if not await self._move(sender, snapshot, (OPEN, HELD), HELD):
            return None
        missing = await asyncio.to_thread(find_missing, self.engine, snapshot)
        is_noted: bool = await self._act(
            sender, lambda turn: note_missing(turn, snapshot.snapshot_id, missing)
        )
        return missing if is_noted else None

    async def abandon(self, sender: Sender, snapshot: Snapshot) -> bool:
        """Withdraw nothing, ever; False when it was applied already."""
        if snapshot.state == ABANDONED:
            return True
        return await self._move(sender, snapshot, (OPEN, HELD), ABANDONED)

    async def _apply(self, sender: Sender, snapshot: Snapshot) -> Snapshot | Refusal:
        """Withdraw, chunk by chunk; killed in the middle, the next call goes on."""
        if await self._move(sender, snapshot, (HELD, CONFIRMED), CONFIRMED):
            missing = await asyncio.to_thread(find_missing, self.engine, snapshot)
            posts = withdrawals(snapshot, missing.listings)
            for start in range(0, len(posts), CHUNK_POSTS):
                part = Work(sender, posts[start : start + CHUNK_POSTS], calls=0)
                if stopped := _stopped(await self.desk.submit(part)):
                    return stopped
            await self._move(sender, snapshot, (CONFIRMED,), APPLIED)
        found = await self._again(sender, snapshot)
        # Another call may have opened it again or abandoned it before this one began.
        return found if found.state == APPLIED else NOT_HELD

    async def _again(self, sender: Sender, snapshot: Snapshot) -> Snapshot:
        found = await self.find(sender, snapshot.snapshot_id)
        assert found is not None  # snapshots are never deleted
        return found

    async def _move(
        self, sender: Sender, snapshot: Snapshot, before: tuple[str, ...], after: str
    ) -> bool:
        def act(turn: Turn) -> bool:
            is_moved = move_snapshot(turn, snapshot.snapshot_id, before, after)
            if is_moved and after in AUDITED:
                provider = snapshot.provider_identifier
                turn.notes.audit(sender, AUDITED[after], provider, DONE)
            return is_moved

        moved: bool = await self._act(sender, act)
        return moved

    async def _act(self, sender: Sender, act: Callable[[Turn], Any]) -> Any:
        return await self.desk.submit(Work(sender, act=act))

    def _find(self, sender: Sender, snapshot_id: str) -> Snapshot | None:
        with reading(self.engine) as connection:
            return find_snapshot(connection, snapshot_id, sender.partner_id)


def _stopped(verdicts: Sequence[Verdict]) -> Refusal | None:
    """Return why withdrawing cannot go on. A listing that was posted meanwhile is no reason."""
    if Rejected("key_ended") in verdicts:
        return KEY_ENDED
    return FAILED if Failed() in verdicts else None


AUDITED = {CONFIRMED: "snapshots.apply", ABANDONED: "snapshots.abandon"}
"""Actions of the audit by the state that they lead to; opening is `snapshots.open`."""

CLOSED = Refusal("snapshot_closed", "It was abandoned: open another.")
NOT_HELD = Refusal("snapshot_closed", "Only a snapshot that is held waits to be confirmed.")
