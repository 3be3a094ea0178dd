"""Engines for journal and warehouse, and how their transactions begin.

SQLite here: WAL, one writer at a time by BEGIN IMMEDIATE. The journal syncs every commit
(an acknowledged event survives a power cut); the warehouse may lose its last commits in one,
because the lake gives them back.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from store.home import Home, HomeError, sync_folder, write_durably
from store.settings import Settings

BUSY_SECONDS = 20.0
JOURNAL_BUSY_SECONDS = 2.0
"""How long a connection waits for a lock that somebody else holds. On the journal our own writers
take turns by a file lock, so that is a stranger's; whoever waits has the turn, and posts wait
behind it."""

JOURNAL_LOG_PAGES = 16_000
"""Pages (64 MiB) of the journal's write-ahead log from which a commit itself brings them into the
database. Posts wait for that, so `bring_in_log` is called beside them long before."""


def _sqlite_engine(
    path: Path, synchronous: str, *, log_pages: int = 1_000, busy_seconds: float = BUSY_SECONDS,
    read_only: bool = False,
) -> Engine:  # fmt: skip
    mode = "ro" if read_only else "rwc"
    file = _file_uri(path)
    engine = sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=file, query={"mode": mode, "uri": "true"}),
        connect_args={
            "timeout": busy_seconds,
            "isolation_level": None,
            "check_same_thread": False,
            "cached_statements": 512,
        },
        pool_size=8,
        max_overflow=24,
    )

    @event.listens_for(engine, "connect")
    def _configure(driver: sqlite3.Connection, _record: Any) -> None:
        if not read_only:
            driver.execute("PRAGMA journal_mode=WAL")
        driver.execute(f"PRAGMA synchronous={synchronous}")
        driver.execute("PRAGMA foreign_keys=ON")
        driver.execute("PRAGMA cache_size=-65536")
        driver.execute(f"PRAGMA wal_autocheckpoint={log_pages}")
        driver.execute("PRAGMA mmap_size=268435456")
        driver.execute("PRAGMA temp_store=MEMORY")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            return
        writes = connection.get_execution_options().get("imo360_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a write transaction: the writer's lock is taken at once, not at the first write."""
    writer = engine.connect().execution_options(imo360_writes=True)
    with writer as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a read transaction: everything read in it is one snapshot."""
    with engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def driver_reading(engine: Engine) -> Iterator[Any]:
    """Open a read transaction and give the driver itself, for statements of `driver_sql`.

    SQLAlchemy's execution costs ten times as much a statement, and as much again for each row.
    """
    with reading(engine) as connection:
        yield connection.connection.driver_connection


def bring_in_log(engine: Engine) -> None:
    """Copy what is committed from the write-ahead log into the database (a passive checkpoint).

    Keeps no writer waiting, and leaves what one is using to the next call. Changes scattered over
    many rows touch a page each, and bringing those in costs as much as committing them.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")


def open_journal_database(settings: Settings) -> Engine:
    """Return the engine of the journal's database. Does not create or migrate it."""
    return _sqlite_engine(
        Home(settings.home).journal, "FULL", log_pages=JOURNAL_LOG_PAGES,
        busy_seconds=JOURNAL_BUSY_SECONDS,
    )  # fmt: skip


def warehouse_path(home: Home) -> Path:
    """Return the warehouse that the publication pointer names.

    Raises HomeError when there is none yet.
    """
    pointer = home.warehouses / "CURRENT"
    try:
        return home.warehouses / pointer.read_text().strip()
    except FileNotFoundError:
        raise HomeError(
            f"no warehouse in {home.root}: start one with `imo360 up` or `imo360 migrate`"
        ) from None


def point_warehouse(home: Home, name: str) -> None:
    """Let readers use this warehouse from now on."""
    write_durably(home.warehouses / "CURRENT", name.encode() + b"\n")


def open_warehouse(path: Path) -> Engine:
    """Return the engine of a warehouse file, for its one writer."""
    return _sqlite_engine(path, "NORMAL")


_readers: dict[Path, Engine] = {}


def open_warehouse_reader(settings: Settings) -> Engine:
    """Return a read-only engine on the current warehouse; follows the pointer at each call."""
    path = warehouse_path(Home(settings.home))
    if path not in _readers:
        _readers[path] = _sqlite_engine(path, "NORMAL", read_only=True)
    return _readers[path]


def open_read_only(path: Path) -> sqlite3.Connection:
    """Return the driver's own connection to a database file, for a look."""
    return sqlite3.connect(f"{_file_uri(path)}?mode=ro", uri=True, timeout=BUSY_SECONDS)


def _file_uri(path: Path) -> str:
    return f"file:{quote(str(path.resolve()))}"  # a folder's name may hold ? and #


def copy_database(source: Path, target: Path) -> None:
    """Copy a database file as of one instant, durably; writers go on meanwhile."""
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    with (
        closing(open_read_only(source)) as live,
        closing(sqlite3.connect(part)) as copy,
    ):
        live.backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(target)
    sync_folder(target.parent)


def driver_sql(statement: sa.ClauseElement, engine: Engine) -> str:
    """Compile a statement once for the driver, for executemany without SQLAlchemy's per-row cost.

    Parameters are then positional tuples in the order of the statement's columns, already in
    the driver's form (`instant_text` for instants on SQLite).
    """
    return str(statement.compile(dialect=engine.dialect))
