"""A reader who polls the market without pause and notices every half publication."""

import threading
from dataclasses import dataclass, field
from typing import Any

from store.database import driver_reading, open_warehouse_reader
from store.settings import Settings
from tests.watching import await_true

MARKET = (
    "market_listings", "market_valuations", "market_scores", "market_zones", "market_zone_months",
)  # fmt: skip


@dataclass
class Watcher:
    """Polls in a thread of its own; `wrong` holds what no reader may ever see."""

    settings: Settings
    wrong: list[str] = field(default_factory=list)
    looks: int = 0
    publications: set[int] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._poll()
        except Exception as problem:  # in a thread it would only end the watching
            self.wrong.append(f"a reader failed: {problem!r}")

    def _poll(self) -> None:
        newest = 0
        while not self._stop.wait(0.02):
            # One snapshot, as every page is read.
            with driver_reading(open_warehouse_reader(self.settings)) as reader:
                seen = self._look(reader)
            if seen < newest:
                self.wrong.append(f"publication {seen} after {newest}")
            newest = max(newest, seen)
            self.looks += 1
            self.publications.add(seen)

    def _look(self, reader: Any) -> int:
        def one(statement: str) -> int:
            return int(reader.execute(statement).fetchone()[0] or 0)

        publication = one("SELECT max(publication) FROM core_progress")
        expected = {
            "newest run": one("SELECT max(publication) FROM market_runs") - publication,
            "listings without a value, or the reverse": one(
                "SELECT (SELECT count(*) FROM market_listings) "
                "- (SELECT count(*) FROM market_valuations)"
            ),
            "scores of nobody": one(
                "SELECT count(*) FROM market_scores "
                "WHERE id NOT IN (SELECT id FROM market_listings)"
            ),
            "homes of the country and its stock": one(
                "SELECT (SELECT count(*) FROM market_listings "
                "WHERE is_unit_lead AND country_id = 'ro') "
                "- (SELECT coalesce(sum(stock), 0) FROM market_zones WHERE zone_id = 'ro' "
                "AND type = 'all' AND rooms_band = 'all' AND age_band = 'all')"
            ),
        }
        for name in MARKET:
            ahead = one(f"SELECT count(*) FROM {name} WHERE publication > {publication}")
            expected[f"rows of {name} ahead of their publication"] = ahead
        self.wrong += [
            f"publication {publication}: {what} differ by {by}"
            for what, by in expected.items()
            if by
        ]
        return publication


def await_worker(settings: Settings, before: int) -> None:
    """Return once a worker holds the lease of a newer generation: it is ready."""
    await_true(lambda: generation(settings) > before, "the worker", 60)


def generation(settings: Settings) -> int:
    """Return the generation of the newest lease: it grows when a worker is ready."""
    with driver_reading(open_warehouse_reader(settings)) as reader:
        return int(reader.execute("SELECT max(generation) FROM core_lease").fetchone()[0] or 0)
