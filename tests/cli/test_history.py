"""`imo360 history`, and versions as of an instant from `imo360 export`."""

import json

import pytest

from flows.steps.worker import start_worker
from store.journal import Journal, Sender
from store.settings import Settings
from tests.cli.conftest import Call
from tests.conftest import Ticking
from tests.listings import post


@pytest.fixture
def filled(settings: Settings, journal: Journal, sender: Sender, clock: Ticking) -> Settings:
    """A listing whose price was cut, loaded."""
    journal.submit(sender, [post("a", price=100_000)])
    journal.submit(sender, [post("a", price=95_000)])
    worker = start_worker(settings, "test", clock)
    assert worker is not None
    worker.cycle()
    worker.close()
    return settings


def test_a_listing_tells_its_past(filled: Settings, call: Call) -> None:
    told = call("history", "my-crm:a", "--home", str(filled.home))
    assert told.returncode == 0
    assert "95,000 EUR  -5.00 %" in told.stdout
    document = json.loads(call("history", "my-crm:a", "--home", str(filled.home), "--json").stdout)
    assert [version["price"] for version in document["versions"]] == [100_000, 95_000]
    early = call("history", "my-crm:a", "--home", str(filled.home), "--as-of", "2026-06-14")
    assert "r1 " not in early.stdout.partition("fields")[0]


def test_versions_are_exported_as_of_an_instant(filled: Settings, call: Call) -> None:
    def export(*arguments: str) -> list[str]:
        done = call("export", "core_listing_versions", "--home", str(filled.home), *arguments)
        assert done.returncode == 0
        return done.stdout.splitlines()

    assert len(export()) == 2
    (row,) = export("--known-at", "2026-12-31")
    assert json.loads(row)["price"] == 95_000
    assert export("--as-of", "2026-06-14") == []


@pytest.mark.parametrize("arguments", [
    ("history", "my-crm:none"),
    ("history", "my-crm:a", "--as-of", "yesterday"),
    ("export", "core_listings", "--as-of", "2026-06-14"),
])  # fmt: skip
def test_what_cannot_be_told_is_refused_in_one_line(
    filled: Settings, call: Call, arguments: tuple[str, ...]
) -> None:
    done = call(*arguments, "--home", str(filled.home))
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
