"""Events as the lake holds them, made without a journal."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pyarrow as pa

from store.lake_rows import EVENT_SCHEMA
from tests.listings import FLAT

START = datetime(2026, 1, 10, 12, tzinfo=UTC)


def event(offset: int, listing: int, revision: int, **fields: Any) -> dict[str, Any]:
    """Return one changed listing event; `day` moves its effective time."""
    effective = START + timedelta(days=fields.pop("day", 0))
    document = {k: v for k, v in {**FLAT, "status": "active", **fields}.items() if v is not None}
    return {
        "event_offset": offset, "event_id": f"e{offset}", "kind": "listing",
        "listing_id": listing, "revision": revision, "provider_identifier": "my-crm",
        "external_id": f"x{listing}", "key_id": 1, "received_at": START + timedelta(hours=offset),
        "effective_at": effective, "is_changed": True, "fields_present": [], "payload": b"{}",
        "payload_sha256": "", "document": json.dumps(document).encode(),
    }  # fmt: skip


def frame(*events: dict[str, Any]) -> pl.DataFrame:
    """Return events as the frame a cycle reads."""
    read = pl.from_arrow(pa.Table.from_pylist(list(events), schema=EVENT_SCHEMA))
    assert isinstance(read, pl.DataFrame)
    return read


RATES = pl.DataFrame(
    {
        "currency": ["RON", "RON", "PLN"],
        "rate_date": [date(2026, 1, 8), date(2026, 1, 12), date(2026, 1, 1)],
        "units_per_eur": [5.0, 5.1, 4.0],
        "event_offset": [1, 1, 1],
    }
)
