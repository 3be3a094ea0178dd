"""Migrations reach exactly the declared tables, twice without harm, and refuse what they must."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Engine

from store.database import open_journal_database, open_warehouse, writing
from store.home import HomeError
from store.migrations.run import config_of
from store.schema import HEADS, SchemaError, expect_current, migrate
from store.settings import Settings
from store.tables.journal import COUNTERS, JOURNAL, ingest_counters
from store.tables.warehouse import WAREHOUSE

OPENERS = {
    "journal": (open_journal_database, JOURNAL),
    "warehouse": (lambda settings: open_warehouse(settings), WAREHOUSE),
}


@pytest.mark.parametrize("name", OPENERS)
def test_migrations_make_the_declared_tables(name: str, settings: Settings) -> None:
    opener, declared = OPENERS[name]
    with opener(settings).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, declared) == []


@pytest.mark.parametrize("name", HEADS)
def test_the_head_known_without_alembic_is_the_newest_script(name: str) -> None:
    assert ScriptDirectory.from_config(config_of(name)).get_current_head() == HEADS[name]


def test_migrating_again_changes_nothing(settings: Settings) -> None:
    heads = [(HEADS[name], HEADS[name]) for name in ("journal", "warehouse")]
    assert [(done.before, done.after) for done in migrate(settings)] == heads
    expect_current(settings)


def test_many_first_starts_at_once_make_one_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: migrate(settings), range(4)))
    with open_journal_database(settings).connect() as connection:
        names = connection.execute(sa.select(ingest_counters.c.name)).scalars().all()
    assert sorted(names) == sorted(COUNTERS)


def test_a_missing_home_is_told(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="no home at"):
        expect_current(Settings(home=tmp_path / "nowhere"))


def set_revision(engine: Engine, revision: str) -> None:
    with writing(engine) as connection:
        version = sa.table("alembic_version", sa.column("version_num"))
        connection.execute(sa.update(version).values(version_num=revision))


@pytest.mark.parametrize("check", [expect_current, migrate], ids=["at work", "migrating"])
def test_a_newer_schema_is_left_alone(
    check: Callable[[Settings], object], settings: Settings
) -> None:
    set_revision(open_journal_database(settings), "9999")
    with pytest.raises(SchemaError, match="newer imo360"):
        check(settings)


def test_an_old_schema_asks_for_the_migration(settings: Settings) -> None:
    with writing(open_warehouse(settings)) as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")
    with pytest.raises(SchemaError, match="run `imo360 migrate`"):
        expect_current(settings)


def test_rows_of_the_first_warehouse_survive_its_upgrades() -> None:
    """Columns that came later are null until a replay writes them."""
    config = config_of("warehouse")
    with sa.create_engine("sqlite://").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(
            "INSERT INTO core_agencies (identifier, provider_identifier, name, event_offset) "
            "VALUES ('my-crm:VIB', 'my-crm', 'VIB', 1)"
        )
        command.upgrade(config, "head")
        row = connection.execute(sa.select(WAREHOUSE.tables["core_agencies"])).mappings().one()
    assert (row["name"], row["former_identifier"]) == ("VIB", None)
