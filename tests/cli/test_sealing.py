"""Sandboxes are sealed as they stand: none half made, none of which only the open file is left."""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from cli.sealing import seal_on, seal_sandboxes
from store.database import open_journal_database, reading, writing
from store.home import Home
from store.journal import Journal, Sender, open_journal
from store.raw_lake import RawLake
from store.sandbox import make_sandbox, sandbox_settings, wipe_sandbox
from store.settings import Settings
from store.sweep import ITEMS_KEPT
from store.tables.journal import ingest_snapshot_items
from tests.cli.conftest import Call
from tests.conftest import NOW
from tests.journals import insert_snapshot, listings_without_log
from tests.listings import post
from tests.watching import await_true

PARTNER = 7


def post_in_sandbox(settings: Settings, *references: str) -> RawLake:
    """Make the sandbox and post to it; return its lake."""
    sandbox = make_sandbox(settings, PARTNER, NOW)
    journal = open_journal(sandbox, lambda: NOW, knows_keys=False)
    sender = Sender(key_id=1, partner_id=PARTNER, providers=None)
    journal.submit(sender, [post(reference) for reference in references])
    journal.close()
    return RawLake(sandbox)


@pytest.mark.slow
def test_a_sandbox_is_sealed_again_after_it_was_wiped(settings: Settings) -> None:
    lake = post_in_sandbox(settings, "a", "b")
    seal_sandboxes(settings)
    assert not lake.waiting()
    wipe_sandbox(settings, PARTNER)
    seal_sandboxes(settings)
    again = post_in_sandbox(settings, "c")
    assert again.waiting()
    seal_sandboxes(settings)
    assert [row["external_id"] for row in again.read(0, 10).to_pylist()] == ["c"]


def test_what_is_left_of_a_wiped_sandbox_is_not_sealed(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    post_in_sandbox(settings, "a")
    home = sandbox_settings(settings, PARTNER).home
    left = home.rename(home.with_name(f".{PARTNER}-cut"))
    (Home(settings.home).sandboxes / "8").mkdir()  # being made
    with caplog.at_level(logging.ERROR):
        seal_sandboxes(settings)
    assert not caplog.records
    assert RawLake(settings.model_copy(update={"home": left})).waiting()


def test_a_sandbox_that_cannot_be_sealed_stops_no_other(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    lake = post_in_sandbox(settings, "a")
    broken = make_sandbox(settings, PARTNER - 1, NOW)
    (broken.home / "journal.sqlite").write_bytes(b"no database" * 500)
    seal_sandboxes(settings)
    assert not lake.waiting()
    assert "sealing failed" in caplog.text


@contextmanager
def sealing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Seal on a thread meanwhile; a signal's part is played by the end of the block."""
    stops: list[threading.Event] = []
    monkeypatch.setattr("cli.sealing.stop_on_signals", stops.append)
    sealer = threading.Thread(target=seal_on, args=(settings,))
    sealer.start()
    await_true(lambda: stops)
    try:
        yield
    finally:
        stops[0].set()
        sealer.join()


def test_the_log_is_brought_in_beside_the_posts(
    settings: Settings, journal: Journal, sender: Sender, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    def is_in() -> bool:
        with suppress(sqlite3.DatabaseError):  # copied while pages were written
            return listings_without_log(settings, tmp_path) == 2
        return False

    journal.submit(sender, [post("a"), post("b")])
    assert not is_in()
    with sealing(settings.model_copy(update={"seal_seconds": 60.0}), monkeypatch):
        await_true(is_in, "the log in the database")
        assert RawLake(settings).waiting()
    assert not RawLake(settings).waiting(), "what waits is sealed at the end"


def test_what_is_over_is_swept_beside_the_posts(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_journal_database(settings)
    with writing(engine) as connection:
        over = datetime.now(UTC) - ITEMS_KEPT - timedelta(minutes=1)
        insert_snapshot(connection, "over", over, 3)

    def is_swept() -> bool:
        with reading(engine) as connection:
            return connection.execute(sa.select(ingest_snapshot_items)).first() is None

    assert not is_swept()
    with sealing(settings.model_copy(update={"seal_seconds": 0.05}), monkeypatch):
        await_true(is_swept, "the sweep")


def test_there_must_be_a_home_to_seal(call: Call, tmp_path: Path) -> None:
    done = call("seal", "--home", f"{tmp_path}/none")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
