"""The archive: what a partner sent, read back. Knows no HTTP.

Its methods read files and databases: call them by `run`, which does it on a few threads of their
own, so that no reader holds up a post and memory is bounded by the number of threads.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

import msgspec
from sqlalchemy.engine import Engine

from ingest_api.projection import Projection, cursor_of
from ingest_api.reading import Understood, read_listing
from ingest_api.reading_answers import (
    ChangeAnswer,
    ChangePage,
    EventAnswer,
    ListingPage,
    MessageAnswer,
    RefusalsPage,
    SourceAnswer,
    StoredListing,
    change_answer,
    identifier,
    message_answer,
    refusal_answer,
    source_answer,
    stages_answer,
)
from ingest_api.sandbox_report import sandbox_report
from store.change_reader import Change, ChangeReader, Zone, open_zone
from store.database import open_warehouse_reader, reading
from store.event_reader import EventReader, Origin, Revision
from store.home import HomeError
from store.listing_reader import ListingReader, ListingRow, Place
from store.provenance import field_sources
from store.refusal_reader import RefusalReader
from store.reports import STAGES, EventReport, Received, Severity, Stage, StageState, event_report
from store.settings import Settings
from store.shapes.bodies import EventRow
from store.shapes.content_hash import content_hash
from store.shapes.posts import Sender
from store.shapes.wire import PLATFORM_FIELDS
from store.tables.columns import parse_instant

THREADS = 4
PAGE_BYTES = 16 * 1024 * 1024
"""A page of listings ends early when it has read so many bytes of documents."""

SCANNED = 50_000
"""Most changes looked through for one page of a zone."""

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes: after an offset, at most so many, of one provider and in one zone."""

    after: int
    limit: int
    provider: str | None = None
    zone: str | None = None


