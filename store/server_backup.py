"""Server backup: the journal and the warehouse on PostgreSQL as files of rows, and back.

Each table as COPY writes it, all of a schema as of one instant; and the migrations the schemas
were at, so that rows meet the tables they came from.
"""

import json
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store import postgres
from store.database import (
    make_server_schema,
    next_warehouse,
    open_journal_database,
    open_warehouse,
    point_warehouse,
    reading,
    server_url,
    writing,
)
from store.home import Home, make_durably, sync_folder, write_durably
from store.schema import METADATA, migrate, migrate_to, revision_of
from store.settings import Settings
from store.tables.journal import ingest_counters
from store.warehouse import read_progress

FOLDER = "database"
HEADS_FILE = "HEADS.json"


def dump(settings: Settings, folder: Path, name: str) -> list[str]:
    """Write a database (journal or warehouse) beside the others of a backup; return the files."""
    engine = open_journal_database(settings) if name == "journal" else open_warehouse(settings)
    target = folder / FOLDER / name
    make_durably(target)
    try:
        with reading(engine) as connection:
            head = revision_of(connection)
            tables = METADATA[name].sorted_tables
            for table in tables:
                _dump_table(connection, table, target / f"{table.name}.copy")
            told = {"revision": head, "reached": _reached(connection, name)}
    finally:
        engine.dispose()
    write_durably(target / HEADS_FILE, json.dumps(told).encode())
    sync_folder(target)
    files = [HEADS_FILE, *(f"{table.name}.copy" for table in tables)]
    return [f"{FOLDER}/{name}/{file}" for file in files]


def load(settings: Settings, folder: Path) -> None:
    """Make the databases of a backup in a database that holds none; the journal's mark comes last.

    A load that was broken off is begun again.
    """
    url = server_url(settings)
    assert url is not None
    warehouse = next_warehouse(settings)
    for name, schema in (("warehouse", warehouse), ("journal", postgres.JOURNAL_SCHEMA)):
        postgres.drop_schema(url, schema)
        postgres.make_schema(url, schema)
        source = folder / FOLDER / name
        if not source.is_dir():
            continue
        is_journal = name == "journal"
        engine = (
            open_journal_database(settings) if is_journal else open_warehouse(settings, warehouse)
        )
        try:
            with writing(engine) as connection:
                told = json.loads((source / HEADS_FILE).read_text())
                migrate_to(name, connection, told["revision"])
                for table in METADATA[name].sorted_tables:
                    _load_table(connection, table, source / f"{table.name}.copy")
        finally:
            engine.dispose()
    point_warehouse(Home(settings.home), warehouse)
    make_server_schema(settings)
    migrate(settings)


def reached(folder: Path) -> tuple[int, int | None]:
    """Return the last offset of a backup's journal, and the publication of its warehouse."""
    told = {
        name: json.loads((folder / FOLDER / name / HEADS_FILE).read_text())["reached"]
        for name in METADATA
        if (folder / FOLDER / name).is_dir()
    }
    return int(told["journal"]), told.get("warehouse")


def _reached(connection: Connection, name: str) -> int:
    if name == "warehouse":
        return read_progress(connection).publication
    value = sa.select(ingest_counters.c.value).where(ingest_counters.c.name == "event_offset")
    return int(connection.execute(value).scalar_one())


def is_taken(settings: Settings) -> bool:
    """Whether the database holds a home."""
    url = server_url(settings)
    return url is not None and postgres.schema_note(url, postgres.JOURNAL_SCHEMA) is not None


def _dump_table(connection: Connection, table: sa.Table, path: Path) -> None:
    names = _names(connection, table)
    driver = cast(Any, connection.connection.driver_connection)
    with path.open("wb") as file, driver.cursor() as cursor:
        file.write(f"{names}\n".encode())
        with cursor.copy(f"COPY {table.name} ({names}) TO STDOUT") as rows:
            for part in rows:
                file.write(part)


def _load_table(connection: Connection, table: sa.Table, path: Path) -> None:
    driver = cast(Any, connection.connection.driver_connection)
    with path.open("rb") as file, driver.cursor() as cursor:
        names = file.readline().decode().strip()
        cursor.execute(f"DELETE FROM {table.name}")  # noqa: S608 a migration may fill tables
        with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as rows:
            while part := file.read(1 << 20):
                rows.write(part)
    numbered = table.autoincrement_column
    if numbered is not None:
        connection.exec_driver_sql(
            f"SELECT setval(pg_get_serial_sequence('{table.name}', '{numbered.name}'), "  # noqa: S608
            f"(SELECT max({numbered.name}) FROM {table.name}))"
        )


def _names(connection: Connection, table: sa.Table) -> str:
    columns = sa.inspect(connection).get_columns(table.name)
    return ", ".join(f'"{column["name"]}"' for column in columns)
