"""Durable single posts beside a bare echo of the same model, in one interleaved run.

Every post is a new listing with the integration page's full payload; its answer is sent after
the fsync. The server's CPU counts sealing too: it is taken once the round's events are in the
lake.
"""

import itertools
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.bench.machine import cpu_seconds, sync_ms
from tests.bench.payloads import full_listing
from tests.bench.report import print_table
from tests.bench.servers import (
    Server,
    await_sealed,
    echoing,
    make_bench_key,
    serving,
    temporary_home,
)
from tests.bench.steady_client import Round, request_bytes, run_for

CONNECTIONS = (16, 64)
ROUNDS = 5
WARM_UP_S = 1.0
SECONDS = 4.0
HEADER = ("server, connections", "requests/s", "p50 ms", "p99 ms", "server CPU us/request",
          "failed")  # fmt: skip


@dataclass
class Subject:
    """One server under measurement and what its rounds saw."""

    name: str
    server: Server
    requests: Iterator[bytes]
    settle: Callable[[], None]
    rounds: list[Round] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def measure(self, connections: int) -> None:
        """Run one round and wait until the server is idle again."""
        before = cpu_seconds(self.server.pid)
        seen = _Counted(self.requests)
        self.rounds.append(run_for(self.server.port, seen, connections, WARM_UP_S, SECONDS))
        self.settle()
        self.cpu_us.append((cpu_seconds(self.server.pid) - before) / seen.count * 1e6)

    def row(self, connections: int) -> tuple[Any, ...]:
        """Return the medians over the rounds."""
        return (
            f"{self.name}, {connections}",
            statistics.median(r.per_second for r in self.rounds),
            statistics.median(r.quantile_ms(0.5) for r in self.rounds),
            statistics.median(r.quantile_ms(0.99) for r in self.rounds),
            statistics.median(self.cpu_us),
            sum(r.failed for r in self.rounds),
        )


class _Counted:
    """Counts what is taken, warm-up included: CPU is shared by all requests of a round."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self._requests = requests
        self.count = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self.count += 1
        return next(self._requests)


def run() -> None:
    """Measure and print."""
    with temporary_home() as settings, serving(settings) as ours, echoing() as bare:
        key = make_bench_key(settings)
        syncs = [sync_ms(settings.home)]
        rows = []
        for connections in CONNECTIONS:
            durable = Subject("imo360, durable", ours, _posts(key, connections),
                              lambda: await_sealed(settings))  # fmt: skip
            echo = Subject("bare echo", bare, _echoes(key), lambda: None)
            for _ in range(ROUNDS):
                durable.measure(connections)
                echo.measure(connections)
                syncs.append(sync_ms(settings.home))
            rows += [*_compared(durable, echo, connections)]
    size = len(msgspec.json.encode(full_listing("000000000000")))
    print_table(f"Durable single posts ({size} bytes each, every one a new listing)", HEADER, rows)
    print(f"One page written and synced: median {statistics.median(syncs):.2f} ms "
          f"({min(syncs):.2f} to {max(syncs):.2f} between rounds).")  # fmt: skip


def _compared(durable: Subject, echo: Subject, connections: int) -> Iterator[tuple[Any, ...]]:
    ours, bare = durable.row(connections), echo.row(connections)
    yield ours
    yield bare
    ratios = [a / b for a, b in zip(ours[1:5], bare[1:5], strict=True)]
    yield f"imo360 / echo, {connections}", *ratios, ""


def _posts(key: str, connections: int) -> Iterator[bytes]:
    """Yield posts of ever new listings."""
    template = request_bytes("/api/integration/estates", _body("#" * 12), key)
    before, after = template.split(b"#" * 12)
    for number in itertools.count(connections * 10**9):
        yield b"%b%012d%b" % (before, number, after)


def _echoes(key: str) -> Iterator[bytes]:
    return itertools.repeat(request_bytes("/echo", _body("0" * 12), key))


def _body(external_id: str) -> bytes:
    return msgspec.json.encode(full_listing(external_id))
