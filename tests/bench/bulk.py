"""Items per second through the bulk endpoint: new listings, the same again, a changed price each.

Bulks of 500 over HTTP on four connections; the bodies are made before the clock starts. Updates
come in another order than the listings were made in, so that they scatter over the register.
"""

import random

import msgspec

from tests.bench.machine import cpu_seconds, sync_ms
from tests.bench.payloads import full_listing
from tests.bench.report import print_table
from tests.bench.servers import (
    Server,
    await_sealed,
    make_bench_key,
    serving,
    temporary_home,
)
from tests.bench.steady_client import request_bytes, run_all

ITEMS = 40_000
BULK = 500
CONNECTIONS = 4
PATH = "/api/integration/estates/bulk"
HEADER = ("items", "items/s", "p50 ms a bulk", "p99 ms a bulk", "server CPU us/item",
          "failed bulks")  # fmt: skip


def run() -> None:
    """Measure and print."""
    with temporary_home() as settings, serving(settings) as server:
        key = make_bench_key(settings)
        rows = []
        for name, prices in (("new", 185_000), ("identical", 185_000), ("updates", 184_000)):
            order = _order(is_scattered=name == "updates")
            rows.append(_measure(name, server, _bulks(order, prices, key)))
            await_sealed(settings)
        synced = sync_ms(settings.home)
    print_table(f"Bulk over HTTP: {ITEMS:,} items in bulks of {BULK}", HEADER, rows)
    print(f"One page written and synced: median {synced:.2f} ms.")


def _order(*, is_scattered: bool) -> list[int]:
    numbers = list(range(ITEMS))
    if is_scattered:
        random.Random(1).shuffle(numbers)
    return numbers


def _bulks(order: list[int], price: int, key: str) -> list[bytes]:
    items = [full_listing(f"bulk-{number:06d}", price=price) for number in order]
    return [
        request_bytes(PATH, msgspec.json.encode({"items": items[at : at + BULK]}), key)
        for at in range(0, len(items), BULK)
    ]


def _measure(
    name: str, server: Server, bulks: list[bytes]
) -> tuple[str, float, float, float, float, int]:
    before = cpu_seconds(server.pid)
    seen = run_all(server.port, bulks, CONNECTIONS)
    return (
        name, ITEMS / seen.seconds, seen.quantile_ms(0.5), seen.quantile_ms(0.99),
        (cpu_seconds(server.pid) - before) / ITEMS * 1e6, seen.failed,
    )  # fmt: skip
