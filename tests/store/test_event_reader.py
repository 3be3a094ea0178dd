"""Events found again, wherever they are kept by now."""

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

import store.raw_lake
from store.database import open_journal_database, open_warehouse, reading, writing
from store.event_reader import EventReader, Revision
from store.journal import Accepted, Journal, Sender, append_event
from store.raw_lake import LakeDamagedError, RawLake
from store.settings import Settings
from store.shapes.bodies import BodyCodec
from store.tables.journal import ingest_batches
from store.tables.warehouse import core_listing_versions
from tests.conftest import NOW
from tests.listings import post


@pytest.fixture
def reader(settings: Settings) -> EventReader:
    return EventReader(settings, open_journal_database(settings))


def send(journal: Journal, sender: Sender, *names: str) -> list[Accepted]:
    verdicts = journal.submit(sender, [post(name) for name in names])
    assert all(isinstance(verdict, Accepted) for verdict in verdicts)
    return verdicts  # type: ignore[return-value]


def prune(settings: Settings, now: datetime) -> None:
    lake = RawLake(settings)
    lake.seal(now)
    lake.verify_new()
    lake.prune(now + timedelta(days=30))
    with reading(open_journal_database(settings)) as connection:
        assert connection.execute(sa.select(ingest_batches.c.first_offset)).first() is None


def revisions(accepted: list[Accepted]) -> list[Revision]:
    return [Revision(each.event_offset, each.id, each.revision) for each in accepted]


def ids(accepted: list[Accepted]) -> dict[int, str]:
    return {each.event_offset: each.event_id for each in accepted}


def test_an_event_is_the_same_in_the_journal_and_in_the_lake(
    settings: Settings, journal: Journal, sender: Sender, reader: EventReader,
    clock: Callable[[], datetime], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    sent = send(journal, sender, "a", "b", "c") + send(journal, sender, "d", "a")
    found = [reader.find(each.event_id) for each in sent]
    assert [each and (each.event_id, each.external_id, each.is_changed) for each in found] == [
        (each.event_id, each.external_id, each.changed) for each in sent
    ]
    monkeypatch.setattr(store.raw_lake, "FIND_ROWS", 2)
    prune(settings, clock())
    assert [reader.find(each.event_id) for each in sent] == found


def test_an_id_that_differs_anywhere_finds_nothing(
    journal: Journal, sender: Sender, reader: EventReader
) -> None:
    (sent,) = send(journal, sender, "a")
    real = sent.event_id
    others = (
        real[:-1] + ("0" if real[-1] != "0" else "1"), f"{2:012x}{real[12:]}",
        f"{0:012x}{real[12:]}", real[:12], f"{real}0", "", "x" * 28, "f" * 28, f"{real[:-1]}\n",
    )  # fmt: skip
    assert [reader.find(each) for each in others] == [None] * len(others)


def test_facts_have_no_provider(
    settings: Settings, reader: EventReader, clock: Callable[[], datetime]
) -> None:
    offset = append_event(settings, "note", {"a": 1}, clock())
    with reading(open_journal_database(settings)) as connection:
        body = connection.execute(sa.select(ingest_batches.c.body)).scalar_one()
    (event,) = BodyCodec().unpack_events(body)
    found = reader.find(event.event_id)
    assert found is not None
    assert (found.event_offset, found.kind, found.provider_identifier) == (offset, "note", None)


def test_ids_come_from_wherever_each_is(
    settings: Settings, journal: Journal, sender: Sender, reader: EventReader,
    clock: Callable[[], datetime],
) -> None:  # fmt: skip
    first = send(journal, sender, "a", "b") + send(journal, sender, "c")
    assert reader.ids(revisions(first)) == ids(first)
    prune(settings, clock())
    assert reader.ids(revisions(first)) == ids(first)
    second = send(journal, sender, "d", "e")
    both = [first[2], second[1], first[0]]
    assert reader.ids(revisions(both)) == ids(both)
    assert reader.ids([]) == {}
    assert reader.ids([Revision(99, 1, 1)]) == {}


def test_the_warehouse_is_asked_first_and_believed_only_for_the_same_event(
    settings: Settings, journal: Journal, sender: Sender, reader: EventReader
) -> None:
    sent = send(journal, sender, "a", "b")
    engine = open_warehouse(settings)
    with writing(engine) as connection:
        for accepted, offset in ((sent[0], sent[0].event_offset), (sent[1], 77)):
            connection.execute(sa.insert(core_listing_versions).values(version(accepted, offset)))
    found = reader.ids(revisions(sent))
    assert found == {sent[0].event_offset: "loaded", sent[1].event_offset: sent[1].event_id}


def version(accepted: Accepted, offset: int) -> dict[str, object]:
    """A row of core_listing_versions, filled no more than it must be."""
    needed: dict[str, object] = {
        column.name: NOW if column.name.endswith("_at") else 0
        for column in core_listing_versions.columns
        if not column.nullable
    }
    return needed | {
        "id": accepted.id, "revision": accepted.revision, "event_offset": offset,
        "event_id": "loaded",
    }  # fmt: skip


def test_a_damaged_file_is_no_answer(
    settings: Settings, journal: Journal, sender: Sender, reader: EventReader,
    clock: Callable[[], datetime],
) -> None:  # fmt: skip
    (sent,) = send(journal, sender, "a")
    prune(settings, clock())
    (file,) = RawLake(settings).files()
    file.path.write_bytes(file.path.read_bytes()[:-1] + b"x")
    for look in (lambda: reader.find(sent.event_id), lambda: reader.ids(revisions([sent]))):
        with pytest.raises(LakeDamagedError, match="checksum"):
            look()


def test_the_lake_is_read_without_pandas(
    settings: Settings, journal: Journal, sender: Sender, clock: Callable[[], datetime]
) -> None:
    (sent,) = send(journal, sender, "a")
    prune(settings, clock())
    code = (
        "import sys; from pathlib import Path\n"
        "from store.database import open_journal_database; from store.settings import Settings\n"
        "from store.event_reader import EventReader, Revision\n"
        "settings = Settings(home=Path(sys.argv[1]))\n"
        "reader = EventReader(settings, open_journal_database(settings))\n"
        "print('pyarrow' in sys.modules, reader.find(sys.argv[2]).external_id,"
        " reader.ids([Revision(1, 1, 1)])[1] == sys.argv[2], 'pandas' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(settings.home), sent.event_id],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.split() == ["False", "a", "True", "False"]
