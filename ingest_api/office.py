"""The office: where people log in and manage keys. Its work is done on threads, off the event loop.

Writes take the lock that orders the journal's committers, so that a key that is made never makes
a partner's post wait in SQLite's sleeping busy handler.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy.engine import Connection, Engine

from ingest_api.tokens import Signer, TokenError, credential_of
from store.audit import Actor
from store.database import reading, writing
from store.home import Home, locked
from store.passwords import NOBODYS, PasswordHasher
from store.people import (
    Attempt,
    Person,
    Throttled,
    begin_login,
    end_login,
    find_person,
    person_of_id,
)
from store.settings import Settings
from store.signing_secret import signing_secret

Result = TypeVar("Result")

LOGINS_AT_ONCE = 2
"""Passwords judged at the same time: each takes 64 MiB and a core."""

MAX_WAITING = 32
"""Log-ins that may wait for their turn; some seconds' worth."""


class BusyError(Exception):
    """Too many log-ins wait already."""


class Office:
    """What the routes for people act through. Made inside the running loop."""

    def __init__(self, settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.hasher = PasswordHasher()
        self.signer = Signer(signing_secret(settings), timedelta(minutes=settings.jwt_minutes))
        self._engine = engine
        self._lock = Home(settings.home).locks / "journal.lock"
        self._turns = asyncio.Semaphore(LOGINS_AT_ONCE)
        self._waiting = 0

    async def read(self, ask: Callable[[Connection], Result]) -> Result:
        """Ask the journal in one snapshot."""

        def act() -> Result:
            with reading(self._engine) as connection:
                return ask(connection)

        return await asyncio.to_thread(act)

    async def write(self, change: Callable[[Connection], Result]) -> Result:
        """Change the journal in one transaction; durable on return."""
        return await asyncio.to_thread(self._written, change)

    async def bearer(self, token: str) -> Person:
        """Return who shows this token, as the account stands now. Raises TokenError."""
        now = self.clock()
        claims = self.signer.read(token, now)
        person = await self.read(lambda connection: person_of_id(connection, claims.person_id))
        if person is None or person.is_disabled(now) or credential_of(person) != claims.credential:
            raise TokenError
        return person

    async def log_in(
        self, email: str, password: str, address: str | None
    ) -> str | Throttled | None:
        """Return a token, or None when there is no such account or it has another password.

        Raises BusyError.
        """
        if self._waiting >= MAX_WAITING:
            raise BusyError
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(self._log_in, email, password, address)
        finally:
            self._waiting -= 1

    def _log_in(self, email: str, password: str, address: str | None) -> str | Throttled | None:
        """Do the same for an account that is there and one that is not."""
        now = self.clock()
        begun = self._written(lambda connection: _begin(connection, email, now))
        if isinstance(begun, Throttled):
            return begun
        attempt, person = begun
        is_right = self.hasher.verify(password, NOBODYS if person is None else person.password_hash)
        welcome = person if person and is_right and not person.is_disabled(now) else None
        actor = Actor("anonymous", address)
        self._written(lambda connection: end_login(connection, attempt, welcome, actor, now))
        return None if welcome is None else self.signer.sign(welcome, now)

    def _written(self, change: Callable[[Connection], Result]) -> Result:
        with locked(self._lock), writing(self._engine) as connection:
            return change(connection)


def _begin(
    connection: Connection, email: str, now: datetime
) -> tuple[Attempt, Person | None] | Throttled:
    begun = begin_login(connection, email, now)
    return begun if isinstance(begun, Throttled) else (begun, find_person(connection, email))
