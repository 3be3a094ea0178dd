"""Databases: engines for the journal and the warehouses, and how their transactions begin.

SQLite files in the home, or schemas of the PostgreSQL database that the settings name. Everybody
else writes the same statements for both.
"""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from store import postgres, sqlite_files
from store.home import Home, HomeError, write_durably
from store.settings import Settings

SCHEMA_PREFIX = "imo360_warehouse_"


def server_url(settings: Settings) -> str | None:
    """Return the address of the PostgreSQL database, with its password; None on SQLite."""
    return settings.database_url.get_secret_value() if settings.database_url else None


def driver_error(settings: Settings) -> type[Exception]:
    """Return what the databases' driver raises, when it is asked without SQLAlchemy."""
    if settings.database_url is None:
        return sqlite3.Error
    import psycopg  # a quarter of the time of a start: only where it is used

    return psycopg.Error


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a write transaction: the writer's lock is taken at once, not at the first write."""
    writer = engine.connect().execution_options(imo360_writes=True)
    with writer as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a read transaction: everything read in it is one snapshot."""
    is_server = engine.dialect.name == "postgresql"
    options: dict[str, Any] = postgres.SNAPSHOT if is_server else {}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


@contextmanager
def driver_reading(engine: Engine) -> Iterator[Any]:
    """Open a read transaction and give the driver itself, for statements of `driver_sql`.

    SQLAlchemy's execution costs ten times as much a statement, and as much again for each row.
    """
    with reading(engine) as connection:
        yield connection.connection.driver_connection


def bring_in_log(engine: Engine) -> None:
    """Copy what is committed from SQLite's write-ahead log into its database, passively.

    Keeps no writer waiting, and leaves what one is using to the next call. Changes scattered over
    many rows touch a page each, and bringing those in costs as much as committing them.
    """
    if engine.dialect.name != "sqlite":
        return  # a server does so by itself
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")


def open_journal_database(settings: Settings) -> Engine:
    """Return the engine of the journal's database. Does not create or migrate it."""
    url = server_url(settings)
    if url is not None:
        return postgres.journal_engine(url)
    return sqlite_files.journal_engine(Home(settings.home).journal)


def driver_sql(statement: sa.ClauseElement, engine: Engine) -> str:
    """Compile a statement once for the driver, for executemany without SQLAlchemy's per-row cost.

    Parameters are then positional tuples in the order of the statement's columns, already in
    the driver's form (`instant_text` for instants, which both drivers take).
    """
    return str(statement.compile(dialect=engine.dialect))


def begin_writing(driver: Any, dialect_name: str, *, waits: bool) -> None:
    """Open a write transaction on a driver's own connection (which is in autocommit).

    waits: may sleep for the writer's lock; else raises at once while somebody else holds it.
    """
    if dialect_name == "sqlite":
        driver.execute("BEGIN IMMEDIATE")
    elif waits:
        driver.execute(f"BEGIN; {postgres.TAKE_TURN}")
    else:
        postgres.begin_or_raise(driver)


def expect_home(settings: Settings) -> None:
    """Raise HomeError unless there is a home, and its databases are those of the settings."""
    home, url = Home(settings.home), server_url(settings)
    if url is None and home.server_mark.exists():
        raise HomeError(
            f"the home {home.root} keeps its databases on PostgreSQL: set IMO360_DATABASE_URL"
        )
    if url is not None and home.journal.exists():
        raise HomeError(
            f"the home {home.root} keeps its databases in SQLite files: "
            "unset IMO360_DATABASE_URL, or name another home with --home"
        )
    if not (home.journal if url is None else home.server_mark).exists():
        raise HomeError(
            f"no home at {home.root}: start one with `imo360 up` or `imo360 migrate`, "
            "or name another with --home"
        )
    if url is not None and postgres.schema_note(url, postgres.JOURNAL_SCHEMA) != _mark(home):
        raise HomeError(f"the database of IMO360_DATABASE_URL is another home's, not {home.root}'s")


