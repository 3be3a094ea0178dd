"""`imo360 keys`: what is made is printed alone, and lists show no secret."""

from datetime import UTC, datetime

import pytest

from store.database import open_journal_database, reading
from store.keys import find_key
from store.settings import Settings
from tests.cli.test_commands import Run, one_line, run

__all__ = ["run"]


def state(started: Settings, key: str) -> str | None:
    with reading(open_journal_database(started)) as connection:
        record = find_key(connection, key, datetime.now(UTC))
    return None if record is None else record.state


@pytest.mark.slow
def test_a_key_from_making_to_its_end(started: Settings, run: Run) -> None:
    home = started.home
    made = run("keys", "create", "--partner", "CRM", "--permission", "publish.estates", "--name",
               "Sync", "--environment", "sandbox", "--rate-per-minute", "60", "--rate-burst", "9",
               "--provider", "crm-a", home=home)  # fmt: skip
    key = made.stdout.strip()
    assert made.stdout == f"{key}\n"
    assert key.startswith("imo360_ak_test_")
    rotated = run("keys", "rotate", key, "--overlap-hours", "1", home=home).stdout.strip()
    assert (state(started, key), state(started, rotated)) == ("live", "live")
    listed = run("keys", "list", home=home).stdout
    assert listed.splitlines()[1].split("\t") == [
        "1", key[15:27], "live", "sandbox", "CRM", "Sync", "publish.estates", "crm-a",
        "60/min, 9 at once", "never",
    ]  # fmt: skip
    assert key[27:] not in listed
    again = run("keys", "rotate", key[15:27], "--overlap-hours", "0", home=home).stdout.strip()
    assert [state(started, each) for each in (key, rotated, again)] == [None, "expired", "live"]
    assert run("keys", "revoke", again, home=home).returncode == 0
    assert state(started, again) == "revoked"
    assert "revoked" in one_line(run("keys", "rotate", again, home=home))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["rotate", "nothing"], "no such key"),
        (["revoke", "nothing"], "no such key"),
        (["create", "--partner", "A", "--permission", "x"], "permissions[0] must be one of"),
        (["create", "--partner", "A", "--permission", "read.leads", "--environment", "test"],
         "--environment is one of live, sandbox"),
        (["create", "--partner", "A", "--permission", "read.leads", "--rate-burst", "5"],
         "rateLimit.perMinute"),
        (["create", "--partner", "A", "--permission", "read.leads", "--expires-at", "soon"],
         "--expires-at"),
    ],
)  # fmt: skip
def test_wrong_use_is_one_line(
    started: Settings, run: Run, arguments: list[str], told: str
) -> None:
    assert told in one_line(run("keys", *arguments, home=started.home))
