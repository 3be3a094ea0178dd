"""Where a durable post's CPU goes: `imo360 serve` at 64 connections, sampled from within."""

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from tests.bench.machine import thread_cpu_seconds
from tests.bench.options import Options
from tests.bench.report import print_failures, print_table
from tests.bench.sampled_server import Samples, Stack
from tests.bench.servers import make_bench_key, sampled, temporary_home
from tests.bench.steady_client import Round, run_for
from tests.bench.subjects import POST_PATH, new_listings

CONNECTIONS = 64
WARM_UP_S = 2.0
SECONDS = 10.0
MOST = 25
OURS = ("store/", "ingest_api/", "explorer/", "cli/", "analytics/", "flows/")
NATIVE = "threads that are not Python's"
CHILDREN = "child processes"


def run(options: Options) -> int:
    """Measure and print; return how many requests failed."""
    seconds = max(1.0, SECONDS * min(1.0, options.scale))
    seen, samples, threads = _measure(seconds)
    title = f"Threads under {seen.per_second:,.0f} durable posts/s at {CONNECTIONS} connections"
    print_table(title, ("thread", "CPU us/request", "share %"), threads)
    requests = seen.per_second * samples.seconds
    header = ("thread: function", "self us/request", "cumulative us/request")
    table = function_rows(samples.stacks, requests)
    ours = [row for row in table if _place(row[0]).startswith(OURS)]
    print_table(f"Most by themselves, C code included ({samples.looks:,} looks)", header,
                sorted(table, key=lambda row: -row[1])[:MOST])  # fmt: skip
    print_table("Ours that take most with what they call", header,
                sorted(ours, key=lambda row: -row[2])[:MOST])  # fmt: skip
    print("What the sampler cannot see well: tests/bench/sampled_server.py.")
    return print_failures([seen])


def _measure(seconds: float) -> tuple[Round, Samples, list[tuple[str, float, float]]]:
    """Return the round, what was sampled in its counted time, and the rows of its threads."""
    with tempfile.TemporaryDirectory(prefix="imo360-bench-") as folder, temporary_home() as home:
        file = Path(folder) / "samples.json"
        with sampled(home, file) as server:
            requests = new_listings(POST_PATH, make_bench_key(home), 0)
            run_for(server.port, requests, CONNECTIONS, 0.0, 0.5)
            before = thread_cpu_seconds(server.pid)
            server.tell(f"{WARM_UP_S} {seconds}\n")
            seen = run_for(server.port, requests, CONNECTIONS, WARM_UP_S, seconds)
            after = thread_cpu_seconds(server.pid)
            samples = _await_samples(file)
    used = {one: seconds - before.get(one, 0.0) for one, seconds in after.items()}
    return seen, samples, thread_rows(used, server.pid, samples.threads, seen.sent)


def _await_samples(file: Path) -> Samples:
    end = time.monotonic() + 30
    while not file.exists():
        if time.monotonic() > end:
            raise RuntimeError("the sampler did not answer")
        time.sleep(0.05)
    return msgspec.json.decode(file.read_bytes(), type=Samples)


def thread_rows(
    used: Mapping[tuple[int, int], float], server: int, names: Mapping[int, str], requests: int
) -> list[tuple[str, float, float]]:
    """Return CPU per request and its share: of each named thread, of the others, of children."""
    named: defaultdict[str, float] = defaultdict(float)
    for (process, thread), seconds in used.items():
        named[names.get(thread, NATIVE) if process == server else CHILDREN] += seconds
    total = sum(named.values())
    rows = [(name, took / requests * 1e6, 100 * took / total) for name, took in named.items()]
    return sorted(rows, key=lambda row: -row[1])


def function_rows(
    stacks: Iterable[tuple[str, Stack, float]], requests: float
) -> list[tuple[str, float, float]]:
    """Return each function of each thread with its own CPU and that of all below, per request."""
    own: defaultdict[str, float] = defaultdict(float)
    below: defaultdict[str, float] = defaultdict(float)
    for thread, stack, seconds in stacks:
        own[f"{thread}: {stack[0]}"] += seconds
        for place in set(stack):  # recursion counts once
            below[f"{thread}: {place}"] += seconds
    return [(name, own[name] / requests * 1e6, below[name] / requests * 1e6) for name in below]


def _place(name: str) -> str:
    return name.partition(": ")[2]
