"""PostgreSQL: one database, with a schema for the journal and one for each warehouse.

One writer at a time in each schema, by an advisory lock that a transaction takes first: what is
true on SQLite is true here. Text sorts by its bytes (collation "C"), as on SQLite, so that the
order of rows does not hang on a server's language.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

JOURNAL_SCHEMA = "imo360_journal"

BUSY_SECONDS = 20
JOURNAL_BUSY_SECONDS = 2
"""How long a transaction waits for a lock that somebody else holds."""

_WRITERS = 360
"""First number of our advisory locks; the second names the schema."""

TAKE_TURN = f"SELECT pg_advisory_xact_lock({_WRITERS}, hashtext(current_schema()))"
"""Waits for the schema's one writer to end its transaction."""

TRY_TURN = f"SELECT pg_try_advisory_xact_lock({_WRITERS}, hashtext(current_schema()))"

SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""Everything read in such a transaction is of one instant."""


def journal_engine(url: str) -> Engine:
    """Return the engine of the journal's schema."""
    return _engine(url, JOURNAL_SCHEMA, JOURNAL_BUSY_SECONDS)


def schema_engine(url: str, schema: str) -> Engine:
    """Return the engine of a warehouse's schema."""
    return _engine(url, schema, BUSY_SECONDS)


def _engine(url: str, schema: str, busy_seconds: int) -> Engine:
    from psycopg.types.numeric import Int8Dumper

    engine = sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"),
        paramstyle="format",  # positions, as on SQLite
        connect_args={
            "application_name": "imo360",
            "options": f"-c search_path={schema} -c timezone=UTC -c lock_timeout={busy_seconds}s",
        },
        pool_size=8,
        max_overflow=24,
        pool_pre_ping=True,  # the server may have been started again
    )

    @event.listens_for(engine, "connect")
    def _configure(driver: Any, _record: Any) -> None:
        # By itself the driver sends each number as the narrowest type that holds it, and one
        # statement is then prepared for every mixture of them.
        driver.adapters.register_dumper(int, Int8Dumper)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("imo360_writes", False):
            connection.exec_driver_sql(TAKE_TURN)

    return engine


def begin_or_raise(driver: Any) -> None:
    """Open a write transaction on a driver's connection.

    Raises the driver's LockNotAvailable at once while somebody else writes.
    """
    from psycopg.errors import LockNotAvailable

    answers = driver.execute(f"BEGIN; {TRY_TURN}")
    answers.nextset()
    (is_ours,) = answers.fetchone()
    if not is_ours:
        driver.rollback()
        raise LockNotAvailable("somebody else is writing")


@contextmanager
def administering(url: str) -> Iterator[Connection]:
    """Open a transaction over schemas."""
    engine = _engine(url, "public", BUSY_SECONDS)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def make_schema(url: str, schema: str) -> None:
    """Create a schema that is not there."""
    with administering(url) as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")


def drop_schema(url: str, schema: str) -> None:
    """Remove a schema with everything in it, when it is there."""
    with administering(url) as connection:
        connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def schemas_like(url: str, prefix: str) -> list[str]:
    """Return the names of the schemas that begin so, in order."""
    named = sa.text(
        "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, :prefix) ORDER BY 1"
    )
    with administering(url) as connection:
        return list(connection.execute(named, {"prefix": prefix}).scalars())


def schema_bytes(url: str, schema: str) -> int:
    """Return how much room a schema takes on the server's disk."""
    size = sa.text(
        "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c "
        "WHERE c.relkind = 'r' AND c.relnamespace = (SELECT oid FROM pg_namespace "
        "WHERE nspname = :schema)"
    )
    with administering(url) as connection:
        return int(connection.execute(size, {"schema": schema}).scalar_one())


def schema_note(url: str, schema: str) -> str | None:
    """Return the comment on a schema; None without one."""
    noted = sa.text(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = :schema"
    )
    with administering(url) as connection:
        return connection.execute(noted, {"schema": schema}).scalar()


def note_schema(url: str, schema: str, note: str) -> None:
    """Write the comment on a schema. note: of letters, digits, spaces and colons."""
    assert all(c.isalnum() or c in " :-" for c in note), note
    with administering(url) as connection:
        connection.exec_driver_sql(f"COMMENT ON SCHEMA {schema} IS '{note}'")


def copy_schema(url: str, source: str, target: str, tables: list[str]) -> None:
    """Copy the rows of these tables, as of one instant, into a schema that has them empty."""
    engine = _engine(url, target, BUSY_SECONDS)
    try:
        with engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            for table in tables:
                names = ", ".join(
                    f'"{c["name"]}"' for c in sa.inspect(connection).get_columns(table)
                )
                connection.exec_driver_sql(
                    f"INSERT INTO {target}.{table} ({names}) SELECT {names} FROM {source}.{table}"  # noqa: S608 names are ours
                )
    finally:
        engine.dispose()


def sort_text_by_bytes(connection: Connection) -> None:
    """Give every text column of the current schema the collation "C"."""
    columns = connection.exec_driver_sql(
        "SELECT a.attrelid::regclass::text, a.attname FROM pg_attribute a "
        "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_collation k ON k.oid = a.attcollation "
        "WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace "
        "AND a.attnum > 0 AND NOT a.attisdropped AND k.collname <> 'C' ORDER BY 1, a.attnum"
    ).all()
    changes: dict[str, list[str]] = {}
    for table, name in columns:
        changes.setdefault(table, []).append(f'ALTER COLUMN "{name}" TYPE text COLLATE "C"')
    for table, parts in changes.items():
        connection.exec_driver_sql(f"ALTER TABLE {table} {', '.join(parts)}")


def tell_tables(connection: Connection, metadata: sa.MetaData) -> None:
    """Write what tables and columns hold beside them, for who looks with another client."""
    for table in metadata.tables.values():
        connection.execute(sa.schema.SetTableComment(table))
        for column in table.columns:
            connection.execute(sa.schema.SetColumnComment(column))
