"""One refresh measured part by part; prints JSON. `python -m tests.bench.refresh_once HOME DAY`."""

import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec

from flows.steps.exports import export_publication
from flows.steps.worker import Worker, start_worker
from store.database import reading
from store.frames import read_frame
from store.home import Home
from store.journal import open_journal
from store.settings import Settings
from store.shapes.posts import Sender, post_of
from store.tables.warehouse import core_listings
from tests.bench.markets import bench_sender
from tests.watching import peak_mib

CHANGES = 5


@dataclass(frozen=True)
class Refreshed:
    """Seconds of the parts and of all, milliseconds of a later cycle, memory at its peak."""

    load_s: float
    edition_s: float
    publish_s: float
    export_s: float
    all_s: float
    change_ms: float
    peak_mib: float


def main(settings: Settings) -> Refreshed:
    """Refresh an unpublished home, then publish single changes."""
    started = time.perf_counter()
    worker = start_worker(settings, "bench")
    assert worker is not None
    with closing(worker):
        load_s = _timed(lambda: _drain(worker))
        edition_s = _timed(worker.retrain_if_due)
        publish_s = _timed(lambda: _drain(worker))
        home = Home(settings.home)
        export_s = _timed(lambda: export_publication(home, worker.engine, settings.exports_kept))
        all_s = time.perf_counter() - started
        change_ms = 1000 * statistics.median(_changes(settings, worker))
    peak = peak_mib(os.getpid())
    return Refreshed(load_s, edition_s, publish_s, export_s, all_s, change_ms, peak)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _drain(worker: Worker) -> None:
    while worker.cycle() is not None:
        pass


def _changes(settings: Settings, worker: Worker) -> list[float]:
    """Change the price of one listing, publish it, and so on; return the seconds of each cycle."""
    sender = bench_sender(settings)
    with reading(worker.engine) as connection:
        listings = read_frame(connection, core_listings)
    rows = listings.head(CHANGES).iter_rows(named=True)
    taken = []
    for row in rows:
        _post(settings, sender, row["provider_identifier"], row["external_id"], row["price"])
        taken.append(_timed(worker.cycle))
    return taken


def _post(
    settings: Settings, sender: Sender, provider: str, external_id: str, price: float
) -> None:
    patch = {"providerIdentifier": provider, "externalId": external_id, "price": round(price) + 1}
    journal = open_journal(settings)
    post = post_of(provider, external_id, patch, msgspec.json.encode(patch))
    journal.submit(sender, [post])
    journal.close()


if __name__ == "__main__":
    home, as_of = sys.argv[1:]
    result = main(Settings(home=Path(home), as_of_date=date.fromisoformat(as_of)))
    sys.stdout.buffer.write(msgspec.json.encode(result))
