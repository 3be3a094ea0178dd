"""Freshness through whole cycles: each event reaches each stage once, whatever fails between."""

import pytest

import flows.steps.worker
from flows.steps.check import Check
from flows.steps.replay import replay
from flows.steps.worker import start_worker
from store.database import open_warehouse_reader, reading
from store.delays import STAGES, Delays, read_delays
from store.journal import Journal, Sender
from store.settings import Settings
from tests.conftest import NOW, Ticking
from tests.listings import post

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(packaged: Settings) -> Settings:
    """Zones and rates are loaded already."""
    return packaged


def reached(settings: Settings) -> dict[str, Delays]:
    with reading(open_warehouse_reader(settings)) as connection:
        return {stage: read_delays(connection, stage, NOW) for stage in STAGES}


def test_every_event_is_noted_once_and_visible_when_it_is_published(
    settings: Settings, journal: Journal, sender: Sender, clock: Ticking,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    journal.submit(sender, [post("a"), post("b")])
    worker = start_worker(settings, "test", clock)
    assert worker is not None
    worker.cycle()  # there is no edition yet: loaded, and nobody sees it
    counts = {stage: delays.events for stage, delays in reached(settings).items()}
    assert counts == {"taken": 2, "computed": 2, "visible": 0}
    worker.drain()
    found = reached(settings)
    assert {stage: delays.events for stage, delays in found.items()} == dict.fromkeys(STAGES, 2)
    # Ticking moves a second at each look, and an edition lies between.
    assert found["visible"].p50_ms is not None
    assert found["taken"].p50_ms is not None
    assert found["taken"].p50_ms < found["visible"].p50_ms

    def fail(_rows: object) -> list[Check]:
        raise RuntimeError("a cycle that fails")

    journal.submit(sender, [post("a", price=90_000)])
    with monkeypatch.context() as broken:
        broken.setattr(flows.steps.worker, "check", fail)
        with pytest.raises(RuntimeError, match="fails"):
            worker.cycle()
    worker.close()
    worker = start_worker(settings, "test", clock)
    assert worker is not None
    worker.cycle()
    worker.close()
    counts = {stage: delays.events for stage, delays in reached(settings).items()}
    assert counts == dict.fromkeys(STAGES, 3)

    before = reached(settings)
    replay(settings, clock)
    assert reached(settings) == before  # history: carried over, not measured again
