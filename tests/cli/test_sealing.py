"""Sandboxes are sealed as they stand: none half made, none of which only the open file is left."""

import logging
from pathlib import Path

import pytest

from cli.sealing import seal_sandboxes
from store.home import Home
from store.journal import Sender, open_journal
from store.raw_lake import RawLake
from store.sandbox import make_sandbox, sandbox_settings, wipe_sandbox
from store.settings import Settings
from tests.cli.conftest import Call
from tests.conftest import NOW
from tests.listings import post

PARTNER = 7


def post_in_sandbox(settings: Settings, *references: str) -> RawLake:
    """Make the sandbox and post to it; return its lake."""
    sandbox = make_sandbox(settings, PARTNER, NOW)
    journal = open_journal(sandbox, lambda: NOW, knows_keys=False)
    sender = Sender(key_id=1, partner_id=PARTNER, providers=None)
    journal.submit(sender, [post(reference) for reference in references])
    journal.close()
    return RawLake(sandbox)


@pytest.mark.slow
def test_a_sandbox_is_sealed_again_after_it_was_wiped(settings: Settings) -> None:
    lake = post_in_sandbox(settings, "a", "b")
    seal_sandboxes(settings)
    assert not lake.waiting()
    wipe_sandbox(settings, PARTNER)
    seal_sandboxes(settings)
    again = post_in_sandbox(settings, "c")
    assert again.waiting()
    seal_sandboxes(settings)
    assert [row["external_id"] for row in again.read(0, 10).to_pylist()] == ["c"]


def test_what_is_left_of_a_wiped_sandbox_is_not_sealed(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    post_in_sandbox(settings, "a")
    home = sandbox_settings(settings, PARTNER).home
    left = home.rename(home.with_name(f".{PARTNER}-cut"))
    (Home(settings.home).sandboxes / "8").mkdir()  # being made
    with caplog.at_level(logging.ERROR):
        seal_sandboxes(settings)
    assert not caplog.records
    assert RawLake(settings.model_copy(update={"home": left})).waiting()


def test_a_sandbox_that_cannot_be_sealed_stops_no_other(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    lake = post_in_sandbox(settings, "a")
    broken = make_sandbox(settings, PARTNER - 1, NOW)
    (broken.home / "journal.sqlite").write_bytes(b"no database" * 500)
    seal_sandboxes(settings)
    assert not lake.waiting()
    assert "sealing failed" in caplog.text


def test_there_must_be_a_home_to_seal(call: Call, tmp_path: Path) -> None:
    done = call("seal", "--home", f"{tmp_path}/none")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
