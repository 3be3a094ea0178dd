"""Lake rows: journal rows as the columns of a lake file. Reads and writes nothing.

Built column by column: a dict per row, and SQLAlchemy's conversion of every instant, cost five
times as much on a thread that the serving process needs.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa

from store.shapes.bodies import BodyCodec

Row = Sequence[Any]
Columns = dict[str, Sequence[Any]]

INSTANT = pa.timestamp("us", tz="UTC")

EVENT_SCHEMA = pa.schema(
    [
        pa.field("event_offset", pa.int64(), nullable=False),
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("listing_id", pa.int64()),
        pa.field("revision", pa.int64()),
        pa.field("provider_identifier", pa.string()),
        pa.field("external_id", pa.string()),
        pa.field("key_id", pa.int64()),
        pa.field("received_at", INSTANT, nullable=False),
        pa.field("effective_at", INSTANT, nullable=False),
        pa.field("is_changed", pa.bool_(), nullable=False),
        pa.field("fields_present", pa.list_(pa.string())),
        pa.field("payload", pa.binary(), nullable=False),
        pa.field("payload_sha256", pa.string(), nullable=False),
        pa.field("document", pa.binary(), nullable=False),
    ]
)
REFUSAL_SCHEMA = pa.schema(
    [
        pa.field("refusal_offset", pa.int64(), nullable=False),
        pa.field("key_id", pa.int64(), nullable=False),
        pa.field("received_at", INSTANT, nullable=False),
        pa.field("codes", pa.string(), nullable=False),
        pa.field("payload", pa.binary(), nullable=False),
        pa.field("payload_sha256", pa.string(), nullable=False),
    ]
)

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def event_table(names: Sequence[str], rows: Sequence[Row]) -> pa.Table:
    """Return ingest_events rows (of these columns, as the driver gives them) as EVENT_SCHEMA."""
    columns = _opened(names, rows)
    columns["fields_present"] = [
        sorted(_members(payload)) if kind == "listing" else None
        for kind, payload in zip(columns["kind"], columns["payload"], strict=True)
    ]
    return _table(columns, EVENT_SCHEMA)


def refusal_table(names: Sequence[str], rows: Sequence[Row]) -> pa.Table:
    """Return ingest_refusals rows (of these columns, as the driver gives them)."""
    return _table(_opened(names, rows), REFUSAL_SCHEMA)


def _opened(names: Sequence[str], rows: Sequence[Row]) -> Columns:
    """Turn rows into columns, the body into payload and document."""
    columns: Columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    unpack = BodyCodec().unpack
    payloads, documents = zip(*map(unpack, columns.pop("body")), strict=True)
    sha256 = hashlib.sha256
    return columns | {
        "payload": payloads,
        "document": documents,
        "payload_sha256": [sha256(payload).hexdigest() for payload in payloads],
    }


def _table(columns: Columns, schema: pa.Schema) -> pa.Table:
    return pa.table([_array(columns[field.name], field.type) for field in schema], schema=schema)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    # SQLite's driver gives truths as 0 and 1, instants as text; PostgreSQL's gives both as such.
    if pa.types.is_boolean(kind):
        return pa.array([bool(value) for value in values], kind)
    if pa.types.is_timestamp(kind) and isinstance(values[0], str):
        return pa.array(values, pa.string()).cast(kind)
    return pa.array(values, kind)
