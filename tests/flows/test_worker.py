"""Workers and the loop: they end, keep up and join whatever partners and other workers do."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

import flows.steps.loop
import flows.steps.refresh
from flows.steps.exports import export_publication, exported
from flows.steps.loop import Loop, picture_thread
from flows.steps.pictures import drain_pictures
from flows.steps.publish import CycleReport
from flows.steps.reference import load_packaged
from flows.steps.refresh import Refreshed, refresh
from flows.steps.worker import Clock, Watch, Worker, start_worker
from store.database import open_warehouse_reader, point_warehouse
from store.home import Home, try_lock, write_durably
from store.journal import Journal, Sender
from store.raw_lake import RawLake
from store.schema import migrate_warehouse
from store.settings import Settings
from store.warehouse import LeaseLostError
from tests.conftest import NOW, Ticking
from tests.listings import post
from tests.watching import await_true

WITH_PICTURE = ["https://pictures.example/1.jpg"]


@pytest.fixture
def worker(settings: Settings, clock: Ticking) -> Worker:
    load_packaged(settings, clock())
    return started(settings, clock)


def started(settings: Settings, clock: Ticking) -> Worker:
    found = start_worker(settings, "test", clock)
    assert found is not None
    return found


@dataclass
class Looks:
    """How often the published tables were looked at."""

    count: int = 0

    def counting(self, open_reader: Callable[[Settings], Engine]) -> Callable[[Settings], Engine]:
        def opened(settings: Settings) -> Engine:
            self.count += 1
            return open_reader(settings)

        return opened


@pytest.mark.sqlite_only
def test_a_worker_opens_the_warehouse_a_replay_pointed_to_before_it_let_go(
    settings: Settings, clock: Ticking, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(settings.home)

    def lock_after_a_replay(path: Path) -> int | None:
        migrate_warehouse(settings, "warehouse-000002.sqlite")
        point_warehouse(home, "warehouse-000002.sqlite")
        return try_lock(path)

    monkeypatch.setattr("store.warehouse.try_lock", lock_after_a_replay)
    worker = started(settings, clock)
    assert "warehouse-000002.sqlite" in str(worker.engine.url.database)
    worker.close()


@pytest.mark.slow
def test_a_refresh_ends_though_partners_post_without_pause(
    worker: Worker, settings: Settings, journal: Journal, sender: Sender
) -> None:
    journal.submit(sender, [post("a")])
    cycles: list[CycleReport] = []

    def post_again(report: CycleReport) -> None:
        cycles.append(report)
        if len(cycles) < 20:
            journal.submit(sender, [post("a", price=1_000 + len(cycles))])

    target = RawLake(settings).last_offset()
    worker.drain(Watch(on_cycle=post_again), target)
    assert len(cycles) < 10
    assert cycles[-1].edition == 1
    assert cycles[-1].publication
    assert cycles[-1].watermark > target
    worker.close()


@pytest.mark.slow
def test_a_new_day_begins_though_partners_post_without_pause(
    worker: Worker, settings: Settings, journal: Journal, sender: Sender
) -> None:
    journal.submit(sender, [post("a")])
    worker.drain()
    tomorrow = NOW.date() + timedelta(days=1)
    worker.settings = settings.model_copy(update={"as_of_date": tomorrow, "cycle_seconds": 0.01})
    stop = threading.Event()
    seen: list[int] = []

    def post_again(report: CycleReport) -> None:
        seen.append(report.edition)
        if report.edition == 2:
            stop.set()
        else:
            journal.submit(sender, [post("a", price=1_000 + len(seen))])

    journal.submit(sender, [post("a", price=999)])
    loop = Loop(worker.settings, stop, worker, post_again)
    loop.run_until(time.monotonic() + 60)
    loop.editions.stop()
    assert len(seen) > 3  # the edition is made beside the cycles
    assert seen[-1] == 2
    assert worker.resident.edition is not None
    assert worker.resident.edition.as_of_date == tomorrow
    worker.close()


@pytest.mark.slow
def test_pictures_are_not_asked_for_again_before_their_verdicts_are_loaded(
    worker: Worker, settings: Settings, journal: Journal, sender: Sender, clock: Ticking,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    journal.submit(sender, [post("a", imageUrls=WITH_PICTURE)])
    worker.drain()
    lake, looks = RawLake(settings), Looks()
    drained: list[int] = []
    before = lake.last_offset()

    def counted(settings: Settings, clock: Clock) -> int:
        drained.append(drain_pictures(settings, clock))
        return drained[-1]

    monkeypatch.setattr(flows.steps.loop, "PICTURE_SECONDS", 0.01)
    monkeypatch.setattr(flows.steps.loop, "drain_pictures", counted)
    monkeypatch.setattr(
        "flows.steps.loop.open_warehouse_reader", looks.counting(open_warehouse_reader)
    )
    stop = threading.Event()
    thread = picture_thread(settings, stop, clock)
    await_true(lambda: looks.count > 10)
    assert drained == [1]
    assert lake.last_offset() == before + 1
    worker.drain()
    await_true(lambda: len(drained) > 1)
    stop.set()
    thread.join()
    assert drained[1:] == [0] * (len(drained) - 1)
    worker.close()


@pytest.mark.slow
def test_a_refresh_that_joins_waits_for_the_first_verdicts(
    worker: Worker, settings: Settings, journal: Journal, sender: Sender, clock: Ticking,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(flows.steps.refresh, "POLL_SECONDS", 0.01)
    journal.submit(sender, [post("a", imageUrls=WITH_PICTURE)])
    worker.drain()
    joined: list[Refreshed] = []
    looks = Looks()
    monkeypatch.setattr(
        "flows.steps.refresh.open_warehouse_reader", looks.counting(open_warehouse_reader)
    )
    thread = threading.Thread(target=lambda: joined.append(refresh(settings, "late", clock=clock)))
    thread.start()
    await_true(lambda: looks.count > 5)
    assert not joined
    drain_pictures(settings, clock)
    worker.drain()
    thread.join(timeout=20)
    assert [(done.is_joined, done.stopped_by) for done in joined] == [(True, ())]
    worker.close()


def test_exports_are_durable_before_the_manifest_names_them(
    worker: Worker, settings: Settings, journal: Journal, sender: Sender,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    journal.submit(sender, [post("a")])
    worker.drain()
    written: list[Path] = []

    def noted(path: Path, content: bytes) -> None:
        write_durably(path, content)
        written.append(path)

    monkeypatch.setattr("flows.steps.exports.write_durably", noted)
    home = Home(settings.home)
    export_publication(home, worker.engine, 3, worker.lease)
    assert written[-1].name == "MANIFEST.json"
    assert set(written[:-1]) == set(home.exports.glob("publication-*/*"))
    worker.close()


@pytest.mark.slow
def test_a_worker_that_lost_its_lease_moves_no_manifest(
    worker: Worker, settings: Settings, journal: Journal, sender: Sender, clock: Ticking
) -> None:
    journal.submit(sender, [post("a")])
    worker.drain()
    worker.lease.release()
    taker = started(settings, clock)
    with pytest.raises(LeaseLostError, match="taken over"):
        export_publication(Home(settings.home), worker.engine, 3, worker.lease)
    assert exported(Home(settings.home)) is None
    assert export_publication(Home(settings.home), taker.engine, 3, taker.lease) == 1
    taker.close()
