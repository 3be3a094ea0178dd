"""Delays: how long events take from stage to stage, exactly, minute by minute.

Kept as counts of whole milliseconds, so that any stretch of time has true percentiles: those of
its events, not of its minutes.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.tables.market import market_delays

STAGES = ("taken", "computed", "visible")

KEPT = timedelta(days=32)
"""How long minutes are kept."""

Counts = Mapping[int, int]
"""Delay in whole milliseconds -> how many events had it."""


@dataclass(frozen=True)
class Delays:
    """What counts come to; milliseconds, None without events."""

    events: int
    p50_ms: int | None
    p95_ms: int | None
    p99_ms: int | None
    max_ms: int | None


def delays_of(counts: Counts) -> Delays:
    """Return percentiles by nearest rank: the smallest delay that so many events do not exceed."""
    total = sum(counts.values())
    if not total:
        return Delays(0, None, None, None, None)
    ranks = [-(-total * share // 100) for share in (50, 95, 99)]
    delays = sorted(counts)
    seen = list(accumulate(counts[delay] for delay in delays))
    p50, p95, p99 = (delays[bisect_left(seen, rank)] for rank in ranks)
    return Delays(total, p50, p95, p99, delays[-1])


def merged(parts: Iterable[Counts]) -> Counter[int]:
    """Add counts up."""
    total: Counter[int] = Counter()
    for part in parts:
        total.update(part)
    return total


def counts_of(delays_ms: Iterable[int]) -> Counter[int]:
    """Count delays; a clock that was set back makes none negative."""
    return Counter(max(0, delay) for delay in delays_ms)


def add_delays(connection: Connection, at: datetime, stages: Mapping[str, Counts]) -> None:
    """Add events that reached stages now to their minute, in the caller's transaction."""
    minute = at.replace(second=0, microsecond=0)
    table = market_delays.c
    for stage, counts in stages.items():
        if not counts:
            continue
        key = (table.minute_at == minute) & (table.stage == stage)
        stored = connection.execute(sa.select(table.counts).where(key)).scalar()
        total = merged([_read(stored), counts]) if stored else Counter(counts)
        connection.execute(sa.delete(market_delays).where(key))
        connection.execute(sa.insert(market_delays).values(_row(minute, stage, total)))


def read_delays(connection: Connection, stage: str, since: datetime) -> Delays:
    """Return the delays of all events that reached a stage in the minutes since then."""
    table = market_delays.c
    stored = connection.execute(
        sa.select(table.counts).where(table.stage == stage, table.minute_at >= since)
    ).scalars()
    return delays_of(merged(map(_read, stored)))


def forget_delays(connection: Connection, now: datetime) -> int:
    """Delete minutes older than KEPT; return how many rows went."""
    old = sa.delete(market_delays).where(market_delays.c.minute_at < now - KEPT)
    return connection.execute(old).rowcount


def _row(minute: datetime, stage: str, counts: Counts) -> dict[str, Any]:
    delays = delays_of(counts)
    return {
        "minute_at": minute, "stage": stage, "events": delays.events,
        "delay_p50_ms": delays.p50_ms, "delay_p95_ms": delays.p95_ms,
        "delay_p99_ms": delays.p99_ms, "delay_max_ms": delays.max_ms,
        "counts": msgspec.json.encode({str(ms): counts[ms] for ms in sorted(counts)}).decode(),
    }  # fmt: skip


def _read(stored: str) -> dict[int, int]:
    return {int(ms): count for ms, count in msgspec.json.decode(stored).items()}
