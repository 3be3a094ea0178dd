"""Closing snapshots: killed, overtaken or without a key in the middle, only what may be withdrawn
goes, and the next call goes on."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from ingest_api.accept import KEY_ENDED
from ingest_api.desk import Desk
from ingest_api.reading import Refusal
from ingest_api.synchronise import NOT_HELD, Brake, Synchroniser
from store.audit import read_entries
from store.database import open_journal_database, reading, writing
from store.journal import Journal, Work
from store.keys import revoke_key
from store.settings import Settings
from store.shapes.posts import Accepted, Sender
from store.snapshots import (
    ABANDONED,
    APPLIED,
    CONFIRMED,
    HELD,
    OPEN,
    Missing,
    Snapshot,
    find_missing,
    move_snapshot,
    note_missing,
    open_snapshot,
    withdrawals,
)
from store.tables.journal import ingest_listings
from tests.listings import post

NO_BRAKE = Brake(100, 0)


@pytest.fixture
def engine(settings: Settings) -> sa.Engine:
    return open_journal_database(settings)


@pytest.fixture
def snapshot(journal: Journal, sender: Sender) -> Snapshot:
    """An open snapshot of 300 listings, of which none was sent yet."""
    journal.submit(sender, [post(f"x{n:03d}") for n in range(300)])
    opened = journal.do(
        Work(sender, act=lambda turn: open_snapshot(turn, sender, "my-crm", None, None))
    )
    assert isinstance(opened, Snapshot)
    return opened


def moved(journal: Journal, sender: Sender, snapshot: Snapshot, before: str, after: str) -> None:
    assert journal.do(
        Work(sender, act=lambda turn: move_snapshot(turn, snapshot.snapshot_id, [before], after))
    )


def run(
    journal: Journal, engine: sa.Engine,
    act: Callable[[Synchroniser], Coroutine[Any, Any, Any]], brake: Brake = NO_BRAKE,
) -> Any:  # fmt: skip
    async def run_it() -> Any:
        desk = Desk(journal)
        try:
            return await act(Synchroniser(desk, engine, brake))
        finally:
            await desk.close()

    return asyncio.run(run_it())


def statuses(engine: sa.Engine) -> dict[str, int]:
    row = ingest_listings.c
    with reading(engine) as connection:
        found = connection.execute(sa.select(row.status)).scalars()
        return dict(Counter(found))


@pytest.mark.parametrize("call", ["close", "confirm"])
def test_killed_in_the_middle_the_next_call_goes_on(
    journal: Journal, sender: Sender, engine: sa.Engine, snapshot: Snapshot, call: str
) -> None:
    moved(journal, sender, snapshot, OPEN, HELD)
    moved(journal, sender, snapshot, HELD, CONFIRMED)
    posts = withdrawals(snapshot, find_missing(engine, snapshot).listings)
    journal.do(Work(sender, posts[:200]))
    assert statuses(engine) == {"withdrawn": 200, "active": 100}

    async def go_on(synchroniser: Synchroniser) -> Any:
        found = await synchroniser.find(sender, snapshot.snapshot_id)
        assert found is not None
        if call == "close":
            return await synchroniser.close(sender, found, 0)
        return await synchroniser.confirm(sender, found)

    assert run(journal, engine, go_on).state == APPLIED
    assert statuses(engine) == {"withdrawn": 300}


def test_a_listing_posted_while_it_is_applied_stays(
    journal: Journal, sender: Sender, engine: sa.Engine, snapshot: Snapshot
) -> None:
    posts = withdrawals(snapshot, find_missing(engine, snapshot).listings)
    journal.submit(sender, [post("x007", price=7)])
    verdicts = journal.submit(sender, posts)
    assert sum(isinstance(verdict, Accepted) for verdict in verdicts) == 299
    assert statuses(engine) == {"withdrawn": 299, "active": 1}


def test_a_key_that_ends_meanwhile_leaves_it_to_be_gone_on_with(
    journal: Journal, sender: Sender, engine: sa.Engine, snapshot: Snapshot, api_key: str,
    clock: Callable[[], datetime],
) -> None:  # fmt: skip
    with writing(engine) as connection:
        assert revoke_key(connection, api_key, clock())
    assert run(journal, engine, lambda s: s.close(sender, snapshot, 0)) == KEY_ENDED
    found = run(journal, engine, lambda s: s.find(sender, snapshot.snapshot_id))
    assert found.state == CONFIRMED
    assert statuses(engine) == {"active": 300}


@pytest.mark.parametrize("state", [ABANDONED, OPEN])
def test_what_another_call_stopped_is_not_confirmed(
    journal: Journal, sender: Sender, engine: sa.Engine, snapshot: Snapshot, state: str
) -> None:
    moved(journal, sender, snapshot, OPEN, HELD)
    held = run(journal, engine, lambda s: s.find(sender, snapshot.snapshot_id))
    moved(journal, sender, snapshot, HELD, state)
    assert run(journal, engine, lambda s: s.confirm(sender, held)) == NOT_HELD
    assert statuses(engine) == {"active": 300}


@pytest.mark.parametrize(
    ("state", "expected"), [(ABANDONED, "snapshot_closed"), (APPLIED, None), (CONFIRMED, None)]
)
def test_closing_what_another_call_was_faster_with(
    journal: Journal, sender: Sender, engine: sa.Engine, snapshot: Snapshot, state: str,
    expected: str | None,
) -> None:  # fmt: skip
    moved(journal, sender, snapshot, OPEN, state)
    outcome = run(journal, engine, lambda s: s.close(sender, snapshot, 5))
    if expected is not None:
        assert isinstance(outcome, Refusal)
        assert outcome.code == expected
    else:
        assert outcome.state == APPLIED
    assert statuses(engine) == {"withdrawn" if state == CONFIRMED else "active": 300}


def test_counts_are_noted_only_while_it_is_held(
    journal: Journal, sender: Sender, snapshot: Snapshot
) -> None:
    def note(turn: Any) -> bool:
        return note_missing(turn, snapshot.snapshot_id, Missing(1, 2, []))

    assert not journal.do(Work(sender, act=note))
    moved(journal, sender, snapshot, OPEN, HELD)
    assert journal.do(Work(sender, act=note))


def test_the_audit_holds_who_opened_applied_and_abandoned(
    journal: Journal, sender: Sender, engine: sa.Engine, snapshot: Snapshot
) -> None:
    assert run(journal, engine, lambda s: s.close(sender, snapshot, 0)).state == APPLIED
    other = run(journal, engine, lambda s: s.open(sender, "my-crm", None, None))
    assert run(journal, engine, lambda s: s.abandon(sender, other))
    with reading(engine) as connection:
        entries = read_entries(connection, 0, 100)
    told = [(each.action, each.subject) for each in entries if each.action.startswith("snap")]
    assert told == [(f"snapshots.{act}", "my-crm") for act in ("open", "apply", "open", "abandon")]


@pytest.mark.parametrize(
    ("missing", "on_market", "holds"),
    [(10, 49, True), (10, 50, False), (9, 9, False), (0, 0, False), (200, 1000, False),
     (201, 1000, True)],
)  # fmt: skip
def test_the_brake(missing: int, on_market: int, holds: bool) -> None:
    found = Missing(on_market - missing, on_market, [("x", 1)] * missing)
    assert Brake(20, 10).holds(found) is holds
