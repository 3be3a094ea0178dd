"""Servers measured in turn with single posts: their rounds, their medians, their ratios."""

import itertools
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tests.bench.machine import cpu_seconds
from tests.bench.options import Options
from tests.bench.payloads import listing_body
from tests.bench.report import Cell
from tests.bench.servers import Server
from tests.bench.steady_client import Check, Round, is_success, request_bytes, run_for

HEADER = ("server, connections", "requests/s", "p50 ms", "p99 ms", "server CPU us/request",
          "failed")  # fmt: skip

POST_PATH = "/api/integration/estates"

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """How many rounds each subject gets, and how long each lasts."""

    rounds: int
    warm_up_s: float
    seconds: float


def plan_of(options: Options) -> Plan:
    """Return the plan of a full run, or a shorter one of the same form."""
    share = min(1.0, options.scale)
    return Plan(options.sized(5, 2), max(0.2, share), max(0.4, 4.0 * share))


@dataclass(frozen=True)
class Stand:
    """A server, what is sent to it, and how to wait until it is idle again."""

    server: Server
    requests: Iterator[bytes]
    settle: Callable[[], None] = lambda: None
    check: Check = is_success


@dataclass
class Subject:
    """What the rounds of one subject saw. cpu_us: of its server, for each request of a round."""

    name: str
    rounds: list[Round] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def measure(self, stand: Stand, connections: int, plan: Plan) -> None:
        """Run one round and wait until the server is idle: what it put off counts too."""
        port, before = stand.server.port, cpu_seconds(stand.server.pid)
        seen = run_for(port, stand.requests, connections, plan.warm_up_s, plan.seconds, stand.check)
        stand.settle()
        self.rounds.append(seen)
        self.cpu_us.append((cpu_seconds(stand.server.pid) - before) / seen.sent * 1e6)

    def figures(self) -> tuple[float, float, float, float]:
        """Return the medians over the rounds: requests/s, p50 and p99 in ms, CPU in us."""
        return (
            statistics.median(r.per_second for r in self.rounds),
            statistics.median(r.quantile_ms(0.5) for r in self.rounds),
            statistics.median(r.quantile_ms(0.99) for r in self.rounds),
            statistics.median(self.cpu_us),
        )

    def row(self, connections: int) -> tuple[Cell, ...]:
        """Return its line of the table."""
        failed = sum(r.failed for r in self.rounds)
        return f"{self.name}, {connections}", *self.figures(), failed


def ratios(one: Subject, other: Subject) -> tuple[float, ...]:
    """Return one's figures as multiples of the other's, in the order of `Subject.figures`."""
    return tuple(a / b for a, b in zip(one.figures(), other.figures(), strict=True))


def ratio_row(one: Subject, other: Subject, connections: int) -> tuple[Cell, ...]:
    """Return the line that compares them."""
    return f"{one.name} / {other.name}, {connections}", *ratios(one, other), ""


def ratios_by_round(one: Subject, other: Subject) -> str:
    """Return the ratio of requests/s in each round, to see how far it wanders."""
    pairs = zip(one.rounds, other.rounds, strict=True)
    return " ".join(f"{a.per_second / b.per_second:.2f}" for a, b in pairs)


def rotated(things: Sequence[T], by: int) -> list[T]:
    """Return the things in their order, beginning with another one: nobody is always first."""
    at = by % len(things)
    return [*things[at:], *things[:at]]


def new_listings(path: str, key: str, start: int) -> Iterator[bytes]:
    """Yield posts of ever new listings, numbered upwards."""
    for number in itertools.count(start):
        yield request_bytes(path, listing_body(number, b"%012d" % number), key)
