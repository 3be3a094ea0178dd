"""The form of an API key, and how a presented one is found. On the path of every post.

A key is `imo360_ak_` (`imo360_ak_test_` in the sandbox) + lookup part + secret + checksum. The
checksum lets a mistyped key fail without a look at the database; the lookup part finds its row;
the secret is 196 random bits, for which one SHA-256 is enough (nobody can try them out).
"""

import binascii
import hashlib
import hmac
import json
import re
import secrets
import string
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from store.database import driver_sql
from store.held_connection import HeldConnection
from store.shapes.vocabulary import Environment
from store.tables.columns import parse_instant
from store.tables.journal import ingest_keys, ingest_providers

PREFIX = "imo360_ak_"
PREFIXES = {Environment.LIVE: PREFIX, Environment.SANDBOX: f"{PREFIX}test_"}
LOOKUP_LENGTH = 12
SECRET_LENGTH = 33
CHECKSUM_LENGTH = 6
_LETTERS = string.digits + string.ascii_letters
_KEY = re.compile(
    f"{PREFIX}(?:test_)?([0-9A-Za-z]{{{LOOKUP_LENGTH}}})"
    f"[0-9A-Za-z]{{{SECRET_LENGTH + CHECKSUM_LENGTH}}}"
)

KeyState = Literal["live", "expired", "revoked"]
END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as it stands at one moment. providers None: any provider that is free.

    ends_at: first instant at which the presented secret is refused: the key's expiry or, for the
    secret before a rotation, the end of the overlap. rate_*: None without a limit.
    """

    key_id: int
    partner_id: int
    permissions: frozenset[str]
    providers: frozenset[str] | None
    state: KeyState
    environment: Environment = Environment.LIVE
    rate_per_minute: int | None = None
    rate_burst: int | None = None
    ends_at: datetime = END_OF_TIME


def new_lookup() -> str:
    """Draw the public part of a key."""
    return _draw(LOOKUP_LENGTH)


def new_key(lookup: str, environment: Environment) -> str:
    """Draw a key with this lookup part."""
    drawn = f"{PREFIXES[environment]}{lookup}{_draw(SECRET_LENGTH)}"
    return drawn + _checksum(drawn)


def key_sha256(key: str) -> str:
    """Return what is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def lookup_part(presented: str) -> str | None:
    """Return the public part of a well-formed key; None for a mistyped or foreign string."""
    match = _KEY.fullmatch(presented)
    if match is None or _checksum(presented[:-CHECKSUM_LENGTH]) != presented[-CHECKSUM_LENGTH:]:
        return None
    return match[1]


def find_key(connection: Connection, presented: str, now: datetime) -> KeyRecord | None:
    """Return the key's record at this moment, or None when there is no such key."""
    lookup = lookup_part(presented)
    if lookup is None:
        return None
    row = connection.execute(_FIND, {"lookup": lookup}).first()
    return None if row is None else _record(tuple(row), presented, now)


class KeyReader:
    """Finds keys over one connection of its own, for a serving process; not thread-safe.

    Each call reads the database, so a revoked key ends with the next request. It asks the driver
    itself: 10 microseconds a call, where SQLAlchemy's execution takes 50.
    """

    def __init__(self, engine: Engine) -> None:
        self._held = HeldConnection(engine)
        self._find = driver_sql(_FIND, engine)
        self._find_owner = driver_sql(_FIND_OWNER, engine)

    def find(self, presented: str, now: datetime) -> KeyRecord | None:
        """Like `find_key`."""
        lookup = lookup_part(presented)
        if lookup is None:
            return None
        rows = self._held.live().execute(self._find, (lookup,)).fetchall()
        return _record(rows[0], presented, now) if rows else None

    def owner(self, provider: str) -> int | None:
        """Like `provider_owner`."""
        rows = self._held.live().execute(self._find_owner, (provider,)).fetchall()
        return rows[0][0] if rows else None

    def close(self) -> None:
        """Give the connection back."""
        self._held.give_back()


def provider_owner(connection: Connection, provider: str) -> int | None:
    """Return the partner that owns a provider identifier; None while it is free."""
    return connection.execute(_FIND_OWNER, {"identifier": provider}).scalar()


_FIND = sa.select(
    ingest_keys.c.secret_sha256,
    ingest_keys.c.previous_secret_sha256,
    ingest_keys.c.previous_ends_at,
    ingest_keys.c.id,
    ingest_keys.c.partner_id,
    ingest_keys.c.permissions,
    ingest_keys.c.providers,
    ingest_keys.c.environment,
    ingest_keys.c.rate_per_minute,
    ingest_keys.c.rate_burst,
    ingest_keys.c.expires_at,
    ingest_keys.c.revoked_at,
).where(ingest_keys.c.lookup == sa.bindparam("lookup"))

_FIND_OWNER = sa.select(ingest_providers.c.partner_id).where(
    ingest_providers.c.identifier == sa.bindparam("identifier")
)

_Row = tuple[Any, ...]


def _record(row: _Row, presented: str, now: datetime) -> KeyRecord | None:
    presented_sha256 = key_sha256(presented)
    current, before, revoked_at = _parsed(row)
    if hmac.compare_digest(row[0], presented_sha256):
        live = current
    elif hmac.compare_digest(row[1] or "", presented_sha256):
        live = before
    else:
        return None
    if now >= revoked_at:
        return replace(live, state="revoked")
    return replace(live, state="expired") if now >= live.ends_at else live


@lru_cache(maxsize=1024)
def _parsed(row: _Row) -> tuple[KeyRecord, KeyRecord, datetime]:
    """Return the record as its secret and the one before show it, and when it is revoked."""
    (_, _, previous_ends_at, key_id, partner_id, permissions, providers, environment,
     rate_per_minute, rate_burst, expires_at, revoked_at) = row  # fmt: skip
    current = KeyRecord(
        key_id=key_id,
        partner_id=partner_id,
        permissions=frozenset(json.loads(permissions)),
        providers=None if providers is None else frozenset(json.loads(providers)),
        state="live",
        environment=Environment(environment),
        rate_per_minute=rate_per_minute,
        rate_burst=rate_burst,
        ends_at=_ending(expires_at),
    )
    before = replace(current, ends_at=min(current.ends_at, _ending(previous_ends_at)))
    return current, before, _ending(revoked_at)


def _ending(stored: str | datetime | None) -> datetime:
    """Read an end as the driver gives it: text on SQLite, an instant on PostgreSQL."""
    if stored is None:
        return END_OF_TIME
    return parse_instant(stored) if isinstance(stored, str) else stored


def _draw(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def _checksum(text: str) -> str:
    rest = binascii.crc32(text.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(_LETTERS))
        digits = _LETTERS[digit] + digits
    return digits
