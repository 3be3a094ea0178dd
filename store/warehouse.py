"""The warehouse: the lease that lets one worker write it, and its progress.

Every writing transaction checks the lease's generation first: a worker that slept past its
lease cannot commit, whatever it believes.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from store.database import open_warehouse, reading, writing
from store.home import Home, try_lock
from store.settings import Settings
from store.tables.warehouse import core_lease, core_progress


class LeaseLostError(Exception):
    """Another worker took over: this one's work is thrown away, nothing was written."""


@dataclass(frozen=True)
class Progress:
    """How far load and publish are. Zero before the first of each."""

    watermark: int = 0
    publication: int = 0
    edition: int = 0


@dataclass(frozen=True)
class Lease:
    """The right to write the warehouse, for one generation."""

    owner: str
    generation: int
    descriptor: int

    def release(self) -> None:
        """Let the next worker in at once (death does the same)."""
        os.close(self.descriptor)


def owner_name() -> str:
    """Return a name for this process that no later one bears."""
    return f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"


def take_lease(settings: Settings, now: datetime) -> tuple[Engine, Lease] | None:
    """Take the lease and open the current warehouse; None while a living worker holds the lease.

    On one machine the file lock decides (the kernel frees it at death); the generation fences
    off whoever held it before. The pointer is read under the lock: a replay that held it just
    now may have pointed to another warehouse.
    """
    descriptor = try_lock(Home(settings.home).locks / "refresh.lock")
    if descriptor is None:
        return None
    try:
        engine = open_warehouse(settings)
        return engine, claim(engine, owner_name(), descriptor, now)
    except BaseException:
        os.close(descriptor)
        raise


def claim(engine: Engine, owner: str, descriptor: int, now: datetime) -> Lease:
    """Begin a new generation in one warehouse, for whoever holds the file lock."""
    with writing(engine) as connection:
        last = connection.execute(
            sa.select(core_lease.c.generation).where(core_lease.c.name == "refresh")
        ).scalar()
        connection.execute(sa.delete(core_lease))
        connection.execute(
            sa.insert(core_lease).values(
                name="refresh", owner=owner, generation=(last or 0) + 1, taken_at=now
            )
        )
    return Lease(owner, (last or 0) + 1, descriptor)


@contextmanager
def fenced(engine: Engine, lease: Lease) -> Iterator[Connection]:
    """Open the one transaction of a cycle.

    Raises LeaseLostError when another generation holds the lease.
    """
    with writing(engine) as connection:
        expect_held(connection, lease)
        yield connection


def expect_held(connection: Connection, lease: Lease) -> None:
    """Raise LeaseLostError when another generation holds the lease."""
    generation = connection.execute(
        sa.select(core_lease.c.generation).where(core_lease.c.name == "refresh")
    ).scalar()
    if generation != lease.generation:
        raise LeaseLostError(f"generation {lease.generation} of {lease.owner} was taken over")


def read_progress(connection: Connection) -> Progress:
    """Return how far the warehouse is, in the caller's snapshot."""
    table = core_progress.c
    row = connection.execute(
        sa.select(table.watermark, table.publication, table.edition).where(table.name == "load")
    ).first()
    return Progress(*row) if row else Progress()


def progress_of(engine: Engine) -> Progress:
    """Return how far the warehouse is now."""
    with reading(engine) as connection:
        return read_progress(connection)


def write_progress(connection: Connection, before: Progress, after: Progress) -> None:
    """Move the watermark in the transaction that moves the rows.

    Raises LeaseLostError when the stored progress is not what the caller started from.
    """
    if read_progress(connection) != before:
        raise LeaseLostError("the warehouse moved under this worker")
    set_progress(connection, after)


def set_progress(connection: Connection, progress: Progress) -> None:
    """Write the progress, whatever it was (a replay starts a warehouse from here)."""
    connection.execute(sa.delete(core_progress))
    connection.execute(
        sa.insert(core_progress).values(
            name="load",
            watermark=progress.watermark,
            publication=progress.publication,
            edition=progress.edition,
        )
    )
