"""Refused bodies read back by whoever sent them: why, and enough to find them in one's own log.

For the reading side of a serving process, on a thread.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from store.database import reading
from store.shapes.bodies import BodyCodec
from store.shapes.posts import Sender
from store.tables.columns import instant_text
from store.tables.journal import ingest_keys, ingest_refusals

SCANNED = 100_000
"""Most refusals looked through for one page: most of them may be other partners'."""


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """A refused body. problem: code and violations as they were answered.

    payload_sha256: of the bytes that were kept, the first 64 KiB.
    """

    refusal_offset: int
    received_at: str
    provider_identifier: str | None
    external_id: str | None
    problem: dict[str, Any]
    payload_sha256: str
    payload_bytes: int


@dataclass(frozen=True, slots=True)
class RefusalPage:
    """Refusals after an offset; next: go on after this one; more: there may be more there."""

    rows: list[RefusalRow]
    next: int
    more: bool


class RefusalReader:
    """Reads the refusals of one home. Safe to use from several threads.

    A sandbox knows no keys: everything in it is the one partner's.
    """

    def __init__(self, engine: Engine, *, is_sandbox: bool = False) -> None:
        self._engine = engine
        self._is_sandbox = is_sandbox

    def page(self, sender: Sender, provider: str | None, after: int, limit: int) -> RefusalPage:
        """Return up to `limit` refusals after an offset that the sender may see, in order.

        Its partner's, whichever key sent them; of these, a key that is bound to providers sees
        those that name one of them and those it sent itself.
        """
        chosen = _refusals(sender, provider)
        if not self._is_sandbox:
            chosen = chosen.where(_REFUSAL.key_id.in_(_keys_of(sender.partner_id)))
        with reading(self._engine) as connection:
            last = connection.execute(_LAST).scalar() or 0
            end = min(last, after + SCANNED)
            scanned = chosen.where(_REFUSAL.refusal_offset > after, _REFUSAL.refusal_offset <= end)
            found = list(_unpacked(connection.execute(scanned.limit(limit))))
        if len(found) == limit:
            return RefusalPage(found, found[-1].refusal_offset, found[-1].refusal_offset < last)
        return RefusalPage(found, max(after, end), end < last)


_REFUSAL = ingest_refusals.c
_LAST = sa.select(sa.func.max(_REFUSAL.refusal_offset))


def _keys_of(partner_id: int) -> sa.Select[Any]:
    return sa.select(ingest_keys.c.id).where(ingest_keys.c.partner_id == partner_id)


def _refusals(sender: Sender, provider: str | None) -> sa.Select[Any]:
    chosen = sa.select(
        _REFUSAL.refusal_offset, _REFUSAL.received_at, _REFUSAL.provider_identifier,
        _REFUSAL.external_id, _REFUSAL.problem, _REFUSAL.payload_bytes, _REFUSAL.body,
    ).order_by(_REFUSAL.refusal_offset)  # fmt: skip
    if provider is not None:
        chosen = chosen.where(_REFUSAL.provider_identifier == provider)
    if sender.providers is None:
        return chosen
    names_its_own = _REFUSAL.provider_identifier.in_(sorted(sender.providers))
    return chosen.where(names_its_own | (_REFUSAL.key_id == sender.key_id))


def _unpacked(rows: Iterable[Any]) -> Iterator[RefusalRow]:
    """Read row by row: each body may be 64 KiB, and only its hash is kept."""
    unpack, decode = BodyCodec().unpack, msgspec.json.Decoder(dict[str, Any]).decode
    for offset, received_at, provider, external_id, problem, size, body in rows:
        digest = hashlib.sha256(unpack(body)).hexdigest()
        received = instant_text(received_at)
        yield RefusalRow(offset, received, provider, external_id, decode(problem), digest, size)
