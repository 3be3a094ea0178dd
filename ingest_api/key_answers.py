"""Keys, their use and the audit log as JSON, for the people who manage them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from store.audit import Entry
from store.keys import Issued, KeyDetails
from store.shapes.checks import wire_instant
from store.usage import Usage


class TokenAnswer(msgspec.Struct):
    """A token of somebody who logged in."""

    token: str


class RateLimitAnswer(msgspec.Struct, rename="camel"):
    """Items a minute, and most items at once."""

    per_minute: int
    burst: int


class KeyAnswer(msgspec.Struct, rename="camel"):
    """A key without its secret. providers null: any free one. previousEndsAt: until when the
    secret before the newest rotation holds, when there was one."""

    id: int
    name: str
    partner: str
    environment: str
    lookup: str
    state: str
    permissions: list[str]
    providers: list[str] | None
    rate_limit: RateLimitAnswer | None
    created_at: str
    created_by: str
    expires_at: str | None
    revoked_at: str | None
    previous_ends_at: str | None


class NewKeyAnswer(KeyAnswer):
    """A key with its secret, which is not shown again."""

    key: str


class KeyPage(msgspec.Struct, rename="camel"):
    """Keys in the order of their making; nextCursor null: these were the last."""

    items: list[KeyAnswer]
    next_cursor: str | None


class UsageDayAnswer(msgspec.Struct, rename="camel"):
    """One day (UTC). p95Ms: 95 of 100 answers took at most so long; null when not measured."""

    day: str
    calls: int
    accepted: int
    warned: int
    refused: int
    p95_ms: float | None


class ErrorCount(msgspec.Struct):
    """How often a code was answered."""

    code: str
    count: int


class UsageAnswer(msgspec.Struct, rename="camel"):
    """A key's use."""

    key_id: int
    last_used_at: str | None
    days: list[UsageDayAnswer]
    top_errors: list[ErrorCount]


class AuditEntryAnswer(msgspec.Struct, rename="camel"):
    """Who did what, from where, with what outcome; count: how many items of one request."""

    id: int
    at: str
    actor: str
    action: str
    subject: str | None
    address: str | None
    outcome: str
    count: int
    details: dict[str, Any] | None


class AuditPage(msgspec.Struct):
    """Entries, oldest first. next: the `after` of the next page; more: whether there is one now."""

    entries: list[AuditEntryAnswer]
    next: int
    more: bool


def key_answer(details: KeyDetails) -> KeyAnswer:
    """Return a key as it is shown."""
    return KeyAnswer(**_key_members(details))


def new_key_answer(details: KeyDetails, issued: Issued) -> NewKeyAnswer:
    """Return a new key, or one with a new secret."""
    return NewKeyAnswer(**_key_members(details), key=issued.key)


def key_page(found: Sequence[KeyDetails], limit: int) -> KeyPage:
    """Return a page; found: one more than the limit when there are more."""
    shown = found[:limit]
    cursor = str(shown[-1].id) if len(found) > limit else None
    return KeyPage([key_answer(details) for details in shown], cursor)


def usage_answer(key_id: int, usage: Usage) -> UsageAnswer:
    """Return a key's use."""
    return UsageAnswer(
        key_id=key_id,
        last_used_at=_instant(usage.last_used_at),
        days=[
            UsageDayAnswer(
                each.day.isoformat(), each.calls, each.accepted, each.warned, each.refused,
                each.p95_ms,
            )
            for each in usage.days
        ],
        top_errors=[ErrorCount(code, count) for code, count in usage.top_errors],
    )  # fmt: skip


def audit_page(found: Sequence[Entry], after: int, limit: int) -> AuditPage:
    """Return a page; found: one more than the limit when there are more."""
    shown = found[:limit]
    return AuditPage(
        [_entry(entry) for entry in shown],
        next=shown[-1].id if shown else after,
        more=len(found) > limit,
    )


def _entry(entry: Entry) -> AuditEntryAnswer:
    return AuditEntryAnswer(
        entry.id, wire_instant(entry.recorded_at), entry.actor, entry.action, entry.subject,
        entry.address, entry.outcome, entry.count, entry.details,
    )  # fmt: skip


def _key_members(details: KeyDetails) -> dict[str, Any]:
    return {
        "id": details.id,
        "name": details.name,
        "partner": details.partner,
        "environment": details.environment.value,
        "lookup": details.lookup,
        "state": details.state,
        "permissions": details.permissions,
        "providers": details.providers,
        "rate_limit": _rate(details.rate_per_minute, details.rate_burst),
        "created_at": wire_instant(details.created_at),
        "created_by": details.created_by,
        "expires_at": _instant(details.expires_at),
        "revoked_at": _instant(details.revoked_at),
        "previous_ends_at": _instant(details.previous_ends_at),
    }


def _rate(per_minute: int | None, burst: int | None) -> RateLimitAnswer | None:
    return None if per_minute is None or burst is None else RateLimitAnswer(per_minute, burst)


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else wire_instant(moment)
