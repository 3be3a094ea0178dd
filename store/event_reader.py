"""Events found again: by their id, or the ids of revisions. Reads journal, warehouse and lake.

For the reading side of a serving process, on a thread: a lake file takes a while to read.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from store.database import driver_reading, driver_sql, open_warehouse_reader
from store.home import HomeError
from store.settings import Settings
from store.shapes.bodies import BodyCodec, EventRow
from store.tables.columns import text_of
from store.tables.journal import ingest_batches
from store.tables.warehouse import core_listing_versions

if TYPE_CHECKING:
    from store.raw_lake import RawLake

EVENT_ID_PATTERN = "[0-9a-f]{28}"
OFFSET_DIGITS = 12
"""An event id begins with its offset in so many hex digits."""

_EVENT_ID = re.compile(EVENT_ID_PATTERN)


class Revision(NamedTuple):
    """A revision and the offset of the event that made it."""

    event_offset: int
    listing_id: int
    revision: int


class Origin(NamedTuple):
    """The event that made a revision. received_at: the tables' text."""

    event_offset: int
    event_id: str
    received_at: str


class EventReader:
    """Finds events of one home. Safe to use from several threads."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._find_batch = driver_sql(_FIND_BATCH, engine)
        self._find_version = driver_sql(_FIND_VERSION, engine)

    def find(self, event_id: str) -> EventRow | None:
        """Return the event of this id; None when there is none. Its document is empty when it
        changed nothing.
        """
        if not _EVENT_ID.fullmatch(event_id):
            return None
        offset = int(event_id[:OFFSET_DIGITS], 16)
        event = self._in_journal(offset) or self._lake().find(offset)
        return event if event is not None and event.event_id == event_id else None

    def ids(self, revisions: Iterable[Revision]) -> dict[int, str]:
        """Return the ids of the events that made these revisions, by their offsets.

        From the warehouse first, where each is one look by key; what is not loaded there (too new,
        or refused) is in the journal, and in the lake at last.
        """
        left = {each.event_offset: each for each in revisions}
        found: dict[int, str] = {}
        for look in (self._ids_in_warehouse, self._ids_in_journal, self._ids_in_lake):
            if left:
                ids = look(left)
                found |= ids
                left = {offset: each for offset, each in left.items() if offset not in ids}
        return found

    def loaded(self, listing_id: int, revision: int) -> Origin | None:
        """Return the event of a revision as the warehouse has it; None when it is not loaded.

        For revisions of before the register knew the events that made them.
        """
        try:
            warehouse = open_warehouse_reader(self._settings)
        except HomeError:
            return None
        with driver_reading(warehouse) as driver:
            row = driver.execute(self._find_version, (listing_id, revision)).fetchone()
        return None if row is None else Origin(row[0], row[1], text_of(row[2]))

    def _in_journal(self, offset: int) -> EventRow | None:
        with driver_reading(self._engine) as driver:
            batch = driver.execute(self._find_batch, (offset,)).fetchone()
        if batch is None or batch[0] < offset:
            return None
        events = BodyCodec().unpack_events(batch[1])
        return next((event for event in events if event.event_offset == offset), None)

    def _ids_in_warehouse(self, wanted: dict[int, Revision]) -> dict[int, str]:
        try:
            warehouse = open_warehouse_reader(self._settings)
        except HomeError:  # a sandbox has none
            return {}
        with driver_reading(warehouse) as driver:
            rows = [
                driver.execute(self._find_version, (each.listing_id, each.revision)).fetchone()
                for each in wanted.values()
            ]
        return {row[0]: row[1] for row in rows if row is not None and row[0] in wanted}

    def _ids_in_journal(self, wanted: dict[int, Revision]) -> dict[int, str]:
        codec, found = BodyCodec(), dict[int, str]()
        with driver_reading(self._engine) as driver:
            for offset in sorted(wanted):
                if offset in found:
                    continue
                batch = driver.execute(self._find_batch, (offset,)).fetchone()
                if batch is not None and batch[0] >= offset:
                    names = codec.unpack_event_names(batch[1])
                    found |= {name.event_offset: name.event_id for name in names
                              if name.event_offset in wanted}  # fmt: skip
        return found

    def _ids_in_lake(self, wanted: dict[int, Revision]) -> dict[int, str]:
        return self._lake().event_ids(list(wanted))

    def _lake(self) -> "RawLake":
        # Only here: Arrow's libraries take a quarter of a second and 60 MiB to load.
        from store.raw_lake import RawLake

        return RawLake(self._settings, self._engine)


_BATCH, _VERSION = ingest_batches.c, core_listing_versions.c

_FIND_BATCH = (
    sa.select(_BATCH.last_offset, _BATCH.body)
    .where(_BATCH.first_offset <= sa.bindparam("offset"))
    .order_by(_BATCH.first_offset.desc())
    .limit(sa.literal_column("1"))
    .offset(sa.literal_column("0"))
)
_FIND_VERSION = sa.select(_VERSION.event_offset, _VERSION.event_id, _VERSION.recorded_at).where(
    _VERSION.id == sa.bindparam("listing"), _VERSION.revision == sa.bindparam("number")
)
