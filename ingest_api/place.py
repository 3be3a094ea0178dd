"""Places: a home's way into its journal, with what posts need around it.

The platform itself is one; each partner's sandbox is another.
"""

from contextlib import ExitStack
from dataclasses import dataclass

from sqlalchemy.engine import Engine

from ingest_api.accept import Counter, Owners, Reader
from ingest_api.archive import Archive
from ingest_api.desk import Desk
from ingest_api.dry_run import Previewer, Rehearsal
from ingest_api.reading import read_listing
from ingest_api.synchronise import Brake, Synchroniser
from store.journal import Clock, open_journal
from store.settings import Settings


@dataclass(frozen=True, slots=True)
class Place:
    """One home that takes posts."""

    settings: Settings
    desk: Desk
    counter: Counter
    rehearsal: Rehearsal
    synchroniser: Synchroniser
    archive: Archive

    async def close(self) -> None:
        """Do what waits, then take no more."""
        await self.desk.close()


def open_place(
    settings: Settings, engine: Engine, owners: Owners, clock: Clock,
    previewer: Previewer | None, opened: ExitStack, *, reader: Reader = read_listing,
    is_sandbox: bool = False,
) -> Place:  # fmt: skip
    """Open a migrated home inside the running loop; `opened` closes its journals.

    A sandbox's journal knows no keys: the door has judged them.
    """
    journal = open_journal(settings, clock, knows_keys=not is_sandbox)
    opened.callback(journal.close)
    trial = open_journal(settings, clock, knows_keys=not is_sandbox)
    opened.callback(trial.close)
    archive = Archive(settings, engine, is_sandbox=is_sandbox)
    opened.callback(archive.close)
    desk = Desk(journal)
    counter = Counter(desk, owners, reader)
    brake = Brake(settings.snapshot_brake_pct, settings.snapshot_brake_listings)
    return Place(
        settings, desk, counter, Rehearsal(trial, counter, previewer),
        Synchroniser(desk, engine, brake), archive,
    )  # fmt: skip
