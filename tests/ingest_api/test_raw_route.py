"""Raw routes: every call is counted and timed, whichever way the framework comes to it."""

from collections import Counter

import sqlalchemy as sa

from store.database import open_journal_database, reading
from store.settings import Settings
from store.tables.journal import ingest_usage_counts
from tests.ingest_api.conftest import LISTINGS, serving

READS = (LISTINGS, "/api/integration/changes", "/api/integration/refusals")


def test_calls_that_post_nothing_are_counted_and_timed(settings: Settings) -> None:
    with serving(settings) as api:
        headers = {"X-API-Key": api.make_key()}
        for path in READS:
            assert api.client.get(path, headers=headers).status_code == 200
        assert api.client.get(f"{LISTINGS}/no:thing", headers=headers).status_code == 404
        assert api.client.delete(f"{LISTINGS}/no:thing", headers=headers).status_code == 404
    counts = usage(settings)
    assert counts["calls"] == 5
    assert counts["refused"] == counts["code:not_found"] == 2
    assert sum(count for name, count in counts.items() if name.startswith("ms:")) == 5


def usage(settings: Settings) -> Counter[str]:
    engine, counts = open_journal_database(settings), Counter[str]()
    column = ingest_usage_counts.c
    with reading(engine) as connection:
        for measure, count in connection.execute(sa.select(column.measure, column.count)):
            counts[measure] += count
    engine.dispose()
    return counts
