"""API keys: made, changed, rotated, revoked and listed. Only their hash is stored.

Every change writes its entry of the audit log in the same transaction. How a presented key is
found stands in `key_finding`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.audit import COMMAND_LINE, Actor, record
from store.key_finding import (
    KeyReader,
    KeyRecord,
    KeyState,
    find_key,
    key_sha256,
    lookup_part,
    new_key,
    new_lookup,
    provider_owner,
)
from store.shapes.checks import Violation, check_provider_identifier
from store.shapes.vocabulary import Environment, Permission
from store.tables.journal import ingest_keys, ingest_partners

__all__ = [
    "KeyReader",
    "KeyRecord",
    "create_key",
    "find_key",
    "lookup_part",
    "provider_owner",
    "revoke_key",
]

MAX_NAME = 200
MAX_PROVIDERS = 1_000
MAX_RATE = 1_000_000
MAX_OVERLAP = timedelta(days=7)
DEFAULT_OVERLAP = timedelta(hours=24)
"""How long the old secret of a rotation lives: a working day to bring the new one everywhere."""


class KeyRequestError(ValueError):
    """A key cannot be made or changed as asked; violations say what to mend, in wire names."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__("; ".join(f"{v.path} {v.message}" for v in violations))
        self.violations = tuple(violations)


class KeyEndedError(Exception):
    """A key that was revoked or has expired cannot be changed as asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWish:
    """A key as somebody wants it. name None: the partner's. providers None: any free one.

    rate_burst None: as many as in a minute.
    """

    partner: str
    permissions: Sequence[str]
    providers: Sequence[str] | None = None
    expires_at: datetime | None = None
    name: str | None = None
    environment: Environment = Environment.LIVE
    rate_per_minute: int | None = None
    rate_burst: int | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A new secret: the only time it is seen."""

    key_id: int
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDetails:
    """A key as people see it in lists; nothing of its secret."""

    id: int
    lookup: str
    name: str
    partner_id: int
    partner: str
    environment: Environment
    permissions: list[str]
    providers: list[str] | None
    rate_per_minute: int | None
    rate_burst: int | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    previous_ends_at: datetime | None
    state: KeyState


def create_key(
    connection: Connection,
    partner: str,
    permissions: Sequence[str],
    providers: Sequence[str] | None,
    expires_at: datetime | None,
    now: datetime,
) -> str:
    """Make a live key from the command line and return it; see `issue_key`."""
    wish = KeyWish(
        partner=partner, permissions=permissions, providers=providers, expires_at=expires_at
    )
    return issue_key(connection, wish, COMMAND_LINE, now).key


def issue_key(connection: Connection, wish: KeyWish, actor: Actor, now: datetime) -> Issued:
    """Make a key. The partner is made when new.

    Raises KeyRequestError for an unknown permission, a provider identifier that cannot be used
    or belongs to another partner, a blank partner or name, an expiry that is past or has no zone,
    or a rate out of bounds.
    """
    wanted = {field.name: getattr(wish, field.name) for field in fields(wish)}
    _expect(wrong_fields(wanted, now))
    partner = wish.partner.strip()
    partner_id = _partner_id(connection, partner, now)
    _expect(_foreign_providers(connection, wish.providers, partner_id))
    lookup = new_lookup()
    key = new_key(lookup, wish.environment)
    made = sa.insert(ingest_keys).values(
        lookup=lookup,
        secret_sha256=key_sha256(key),
        partner_id=partner_id,
        environment=wish.environment.value,
        created_at=now,
        created_by=actor.name,
        **_stored(wanted | {"name": wish.name or partner}),
    )
    key_id = int(connection.execute(made.returning(ingest_keys.c.id)).scalar_one())
    details = {"partner": partner, "environment": wish.environment.value}
    record(connection, actor, "keys.create", _subject(key_id), now, details=details)
    return Issued(key_id, key)


def rotate_key(
    connection: Connection, key_id: int, overlap: timedelta, actor: Actor, now: datetime
) -> Issued | None:
    """Give a key a new secret; the present one holds until the overlap has passed, to the second.

    An older one that still overlapped ends at once. None: there is no such key. Raises
    KeyEndedError for one that was revoked or has expired.
    """
    found = find_details(connection, key_id, now)
    if found is None:
        return None
    if found.state != "live":
        raise KeyEndedError(f"the key is {found.state}: make a new one")
    key = new_key(found.lookup, found.environment)
    connection.execute(
        sa.update(ingest_keys)
        .where(ingest_keys.c.id == key_id)
        .values(
            previous_secret_sha256=ingest_keys.c.secret_sha256,
            previous_ends_at=now + overlap,
            secret_sha256=key_sha256(key),
        )
    )
    details = {"overlapSeconds": int(overlap.total_seconds())}
    record(connection, actor, "keys.rotate", _subject(key_id), now, details=details)
    return Issued(key_id, key)


