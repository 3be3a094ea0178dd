"""Accounts and the count of failed log-ins: by account, across processes, forgotten in a minute."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from store.audit import COMMAND_LINE, read_entries
from store.database import open_journal_database, reading, writing
from store.people import (
    MAX_FAILURES,
    WINDOW,
    Attempt,
    Person,
    PersonError,
    Throttled,
    account_sha256,
    begin_login,
    change_password,
    create_person,
    disable_person,
    end_login,
    find_person,
    list_people,
    person_of_id,
)
from store.settings import Settings
from store.shapes.vocabulary import Role
from store.tables.journal import ingest_login_failures

NOW = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    opened = open_journal_database(settings)
    yield opened
    opened.dispose()


def make(engine: Engine, email: str = "ana@example.com", role: Role = Role.ADMIN) -> int:
    with writing(engine) as connection:
        return create_person(connection, email, "hash", role, COMMAND_LINE, NOW)


def begin(engine: Engine, email: str, now: datetime) -> Attempt | Throttled:
    with writing(engine) as connection:
        return begin_login(connection, email, now)


def test_an_account_is_found_however_its_address_is_written(engine: Engine) -> None:
    made = make(engine, " Ana@Example.COM ")
    with reading(engine) as connection:
        found = find_person(connection, "ANA@example.com")
        assert found == person_of_id(connection, made) == list_people(connection)[0]
        assert found is not None
        assert (found.email, found.role, found.is_disabled(NOW)) == (
            "ana@example.com", Role.ADMIN, False
        )  # fmt: skip
        assert find_person(connection, "bob@example.com") is None
        assert person_of_id(connection, made + 1) is None


@pytest.mark.parametrize("email", ["", "ana", "@example.com", "a b@example.com", "a@b\x00", "a@@b"])
def test_what_is_no_address_gets_no_account(engine: Engine, email: str) -> None:
    with pytest.raises(PersonError):
        make(engine, email)
    with reading(engine) as connection:
        assert find_person(connection, email) is None


def test_an_address_has_one_account(engine: Engine) -> None:
    make(engine)
    with pytest.raises(PersonError, match="already"):
        make(engine, "ANA@example.com")


def test_a_disabled_account_stays_and_is_disabled_once(engine: Engine) -> None:
    make(engine)
    with writing(engine) as connection:
        assert disable_person(connection, "ana@example.com", COMMAND_LINE, NOW)
        assert disable_person(connection, "ana@example.com", COMMAND_LINE, NOW + SECOND)
        assert not disable_person(connection, "bob@example.com", COMMAND_LINE, NOW)
        assert not change_password(connection, "bob@example.com", "x", COMMAND_LINE, NOW)
        assert change_password(connection, "ana@example.com", "other", COMMAND_LINE, NOW)
        (person,) = list_people(connection)
        actions = [entry.action for entry in read_entries(connection, 0, 10)]
    assert (person.disabled_at, person.password_hash) == (NOW, "other")
    assert not person.is_disabled(NOW - SECOND)
    assert actions == ["people.create", "people.disable", "people.password"]


def test_a_person_shows_no_hash_and_no_address() -> None:
    person = Person(1, "ana@example.com", "$argon2id$secret", Role.MEMBER, NOW, None)
    assert repr(person) == "Person(id=1, role=member)"


def test_five_attempts_fill_a_minute(engine: Engine) -> None:
    for second in range(MAX_FAILURES):
        assert isinstance(begin(engine, "Ana@example.com", NOW + second * SECOND), Attempt)
    assert begin(engine, "ana@example.com", NOW + 30 * SECOND) == Throttled(30)
    assert isinstance(begin(engine, "bob@example.com", NOW + 30 * SECOND), Attempt)
    last = NOW + WINDOW - timedelta(microseconds=1)
    assert begin(engine, "ana@example.com", last) == Throttled(1)
    assert isinstance(begin(engine, "ana@example.com", NOW + WINDOW), Attempt)
    assert begin(engine, "ana@example.com", NOW + WINDOW) == Throttled(1)


def test_attempts_made_at_once_do_not_pass_together(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: begin(engine, "ana@example.com", NOW), range(20)))
    assert sum(isinstance(each, Attempt) for each in found) == MAX_FAILURES


def test_a_success_forgets_and_a_failure_counts(engine: Engine) -> None:
    make(engine)
    with writing(engine) as connection:
        person = find_person(connection, "ana@example.com")
        for welcome in (None, None, person):
            attempt = begin_login(connection, "ana@example.com", NOW)
            assert isinstance(attempt, Attempt)
            end_login(connection, attempt, welcome, COMMAND_LINE, NOW)
            left = connection.execute(
                sa.select(sa.func.count()).select_from(ingest_login_failures)
            ).scalar_one()
            assert left == (0 if welcome else left)
        outcomes = [entry.outcome for entry in read_entries(connection, 1, 10)]
    assert left == 0
    assert outcomes == ["invalid_credentials", "invalid_credentials", "done"]


def test_old_failures_are_pruned_and_none_names_its_address(engine: Engine) -> None:
    begin(engine, "ana@example.com", NOW)
    begin(engine, "bob@example.com", NOW + WINDOW)
    with reading(engine) as connection:
        rows = connection.execute(sa.select(ingest_login_failures.c.account_sha256)).scalars().all()
    assert rows == [account_sha256("bob@example.com")]
