"""Items per second through the bulk endpoint: new listings, the same again, a changed price each.

Each round has a home of its own, warmed by one bulk of other listings. Updates come in another
order than the listings were made in, so that they scatter over the register.
"""

import random
from collections.abc import Iterator, Sequence

from tests.bench.bulks import CONNECTIONS, HEADER, BulkSubject, bulk_home, bulk_requests
from tests.bench.machine import sync_ms
from tests.bench.options import Options
from tests.bench.payloads import listing_body, scattered_id
from tests.bench.report import print_failures, print_goals, print_table
from tests.bench.servers import await_sealed
from tests.bench.steady_client import Check, bulk_without, run_all

ITEMS = 40_000
ROUNDS = 3


def run(options: Options) -> int:
    """Measure and print; return how many bulks failed."""
    items = options.sized(ITEMS, 2 * options.bulk)
    subjects = [BulkSubject("new"), BulkSubject("identical"), BulkSubject("updates")]
    syncs = [_round(subjects, items, options.bulk) for _ in range(options.sized(ROUNDS))]
    title = f"Bulk over HTTP: {items:,} items in bulks of {options.bulk}, {CONNECTIONS} connections"
    print_table(title, HEADER, [subject.row() for subject in subjects])
    print(f"One page written and synced: {', '.join(f'{ms:.2f}' for ms in syncs)} ms.")
    print_goals([(f"{one.name}, items/s", "30,000 or more", one.median()) for one in subjects[:2]])
    return print_failures(seen for subject in subjects for seen in subject.rounds)


def _round(subjects: list[BulkSubject], items: int, bulk: int) -> float:
    with bulk_home() as home:
        run_all(home.server.port, bulk_requests(_warming(bulk), bulk, home.key), 1)
        await_sealed(home.settings)
        for subject, (order, change, check) in zip(subjects, _kinds(items), strict=True):
            bulks = list(bulk_requests(_bodies(order, change), bulk, home.key))
            subject.measure(home, bulks, items, check)
        return sync_ms(home.settings.home)


def _kinds(items: int) -> list[tuple[Sequence[int], int, Check]]:
    """Return the order, the change of price, and the check of each kind."""
    shuffled = random.Random(1).sample(range(items), items)
    return [
        (range(items), 0, bulk_without(b'"created":false')),
        (range(items), 0, bulk_without(b'"changed":true')),
        (shuffled, 1_000, bulk_without(b'"changed":false')),
    ]


def _bodies(order: Sequence[int], change: int) -> Iterator[bytes]:
    return (listing_body(number, b"bulk-%06d" % number, change) for number in order)


def _warming(count: int) -> Iterator[bytes]:
    return (listing_body(number, scattered_id(number)) for number in range(count))