def change_key(
    connection: Connection, key_id: int, changes: dict[str, Any], actor: Actor, now: datetime
) -> KeyDetails | None:
    """Change name, permissions, providers, expires_at, rate_per_minute and rate_burst.

    changes: fields of KeyWish; what is absent stays. An expired key lives again with a later
    expiry. None: there is no such key. Raises KeyRequestError, and KeyEndedError for a revoked
    one.
    """
    found = find_details(connection, key_id, now)
    if found is None:
        return None
    if found.state == "revoked":
        raise KeyEndedError("the key is revoked: make a new one")
    _expect(wrong_fields(changes, now))
    owner = _partner_id(connection, found.partner, now)
    _expect(_foreign_providers(connection, changes.get("providers"), owner))
    if changes:
        changed = sa.update(ingest_keys).where(ingest_keys.c.id == key_id)
        connection.execute(changed.values(**_stored(changes)))
    record(
        connection, actor, "keys.change", _subject(key_id), now, details={"fields": sorted(changes)}
    )
    return find_details(connection, key_id, now)


def end_key(connection: Connection, key_id: int, actor: Actor, now: datetime) -> bool:
    """End a key with the next request; False when there is none such. Again changes nothing."""
    first_end = sa.func.coalesce(
        ingest_keys.c.revoked_at, sa.literal(now, ingest_keys.c.revoked_at.type)
    )
    ended = connection.execute(
        sa.update(ingest_keys).where(ingest_keys.c.id == key_id).values(revoked_at=first_end)
    )
    if ended.rowcount != 1:
        return False
    record(connection, actor, "keys.revoke", _subject(key_id), now)
    return True


def revoke_key(connection: Connection, key: str, now: datetime) -> bool:
    """End a key from the command line, named whole or by its lookup part; see `end_key`."""
    key_id = find_key_id(connection, key)
    return key_id is not None and end_key(connection, key_id, COMMAND_LINE, now)


def find_key_id(connection: Connection, key: str) -> int | None:
    """Return the id of a key named whole or by its lookup part; None when there is none such."""
    lookup = lookup_part(key) or key
    return connection.execute(
        sa.select(ingest_keys.c.id).where(ingest_keys.c.lookup == lookup)
    ).scalar()


def find_details(connection: Connection, key_id: int, now: datetime) -> KeyDetails | None:
    """Return one key as people see it, or None."""
    row = connection.execute(_DETAILS.where(ingest_keys.c.id == key_id)).mappings().first()
    return None if row is None else _details(row, now)


def list_keys(connection: Connection, after: int, limit: int, now: datetime) -> list[KeyDetails]:
    """Return the keys behind this id in their order, ended ones too."""
    listed = _DETAILS.where(ingest_keys.c.id > after).order_by(ingest_keys.c.id).limit(limit)
    return [_details(row, now) for row in connection.execute(listed).mappings()]


_DETAILS = sa.select(
    ingest_keys.c.id, ingest_keys.c.lookup, ingest_keys.c.name,
    ingest_keys.c.partner_id, ingest_partners.c.name.label("partner"), ingest_keys.c.environment,
    ingest_keys.c.permissions, ingest_keys.c.providers, ingest_keys.c.rate_per_minute,
    ingest_keys.c.rate_burst, ingest_keys.c.created_at, ingest_keys.c.created_by,
    ingest_keys.c.expires_at, ingest_keys.c.revoked_at, ingest_keys.c.previous_ends_at,
).join(ingest_partners)  # fmt: skip


def _details(row: Any, now: datetime) -> KeyDetails:
    providers = row["providers"]
    return KeyDetails(
        **{
            **row,
            "environment": Environment(row["environment"]),
            "permissions": json.loads(row["permissions"]),
            "providers": None if providers is None else json.loads(providers),
        },
        state=_state(row["expires_at"], row["revoked_at"], now),
    )


def _state(expires_at: datetime | None, revoked_at: datetime | None, now: datetime) -> KeyState:
    if revoked_at is not None and now >= revoked_at:
        return "revoked"
    return "expired" if expires_at is not None and now >= expires_at else "live"


