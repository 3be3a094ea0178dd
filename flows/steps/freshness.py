"""Freshness: notes of each event how long it took to each stage, until readers could see it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl
from sqlalchemy.engine import Engine

from store.delays import add_delays, counts_of, forget_delays
from store.warehouse import Lease, fenced


@dataclass
class Freshness:
    """Delays of one worker's events, noted as they are reached.

    unseen: when events were received that are loaded and not yet published (no edition is made,
    or a check stopped them).
    """

    unseen: list[pl.Series] = field(default_factory=list)
    reached: dict[str, Counter[int]] = field(default_factory=dict)

    def begin(self) -> None:
        """Begin a cycle: what one that failed had noted is noted again when it is repeated."""
        self.reached.clear()

    def note(self, stage: str, received: pl.Series, at: datetime) -> None:
        """Note when these events reached a stage."""
        self.reached.setdefault(stage, Counter()).update(_delays(received, at))

    def note_visible(self, received: pl.Series, at: datetime, *, is_published: bool) -> None:
        """Note that these events, and those that waited, are visible; or that they wait."""
        self.unseen.append(received)
        if is_published:
            for waited in self.unseen:
                self.note("visible", waited, at)
            self.unseen.clear()

    def write(self, engine: Engine, lease: Lease, at: datetime) -> None:
        """Write what was noted. After the publication: only then is its end known."""
        if any(self.reached.values()):
            with fenced(engine, lease) as connection:
                add_delays(connection, at, self.reached)
        self.reached.clear()


def forget_old(engine: Engine, lease: Lease, now: datetime) -> int:
    """Delete delays too old to keep; return how many rows went."""
    with fenced(engine, lease) as connection:
        return forget_delays(connection, now)


def _delays(received: pl.Series, at: datetime) -> Counter[int]:
    delay = (pl.lit(at) - pl.col("received_at")).dt.total_milliseconds()
    return counts_of(received.to_frame("received_at").select(delay).to_series().to_list())
