"""Homes filled with a synthetic market, as if its posts had come in; no HTTP."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from analytics.synthetic_market import generate
from ingest_api.reading import Understood, read_listing
from store.database import open_journal_database, reading
from store.journal import open_journal
from store.keys import find_key
from store.raw_lake import RawLake
from store.reference import places_path, rates_path, read_places, read_rates
from store.settings import Settings
from store.shapes.posts import Post, Sender
from tests.bench.servers import make_bench_key

SEED = 7
GROUP = 1_000


def fill(settings: Settings, listings: int) -> int:
    """Journal a synthetic market and seal it; return the number of its accepted posts."""
    posts = _posts(settings, listings)
    sender = bench_sender(settings)
    journal = open_journal(settings)
    for start in range(0, len(posts), GROUP):
        journal.submit(sender, posts[start : start + GROUP])
    journal.close()
    RawLake(settings).seal(datetime.now(UTC))
    return len(posts)


def bench_sender(settings: Settings) -> Sender:
    """Return a sender whose key may publish."""
    key, now = make_bench_key(settings), datetime.now(UTC)
    with reading(open_journal_database(settings)) as connection:
        record = find_key(connection, key, now)
    assert record is not None
    return Sender(record.key_id, record.partner_id, None)


def folder_mib(folder: Path) -> float:
    """Return the size of everything in a folder, in MiB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def _posts(settings: Settings, listings: int) -> list[Post]:
    assert settings.as_of_date is not None
    places, rates = read_places(places_path()), read_rates(rates_path())
    market = generate(SEED, listings, places, settings.as_of_date, rates=rates)
    now = datetime.now(UTC)
    read = (read_listing(msgspec.json.encode(payload), now) for _, payload in market.events)
    return [one.post for one in read if isinstance(one, Understood)]