def _stored(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return wanted fields as the table keeps them."""
    stored = {name: wanted[name] for name in ("expires_at",) if name in wanted}
    if "name" in wanted:
        stored["name"] = wanted["name"].strip()
    for name in ("permissions", "providers"):
        if name in wanted:
            values = wanted[name]
            stored[name] = None if values is None else json.dumps(sorted(set(values)))
    if "rate_per_minute" in wanted:
        per_minute = wanted["rate_per_minute"]
        stored["rate_per_minute"] = per_minute
        stored["rate_burst"] = wanted.get("rate_burst") or per_minute
    return stored


def _subject(key_id: int) -> str:
    return f"key:{key_id}"


def _partner_id(connection: Connection, name: str, now: datetime) -> int:
    found = connection.execute(
        sa.select(ingest_partners.c.id).where(ingest_partners.c.name == name)
    ).scalar()
    if found is not None:
        return int(found)
    made = sa.insert(ingest_partners).values(name=name, created_at=now)
    return int(connection.execute(made.returning(ingest_partners.c.id)).scalar_one())


# -- what is wrong with a wish, in wire names -------------------------------------------------


def wrong_fields(wanted: dict[str, Any], now: datetime) -> list[Violation]:
    """Return what is wrong with fields of a KeyWish, as far as they alone can tell."""
    checks = (
        ("partner", _wrong_partner), ("name", _wrong_name), ("permissions", _wrong_permissions),
        ("providers", _wrong_providers),
    )  # fmt: skip
    found = [wrong for name, check in checks if name in wanted for wrong in check(wanted[name])]
    found += _wrong_expiry(wanted.get("expires_at"), now)
    return found + _wrong_rate(wanted.get("rate_per_minute"), wanted.get("rate_burst"))


def _expect(violations: Sequence[Violation]) -> None:
    if violations:
        raise KeyRequestError(violations)


def _wrong_partner(partner: str) -> list[Violation]:
    return _wrong_label("partner", partner)


def _wrong_name(name: str | None) -> list[Violation]:
    return [] if name is None else _wrong_label("name", name)


def _wrong_label(path: str, label: str) -> list[Violation]:
    if not label.strip():
        return [Violation(path, "blank", "must not be blank")]
    if len(label) > MAX_NAME:
        return [Violation(path, "too_long", f"must have at most {MAX_NAME} characters")]
    if not label.isprintable():
        return [Violation(path, "invalid_characters", "must be printable")]
    return []


def _wrong_permissions(permissions: Sequence[str]) -> list[Violation]:
    known = [permission.value for permission in Permission]
    message = f"must be one of {', '.join(known)}"
    return [
        Violation(f"permissions[{place}]", "invalid_choice", message)
        for place, permission in enumerate(permissions)
        if permission not in known
    ]


def _wrong_providers(providers: Sequence[str] | None) -> list[Violation]:
    if providers is None:
        return []
    if not providers:
        message = "must name at least one; null lets the key use any free one"
        return [Violation("providers", "blank", message)]
    if len(providers) > MAX_PROVIDERS:
        return [Violation("providers", "too_many_items", f"must be at most {MAX_PROVIDERS}")]
    return [
        Violation(f"providers[{place}]", wrong.code, wrong.message)
        for place, provider in enumerate(providers)
        for wrong in check_provider_identifier(provider)
    ]


def _wrong_expiry(expires_at: datetime | None, now: datetime) -> list[Violation]:
    if expires_at is None:
        return []
    if expires_at.tzinfo is None:
        message = "needs a time zone, as 2027-01-01T00:00:00Z"
        return [Violation("expiresAt", "invalid_instant", message)]
    if expires_at <= now:
        return [Violation("expiresAt", "in_the_past", "must not lie in the past")]
    return []


def _wrong_rate(per_minute: int | None, burst: int | None) -> list[Violation]:
    if per_minute is None:
        missing = Violation("rateLimit.perMinute", "required", "must be there beside burst")
        return [] if burst is None else [missing]
    message = f"must be at least 1 and at most {MAX_RATE:,}"
    return [
        Violation(f"rateLimit.{name}", "out_of_range", message)
        for name, value in (("perMinute", per_minute), ("burst", burst))
        if value is not None and not 1 <= value <= MAX_RATE
    ]


def _foreign_providers(
    connection: Connection, providers: Sequence[str] | None, partner_id: int
) -> list[Violation]:
    return [
        Violation(f"providers[{place}]", "provider_not_owned", "belongs to another partner")
        for place, provider in enumerate(providers or ())
        if provider_owner(connection, provider) not in (None, partner_id)
    ]
