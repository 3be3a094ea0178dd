"""Durable single posts beside two echoes and beside a file per post, in one interleaved run.

Every post is a new listing with the integration page's full payload; its answer is sent after
the fsync. The server's CPU is that of all its processes and counts sealing too: it is taken once
the round's events are in the lake. Each round begins with another of the four.
"""

import hashlib
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import echo
from tests.bench.machine import sync_ms
from tests.bench.options import Options
from tests.bench.payloads import listing_body
from tests.bench.report import Cell, print_failures, print_goals, print_table
from tests.bench.servers import (
    await_sealed,
    comparing,
    make_bench_key,
    serving,
    temporary_home,
)
from tests.bench.steady_client import Round
from tests.bench.subjects import (
    HEADER,
    POST_PATH,
    Plan,
    Stand,
    Subject,
    new_listings,
    plan_of,
    ratio_row,
    ratios,
    ratios_by_round,
    rotated,
)

CONNECTIONS = (16, 64)


@dataclass(frozen=True)
class Four:
    """The subjects at one number of connections."""

    connections: int
    ours: Subject = field(default_factory=lambda: Subject("imo360"))
    bare: Subject = field(default_factory=lambda: Subject("echo"))
    held: Subject = field(default_factory=lambda: Subject("echo, keys held"))
    filed: Subject = field(default_factory=lambda: Subject("file per post"))

    def all(self) -> list[Subject]:
        """Return them in the order of the table."""
        return [self.ours, self.bare, self.held, self.filed]

    def rows(self) -> list[tuple[Cell, ...]]:
        """Return the lines of the table."""
        return [
            *(one.row(self.connections) for one in self.all()),
            *(ratio_row(self.ours, one, self.connections) for one in self.all()[1:]),
        ]


def run(options: Options) -> int:
    """Measure and print; return how many requests failed."""
    fours = [Four(connections) for connections in CONNECTIONS]
    syncs = _measure(fours, plan_of(options))
    size = len(listing_body(0, b"0" * 12))
    rows = [row for four in fours for row in four.rows()]
    print_table(f"Durable single posts ({size} bytes each, every one a new listing)", HEADER, rows)
    _print_notes(fours, syncs)
    print_goals(_goals(fours[-1]))
    return print_failures(_rounds(fours))


def _measure(fours: list[Four], plan: Plan) -> list[float]:
    """Run all rounds; return the milliseconds of a sync before each."""
    syncs = []
    with (
        temporary_home() as settings,
        serving(settings) as ours,
        comparing("echo", settings) as bare,
        comparing("echo_held", settings) as held,
        comparing("file_per_post", settings) as filed,
    ):
        key = make_bench_key(settings)
        stands = [
            Stand(ours, new_listings(POST_PATH, key, 0), lambda: await_sealed(settings)),
            Stand(bare, new_listings("/echo", key, 0)),
            Stand(held, new_listings("/echo", key, 0)),
            Stand(filed, new_listings("/file", key, 0)),
        ]
        for four in fours:
            for number in range(plan.rounds):
                syncs.append(sync_ms(settings.home))
                for subject, stand in rotated(list(zip(four.all(), stands, strict=True)), number):
                    subject.measure(stand, four.connections, plan)
    return syncs


def _print_notes(fours: list[Four], syncs: list[float]) -> None:
    for four in fours:
        for other in (four.bare, four.held):
            print(f"imo360 / {other.name}, requests/s at {four.connections}, round by round: "
                  f"{ratios_by_round(four.ours, other)}.")  # fmt: skip
    print(f"One page written and synced: median {statistics.median(syncs):.2f} ms "
          f"({min(syncs):.2f} to {max(syncs):.2f} before the rounds).")  # fmt: skip
    digest = hashlib.sha256(Path(echo.__file__).read_bytes()).hexdigest()[:12]
    print(f"The key has a rate limit, out of reach. Echo's source: {digest}.")


def _goals(four: Four) -> list[tuple[str, str, float]]:
    per_second, _, p99, cpu = ratios(four.ours, four.bare)
    of_held, of_filed = (ratios(four.ours, one)[0] for one in (four.held, four.filed))
    at = f"at {four.connections}"
    return [
        (f"imo360 / echo, requests/s {at}", "1.25 or more", per_second),
        (f"imo360 / echo, p99 {at}", "1 or less", p99),
        (f"imo360 / echo, server CPU {at}", "told", cpu),
        (f"imo360 / echo, keys held, requests/s {at}", "told", of_held),
        (f"imo360 / file per post, requests/s {at}", "4 or more", of_filed),
    ]


def _rounds(fours: list[Four]) -> list[Round]:
    return [seen for four in fours for subject in four.all() for seen in subject.rounds]
