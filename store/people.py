"""People who run the platform: their accounts, and the log-ins that failed in the last minute.

An account is known by its e-mail address in lower case. Nobody is made without a password, and
nobody is deleted: a disabled account keeps its place in the audit log.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.audit import Actor, record
from store.shapes.vocabulary import Role
from store.tables.journal import ingest_login_failures, ingest_people

WINDOW = timedelta(minutes=1)
MAX_FAILURES = 5
"""Failed log-ins of one account in a WINDOW: after a typo or two there is still room, and a
password of twelve characters is out of reach."""

_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,189}")


class PersonError(ValueError):
    """An account cannot be made or changed as asked."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account, as it stands. password_hash stays out of texts and logs."""

    id: int
    email: str
    password_hash: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None

    def __repr__(self) -> str:
        return f"Person(id={self.id}, role={self.role.value})"

    def is_disabled(self, now: datetime) -> bool:
        """Whether the account is refused at this moment."""
        return self.disabled_at is not None and now >= self.disabled_at


@dataclass(frozen=True, slots=True)
class Attempt:
    """A log-in that counts as failed until it succeeds."""

    account_sha256: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """Too many log-ins of the account failed; retry_after: whole seconds until one may be tried."""

    retry_after: int


def create_person(
    connection: Connection, email: str, password_hash: str, role: Role, actor: Actor, now: datetime
) -> int:
    """Make an account and return its id. Raises PersonError for a bad or taken address."""
    address = normal_email(email)
    if _EMAIL.fullmatch(address) is None:
        raise PersonError("that is no e-mail address")
    if find_person(connection, address) is not None:
        raise PersonError("there is an account of this address already")
    made = sa.insert(ingest_people).values(
        email=address, password_hash=password_hash, role=role.value, created_at=now
    )
    person_id = int(connection.execute(made.returning(ingest_people.c.id)).scalar_one())
    details = {"role": role.value}
    record(connection, actor, "people.create", person_name(person_id), now, details=details)
    return person_id


def disable_person(connection: Connection, email: str, actor: Actor, now: datetime) -> bool:
    """End an account and its tokens at once; False when there is none. Again changes nothing."""
    person = find_person(connection, email)
    if person is None:
        return False
    if person.disabled_at is None:
        _update(connection, person.id, disabled_at=now)
        record(connection, actor, "people.disable", person_name(person.id), now)
    return True


def change_password(
    connection: Connection, email: str, password_hash: str, actor: Actor, now: datetime
) -> bool:
    """Give an account another password, which ends its tokens; False when there is none."""
    person = find_person(connection, email)
    if person is None:
        return False
    _update(connection, person.id, password_hash=password_hash)
    record(connection, actor, "people.password", person_name(person.id), now)
    return True


def find_person(connection: Connection, email: str) -> Person | None:
    """Return whose address this is, or None."""
    address = normal_email(email)
    if _EMAIL.fullmatch(address) is None:
        return None  # it may hold what a database refuses
    row = connection.execute(
        sa.select(ingest_people).where(ingest_people.c.email == address)
    ).first()
    return None if row is None else _person(row)


def person_of_id(connection: Connection, person_id: int) -> Person | None:
    """Return the person of an id, or None."""
    row = connection.execute(
        sa.select(ingest_people).where(ingest_people.c.id == person_id)
    ).first()
    return None if row is None else _person(row)


def list_people(connection: Connection) -> list[Person]:
    """Return everybody, disabled ones too, in the order of their making."""
    rows = connection.execute(sa.select(ingest_people).order_by(ingest_people.c.id))
    return [_person(row) for row in rows]


def begin_login(connection: Connection, email: str, now: datetime) -> Attempt | Throttled:
    """Count an attempt as failed before its password is judged, unless too many failed already.

    So attempts made at once, by several processes, do not pass together.
    """
    column, account = ingest_login_failures.c, account_sha256(email)
    connection.execute(sa.delete(ingest_login_failures).where(column.failed_at <= now - WINDOW))
    newest = sa.select(column.failed_at).where(column.account_sha256 == account)
    failures = connection.execute(newest.order_by(column.failed_at.desc())).scalars().all()
    if len(failures) >= MAX_FAILURES:
        rest = failures[MAX_FAILURES - 1] + WINDOW - now
        return Throttled(max(1, -(-rest // timedelta(seconds=1))))
    connection.execute(
        sa.insert(ingest_login_failures).values(account_sha256=account, failed_at=now)
    )
    return Attempt(account)


def end_login(
    connection: Connection, attempt: Attempt, person: Person | None, actor: Actor, now: datetime
) -> None:
    """Tell the audit log what became of an attempt; a success forgets the account's failures.

    person: who logged in; None when it failed.
    """
    if person is None:
        subject = f"account:{attempt.account_sha256[:16]}"
        record(connection, actor, "login", subject, now, outcome="invalid_credentials")
        return
    connection.execute(
        sa.delete(ingest_login_failures).where(
            ingest_login_failures.c.account_sha256 == attempt.account_sha256
        )
    )
    record(connection, actor, "login", person_name(person.id), now)


def person_name(person_id: int) -> str:
    """Return how the audit log calls a person."""
    return f"person:{person_id}"


def normal_email(email: str) -> str:
    """Return an address as it is compared and kept."""
    return email.strip().lower()


def account_sha256(email: str) -> str:
    """Return by what log-ins are counted: an address that was merely tried is not kept."""
    return hashlib.sha256(normal_email(email).encode(errors="surrogatepass")).hexdigest()


def _person(row: Any) -> Person:
    return Person(
        row.id, row.email, row.password_hash, Role(row.role), row.created_at, row.disabled_at
    )


def _update(connection: Connection, person_id: int, **values: Any) -> None:
    changed = sa.update(ingest_people).where(ingest_people.c.id == person_id)
    connection.execute(changed.values(**values))
