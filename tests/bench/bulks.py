"""Bulks that are made before the clock starts, sent over a few connections, and what they took."""

import statistics
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from store.settings import Settings
from tests.bench.machine import cpu_seconds
from tests.bench.report import Cell
from tests.bench.servers import (
    Server,
    await_sealed,
    make_bench_key,
    serving,
    temporary_home,
)
from tests.bench.steady_client import Check, Round, request_bytes, run_all

CONNECTIONS = 4
PATH = "/api/integration/estates/bulk"
HEADER = ("items", "items/s", "lowest", "highest", "p50 ms a bulk", "p99 ms a bulk",
          "server CPU us/item", "failed bulks")  # fmt: skip


@dataclass(frozen=True)
class BulkHome:
    """A served home and a key to it."""

    settings: Settings
    server: Server
    key: str


@contextmanager
def bulk_home() -> Iterator[BulkHome]:
    """Serve a new home."""
    with temporary_home() as settings, serving(settings) as server:
        yield BulkHome(settings, server, make_bench_key(settings))


@dataclass
class BulkSubject:
    """What the rounds of one kind of bulk saw."""

    name: str
    rounds: list[Round] = field(default_factory=list)
    items_per_second: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def measure(self, home: BulkHome, bulks: Iterable[bytes], items: int, check: Check) -> None:
        """Send them all once. The time ends with the last answer, the CPU with the last seal."""
        pid, before = home.server.pid, cpu_seconds(home.server.pid)
        seen = run_all(home.server.port, bulks, CONNECTIONS, check)
        await_sealed(home.settings)
        self.rounds.append(seen)
        self.items_per_second.append(items / seen.seconds)
        self.cpu_us.append((cpu_seconds(pid) - before) / items * 1e6)

    def median(self) -> float:
        """Return the median of items/s."""
        return statistics.median(self.items_per_second)

    def row(self) -> tuple[Cell, ...]:
        """Return its line of the table: medians over the rounds."""
        return (
            self.name,
            self.median(),
            min(self.items_per_second),
            max(self.items_per_second),
            statistics.median(r.quantile_ms(0.5) for r in self.rounds),
            statistics.median(r.quantile_ms(0.99) for r in self.rounds),
            statistics.median(self.cpu_us),
            sum(r.failed for r in self.rounds),
        )


def bulk_requests(bodies: Iterable[bytes], size: int, key: str) -> Iterator[bytes]:
    """Yield bulks of so many listings; the last may be smaller."""
    items: list[bytes] = []
    for body in bodies:
        items.append(body)
        if len(items) == size:
            yield _request(items, key)
            items = []
    if items:
        yield _request(items, key)


def _request(items: list[bytes], key: str) -> bytes:
    return request_bytes(PATH, b'{"items":[%b]}' % b",".join(items), key)
