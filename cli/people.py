"""People on the command line."""

import getpass
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cli.wrong_use import WrongUseError
from store.audit import COMMAND_LINE
from store.database import open_journal_database, reading, writing
from store.passwords import PasswordHasher, expect_good
from store.people import (
    Person,
    change_password,
    create_person,
    disable_person,
    list_people,
)
from store.settings import Settings
from store.shapes.checks import wire_instant
from store.shapes.vocabulary import Role


def chosen_password(settings: Settings, file: Path | None) -> str:
    """Return the password from the file, the setting, or a prompt; raises PasswordError when it
    will not do, WrongUseError when there is none."""
    password = _given(settings, file)
    expect_good(password)
    return password


def make_person(settings: Settings, email: str, password: str, role: Role, now: datetime) -> None:
    """Make an account; raises PersonError."""
    stored = PasswordHasher().hash(password)
    with writing(open_journal_database(settings)) as connection:
        create_person(connection, email, stored, role, COMMAND_LINE, now)


def renew_password(settings: Settings, email: str, password: str, now: datetime) -> None:
    """Change a password; raises WrongUseError when there is no such account."""
    stored = PasswordHasher().hash(password)
    with writing(open_journal_database(settings)) as connection:
        if not change_password(connection, email, stored, COMMAND_LINE, now):
            raise WrongUseError("no such account")


def end_person(settings: Settings, email: str, now: datetime) -> None:
    """Disable an account; raises WrongUseError when there is none such."""
    with writing(open_journal_database(settings)) as connection:
        if not disable_person(connection, email, COMMAND_LINE, now):
            raise WrongUseError("no such account")


def people_lines(settings: Settings, now: datetime) -> Iterator[str]:
    """Return a line of headings and one for each account, tab-separated."""
    with reading(open_journal_database(settings)) as connection:
        people = list_people(connection)
    yield "id\temail\trole\tstate\tcreated_at"
    yield from (_line(person, now) for person in people)


def role_of(text: str) -> Role:
    """Return the role of this name; raises WrongUseError for another."""
    try:
        return Role(text)
    except ValueError:
        raise WrongUseError(f"--role is one of {', '.join(Role)}") from None


def _line(person: Person, now: datetime) -> str:
    state = "disabled" if person.is_disabled(now) else "active"
    created = wire_instant(person.created_at)
    return f"{person.id}\t{person.email}\t{person.role.value}\t{state}\t{created}"


def _given(settings: Settings, file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as problem:
            raise WrongUseError(f"cannot read the password from {file}") from problem
    if settings.admin_password is not None:
        return settings.admin_password.get_secret_value()
    if not sys.stdin.isatty():
        raise WrongUseError(
            "no password: set IMO360_ADMIN_PASSWORD, give --password-file, or run in a terminal"
        )
    return _asked()


def _asked() -> str:
    password = getpass.getpass("Password: ", stream=sys.stderr)
    if getpass.getpass("Again: ", stream=sys.stderr) != password:
        raise WrongUseError("the two passwords differ")
    return password
