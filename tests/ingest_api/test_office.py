"""Logging in: as much work for nobody as for somebody, counted across processes, in turns."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ingest_api.office import LOGINS_AT_ONCE, MAX_WAITING, BusyError, Office
from store.audit import COMMAND_LINE
from store.database import open_journal_database, writing
from store.passwords import NOBODYS, PasswordHasher
from store.people import Throttled, create_person, disable_person
from store.settings import Settings
from store.shapes.vocabulary import Role
from tests.ingest_api.conftest import PASSWORD

NOW = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)


class Watched(PasswordHasher):
    """The real thing, and a note of what was verified."""

    def __init__(self) -> None:
        super().__init__()
        self.verified: list[str] = []

    def verify(self, password: str, stored: str) -> bool:
        self.verified.append(stored)
        return super().verify(password, stored)


def office_of(settings: Settings) -> tuple[Office, Watched, list[str]]:
    """Open an office, as a process of its own would, and note the statements it executes."""
    engine: Engine = open_journal_database(settings)
    office = Office(settings, engine, lambda: NOW)
    office.hasher = Watched()
    statements: list[str] = []
    sa.event.listen(
        engine, "before_cursor_execute", lambda *args: statements.append(args[2].split()[0])
    )
    return office, office.hasher, statements


@pytest.fixture
def home(settings: Settings, password_hash: str) -> Settings:
    with writing(open_journal_database(settings)) as connection:
        for email in ("ana@example.com", "gone@example.com"):
            create_person(connection, email, password_hash, Role.ADMIN, COMMAND_LINE, NOW)
        disable_person(connection, "gone@example.com", COMMAND_LINE, NOW)
    return settings


def test_nobody_costs_what_somebody_costs(home: Settings, password_hash: str) -> None:
    async def work(email: str, password: str) -> tuple[object, list[str], list[str]]:
        office, hasher, statements = office_of(home)
        return await office.log_in(email, password, None), hasher.verified, statements

    known = asyncio.run(work("ana@example.com", "wrong password"))
    unknown = asyncio.run(work("nobody@example.com", "wrong password"))
    gone = asyncio.run(work("gone@example.com", PASSWORD))
    assert (known[0], unknown[0], gone[0]) == (None, None, None)
    assert known[1] == gone[1] == [password_hash]
    assert unknown[1] == [NOBODYS]
    assert known[2] == unknown[2] == gone[2]
    assert known[2].count("INSERT") == 2


def test_who_is_throttled_costs_no_hash(home: Settings) -> None:
    async def work(office: Office) -> object:
        return await office.log_in("nobody@example.com", "wrong", None)

    for _ in range(5):
        office, hasher, _ = office_of(home)
        assert asyncio.run(work(office)) is None
    office, hasher, _ = office_of(home)
    assert asyncio.run(work(office)) == Throttled(60)
    assert hasher.verified == []


def test_processes_share_the_failures(home: Settings) -> None:
    async def work() -> list[object]:
        first, second = office_of(home)[0], office_of(home)[0]
        tried = [await each.log_in("ana@example.com", "wrong", None)
                 for each in (first, second, first, second, first)]  # fmt: skip
        return [*tried, await second.log_in("ana@example.com", PASSWORD, None)]

    assert asyncio.run(work()) == [None] * 5 + [Throttled(60)]


@pytest.mark.slow
def test_guesses_made_at_once_are_five_in_all(home: Settings) -> None:
    async def work() -> list[object]:
        offices = [office_of(home)[0] for _ in range(2)]
        return list(await asyncio.gather(
            *(offices[i % 2].log_in("ana@example.com", "wrong", None) for i in range(14))
        ))  # fmt: skip

    outcomes = asyncio.run(work())
    assert outcomes.count(None) == 5
    assert outcomes.count(Throttled(60)) == 9


@pytest.mark.slow
def test_right_passwords_at_once_do_not_throttle_each_other(home: Settings) -> None:
    async def work() -> list[object]:
        office = office_of(home)[0]
        tried = (office.log_in("ana@example.com", PASSWORD, None) for _ in range(8))
        return list(await asyncio.gather(*tried))

    assert all(isinstance(token, str) for token in asyncio.run(work()))


class Held(PasswordHasher):
    """Judges when it is let to, and notes how many it judges at once."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go = threading.Event()
        self.entered = threading.Semaphore(0)
        self.at_once = self.most = 0

    def verify(self, password: str, stored: str) -> bool:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.entered.release()
        self.may_go.wait(20)
        self.at_once -= 1
        return False


def test_few_passwords_are_judged_at_once_and_few_may_wait(home: Settings) -> None:
    async def work() -> tuple[int, int]:
        office, _, _ = office_of(home)
        office.hasher = held = Held()
        waiting = [
            asyncio.ensure_future(office.log_in(f"{n}@example.com", "x", None))
            for n in range(MAX_WAITING + 3)
        ]
        for _ in range(LOGINS_AT_ONCE):
            await asyncio.to_thread(held.entered.acquire, True, 20)
        held.may_go.set()
        done = await asyncio.gather(*waiting, return_exceptions=True)
        return held.most, sum(isinstance(each, BusyError) for each in done)

    assert asyncio.run(work()) == (LOGINS_AT_ONCE, 3)


@pytest.mark.parametrize("seconds", [0, 3599])
def test_a_token_is_read_by_another_process_of_the_home(home: Settings, seconds: int) -> None:
    async def work() -> str:
        first, second = office_of(home)[0], office_of(home)[0]
        token = await first.log_in("ana@example.com", PASSWORD, None)
        assert isinstance(token, str)
        second.clock = lambda: NOW + timedelta(seconds=seconds)
        return (await second.bearer(token)).email

    assert asyncio.run(work()) == "ana@example.com"


def test_the_loop_goes_on_while_a_password_is_judged(home: Settings) -> None:
    async def work() -> int:
        office, _, _ = office_of(home)
        judged = asyncio.ensure_future(office.log_in("ana@example.com", PASSWORD, None))
        turns = 0
        while not judged.done():
            await asyncio.sleep(0)
            turns += 1
        return turns

    assert asyncio.run(work()) > 100
