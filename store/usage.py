"""How API keys are used, as the posting path counted it: by day, and the commonest errors."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.tables.journal import ingest_usage_counts

TOP_ERRORS = 5
_CODE, _MS = "code:", "ms:"


@dataclass(frozen=True, slots=True)
class UsageDay:
    """One day of a key (UTC). p95_ms: upper bound of the bucket of the 95th percentile of answer
    times, so at most that; None when no time was measured or it lies beyond the last bound."""

    day: date
    calls: int
    accepted: int
    warned: int
    refused: int
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class Usage:
    """A key's use since a day. top_errors: (code, count), the commonest first."""

    last_used_at: datetime | None
    days: list[UsageDay]
    top_errors: list[tuple[str, int]]


def read_usage(connection: Connection, key_id: int, since: date) -> Usage:
    """Return a key's use from this day on; last_used_at looks back without end."""
    column = ingest_usage_counts.c
    by_day: dict[date, Counter[str]] = defaultdict(Counter)
    for day, measure, count in connection.execute(
        sa.select(column.usage_date, column.measure, column.count)
        .where(column.key_id == key_id, column.usage_date >= since)
        .order_by(column.usage_date)
    ):
        by_day[day][measure] += count
    last = sa.select(sa.func.max(column.last_used_at)).where(column.key_id == key_id)
    return Usage(
        last_used_at=connection.execute(last).scalar(),
        days=[_day(day, counts) for day, counts in sorted(by_day.items())],
        top_errors=_top_errors(by_day.values()),
    )


def p95(buckets: Mapping[float, int]) -> float | None:
    """Return the upper bound of the bucket that holds the 95th percentile; None when there is
    none or it is unbounded. buckets: counts by upper bound."""
    total, seen = sum(buckets.values()), 0
    for bound, count in sorted(buckets.items()):
        seen += count
        if seen * 100 >= total * 95:
            return bound if bound < float("inf") else None
    return None


def _day(day: date, counts: Counter[str]) -> UsageDay:
    buckets = {
        float(measure.removeprefix(_MS)): count
        for measure, count in counts.items()
        if measure.startswith(_MS)
    }
    told = {name: counts[name] for name in ("calls", "accepted", "warned", "refused")}
    return UsageDay(day, **told, p95_ms=p95(buckets))


def _top_errors(days: Any) -> list[tuple[str, int]]:
    total: Counter[str] = Counter()
    for counts in days:
        total.update({m.removeprefix(_CODE): n for m, n in counts.items() if m.startswith(_CODE)})
    return sorted(total.items(), key=lambda each: (-each[1], each[0]))[:TOP_ERRORS]
