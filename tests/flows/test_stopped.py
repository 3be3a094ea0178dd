"""A severe check stops the publication, never the ingestion; the next worker tries again."""

import pytest

import flows.steps.replay
import flows.steps.worker
from flows.steps.check import Check
from flows.steps.refresh import refresh
from flows.steps.replay import ReplayStoppedError, replay
from store.database import next_warehouse, open_warehouse_reader, warehouse_name, warehouse_names
from store.home import Home
from store.journal import Journal, Sender
from store.settings import Settings
from store.warehouse import progress_of
from tests.conftest import Ticking
from tests.listings import post

FAILING = [Check("prices_are_sane", is_severe=True, bad=3)]


@pytest.fixture
def settings(packaged: Settings) -> Settings:
    """Zones and rates are loaded already."""
    return packaged


@pytest.mark.slow
def test_what_a_check_stopped_is_loaded_told_and_published_later(
    settings: Settings, journal: Journal, sender: Sender, clock: Ticking,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    journal.submit(sender, [post("a"), post("b")])
    with monkeypatch.context() as broken:
        broken.setattr(flows.steps.worker, "check", lambda _rows: FAILING)
        stopped = refresh(settings, "test", clock=clock)
    assert stopped.stopped_by == ("prices_are_sane",)
    assert (stopped.publication, stopped.edition) == (0, 0)
    assert progress_of(open_warehouse_reader(settings)).watermark >= 4
    # Nothing new was posted: the next worker publishes what the last one could not.
    mended = refresh(settings, "test", clock=clock)
    assert mended.stopped_by == ()
    assert (mended.publication, mended.edition) == (1, 1)


@pytest.mark.slow
def test_a_replay_that_fails_a_check_leaves_readers_what_they_had(
    settings: Settings, journal: Journal, sender: Sender, clock: Ticking,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    journal.submit(sender, [post("a")])
    refresh(settings, "test", clock=clock)
    before = warehouse_name(Home(settings.home))
    monkeypatch.setattr(flows.steps.replay, "check", lambda _rows: FAILING)
    with pytest.raises(ReplayStoppedError, match="prices_are_sane"):
        replay(settings, clock)
    assert warehouse_name(Home(settings.home)) == before


@pytest.mark.slow
def test_replays_keep_the_present_warehouse_and_the_one_before(
    settings: Settings, journal: Journal, sender: Sender, clock: Ticking
) -> None:
    journal.submit(sender, [post("a")])
    for _ in range(3):
        replay(settings, clock)
    kept = warehouse_names(settings)
    third = next_warehouse(settings, next_warehouse(settings, next_warehouse(settings)))
    assert kept == [third, next_warehouse(settings, third)]
    assert warehouse_name(Home(settings.home)) == kept[-1]


def test_a_refresh_of_an_empty_home_ends(settings: Settings, clock: Ticking) -> None:
    assert refresh(settings, "test", clock=clock).publication == 0
