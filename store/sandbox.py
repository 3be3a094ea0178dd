"""Sandboxes: a home of its own for each partner's trials, beside the platform's.

A sandbox has a journal and a lake; no worker reads it, so that nothing of it can reach the market.
Keys and people stay in the platform's journal.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from store.database import open_journal_database, writing
from store.home import Home, locked
from store.schema import migrate
from store.settings import Settings
from store.tables.journal import ingest_partners


def sandbox_settings(settings: Settings, partner_id: int) -> Settings:
    """Return the settings of a partner's sandbox, which may not exist yet."""
    home = Home(settings.home).sandboxes / str(partner_id)
    # Small, many, and deleted at will: always files of their own.
    return settings.model_copy(update={"home": home, "database_url": None})


def make_sandbox(settings: Settings, partner_id: int, now: datetime) -> Settings:
    """Create a partner's sandbox, or bring it up to date. Safe to run twice, and at once."""
    sandbox = sandbox_settings(settings, partner_id)
    with locked(_lock(settings)):
        migrate(sandbox)
        engine = open_journal_database(sandbox)
        try:
            with writing(engine) as connection:
                _note_partner(connection, partner_id, now)
        finally:
            engine.dispose()
    return sandbox


def wipe_sandbox(settings: Settings, partner_id: int) -> None:
    """Delete everything in a partner's sandbox; its next use makes it anew."""
    home = sandbox_settings(settings, partner_id).home
    with locked(_lock(settings)):
        if home.exists():
            gone = home.with_name(f".{home.name}-{os.urandom(4).hex()}")
            home.rename(gone)
            shutil.rmtree(gone)


def sandbox_partners(settings: Settings) -> list[int]:
    """Return the partners that have a sandbox, or will have it in a moment."""
    names = [each.parent.name for each in Home(settings.home).sandboxes.glob("*/journal.sqlite")]
    return sorted(int(name) for name in names if name.isdigit())  # others are on their way out


@contextmanager
def held_sandbox(settings: Settings, partner_id: int) -> Iterator[Settings | None]:
    """Yield a partner's sandbox, which is neither made nor wiped meanwhile; None without one."""
    sandbox = sandbox_settings(settings, partner_id)
    with locked(_lock(settings)):
        yield None if sandbox_stamp(sandbox) is None else sandbox


def sandbox_stamp(sandbox: Settings) -> int | None:
    """Return a number that another sandbox at the same place does not have; None without one.

    A process that holds a wiped sandbox open would go on writing files that nobody can see.
    """
    try:
        return Path(Home(sandbox.home).journal).stat().st_ino
    except FileNotFoundError:
        return None


def _lock(settings: Settings) -> Path:
    return Home(settings.home).locks / "sandbox.lock"


def _note_partner(connection: sa.Connection, partner_id: int, now: datetime) -> None:
    """Providers belong to partners: the sandbox knows its one partner by number."""
    known = connection.execute(
        sa.select(ingest_partners.c.id).where(ingest_partners.c.id == partner_id)
    ).first()
    if known is None:
        connection.execute(
            sa.insert(ingest_partners).values(
                id=partner_id, name=f"partner {partner_id}", created_at=now
            )
        )
