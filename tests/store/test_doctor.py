"""The doctor: each damage is found, named and, where nothing is lost by it, mended."""

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from flows.steps.exports import export_publication
from flows.steps.worker import start_worker
from store.database import open_journal_database, writing
from store.doctor import BAD, OK, WARNING, Finding, examine, mend, rebuild_catalogue
from store.home import Home, HomeError
from store.journal import Journal, Sender, open_journal
from store.keys import create_key
from store.raw_lake import EVENTS, RawLake
from store.settings import Settings
from store.tables.journal import ingest_batches, ingest_counters, ingest_lake_files
from tests.conftest import Ticking
from tests.homes import warehouse_file
from tests.journeys.market import posts_of, send, synthetic
from tests.listings import post

Clock = Callable[[], datetime]


@pytest.fixture
def filled(settings: Settings, journal: Journal, sender: Sender, clock: Ticking) -> Settings:
    """A home with two lake files, loaded."""
    for name in ("x", "y"):
        journal.submit(sender, [post(f"{name}{i}") for i in range(3)])
        RawLake(settings).seal(clock())
    worker = start_worker(settings, "test", clock)
    assert worker is not None
    worker.cycle()
    worker.close()
    return settings


def found(settings: Settings, now: datetime, level: str = BAD) -> list[Finding]:
    return [finding for finding in examine(settings, now) if finding.level == level]


def test_a_home_in_order_has_nothing_to_mend(filled: Settings, clock: Clock) -> None:
    assert {finding.level for finding in examine(filled, clock())} == {OK}
    assert mend(filled, clock()) == []


@pytest.mark.sqlite_only
def test_without_a_home_there_is_nothing_to_look_at(settings: Settings, clock: Clock) -> None:
    Home(settings.home).journal.unlink()
    with pytest.raises(HomeError, match="no home"):
        examine(settings, clock())


def test_a_damaged_lake_file_is_written_again_from_the_journal(
    filled: Settings, clock: Clock
) -> None:
    path = RawLake(filled).files()[0].path  # not the last one
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"!")
    (finding,) = found(filled, clock())
    assert finding.look == "lake/events"
    assert path.name in finding.message
    assert mend(filled, clock()) == [f"wrote events/{path.name} again from the journal"]
    assert path.read_bytes() == whole
    assert found(filled, clock()) == []


def test_a_lake_file_that_the_journal_no_longer_holds_stays_named(
    filled: Settings, clock: Clock
) -> None:
    path = RawLake(filled).files()[0].path
    path.unlink()
    with writing(open_journal_database(filled)) as connection:
        connection.execute(sa.delete(ingest_batches))
    assert mend(filled, clock()) == []
    assert [f.message for f in found(filled, clock()) if f.look == "lake/events"] == [
        f"lake file {path.name} is catalogued and missing"
    ]


def test_a_lost_catalogue_is_made_anew(filled: Settings, clock: Clock) -> None:
    with writing(open_journal_database(filled)) as connection:
        connection.execute(
            sa.delete(ingest_lake_files).where(ingest_lake_files.c.first_offset == 1)
        )
    looks = {finding.look: finding.message for finding in found(filled, clock())}
    assert looks["lake/events"] == "the catalogue jumps from offset 0 to 4"
    assert rebuild_catalogue(filled, clock()) == [
        "catalogued 2 files of events", "catalogued 0 files of refusals"
    ]  # fmt: skip
    assert found(filled, clock()) == []


def test_what_a_killed_compaction_left_is_swept_and_nothing_else(
    filled: Settings, clock: Clock
) -> None:
    lake = RawLake(filled)
    folder = lake.folder(EVENTS)
    held, torn, unknown = (
        folder / f"{1:015d}-{2:015d}.parquet", folder / ".x.1.part",
        folder / f"{90:015d}-{95:015d}.parquet",
    )  # fmt: skip
    for path in (held, torn, unknown):
        path.write_bytes(b"x")
    assert len(found(filled, clock(), WARNING)) == 3
    mend(filled, clock())
    assert (held.exists(), torn.exists(), unknown.exists()) == (False, False, True)
    (finding,) = found(filled, clock(), WARNING)
    assert finding.message == f"{unknown.name} is not catalogued"


def test_an_acknowledged_event_that_is_nowhere_is_told(filled: Settings, clock: Clock) -> None:
    with writing(open_journal_database(filled)) as connection:
        connection.execute(
            sa.update(ingest_counters)
            .where(ingest_counters.c.name == "event_offset")
            .values(value=9)
        )
    (finding,) = found(filled, clock())
    assert finding.message == "9 events acknowledged, but only 6 are sealed and 0 wait"


@pytest.mark.sqlite_only
def test_a_watermark_beyond_the_journal_is_told(filled: Settings, clock: Clock) -> None:
    with sqlite3.connect(warehouse_file(filled.home)) as connection:
        connection.execute("UPDATE core_progress SET watermark = 12")
    (finding,) = found(filled, clock())
    assert finding.look == "watermark"
    assert finding.mends == "imo360 replay"


def test_commits_that_nobody_prunes_are_told(filled: Settings, clock: Clock) -> None:
    looks = {f.look for f in found(filled, clock() + timedelta(days=3), WARNING)}
    assert looks == {"journal/pruning"}


@pytest.mark.slow
def test_exports_and_editions_that_are_damaged_are_told(packaged: Settings, clock: Ticking) -> None:
    with writing(open_journal_database(packaged)) as connection:
        create_key(connection, "Test", ["publish.estates"], None, None, clock())
    journal = open_journal(packaged, clock)
    send(journal, Sender(1, 1, None), posts_of(synthetic(60).events, clock.now)[:40])
    journal.close()
    worker = start_worker(packaged, "test", clock)
    assert worker is not None
    worker.drain()
    home = Home(packaged.home)
    export_publication(home, worker.engine, 2)
    next(home.exports.glob("*/market_zones.parquet")).unlink()
    (finding,) = found(packaged, clock())
    assert finding.message.endswith("lacks market_zones.parquet")
    mend(packaged, clock())
    export_publication(home, worker.engine, 2)
    worker.close()
    assert found(packaged, clock()) == []
    (artefact,) = home.objects.glob("*/*/*.edition")
    artefact.write_bytes(b"torn")
    (finding,) = found(packaged, clock())
    assert "edition 1" in finding.message
    assert "damaged" in finding.message
