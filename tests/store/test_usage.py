"""Use of keys: days, the commonest errors, and a percentile from a histogram."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from store.database import open_journal_database, writing
from store.settings import Settings
from store.tables.journal import ingest_usage_counts
from store.usage import UsageDay, p95, read_usage

DAY = date(2026, 6, 15)
NOW = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)

COUNTS = """
1 0 calls 3
1 0 accepted 2
1 0 refused 1
1 0 code:too_long 1
1 0 ms:5 2
1 0 ms:inf 1
1 1 calls 9
1 1 warned 4
1 1 code:blank 2
1 1 code:too_long 1
1 1 code:a 1
1 1 code:b 1
1 1 code:c 1
1 1 code:d 1
1 9 calls 100
2 0 calls 7
"""
"""key, days ago, measure, count"""


def test_a_keys_use_by_day_and_its_commonest_errors(settings: Settings) -> None:
    rows = [line.split() for line in COUNTS.strip().splitlines()]
    with writing(open_journal_database(settings)) as connection:
        for key_id, ago, measure, count in rows:
            connection.execute(
                sa.insert(ingest_usage_counts).values(
                    key_id=int(key_id), usage_date=DAY - timedelta(days=int(ago)),
                    measure=measure, count=int(count),
                    last_used_at=NOW - timedelta(days=int(ago)),
                )
            )  # fmt: skip
        usage = read_usage(connection, 1, DAY - timedelta(days=1))
        unused = read_usage(connection, 3, DAY)
    assert usage.days == [
        UsageDay(DAY - timedelta(days=1), 9, 0, 4, 0, None),
        UsageDay(DAY, 3, 2, 0, 1, None),
    ]
    assert usage.top_errors == [("blank", 2), ("too_long", 2), ("a", 1), ("b", 1), ("c", 1)]
    assert usage.last_used_at == NOW
    assert (unused.days, unused.top_errors, unused.last_used_at) == ([], [], None)


@pytest.mark.parametrize(
    ("buckets", "bound"),
    [
        ({}, None),
        ({5.0: 1}, 5.0),
        ({5.0: 95, 10.0: 5}, 5.0),
        ({5.0: 94, 10.0: 6}, 10.0),
        ({10.0: 6, 5.0: 94}, 10.0),
        ({5.0: 1, float("inf"): 1}, None),
    ],
)
def test_the_bucket_of_the_95th_of_a_hundred(
    buckets: dict[float, int], bound: float | None
) -> None:
    assert p95(buckets) == bound
