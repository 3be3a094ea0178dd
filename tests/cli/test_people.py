"""`imo360 admin`: accounts without a default password, and none on the command line."""

import os
from pathlib import Path

import pytest

from store.database import open_journal_database, reading
from store.passwords import PasswordHasher
from store.people import find_person
from store.settings import Settings
from tests.cli.test_commands import Run, one_line, run

__all__ = ["run"]

PASSWORD = "correct horse battery staple"


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    return str(tmp_path / "password")


def test_an_account_from_making_to_its_end(started: Settings, password_file: str, run: Run) -> None:
    home = started.home
    made = run("admin", "create", "--email", "Ana@example.com", "--password-file", password_file,
               home=home)  # fmt: skip
    assert (made.returncode, made.stdout) == (0, "")
    listed = run("admin", "list", home=home).stdout.splitlines()
    assert listed[0] == "id\temail\trole\tstate\tcreated_at"
    assert listed[1].startswith("1\tana@example.com\tadmin\tactive\t")
    assert PASSWORD not in str(made) + str(listed)
    with reading(open_journal_database(started)) as connection:
        person = find_person(connection, "ana@example.com")
    assert person is not None
    assert PasswordHasher().verify(PASSWORD, person.password_hash)
    again = run("admin", "create", "--email", "ana@example.com", "--password-file", password_file,
                home=home)  # fmt: skip
    assert "already" in one_line(again)
    assert run("admin", "disable", "--email", "ana@example.com", home=home).returncode == 0
    assert "\tdisabled\t" in run("admin", "list", home=home).stdout


def test_the_password_may_come_from_the_setting(
    started: Settings, run: Run, monkeypatch: pytest.MonkeyPatch, password_file: str
) -> None:
    monkeypatch.setenv("IMO360_ADMIN_PASSWORD", PASSWORD)
    arguments = ("admin", "create", "--email", "bob@example.com", "--role", "member")
    assert run(*arguments, home=started.home).returncode == 0
    monkeypatch.setenv("IMO360_ADMIN_PASSWORD", "too short")
    line = one_line(run("admin", "password", "--email", "bob@example.com", home=started.home))
    assert "12" in line
    assert "too short" not in line
    changed = run("admin", "password", "--email", "bob@example.com", "--password-file",
                  password_file, home=started.home)  # fmt: skip
    assert changed.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["create", "--email", "no address", "--password-file", "FILE"], "no e-mail address"),
        (
            ["create", "--email", "a@b", "--role", "root", "--password-file", "FILE"],
            "--role is one",
        ),
        (["create", "--email", "a@b", "--password-file", "/nowhere"], "cannot read the password"),
        (["password", "--email", "a@b", "--password-file", "FILE"], "no such account"),
        (["disable", "--email", "a@b"], "no such account"),
    ],
)
def test_wrong_use_is_one_line(
    started: Settings, run: Run, password_file: str, arguments: list[str], told: str
) -> None:
    given = [password_file if each == "FILE" else each for each in arguments]
    assert told in one_line(run("admin", *given, home=started.home))


def test_without_a_terminal_and_a_password_nobody_is_made(
    started: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        line = one_line(run("admin", "create", "--email", "a@example.com", home=started.home))
    assert "IMO360_ADMIN_PASSWORD" in line
    assert len(run("admin", "list", home=started.home).stdout.splitlines()) == 1


@pytest.mark.parametrize("command", ["up", "serve"])
@pytest.mark.parametrize("secret", [None, "short"])
def test_production_does_not_start_with_a_weak_secret(
    started: Settings, run: Run, monkeypatch: pytest.MonkeyPatch, command: str, secret: str | None
) -> None:
    monkeypatch.setenv("IMO360_MODE", "production")
    if secret is not None:
        monkeypatch.setenv("IMO360_JWT_SECRET", secret)
    line = one_line(run(command, "--port", "0", home=started.home))
    assert "IMO360_JWT_SECRET" in line
    assert secret is None or secret not in line
