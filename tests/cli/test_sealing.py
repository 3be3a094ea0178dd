"""The sealer: the home and every sandbox, also one that was wiped and is used again."""

import pytest

from cli.sealing import Sealer
from store.database import open_journal_database
from store.journal import Sender, open_journal
from store.raw_lake import RawLake
from store.sandbox import make_sandbox, wipe_sandbox
from store.settings import Settings
from tests.cli.conftest import Call
from tests.conftest import NOW, Ticking
from tests.listings import post

PARTNER = 7


def keep(settings: Settings, *names: str, sender: Sender | None = None) -> None:
    """Post listings to a home's journal."""
    journal = open_journal(settings, Ticking(), knows_keys=sender is not None)
    for name in names:
        journal.submit(sender or Sender(1, PARTNER, None), [post(name)])
    journal.close()


def sealed(settings: Settings) -> list[str]:
    """Return the references of all sealed events of a home."""
    engine = open_journal_database(settings)
    rows = RawLake(settings, engine).read(0, 1_000, ["external_id"]).to_pylist()
    engine.dispose()
    return [row["external_id"] for row in rows]


def test_a_home_and_its_sandboxes_are_sealed_apart(settings: Settings, sender: Sender) -> None:
    sealer = Sealer(settings)
    keep(settings, "a-1", sender=sender)
    sealer.seal(NOW)
    sandboxes = [make_sandbox(settings, partner, NOW) for partner in (PARTNER, PARTNER + 1)]
    keep(sandboxes[0], "s-1", "s-2")
    keep(settings, "a-2", sender=sender)
    sealer.seal(NOW)
    assert sealed(settings) == ["a-1", "a-2"]
    assert sealed(sandboxes[0]) == ["s-1", "s-2"]
    assert sealed(sandboxes[1]) == []


def test_a_sandbox_that_was_wiped_and_is_used_again_is_sealed(settings: Settings) -> None:
    sealer = Sealer(settings)
    sandbox = make_sandbox(settings, PARTNER, NOW)
    keep(sandbox, "s-1")
    sealer.seal(NOW)
    wipe_sandbox(settings, PARTNER)
    make_sandbox(settings, PARTNER, NOW)
    keep(sandbox, "s-9")
    sealer.seal(NOW)
    assert sealed(sandbox) == ["s-9"]
    wipe_sandbox(settings, PARTNER)
    sealer.seal(NOW)
    assert not sandbox.home.exists()


def test_a_sandbox_that_cannot_be_sealed_stops_no_other(
    settings: Settings, sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    broken = make_sandbox(settings, PARTNER, NOW)
    (broken.home / "journal.sqlite").write_bytes(b"no database" * 500)
    good = make_sandbox(settings, PARTNER + 1, NOW)
    keep(settings, "a-1", sender=sender)
    Sealer(settings).seal(NOW)
    assert sealed(settings) == ["a-1"]
    assert sealed(good) == []
    assert "sealing failed" in caplog.text


def test_there_must_be_a_home_to_seal(call: Call, tmp_path: object) -> None:
    done = call("seal", "--home", f"{tmp_path}/none")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
