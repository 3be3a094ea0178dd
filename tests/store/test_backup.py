"""Backups: whole or none, of a running home, restored only as they were made."""

import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from store.backup import MANIFEST, NOT_REBUILT, BackupError, back_up, restore
from store.database import open_journal_database, reading
from store.home import HomeError
from store.journal import Journal, Sender
from store.raw_lake import RawLake
from store.schema import expect_current
from store.settings import Settings
from store.tables.journal import ingest_keys, ingest_listings
from store.tables.metadata import JOURNAL, WAREHOUSE
from tests.crashing import CrashError, Crashes
from tests.listings import post

Clock = Callable[[], datetime]


@pytest.fixture
def filled(settings: Settings, journal: Journal, sender: Sender, clock: Clock) -> Settings:
    """A home with four sealed events and two that wait."""
    journal.submit(sender, [post(f"x{i}") for i in range(4)])
    RawLake(settings).seal(clock())
    journal.submit(sender, [post(f"y{i}") for i in range(2)])
    return settings


def rows(settings: Settings, table: sa.Table) -> list[sa.Row[tuple[object, ...]]]:
    with reading(open_journal_database(settings)) as connection:
        return list(connection.execute(sa.select(table).order_by(*table.primary_key)).all())


def test_a_restored_home_is_the_home_that_was_backed_up(
    filled: Settings, elsewhere: Settings, tmp_path: Path, clock: Clock
) -> None:
    made = back_up(filled, tmp_path / "backup", clock())
    assert made.last_offset == 6
    other = elsewhere
    assert restore(other, tmp_path / "backup").last_offset == 6
    expect_current(other)
    for table in (ingest_keys, ingest_listings):
        assert rows(other, table) == rows(filled, table)
    lake = RawLake(other)
    lake.verify()
    assert lake.seal(clock()) == 6  # what waited in the journal is in the backup, too
    assert lake.read(0, 10).num_rows == 6


def test_folders_may_have_any_name(empty_home: Path, tmp_path: Path, clock: Clock) -> None:
    odd = tmp_path / "a #1? 100%25"
    shutil.copytree(empty_home, odd / "home")
    back_up(Settings(home=odd / "home"), odd / "backup", clock())
    restore(Settings(home=odd / "other"), odd / "backup")
    expect_current(Settings(home=odd / "other"))


def test_a_backup_runs_beside_posts_and_is_of_one_instant(
    filled: Settings,
    journal: Journal,
    sender: Sender,
    elsewhere: Settings,
    tmp_path: Path,
    clock: Clock,
) -> None:
    posted = []

    def on_file(_done: int, _all: int) -> None:
        posted.append(journal.submit(sender, [post(f"z{len(posted)}")]))

    made = back_up(filled, tmp_path / "backup", clock(), on_file=on_file)
    assert posted
    restore(elsewhere, tmp_path / "backup")
    lake = RawLake(elsewhere)
    assert lake.seal(clock()) == made.last_offset == 6


def test_a_second_backup_copies_what_is_new_and_drops_what_went(
    filled: Settings, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.raw_lake.COMPACT_FILES", 2)
    lake, folder = RawLake(filled), tmp_path / "backup"
    first = back_up(filled, folder, clock())
    assert back_up(filled, folder, clock()).copied < first.copied
    lake.seal(clock())
    lake.compact(clock())
    back_up(filled, folder, clock())
    held = {path.name for path in (folder / "lake" / "events").iterdir()}
    assert held == {file.path.name for file in lake.files()}


def test_without_its_manifest_a_folder_is_no_backup(
    filled: Settings,
    elsewhere: Settings,
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "backup"
    Crashes(monkeypatch).arm("backup_copied")
    with pytest.raises(CrashError):
        back_up(filled, folder, clock())
    with pytest.raises(BackupError, match=MANIFEST):
        restore(elsewhere, folder)
    back_up(filled, folder, clock())
    restore(elsewhere, folder)


def test_a_restore_that_was_broken_off_leaves_no_home_and_can_be_repeated(
    filled: Settings,
    elsewhere: Settings,
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    back_up(filled, tmp_path / "backup", clock())
    other = elsewhere
    Crashes(monkeypatch).arm("restore_copied")
    with pytest.raises(CrashError):
        restore(other, tmp_path / "backup")
    with pytest.raises(HomeError, match="no home"):
        expect_current(other)
    restore(other, tmp_path / "backup")
    expect_current(other)


def test_a_damaged_file_is_named_and_not_restored(
    filled: Settings, elsewhere: Settings, tmp_path: Path, clock: Clock
) -> None:
    folder, other = tmp_path / "backup", elsewhere
    back_up(filled, folder, clock())
    (path,) = (folder / "lake" / "events").iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(BackupError, match=f"{path.name} is damaged"):
        restore(other, folder)
    path.unlink()
    with pytest.raises(BackupError, match=f"{path.name} is missing"):
        restore(other, folder)


def test_a_manifest_cannot_write_outside_the_home(
    filled: Settings, elsewhere: Settings, tmp_path: Path, clock: Clock
) -> None:
    folder = tmp_path / "backup"
    back_up(filled, folder, clock())
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][0]["path"] = "../outside"
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BackupError, match="outside the home"):
        restore(elsewhere, folder)
    assert not (tmp_path / "outside").exists()


def test_folders_of_something_else_are_left_alone(
    filled: Settings, tmp_path: Path, clock: Clock
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear")
    with pytest.raises(BackupError, match="something else"):
        back_up(filled, mine, clock())
    assert (mine / "letter.txt").exists()
    with pytest.raises(BackupError, match="inside the home"):
        back_up(filled, filled.home / "backup", clock())
    back_up(filled, tmp_path / "b", clock())
    with pytest.raises(HomeError, match="there is a home"):
        restore(filled, tmp_path / "b")


def test_what_a_replay_cannot_rebuild_names_tables_that_are_there() -> None:
    named = {name for names in NOT_REBUILT for name in names.split(", ")} - {"secrets"}
    assert named <= {*JOURNAL.tables, *WAREHOUSE.tables}
