"""The desk: verdicts reach the request that waits for them, and nobody waits for ever."""

import asyncio

import pytest

from ingest_api.desk import Desk
from store.journal import Journal, JournalClosedError
from store.shapes.posts import Accepted, Sender
from tests.listings import post


def test_each_request_gets_its_own_verdicts(journal: Journal, sender: Sender) -> None:
    async def submit_all() -> list[list[str]]:
        desk = Desk(journal)
        waiting = [desk.submit(sender, [post(f"{n}")] * (n % 3 + 1)) for n in range(200)]
        verdicts = await asyncio.gather(*waiting)
        return [[v.external_id for v in group if isinstance(v, Accepted)] for group in verdicts]

    assert asyncio.run(submit_all()) == [[f"{n}"] * (n % 3 + 1) for n in range(200)]


def test_a_closed_journal_refuses_at_once(journal: Journal, sender: Sender) -> None:
    async def submit_late() -> None:
        desk = Desk(journal)
        await asyncio.to_thread(journal.close)
        await desk.submit(sender, [post("late")])

    with pytest.raises(JournalClosedError):
        asyncio.run(submit_late())


def test_an_abandoned_request_disturbs_no_other(journal: Journal, sender: Sender) -> None:
    async def abandon_one() -> int:
        desk = Desk(journal)
        abandoned = desk.submit(sender, [post("abandoned")])
        abandoned.cancel()
        (verdict,) = await desk.submit(sender, [post("kept")])
        assert isinstance(verdict, Accepted)
        return verdict.id

    # The abandoned post was queued before: it is stored, and took the first number.
    assert asyncio.run(abandon_one()) == 2


def test_a_loop_that_is_gone_does_not_stop_the_committer(journal: Journal, sender: Sender) -> None:
    async def leave_early() -> None:
        Desk(journal).submit(sender, [post("left")])

    asyncio.run(leave_early())
    assert journal.submit(sender, [post("next")]).result(10)
    assert journal.healthy
