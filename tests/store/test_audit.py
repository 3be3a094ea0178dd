"""The audit log is only ever added to, and read in order."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from store.audit import COMMAND_LINE, Actor, Entry, read_entries, record
from store.database import open_journal_database, writing
from store.settings import Settings
from store.tables.journal import ingest_audit_entries

NOW = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)


def test_entries_are_read_back_in_order(settings: Settings) -> None:
    with writing(open_journal_database(settings)) as connection:
        record(connection, COMMAND_LINE, "a", None, NOW)
        record(connection, Actor("key:1", "::1"), "b", "s", NOW, outcome="x", details={"n": 1})
        first, second = read_entries(connection, 0, 10)
        assert read_entries(connection, first.id, 10) == [second]
        assert read_entries(connection, 0, 1) == [first]
    assert first == Entry(1, NOW, "cli", "a", None, None, "done", 1, None)
    assert second == Entry(2, NOW, "key:1", "b", "s", "::1", "x", 1, {"n": 1})


@pytest.mark.parametrize(
    "change", [sa.delete(ingest_audit_entries), sa.update(ingest_audit_entries).values(action="z")]
)
def test_entries_are_neither_changed_nor_deleted(settings: Settings, change: sa.Executable) -> None:
    engine = open_journal_database(settings)
    with writing(engine) as connection:
        record(connection, COMMAND_LINE, "a", None, NOW)
    with pytest.raises(sa.exc.IntegrityError, match="append-only"), writing(engine) as connection:
        connection.execute(change)
