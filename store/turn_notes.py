"""What a transaction notes beside its events: use of keys, the audit, randomness for event ids.

Counted in memory and written as few rows: one commit holds the posts of many requests.
"""

import os
from collections import Counter

from store.shapes.posts import Sender
from store.writer import Row

RANDOM_BYTES = 8
"""Random part of an event id: enough that nobody guesses another partner's."""

_DRAWN_AT_ONCE = 64


class TurnNotes:
    """Use and audit of one transaction. now_text: the tables' text of its instant."""

    def __init__(self, now_text: str) -> None:
        self._now_text = now_text
        self._usage: Counter[tuple[int, str]] = Counter()
        self._audit: Counter[tuple[str, str, str | None, str | None, str]] = Counter()
        self._random = ""
        self._random_at = 0

    def use(self, key_id: int, measure: str, count: int = 1) -> None:
        """Count use of a key."""
        if count:
            self._usage[key_id, measure] += count

    def audit(
        self, sender: Sender, action: str, subject: str | None, outcome: str, count: int = 1
    ) -> None:
        """Count acts of a sender."""
        self._audit[f"key:{sender.key_id}", action, subject, sender.address, outcome] += count

    def random_part(self) -> str:
        """Return 16 random hex digits."""
        if self._random_at == len(self._random):
            self._random, self._random_at = os.urandom(RANDOM_BYTES * _DRAWN_AT_ONCE).hex(), 0
        start = self._random_at
        self._random_at = start + 2 * RANDOM_BYTES
        return self._random[start : self._random_at]

    def usage_rows(self) -> list[Row]:
        """Return rows of ingest_usage_counts."""
        day = self._now_text[:10]
        return [(key_id, day, measure, count, self._now_text)
                for (key_id, measure), count in self._usage.items()]  # fmt: skip

    def audit_rows(self) -> list[Row]:
        """Return rows of ingest_audit_entries, without their id."""
        return [(self._now_text, actor, action, subject, address, outcome, count, None)
                for (actor, action, subject, address, outcome), count
                in self._audit.items()]  # fmt: skip
