"""Schemas: brings journal and warehouse to the shape this code needs, under one lock.

`migrate` runs at first start and by `imo360 migrate`; `expect_current` guards every other
command, so that nobody works on a half-known schema.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from store import postgres, sqlite_files
from store.database import (
    expect_home,
    make_server_schema,
    next_warehouse,
    open_journal_database,
    open_warehouse,
    point_warehouse,
    server_url,
    warehouse_name,
    writing,
)
from store.home import Home, HomeError, locked
from store.settings import Settings
from store.tables.journal import COUNTERS, ingest_counters
from store.tables.metadata import JOURNAL, WAREHOUSE

METADATA = {"journal": JOURNAL, "warehouse": WAREHOUSE}

HEADS = {"journal": "0003", "warehouse": "0003"}
"""The newest migration of each database; known here so that most commands need no Alembic, which
takes half a second to load. A test holds it to the scripts."""


class SchemaError(Exception):
    """The schema of a database is not the one this code needs."""


@dataclass(frozen=True)
class Migrated:
    """Revisions of a database before (None: it was empty) and after."""

    name: str
    before: str | None
    after: str


def migrate(settings: Settings) -> list[Migrated]:
    """Create the home if need be and upgrade both databases. Safe to run twice, and at once."""
    home = Home(settings.home)
    home.make()
    with locked(home.locks / "migrate.lock"):
        make_server_schema(settings)
        journal = open_journal_database(settings)
        try:
            done = [_upgrade("journal", journal)]
            _fill_counters(journal)
        finally:
            journal.dispose()
        done.append(migrate_warehouse(settings, current_or_first_warehouse(settings)))
    return done


def migrate_warehouse(settings: Settings, name: str) -> Migrated:
    """Create or upgrade one warehouse."""
    url = server_url(settings)
    if url is not None:
        postgres.make_schema(url, name)
    engine = open_warehouse(settings, name)
    try:
        return _upgrade("warehouse", engine)
    finally:
        engine.dispose()


def copy_warehouse(settings: Settings, source: str, target: str) -> None:
    """Make another warehouse of the rows of one, as of one instant."""
    url = server_url(settings)
    if url is None:
        folder = Home(settings.home).warehouses
        sqlite_files.copy_file(folder / source, folder / target)
    else:
        migrate_warehouse(settings, target)
        postgres.copy_schema(url, source, target, list(WAREHOUSE.tables))


def current_or_first_warehouse(settings: Settings) -> str:
    """Return the warehouse readers use, pointing them to the first one in a new home."""
    home = Home(settings.home)
    try:
        return warehouse_name(home)
    except HomeError:
        name = next_warehouse(settings)
        point_warehouse(home, name)
        return name


def expect_current(settings: Settings) -> None:
    """Raise HomeError without a home, SchemaError unless both schemas are this code's."""
    expect_home(settings)
    journal = open_journal_database(settings)
    warehouse = open_warehouse(settings)
    try:
        _expect_head("journal", journal)
        _expect_head("warehouse", warehouse)
    finally:
        journal.dispose()
        warehouse.dispose()


def _upgrade(name: str, engine: Engine) -> Migrated:
    with writing(engine) as connection:
        before = revision_of(connection)
        _refuse_newer(name, before)
        if before != HEADS[name]:
            migrate_to(name, connection)
        return Migrated(name, before, str(revision_of(connection)))


def migrate_to(name: str, connection: Connection, revision: str = "head") -> None:
    """Bring a database to a migration inside the caller's transaction."""
    from store.migrations.run import upgrade

    upgrade(name, connection, revision)
    if connection.dialect.name == "postgresql":
        postgres.sort_text_by_bytes(connection)
        if revision == "head":
            postgres.tell_tables(connection, METADATA[name])


def revision_of(connection: Connection) -> str | None:
    """Return the migration a database is at; None when it has seen none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    version = sa.table("alembic_version", sa.column("version_num"))
    return connection.execute(sa.select(version.c.version_num)).scalar()


def _expect_head(name: str, engine: Engine) -> None:
    with engine.connect() as connection:
        found = revision_of(connection)
    _refuse_newer(name, found)
    if found != HEADS[name]:
        raise SchemaError(
            f"the {name}'s schema is {found or 'empty'}, this imo360 needs {HEADS[name]}: "
            "run `imo360 migrate`"
        )


def _refuse_newer(name: str, found: str | None) -> None:
    # Migrations are numbered, so that their names sort.
    if found is not None and found > HEADS[name]:
        raise SchemaError(f"the {name}'s schema {found} was made by a newer imo360: use that one")


def _fill_counters(engine: Engine) -> None:
    with writing(engine) as connection:
        known = set(connection.execute(sa.select(ingest_counters.c.name)).scalars())
        for name in COUNTERS:
            if name not in known:
                connection.execute(sa.insert(ingest_counters).values(name=name, value=0))
