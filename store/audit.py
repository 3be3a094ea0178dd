"""The audit log: who did what, from where, with what outcome. Only ever added to.

An entry commits with what it tells of. It never holds a secret, and no e-mail address that was
merely tried: people type passwords into that field.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.tables.journal import ingest_audit_entries

DONE = "done"
"""The outcome of what was not refused."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `key:ID`, `person:ID`, `cli` or `anonymous`, and the address they act from."""

    name: str
    address: str | None = None


COMMAND_LINE = Actor("cli")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, as it is read back."""

    id: int
    recorded_at: datetime
    actor: str
    action: str
    subject: str | None
    address: str | None
    outcome: str
    count: int
    details: dict[str, Any] | None


def record(
    connection: Connection,
    actor: Actor,
    action: str,
    subject: str | None,
    now: datetime,
    *,
    outcome: str = DONE,
    details: dict[str, Any] | None = None,
) -> None:
    """Add an entry in the caller's transaction."""
    connection.execute(
        sa.insert(ingest_audit_entries).values(
            recorded_at=now,
            actor=actor.name,
            action=action,
            subject=subject,
            address=actor.address,
            outcome=outcome,
            count=1,
            details=None if details is None else json.dumps(details, sort_keys=True),
        )
    )


def read_entries(connection: Connection, after: int, limit: int) -> list[Entry]:
    """Return the entries behind this id, oldest first."""
    rows = connection.execute(
        sa.select(ingest_audit_entries)
        .where(ingest_audit_entries.c.id > after)
        .order_by(ingest_audit_entries.c.id)
        .limit(limit)
    )
    return [_entry(row) for row in rows.mappings()]


def _entry(row: Any) -> Entry:
    details = row["details"]
    return Entry(**{**row, "details": None if details is None else json.loads(details)})
