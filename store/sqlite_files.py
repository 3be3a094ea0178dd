"""SQLite: a file for the journal and one for each warehouse.

WAL, one writer at a time by BEGIN IMMEDIATE. The journal syncs every commit (an acknowledged event
survives a power cut); the warehouse may lose its last commits in one, because the lake gives them
back.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from store.home import sync_folder

BUSY_SECONDS = 20.0
JOURNAL_BUSY_SECONDS = 2.0
"""How long a connection waits for a lock that somebody else holds. On the journal our own writers
take turns by a file lock, so that is a stranger's; whoever waits has the turn, and posts wait
behind it."""

JOURNAL_LOG_PAGES = 16_000
"""Pages (64 MiB) of the journal's write-ahead log from which a commit itself brings them into the
database. Posts wait for that, so `bring_in_log` is called beside them long before."""


def journal_engine(path: Path) -> Engine:
    """Return the engine of a journal's file."""
    return _engine(path, "FULL", log_pages=JOURNAL_LOG_PAGES, busy_seconds=JOURNAL_BUSY_SECONDS)


def warehouse_engine(path: Path, *, read_only: bool = False) -> Engine:
    """Return the engine of a warehouse's file."""
    return _engine(path, "NORMAL", read_only=read_only)


def _engine(
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


def open_read_only(path: Path) -> sqlite3.Connection:
    """Return the driver's own connection to a database file, for a look."""
    return sqlite3.connect(f"{_file_uri(path)}?mode=ro", uri=True, timeout=BUSY_SECONDS)


def copy_file(source: Path, target: Path) -> None:
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


def remove_file(path: Path) -> None:
    """Remove a database file with its log, when it is there."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _file_uri(path: Path) -> str:
    return f"file:{quote(str(path.resolve()))}"  # a folder's name may hold ? and #