def make_server_schema(settings: Settings) -> None:
    """Make the journal's schema of a home, each marked as the other's; nothing on SQLite.

    Raises HomeError when one of the two belongs to another.
    """
    home, url = Home(settings.home), server_url(settings)
    if url is None or home.journal.exists():
        if home.journal.exists() or home.server_mark.exists():
            expect_home(settings)
        return
    schema = postgres.JOURNAL_SCHEMA
    postgres.make_schema(url, schema)
    noted = postgres.schema_note(url, schema)
    if noted is None:
        if not home.server_mark.exists():
            write_durably(home.server_mark, f"imo360 home {os.urandom(8).hex()}\n".encode())
        postgres.note_schema(url, schema, _mark(home))
    expect_home(settings)


def warehouse_name(home: Home) -> str:
    """Return the warehouse that the publication pointer names: a file, or a schema.

    Raises HomeError when there is none yet.
    """
    try:
        return _pointer(home).read_text().strip()
    except FileNotFoundError:
        raise HomeError(
            f"no warehouse in {home.root}: start one with `imo360 up` or `imo360 migrate`"
        ) from None


def point_warehouse(home: Home, name: str) -> None:
    """Let readers use this warehouse from now on."""
    write_durably(_pointer(home), name.encode() + b"\n")


def next_warehouse(settings: Settings, name: str | None = None) -> str:
    """Return the name of the warehouse after this one; of the first without."""
    number = 1 if name is None else int(re.findall(r"\d+", name)[-1]) + 1
    if settings.database_url is not None:
        return f"{SCHEMA_PREFIX}{number:06d}"
    return f"warehouse-{number:06d}.sqlite"


def open_warehouse(settings: Settings, name: str | None = None) -> Engine:
    """Return the engine of a warehouse, for its one writer. Does not create or migrate it.

    name: another than the one in use.
    """
    url, name = server_url(settings), name or warehouse_name(Home(settings.home))
    if url is not None:
        return postgres.schema_engine(url, name)
    return sqlite_files.warehouse_engine(Home(settings.home).warehouses / name)


_readers: dict[tuple[str, str], Engine] = {}


def open_warehouse_reader(settings: Settings) -> Engine:
    """Return an engine on the current warehouse, to read; follows the pointer at each call."""
    home, url = Home(settings.home), server_url(settings)
    name = warehouse_name(home)
    key = (url or str(home.warehouses), name)
    if key not in _readers:
        _readers[key] = (
            postgres.schema_engine(url, name)
            if url is not None
            else sqlite_files.warehouse_engine(home.warehouses / name, read_only=True)
        )
    return _readers[key]


def warehouse_names(settings: Settings) -> list[str]:
    """Return every warehouse there is: the one in use, and what replays left."""
    url = server_url(settings)
    if url is not None:
        return postgres.schemas_like(url, SCHEMA_PREFIX)
    return sorted(path.name for path in Home(settings.home).warehouses.glob("warehouse-*.sqlite"))


def remove_warehouse(settings: Settings, name: str) -> None:
    """Remove a warehouse, when it is there."""
    url = server_url(settings)
    if url is not None:
        postgres.drop_schema(url, name)
    else:
        sqlite_files.remove_file(Home(settings.home).warehouses / name)


def database_bytes(settings: Settings, name: str | None = None) -> int:
    """Return how much room a warehouse takes; the journal without a name."""
    home, url = Home(settings.home), server_url(settings)
    if url is not None:
        return postgres.schema_bytes(url, name or postgres.JOURNAL_SCHEMA)
    path = home.journal if name is None else home.warehouses / name
    return sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*"))


def _pointer(home: Home) -> Path:
    return home.warehouses / "CURRENT"


def _mark(home: Home) -> str:
    return home.server_mark.read_text().strip()
