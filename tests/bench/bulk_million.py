"""What a million stored listings cost: bulks into them, and single posts beside a fresh home.

The million comes in through the bulk endpoint. Then bulks: new listings under references in
random order, and changed prices scattered over all. Then single posts, in turn with the same to a
home that is made anew for each round: the first listings a home sees, and changes of its few.
"""

import itertools
import random
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from tests.bench.bulks import (
    CONNECTIONS,
    HEADER,
    BulkHome,
    BulkSubject,
    bulk_home,
    bulk_requests,
)
from tests.bench.options import Options
from tests.bench.payloads import listing_body, scattered_id
from tests.bench.report import print_failures, print_goals, print_table
from tests.bench.servers import await_sealed
from tests.bench.steady_client import bulk_without, request_bytes, success_without
from tests.bench.subjects import HEADER as SINGLE_HEADER
from tests.bench.subjects import (
    POST_PATH,
    Plan,
    Stand,
    Subject,
    plan_of,
    ratio_row,
    ratios,
    ratios_by_round,
    rotated,
)

STORED = 1_000_000
FEW = 1_000
"""Listings of a fresh home: something to change, and no more."""

PRELOAD_BULK = 1_000
SENT = 30_000
ROUNDS = 3
SINGLES = 64
SEED = 3

UNSEEN = 10**9
"""Numbers from here on are nobody's yet."""

NOT_NEW = b'"created":false'
NOT_CHANGED = b'"changed":false'


def run(options: Options) -> int:
    """Measure and print; return how many requests failed."""
    stored = options.sized(STORED, FEW)
    with bulk_home() as million:
        preloaded = BulkSubject("preload")
        _preload(million, stored, preloaded)
        bulks = _bulks(million, stored, options)
        singles = _singles(million, stored, plan_of(options))
    title = f"Bulks into {stored:,} stored listings, {CONNECTIONS} connections"
    print_table(title, HEADER, [subject.row() for subject in [preloaded, *bulks]])
    print(f"The preload's bulks hold {PRELOAD_BULK:,}, the others {options.bulk}.")
    _print_singles(stored, singles)
    print_goals([("scattered updates, items/s", "15,000 or more", bulks[1].median()),
                 *_goals(singles)])  # fmt: skip
    bulk_rounds = [seen for subject in [preloaded, *bulks] for seen in subject.rounds]
    return print_failures([*bulk_rounds, *(seen for one in singles for seen in one.rounds)])


def _preload(home: BulkHome, count: int, subject: BulkSubject) -> None:
    bodies = (listing_body(number, _stored_id(number)) for number in range(count))
    bulks = _told(bulk_requests(bodies, PRELOAD_BULK, home.key), count)
    subject.measure(home, bulks, count, bulk_without(NOT_NEW))


def _told(bulks: Iterable[bytes], count: int) -> Iterator[bytes]:
    """Pass the bulks on; keep a line on standard error that says how far it is."""
    started = time.perf_counter()
    for number, bulk in enumerate(bulks):
        sent = number * PRELOAD_BULK
        if sent and number % 20 == 0:
            rate = sent / (time.perf_counter() - started)
            print(f"\rpreload: {sent:,} of {count:,}, {rate:,.0f}/s ", end="", file=sys.stderr)
        yield bulk
    print(file=sys.stderr)


def _bulks(home: BulkHome, stored: int, options: Options) -> list[BulkSubject]:
    """Send new listings and changes of stored ones, in turn."""
    new, updates = BulkSubject("new, random references"), BulkSubject("updates, scattered")
    count = options.sized(SENT, options.bulk)
    changed = min(count, stored)
    for number in range(ROUNDS):
        unseen = range(UNSEEN + number * count, UNSEEN + (number + 1) * count)
        bodies = [listing_body(n, scattered_id(n)) for n in unseen]
        new.measure(home, _made(bodies, options, home), count, bulk_without(NOT_NEW))
        chosen = random.Random(SEED + number).sample(range(stored), changed)
        bodies = [listing_body(n, _stored_id(n), number + 1) for n in chosen]
        updates.measure(home, _made(bodies, options, home), changed, bulk_without(NOT_CHANGED))
    return [new, updates]


def _made(bodies: Iterable[bytes], options: Options, home: BulkHome) -> list[bytes]:
    return list(bulk_requests(bodies, options.bulk, home.key))


def _singles(million: BulkHome, stored: int, plan: Plan) -> list[Subject]:
    """Post new ones and changes to both homes in turn; the small one is new in each round."""
    subjects = [
        Subject("new, fresh home"), Subject("new, full home"),
        Subject("update, fresh home"), Subject("update, full home"),
    ]  # fmt: skip
    full = _stands(million, stored)
    for number in range(plan.rounds):
        with bulk_home() as fresh:
            _fill_few(fresh)
            few = _stands(fresh, FEW)
            stands = [few[0], full[0], few[1], full[1]]
            for subject, stand in rotated(list(zip(subjects, stands, strict=True)), number):
                subject.measure(stand, SINGLES, plan)
    return subjects


def _fill_few(home: BulkHome) -> None:
    bodies = (listing_body(number, _stored_id(number)) for number in range(FEW))
    bulks = bulk_requests(bodies, PRELOAD_BULK, home.key)
    BulkSubject("few").measure(home, bulks, FEW, bulk_without(NOT_NEW))


def _stands(home: BulkHome, stored: int) -> tuple[Stand, Stand]:
    """Return the home with new listings sent to it, and with changes of stored ones."""
    settle = partial(await_sealed, home.settings)
    return (
        Stand(home.server, _new(home.key), settle, success_without(NOT_NEW)),
        Stand(home.server, _changes(home.key, stored), settle, success_without(NOT_CHANGED)),
    )


def _new(key: str) -> Iterator[bytes]:
    for number in itertools.count(2 * UNSEEN):
        yield request_bytes(POST_PATH, listing_body(number, scattered_id(number)), key)


def _changes(key: str, stored: int) -> Iterator[bytes]:
    """Yield changes of listings drawn at random, each to a price not seen just before."""
    draw = random.Random(SEED).randrange
    for change in itertools.count(ROUNDS + 1):
        number = draw(stored)
        yield request_bytes(POST_PATH, listing_body(number, _stored_id(number), change), key)


def _stored_id(number: int) -> bytes:
    return b"stored-%07d" % number


def _print_singles(stored: int, subjects: Sequence[Subject]) -> None:
    rows = [subject.row(SINGLES) for subject in subjects]
    rows += [ratio_row(million, fresh, SINGLES) for fresh, million in _pairs(subjects)]
    print_table(f"Single posts to a fresh home and to {stored:,} listings", SINGLE_HEADER, rows)
    for fresh, million in _pairs(subjects):
        print(f"{million.name} / {fresh.name}, requests/s, round by round: "
              f"{ratios_by_round(million, fresh)}.")  # fmt: skip


def _pairs(subjects: Sequence[Subject]) -> list[tuple[Subject, Subject]]:
    new_fresh, new_million, update_fresh, update_million = subjects
    return [(new_fresh, new_million), (update_fresh, update_million)]


def _goals(subjects: Sequence[Subject]) -> list[tuple[str, str, float]]:
    goals = []
    for fresh, million in _pairs(subjects):
        per_second, _, _, cpu = ratios(million, fresh)
        name = f"{million.name} / fresh home"
        goals.append((f"{name}, server CPU", "1.3 or less", cpu))
        goals.append((f"{name}, time a request", "1.3 or less", 1 / per_second))
    return goals