class Archive:
    """What one home holds."""

    def __init__(self, settings: Settings, engine: Engine, *, is_sandbox: bool = False) -> None:
        self._settings = settings
        self._is_sandbox = is_sandbox
        self._listings = ListingReader(engine)
        self._events = EventReader(settings, engine)
        self._changes = ChangeReader(engine)
        self._refusals = RefusalReader(engine, is_sandbox=is_sandbox)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="archive")

    async def run(
        self, act: Callable[Asked, Answer], *asked: Asked.args, **named: Asked.kwargs
    ) -> Answer:
        """Call a method on one of the archive's threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: act(*asked, **named))

    def close(self) -> None:
        """Let the threads end, when what they read is done."""
        self._threads.shutdown()

    def find(self, sender: Sender, provider: str, external_id: str) -> ListingRow | None:
        """Return a listing of the sender's own; None for another's as for one that is not."""
        if provider not in self._listings.providers(sender):
            return None
        return self._listings.find(provider, external_id)

    def describe(self, sender: Sender, row: ListingRow, now: datetime) -> StoredListing:
        """Return everything that is known of a listing."""
        document = msgspec.json.decode(row.document, type=dict[str, Any])
        listing = {name: told for name, told in document.items() if name not in PLATFORM_FIELDS}
        origin = self._origin(row)
        received_at = parse_instant(origin.received_at)
        event = Received(origin.event_offset, row.id, row.revision, True, received_at)
        report = self._report(sender, event, row, now)
        first = SourceAnswer(origin.event_id, origin.received_at)
        return StoredListing(
            id=row.id,
            identifier=identifier(row.provider_identifier, row.external_id),
            revision=row.revision,
            status=row.status,
            status_since=document.get("statusSince", msgspec.UNSET),
            content_hash=content_hash(document),
            event_id=origin.event_id,
            listing=listing,
            sources=self._sources(row.id) if row.revision > 1 else _all_from(first, listing),
            stages=stages_answer(report),
            deleted_at=document.get("deletedAt", msgspec.UNSET),
            deletion_reason=document.get("deletionReason", msgspec.UNSET),
        )

    def page(
        self, sender: Sender, provider: str | None, fields: Sequence[str], place: Place | None,
        limit: int,
    ) -> ListingPage:  # fmt: skip
        """Return up to `limit` of the sender's listings after a place."""
        projection, read = Projection(fields), 0
        items: list[dict[str, Any]] = []
        made: list[Revision] = []
        last: ListingRow | None = None
        is_last_page = True
        with closing(self._listings.after(self._own(sender, provider), place)) as rows:
            for row in rows:
                if len(items) == limit or read > PAGE_BYTES:
                    is_last_page = False
                    break
                last, read = row, read + len(row.document)
                items.append(projection.item(row))
                made.append(Revision(row.event_offset, row.id, row.revision))
        if projection.wants_event_id:
            ids = self._events.ids(made)
            for item, each in zip(items, made, strict=True):
                if each.event_offset in ids:
                    item["eventId"] = ids[each.event_offset]
        return ListingPage(items, None if is_last_page or last is None else cursor_of(last))

    def event(self, sender: Sender, event_id: str, now: datetime) -> EventAnswer | None:
        """Return what became of a post of the sender's own; None like `find`."""
        event = self._events.find(event_id)
        if event is None or event.provider_identifier not in self._listings.providers(sender):
            return None
        assert event.listing_id is not None  # an event with a provider is a listing's
        assert event.external_id is not None
        assert event.revision is not None
        received = Received(
            event.event_offset, event.listing_id, event.revision, event.is_changed,
            parse_instant(event.received_at),
        )  # fmt: skip
        row = self._listings.find(event.provider_identifier, event.external_id)
        assert row is not None  # listings are never forgotten
        report = self._report(sender, received, row, now)
        return EventAnswer(
            event_id=event_id,
            identifier=identifier(event.provider_identifier, event.external_id),
            id=event.listing_id,
            revision=event.revision,
            changed=event.is_changed,
            received_at=event.received_at,
            stages=stages_answer(report),
            messages=[*_warnings(event), *(message_answer(each) for each in report.messages)],
            quality_score=report.quality_score,
            quality_reasons=list(report.quality_reasons),
        )

    def changes(self, sender: Sender, wanted: Wanted) -> ChangePage | None:
        """Return the changes wanted; None when there is no such zone."""
        if wanted.zone is None:
            return self._all_changes(sender, wanted)
        with open_zone(self._settings, wanted.zone) as zone:
            return None if zone is None else self._changes_in(zone, sender, wanted)

    def refusals(self, sender: Sender, wanted: Wanted) -> RefusalsPage:
        """Return what was refused of the sender's partner."""
        page = self._refusals.page(sender, wanted.provider, wanted.after, wanted.limit)
        return RefusalsPage([refusal_answer(row) for row in page.rows], page.next, page.more)

    def _own(self, sender: Sender, provider: str | None) -> list[str]:
        own = self._listings.providers(sender)
        return own if provider is None else [each for each in own if each == provider]

    def _origin(self, row: ListingRow) -> Origin:
        """Return the event that made the listing's revision. Raises LookupError for one that is
        older than the register's memory and not loaded either.
        """
        received_at = self._changes.received_at(row.provider_identifier, row.event_offset)
        if received_at is None:
            loaded = self._events.loaded(row.id, row.revision)
            if loaded is None:
                raise LookupError(f"no event is known for revision {row.revision} of {row.id}")
            return loaded
        made = Revision(row.event_offset, row.id, row.revision)
        return Origin(row.event_offset, self._events.ids([made])[row.event_offset], received_at)

    def _report(
        self, sender: Sender, event: Received, row: ListingRow, now: datetime
    ) -> EventReport:
        if self._is_sandbox:
            return sandbox_report(event, row.external_id, _count_images(row), now)
        try:
            warehouse = open_warehouse_reader(self._settings)
        except HomeError:  # before the first start of a worker
            return _not_begun(event)
        with reading(warehouse) as connection:
            return event_report(connection, event, self._listings.providers(sender))

    def _sources(self, listing_id: int) -> dict[str, SourceAnswer]:
        try:
            warehouse = open_warehouse_reader(self._settings)
        except HomeError:
            return {}
        with reading(warehouse) as connection:
            found = field_sources(connection, listing_id)
        return {name: source_answer(source) for name, source in found.items()}

    def _all_changes(self, sender: Sender, wanted: Wanted) -> ChangePage:
        found: list[Change] = []
        with closing(self._changes.after(self._own(sender, wanted.provider), wanted.after)) as feed:
            for change in feed:
                if len(found) == wanted.limit:
                    return ChangePage(self._with_ids(found), found[-1].event_offset, True)
                found.append(change)
        last = found[-1].event_offset if found else wanted.after
        return ChangePage(self._with_ids(found), last, False)

    def _changes_in(self, zone: Zone, sender: Sender, wanted: Wanted) -> ChangePage:
        """Return a zone's changes, as far as the warehouse has read: it knows where they are."""
        found: list[Change] = []
        last, scanned = wanted.after, 0
        with closing(self._changes.after(self._own(sender, wanted.provider), wanted.after)) as feed:
            for change in feed:
                if change.event_offset > zone.watermark:
                    break
                if len(found) == wanted.limit or scanned == SCANNED:
                    return ChangePage(self._with_ids(found), last, True)
                last, scanned = change.event_offset, scanned + 1
                if zone.holds(change.listing_id):
                    found.append(change)
        return ChangePage(self._with_ids(found), max(wanted.after, zone.watermark), False)

    def _with_ids(self, changes: Sequence[Change]) -> list[ChangeAnswer]:
        ids = self._events.ids(
            Revision(each.event_offset, each.listing_id, each.revision) for each in changes
        )
        return [change_answer(each, ids[each.event_offset]) for each in changes]


def _not_begun(event: Received) -> EventReport:
    done, pending = Stage(StageState.DONE, event.received_at), Stage(StageState.PENDING)
    stages = dict.fromkeys(STAGES, pending) | {"received": done, "validated": done}
    return EventReport(stages, ())


def _count_images(row: ListingRow) -> int:
    return len(msgspec.json.decode(row.document).get("imageUrls", ()))


def _all_from(source: SourceAnswer, listing: dict[str, Any]) -> dict[str, SourceAnswer]:
    """Return the sources of a listing that was posted once: every field came with that post."""
    inner = [
        f"{name}.{part}"
        for name in ("agency", "agent")
        for part in (listing[name] if isinstance(listing.get(name), dict) else ())
    ]
    return dict.fromkeys([*listing, *inner], source)


def _warnings(event: EventRow) -> list[MessageAnswer]:
    """Return what the door said about the body: it is kept as sent, and says the same again."""
    read = read_listing(event.payload, parse_instant(event.received_at))
    if not isinstance(read, Understood):
        return []
    return [
        MessageAnswer(Severity.WARNING.value, each.code, each.message, each.path)
        for each in read.warnings
    ]
