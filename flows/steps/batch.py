"""Batch: what one cycle takes from the lake, listing events and facts apart."""

from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa

from store.lake_rows import EVENT_SCHEMA

ZONES_LOADED = "zones_loaded"
RATES_LOADED = "rates_loaded"
IMAGE_VERDICTS = "image_verdicts"
EDITION_MADE = "edition_made"

ZONES_SUFFIX, RATES_SUFFIX, EDITION_SUFFIX = "parquet", "csv", "edition"
"""What the objects behind facts are kept as."""

BOUNDARIES = (ZONES_LOADED, RATES_LOADED)
"""Facts that change how later events are read: a batch ends before them, or starts with them."""

COLUMNS = (
    "event_offset", "event_id", "kind", "listing_id", "revision", "provider_identifier",
    "external_id", "received_at", "effective_at", "is_changed", "payload", "document",
)  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """An input that is not a payload."""

    offset: int
    kind: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Batch:
    """Events of contiguous offsets."""

    events: pl.DataFrame
    facts: tuple[Fact, ...]
    last_offset: int

    def of(self, kind: str) -> list[Fact]:
        """Return the facts of one kind, oldest first."""
        return [fact for fact in self.facts if fact.kind == kind]


def take_batch(table: pa.Table, most: int) -> Batch | None:
    """Cut up to `most` events, in offset order, at the next boundary; None when there are none."""
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    if frame.is_empty():
        return None
    is_boundary = frame["kind"].is_in(BOUNDARIES)
    ends = [i for i in is_boundary.arg_true().to_list() if not is_boundary[: i + 1].all()]
    cut = frame.head(min([most, *ends[:1]]))
    return Batch(
        events=cut.filter(pl.col("kind") == "listing"),
        facts=tuple(_facts(cut)),
        last_offset=cut["event_offset"][-1],
    )


def no_events(offset: int) -> Batch:
    """Return the batch that ends where the last one did."""
    frame = pl.from_arrow(EVENT_SCHEMA.empty_table().select(list(COLUMNS)))
    assert isinstance(frame, pl.DataFrame)
    return Batch(events=frame, facts=(), last_offset=offset)


def _facts(frame: pl.DataFrame) -> list[Fact]:
    rows = frame.filter(pl.col("kind") != "listing").select("event_offset", "kind", "payload")
    return [
        Fact(offset, kind, msgspec.json.decode(payload))
        for offset, kind, payload in rows.iter_rows()
    ]
