"""The lake: contiguous files, the same bytes after any crash, readers that see whole files only."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

import store.raw_lake
from store.database import open_journal_database, writing
from store.journal import Journal, Sender, Work, append_event
from store.lake_repair import rebuild_catalogue
from store.raw_lake import EVENTS, LakeDamagedError, RawLake
from store.settings import Settings
from store.shapes.posts import RefusedBody
from store.tables.journal import ingest_batches, ingest_lake_files
from tests.crashing import CrashError, Crashes
from tests.listings import document, post

POINTS = ("seal_planned", "seal_before_write", "seal_written", "seal_catalogued")


def fill(journal: Journal, sender: Sender, count: int, start: int = 0) -> None:
    posts = [post(f"x{i}", price=1000 + i) for i in range(start, start + count)]
    journal.submit(sender, posts)


@pytest.fixture
def lake(settings: Settings) -> RawLake:
    return RawLake(settings)


def test_sealed_events_come_back_byte_for_byte(
    journal: Journal, sender: Sender, lake: RawLake, clock: Callable[[], datetime]
) -> None:
    fill(journal, sender, 3)
    assert lake.waiting()
    assert lake.seal(clock()) == 3
    assert not lake.waiting()
    rows = lake.read(0, 10).to_pylist()
    assert [row["event_offset"] for row in rows] == [1, 2, 3]
    assert rows[1]["payload"] == json.dumps(document("x1", price=1001)).encode()
    assert rows[1]["fields_present"] == sorted(document("x1"))
    assert json.loads(rows[1]["document"])["status"] == "active"


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_anywhere_in_sealing_leaves_the_same_file(
    point: str, journal: Journal, sender: Sender, lake: RawLake, clock: Callable[[], datetime],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    fill(journal, sender, 5)
    # Refusals wait in no journal here, so the first point reached is the events' own.
    Crashes(monkeypatch).arm(point)
    with pytest.raises(CrashError):
        lake.seal(clock())
    fill(journal, sender, 2, start=5)
    assert lake.seal(clock()) == 7
    assert [(f.first_offset, f.last_offset) for f in lake.files()] == [(1, 5), (6, 7)]
    lake.verify()
    assert lake.read(0, 100).num_rows == 7


def test_sealing_ends_though_posts_keep_coming(
    journal: Journal, sender: Sender, lake: RawLake, clock: Callable[[], datetime],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    fill(journal, sender, 2)

    def keep_posting(_point: str) -> None:
        fill(journal, sender, 1, start=2)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(store.raw_lake, "crash_at", keep_posting)
        assert lake.seal(clock()) == 2
    assert lake.waiting()
    assert lake.seal(clock()) == 6
    assert [(f.first_offset, f.last_offset) for f in lake.files()] == [(1, 2), (3, 6)]


def test_reading_starts_in_the_middle_and_stops_where_asked(
    journal: Journal, sender: Sender, lake: RawLake, clock: Callable[[], datetime]
) -> None:
    for start in (0, 4, 8):
        fill(journal, sender, 4, start)
        lake.seal(clock())
    offsets = lake.read(2, 7, ["event_offset", "kind"]).column("event_offset").to_pylist()
    assert offsets == [3, 4, 5, 6, 7, 8, 9]


def test_a_damaged_file_is_told_by_name(
    journal: Journal, sender: Sender, lake: RawLake, clock: Callable[[], datetime]
) -> None:
    fill(journal, sender, 3)
    lake.seal(clock())
    path = lake.files()[0].path
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(LakeDamagedError, match=path.name):
        lake.verify()
    with pytest.raises(LakeDamagedError, match=path.name):
        lake.read(0, 10)


def test_compaction_keeps_every_row_and_fewer_files(
    journal: Journal, sender: Sender, lake: RawLake, clock: Callable[[], datetime],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(store.raw_lake, "COMPACT_FILES", 3)
    for start in range(0, 10, 2):
        fill(journal, sender, 2, start)
        lake.seal(clock())
    before = lake.read(0, 100)
    assert lake.compact(clock()) == 1
    assert len(lake.files()) == 1
    assert lake.read(0, 100).equals(before)
    assert [p.name for p in lake.files()[0].path.parent.glob("*.parquet")] == [
        lake.files()[0].path.name
    ]


def test_a_lost_catalogue_is_rebuilt_and_torn_files_left_out(
    journal: Journal, sender: Sender, lake: RawLake, settings: Settings,
    clock: Callable[[], datetime],
) -> None:  # fmt: skip
    for start in (0, 3):
        fill(journal, sender, 3, start)
        lake.seal(clock())
    before = lake.read(0, 100)
    folder = lake.files()[0].path.parent
    (folder / f"{7:015d}-{9:015d}.parquet").write_bytes(b"PAR1 torn")
    (folder / "notes.parquet").write_bytes(b"somebody else's")
    with writing(open_journal_database(settings)) as connection:
        connection.execute(sa.delete(ingest_lake_files))
    assert rebuild_catalogue(lake, EVENTS, clock()) == 2
    assert lake.read(0, 100).equals(before)


def test_the_journal_is_pruned_only_behind_verified_files(
    journal: Journal, sender: Sender, lake: RawLake, settings: Settings,
    clock: Callable[[], datetime],
) -> None:  # fmt: skip
    fill(journal, sender, 4)
    lake.seal(clock())
    much_later = clock() + timedelta(days=3)
    assert lake.prune(much_later) == 0
    lake.verify_new()
    assert lake.prune(clock()) == 0
    assert lake.prune(much_later) == 1
    fill(journal, sender, 1, start=4)
    assert lake.seal(clock()) == 5
    assert lake.read(0, 100).num_rows == 5


def test_a_hole_in_the_journal_stops_sealing(
    journal: Journal, sender: Sender, lake: RawLake, settings: Settings,
    clock: Callable[[], datetime],
) -> None:  # fmt: skip
    for number in range(3):
        fill(journal, sender, 1, start=number)
    with writing(open_journal_database(settings)) as connection:
        connection.execute(sa.delete(ingest_batches).where(ingest_batches.c.first_offset == 2))
    with pytest.raises(LakeDamagedError, match="holds 2 of the events 1-3"):
        lake.seal(clock())


def test_facts_and_refusals_keep_their_nulls_and_codes(
    journal: Journal, sender: Sender, lake: RawLake, settings: Settings,
    clock: Callable[[], datetime],
) -> None:  # fmt: skip
    fill(journal, sender, 1)
    append_event(settings, "rates_loaded", {"sha256": "0"}, clock())
    fill(journal, sender, 600, start=1)
    journal.do(Work(sender, refused=[RefusedBody(("too_large",), "{}", b"\xff{")]))
    lake.seal(clock())
    rows = lake.read(0, 1000).to_pylist()
    assert [row["fields_present"] is None for row in rows[:3]] == [False, True, False]
    assert rows[1]["listing_id"] is None
    assert rows[1]["payload"] == b'{"sha256":"0"}'
    assert rows[2]["received_at"] > rows[0]["received_at"]
    assert all(row["is_changed"] is True for row in rows)
    assert rows[601]["external_id"] == "x600"
    (refused,) = pq.read_table(settings.home / "lake" / "refusals").to_pylist()
    assert (refused["payload"], refused["codes"]) == (b"\xff{", '["too_large"]')


def test_sealing_loads_no_pandas(journal: Journal, sender: Sender, settings: Settings) -> None:
    fill(journal, sender, 3)
    code = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from store.raw_lake import RawLake; from store.settings import Settings\n"
        "lake = RawLake(Settings(home=Path(sys.argv[1])))\n"
        "print(lake.seal(datetime.now(UTC)), 'pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(settings.home)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "3 False\n"
