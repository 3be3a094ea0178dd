"""The tally: use of keys that no post's transaction counts: other calls, refusals, answer times.

Kept in memory and written with a later commit, within seconds: what a kill loses is some counts.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence

from store.register import Turn

BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)
"""Upper bounds of the buckets of answer times; slower ones are in `ms:inf`."""

_MEASURES = (*(f"ms:{bound}" for bound in BOUNDS_MS), "ms:inf")


class Tally:
    """Counts of one event loop. on_first: called when there is something to write again."""

    def __init__(self, on_first: Callable[[], object] = lambda: None) -> None:
        self._on_first = on_first
        self._counts: Counter[tuple[int, str]] = Counter()

    def __bool__(self) -> bool:
        return bool(self._counts)

    def count(self, key_id: int, measure: str, count: int = 1) -> None:
        """Count uses of a key."""
        if not self._counts:
            self._on_first()
        self._counts[key_id, measure] += count

    def refuse(self, key_id: int, codes: Sequence[str], count: int = 1) -> None:
        """Count what a key had refused, and why."""
        self.count(key_id, "refused", count)
        for code in codes:
            self.count(key_id, f"code:{code}", count)

    def time(self, key_id: int, seconds: float) -> None:
        """Count how long an answer took."""
        self.count(key_id, _MEASURES[bisect_left(BOUNDS_MS, 1000 * seconds)])

    def write(self, turn: Turn) -> None:
        """Hand everything counted to a transaction."""
        counts, self._counts = self._counts, Counter()
        for (key_id, measure), count in counts.items():
            turn.notes.use(key_id, measure, count)
