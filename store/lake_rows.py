"""Lake rows: journal rows as the columns of a lake file. Reads and writes nothing.

Built column by column: a dict per row, and SQLAlchemy's conversion of every instant, cost five
times as much on a thread that the serving process needs.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, chain
from typing import Any

import msgspec
import pyarrow as pa

from store.shapes.bodies import BodyCodec, EventRow
from store.tables.columns import instant_text

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
        pa.field("provider_identifier", pa.string()),
        pa.field("external_id", pa.string()),
        pa.field("problem", pa.string(), nullable=False),
        pa.field("payload_bytes", pa.int64(), nullable=False),
        pa.field("payload", pa.binary(), nullable=False),
        pa.field("payload_sha256", pa.string(), nullable=False),
    ]
)

SLICE_ROWS = 500
"""Rows built at a time: a column of one Arrow array holds 2 GiB, a body up to 2 MiB."""

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def event_table(rows: Sequence[EventRow]) -> pa.Table:
    """Return journaled events as EVENT_SCHEMA."""
    if not rows:
        return EVENT_SCHEMA.empty_table()
    return pa.concat_tables([_events(part) for part in _slices(rows)])


def event_row(batch: pa.RecordBatch, index: int) -> EventRow:
    """Return one row of EVENT_SCHEMA (with at least EventRow's columns) as the journal had it."""
    return EventRow._make(_value(batch.column(name), index) for name in EventRow._fields)


def refusal_table(names: Sequence[str], rows: Sequence[Row]) -> pa.Table:
    """Return ingest_refusals rows (of these columns, as the driver gives them)."""
    return pa.concat_tables([_refusals(names, part) for part in _slices(rows)])


def _slices(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (rows[start : start + SLICE_ROWS] for start in range(0, len(rows), SLICE_ROWS))


def _events(rows: Sequence[EventRow]) -> pa.Table:
    columns: Columns = dict(zip(EventRow._fields, zip(*rows, strict=True), strict=True))
    columns["fields_present"] = [
        sorted(_members(payload)) if kind == "listing" else None
        for kind, payload in zip(columns["kind"], columns["payload"], strict=True)
    ]
    return _table(_hashed(columns), EVENT_SCHEMA)


def _refusals(names: Sequence[str], rows: Sequence[Row]) -> pa.Table:
    columns: Columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    unpack = BodyCodec().unpack
    columns["payload"] = [unpack(body) for body in columns.pop("body")]
    return _table(_hashed(columns), REFUSAL_SCHEMA)


def _hashed(columns: Columns) -> Columns:
    sha256 = hashlib.sha256
    return columns | {
        "payload_sha256": [sha256(payload).hexdigest() for payload in columns["payload"]],
    }


def _table(columns: Columns, schema: pa.Schema) -> pa.Table:
    arrays = [
        _lists(columns[field.name]) if pa.types.is_list(field.type)
        else _array(columns[field.name], field.type)
        for field in schema
    ]  # fmt: skip
    return pa.table(arrays, schema=schema)


def _array(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    # Through text, because pa.array imports pandas (half a second, 48 MiB) to see whether it was
    # given some, and this runs in the serving process. Text is also what SQLite keeps instants in.
    builder = pa.lib.StringBuilder()
    builder.append_values([_text(value) for value in values])
    return builder.finish().cast(kind)


def _text(value: Any) -> str | bytes | None:
    return value if value is None or isinstance(value, str | bytes) else str(value)


def _value(column: pa.Array, index: int) -> Any:
    # Instants as numbers, because Arrow imports pandas to make one of them a datetime.
    if column.type != INSTANT:
        return column[index].as_py()
    since = column.cast(pa.int64())[index].as_py()
    return instant_text(EPOCH + timedelta(microseconds=since))


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _lists(values: Sequence[Sequence[str] | None]) -> pa.Array:
    ends = list(accumulate((len(value or ()) for value in values), initial=0))
    starts = [None if value is None else end for value, end in zip(values, ends, strict=False)]
    texts = chain.from_iterable(value or () for value in values)
    return pa.ListArray.from_arrays(
        _array([*starts, ends[-1]], pa.int32()), _array(texts, pa.string())
    )
