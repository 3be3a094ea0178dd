"""Editions made beside a worker: one at a time, and applied in their place."""

import pytest

from flows.steps.reference import load_packaged
from flows.steps.retrain import retrain
from flows.steps.worker import start_worker
from store.home import Home, locked
from store.journal import Journal, Sender
from store.settings import Settings
from tests.conftest import Ticking
from tests.listings import post

pytestmark = [pytest.mark.slow, pytest.mark.engines]


def test_an_edition_is_made_beside_a_worker_and_once(
    settings: Settings, journal: Journal, sender: Sender, clock: Ticking
) -> None:
    load_packaged(settings, clock())
    assert retrain(settings, clock) is None  # nothing is loaded yet
    journal.submit(sender, [post("a")])
    worker = start_worker(settings, "test", clock)
    assert worker is not None
    worker.cycle()
    with locked(Home(settings.home).locks / "edition.lock"):
        assert retrain(settings, clock) is None  # another process is making one
    assert retrain(settings, clock) == "first"
    assert retrain(settings, clock) is None  # it is made, and not loaded yet
    report = worker.cycle()
    assert report is not None
    assert (report.edition, report.publication) == (1, 1)
    assert retrain(settings, clock) is None  # none is due
    assert retrain(settings, clock, "retrain") == "retrain"
    worker.drain()
    assert worker.resident.edition is not None
    assert worker.resident.edition.number == 2
    worker.close()
