"""The tally: use of keys that no post's transaction counts: other calls, refusals, answer times.

Kept in memory and written with a later commit, within seconds: what a kill loses is some counts.
"""

from bisect import bisect_left
from collections import Counter

from store.register import Turn

BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)
"""Upper bounds of the buckets of answer times; slower ones are in `ms:inf`."""

_MEASURES = (*(f"ms:{bound}" for bound in BOUNDS_MS), "ms:inf")


class Tally:
    """Counts of one event loop."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[int, str]] = Counter()

    def __bool__(self) -> bool:
        return bool(self._counts)

    def count(self, key_id: int, measure: str) -> None:
        """Count one use of a key."""
        self._counts[key_id, measure] += 1

    def time(self, key_id: int, seconds: float) -> None:
        """Count how long an answer took."""
        self._counts[key_id, _MEASURES[bisect_left(BOUNDS_MS, 1000 * seconds)]] += 1

    def write(self, turn: Turn) -> None:
        """Hand everything counted to a transaction."""
        counts, self._counts = self._counts, Counter()
        for (key_id, measure), count in counts.items():
            turn.notes.use(key_id, measure, count)
