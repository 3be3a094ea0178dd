"""The desk: verdicts reach the request that waits for them, and nobody waits for ever."""

import asyncio
import threading
from typing import Any

import pytest

from ingest_api.desk import GROUP_POSTS, Desk
from store.home import FileLock, Home
from store.journal import Journal, JournalClosedError, Work
from store.settings import Settings
from store.shapes.posts import Accepted, Post, Sender
from tests.listings import post
from tests.store.test_journal import events, unstorable


def work(sender: Sender, *posts: Post) -> Work:
    return Work(sender, posts)


def test_each_request_gets_its_own_verdicts(journal: Journal, sender: Sender) -> None:
    async def submit_all() -> list[list[str]]:
        desk = Desk(journal)
        waiting = [desk.submit(work(sender, *[post(f"{n}")] * (n % 3 + 1))) for n in range(200)]
        verdicts = await asyncio.gather(*waiting)
        return [[v.external_id for v in group if isinstance(v, Accepted)] for group in verdicts]

    assert asyncio.run(submit_all()) == [[f"{n}"] * (n % 3 + 1) for n in range(200)]


def test_what_waits_together_is_committed_together(
    journal: Journal, sender: Sender, settings: Settings
) -> None:
    async def submit_all() -> None:
        desk = Desk(journal)
        await asyncio.gather(*(desk.submit(work(sender, post(f"{n}"))) for n in range(600)))

    asyncio.run(submit_all())
    received = [event.received_at for event in events(settings)]
    assert len(received) == 600
    assert len(set(received)) == -(-600 // GROUP_POSTS)


def test_a_bad_neighbour_fails_alone(journal: Journal, sender: Sender) -> None:
    async def submit_all() -> list[Any]:
        desk = Desk(journal)
        posts = post("a"), unstorable("my-crm"), post("b")
        waiting = [desk.submit(work(sender, each)) for each in posts]
        return await asyncio.gather(*waiting, return_exceptions=True)

    first, failed, last = asyncio.run(submit_all())
    assert (first[0].id, last[0].id) == (1, 2)
    assert isinstance(failed, Exception)


def test_a_closed_desk_did_what_waited_and_refuses_at_once(
    journal: Journal, sender: Sender
) -> None:
    async def submit_late() -> None:
        desk = Desk(journal)
        early = desk.submit(work(sender, post("early")))
        await desk.close()
        assert early.result()[0].created
        assert not desk.healthy
        await desk.submit(work(sender, post("late")))

    with pytest.raises(JournalClosedError):
        asyncio.run(submit_late())


def test_an_abandoned_request_disturbs_no_other(journal: Journal, sender: Sender) -> None:
    async def abandon_one() -> int:
        desk = Desk(journal)
        abandoned = desk.submit(work(sender, post("abandoned")))
        abandoned.cancel()
        (verdict,) = await desk.submit(work(sender, post("kept")))
        assert isinstance(verdict, Accepted)
        return verdict.id

    # The abandoned post was queued before: it is stored, and took the first number.
    assert asyncio.run(abandon_one()) == 2


def test_while_another_process_writes_the_loop_goes_on_and_the_post_waits(
    journal: Journal, sender: Sender, settings: Settings
) -> None:
    other = FileLock(Home(settings.home).locks / "journal.lock")
    other.take()

    async def submit_beside() -> bool:
        desk = Desk(journal)
        waiting = desk.submit(work(sender, post("a")))
        for _ in range(10):
            await asyncio.sleep(0)
        is_waiting = not waiting.done()
        threading.Thread(target=other.free).start()
        (verdict,) = await waiting
        return is_waiting and isinstance(verdict, Accepted)

    assert asyncio.run(submit_beside())
    other.close()


def test_a_loop_that_is_gone_leaves_the_journal_usable(journal: Journal, sender: Sender) -> None:
    async def leave_early() -> Desk:
        desk = Desk(journal)
        desk.submit(work(sender, post("left")))
        await asyncio.sleep(0)
        return desk

    desk = asyncio.run(leave_early())
    desk._errands.put(None)
    desk._thread.join(10)
    (verdict,) = journal.submit(sender, [post("next")])
    assert isinstance(verdict, Accepted)
    assert verdict.id == 2
