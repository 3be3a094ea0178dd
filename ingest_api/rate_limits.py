"""Rates of keys: a token bucket each, in items. Pure: the clock is an argument.

A bucket holds `burst` items and fills with `per_minute` of them a minute. What is refused takes
nothing, so a bulk is let in whole or not at all.
"""

import math
from dataclasses import dataclass
from datetime import datetime

MAX_BUCKETS = 10_000
"""Buckets remembered. The one used longest ago goes first: it is the likeliest to be full again,
and a full bucket is one that need not be remembered."""

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Allowed:
    """The items were taken. remaining: how many more at once. reset: seconds until it is full."""

    burst: int
    remaining: int
    reset: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was taken. retry_after: seconds until as many may be asked for again."""

    burst: int
    remaining: int
    reset: int
    retry_after: int


@dataclass(frozen=True, slots=True)
class Exceeding:
    """Nothing was taken: so many items are never allowed at once."""

    burst: int
    remaining: int
    reset: int


Verdict = Allowed | Refused | Exceeding


@dataclass(slots=True)
class _Bucket:
    """Items at hand at a moment. Below zero after a bulk larger than this process's share."""

    items: float
    since: datetime


class RateLimits:
    """The buckets of one process. Not thread-safe: the event loop's alone.

    share: the part of each rate that this process holds, 1/N for N processes. A bulk of up to the
    whole burst is still taken when the share is full; the bucket then owes the rest, so that in
    the long run the rate holds.
    """

    def __init__(self, share: float = 1.0, max_buckets: int = MAX_BUCKETS) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"a share lies above 0 and at most at 1, not at {share}")
        self._share = share
        self._max_buckets = max_buckets
        self._buckets: dict[int, _Bucket] = {}

    def take(self, key_id: int, per_minute: int, burst: int, n: int, now: datetime) -> Verdict:
        """Take n items of a key, or none of them. n 0 only tells how the key stands."""
        room = max(1.0, burst * self._share)
        per_second = per_minute * self._share / MINUTE
        bucket = self._filled(key_id, room, per_second, now)
        needed = min(float(n), room)
        is_taken = n <= burst and (n == 0 or bucket.items >= needed)
        if is_taken:
            bucket.items -= n
        remaining, reset = max(0, int(bucket.items)), _wait(room - bucket.items, per_second)
        if is_taken:
            return Allowed(burst, remaining, reset)
        if n > burst:
            return Exceeding(burst, remaining, reset)
        retry_after = max(1, _wait(needed - bucket.items, per_second))
        return Refused(burst, remaining, reset, retry_after)

    def __len__(self) -> int:
        return len(self._buckets)

    def _filled(self, key_id: int, room: float, per_second: float, now: datetime) -> _Bucket:
        """Return the key's bucket as it stands now, as the one used last."""
        bucket = self._buckets.pop(key_id, None)
        if bucket is None:
            bucket = _Bucket(room, now)
            if len(self._buckets) >= self._max_buckets:
                del self._buckets[next(iter(self._buckets))]
        elapsed = max(0.0, (now - bucket.since).total_seconds())
        bucket.items = min(room, bucket.items + elapsed * per_second)
        bucket.since = max(bucket.since, now)
        self._buckets[key_id] = bucket
        return bucket


def rate_headers(verdict: Verdict) -> dict[str, str]:
    """Return the headers of an answer to a key with a rate (IETF draft ratelimit-headers 10)."""
    headers = {
        "RateLimit-Policy": f'"items";q={verdict.burst};w=60',
        "RateLimit": f'"items";r={verdict.remaining};t={verdict.reset}',
    }
    if isinstance(verdict, Refused):
        headers["Retry-After"] = str(verdict.retry_after)
    return headers


def _wait(items: float, per_second: float) -> int:
    """Return whole seconds, rounded up, until so many items have come."""
    seconds = items / per_second
    # A sum of floats a hair above a whole second is that second.
    return max(0, math.ceil(seconds - 1e-9))
