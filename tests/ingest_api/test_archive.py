"""The archive: bounded pages, sandboxes, homes that no worker has seen yet."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import ingest_api.archive
from ingest_api.archive import Archive, Wanted
from ingest_api.projection import place_of
from ingest_api.sandbox_report import SLOW_IMAGE
from store.database import open_journal_database, open_warehouse, writing
from store.home import Home
from store.journal import Accepted, Journal, Sender
from store.settings import Settings
from store.tables.journal import ingest_changes, ingest_listings
from store.tables.warehouse import core_listing_versions
from tests.conftest import NOW
from tests.listings import post
from tests.store.test_change_reader import fill_warehouse
from tests.store.test_event_reader import version


@pytest.fixture
def archive(settings: Settings) -> Iterator[Archive]:
    opened = Archive(settings, open_journal_database(settings))
    yield opened
    opened.close()


def send(journal: Journal, sender: Sender, name: str, **fields: Any) -> Accepted:
    (verdict,) = journal.submit(sender, [post(name, **fields)])
    assert isinstance(verdict, Accepted)
    return verdict


def test_it_reads_on_threads_of_its_own(archive: Archive) -> None:
    name = asyncio.run(archive.run(lambda: threading.current_thread().name))
    assert name.startswith("archive")


def test_large_listings_make_short_pages(
    archive: Archive, journal: Journal, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcde":
        send(journal, sender, name, description="x" * 1000)
    monkeypatch.setattr(ingest_api.archive, "PAGE_BYTES", 1500)
    pages, place = [], None
    while True:
        page = archive.page(sender, None, ("externalId",), place, 1000)
        pages.append([item["externalId"] for item in page.items])
        if page.next_cursor is None:
            break
        place = place_of(page.next_cursor)
    assert pages == [["a", "b"], ["c", "d"], ["e"]]


def test_a_zones_feed_looks_through_a_bounded_part_at_a_time(
    settings: Settings, archive: Archive, journal: Journal, sender: Sender,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    sent = [send(journal, sender, name) for name in "abcdefg"]
    there, elsewhere = ("n", "s", "c"), ("m", "s", "c")
    places = {each.id: there if each.external_id in "ceg" else elsewhere for each in sent}
    fill_warehouse(settings, places, watermark=6)
    monkeypatch.setattr(ingest_api.archive, "SCANNED", 2)
    pages, after, more = [], 0, True
    while more:
        page = archive.changes(sender, Wanted(after, 10, zone="n"))
        assert page is not None
        pages.append([each.identifier.partition(":")[2] for each in page.changes])
        after, more = page.next, page.more
    assert pages == [[], ["c"], ["e"]]
    assert after == 6
    fill = archive.changes(sender, Wanted(4, 1, zone="s"))
    assert fill is not None
    assert (fill.next, fill.more) == (5, True)
    assert archive.changes(sender, Wanted(0, 10, zone="nowhere")) is None


def test_before_a_worker_has_come_everything_but_the_door_is_pending(
    settings: Settings, archive: Archive, journal: Journal, sender: Sender
) -> None:
    (Home(settings.home).warehouses / "CURRENT").unlink()
    first = send(journal, sender, "a")
    report = archive.event(sender, first.event_id, NOW)
    assert report is not None
    states = {name: getattr(report.stages, name).state for name in report.stages.__struct_fields__}
    assert {name for name, state in states.items() if state == "done"} == {"received", "validated"}
    second = send(journal, sender, "a", price=1)
    row = archive.find(sender, "my-crm", "a")
    assert row is not None
    stored = archive.describe(sender, row, NOW)
    assert (stored.event_id, stored.revision, stored.sources) == (second.event_id, 2, {})


def test_the_sources_of_a_first_post_are_known_at_once(
    archive: Archive, journal: Journal, sender: Sender
) -> None:
    sent = send(journal, sender, "a", agent={"name": "Dan", "phone": "+40721000001"})
    row = archive.find(sender, "my-crm", "a")
    assert row is not None
    sources = archive.describe(sender, row, NOW).sources
    assert {"title", "status", "agent", "agent.name", "agent.phone"} <= sources.keys()
    assert {source.event_id for source in sources.values()} == {sent.event_id}


def test_a_listing_older_than_the_registers_memory_is_read_by_what_is_loaded(
    settings: Settings, archive: Archive, journal: Journal, sender: Sender
) -> None:
    sent = send(journal, sender, "a")
    with writing(open_journal_database(settings)) as connection:
        connection.execute(sa.delete(ingest_changes))
        connection.execute(sa.update(ingest_listings).values(event_offset=0))
    row = archive.find(sender, "my-crm", "a")
    assert row is not None
    with pytest.raises(LookupError, match="revision 1"):
        archive.describe(sender, row, NOW)
    with writing(open_warehouse(settings)) as connection:
        values = version(sent, sent.event_offset) | {"event_id": sent.event_id}
        connection.execute(sa.insert(core_listing_versions).values(values))
    assert archive.describe(sender, row, NOW).event_id == sent.event_id
    assert archive.page(sender, None, ("id", "eventId"), None, 9).items == [{"id": sent.id}]


def test_a_sandbox_plays_its_stages(settings: Settings, journal: Journal, sender: Sender) -> None:
    sandbox = Archive(settings, open_journal_database(settings), is_sandbox=True)
    urls = ["https://pictures.example/1.jpg"]
    sent = [send(journal, sender, SLOW_IMAGE, imageUrls=urls) for _ in range(2)]
    for accepted in sent:
        report = sandbox.event(sender, accepted.event_id, NOW + timedelta(seconds=5))
        assert report is not None
        assert report.stages.published.state == "done"
        assert (report.stages.images.state, report.stages.images.of) == ("pending", 1)
    later = sandbox.event(sender, sent[0].event_id, NOW + timedelta(minutes=5))
    assert later is not None
    assert later.stages.images.state == "done"
    sandbox.close()
