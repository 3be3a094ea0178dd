"""Frames and tables: schemas from declarations, rows to the driver and back.

Kept apart from the declarations because it loads polars, which the API never needs.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from store.server_frames import copied_beside
from store.tables.columns import Day, Instant, instant_text

INSTANT = pl.Datetime("us", "UTC")
_TEXT_FORMAT = "%Y-%m-%dT%H:%M:%S%.6fZ"
_KINDS: tuple[tuple[type[Any], pl.DataType], ...] = (
    (Instant, INSTANT),
    (Day, pl.Date()),
    (sa.Boolean, pl.Boolean()),
    (sa.Double, pl.Float64()),
    (sa.BigInteger, pl.Int64()),
    (sa.LargeBinary, pl.Binary()),
    (sa.Text, pl.String()),
)


class FrameError(Exception):
    """A frame is not what its table declares."""


def _polars_type(column: sa.Column[Any]) -> pl.DataType:
    for kind, polars_type in _KINDS:
        if isinstance(column.type, kind):
            return polars_type
    raise FrameError(f"no frame type for {column.table.name}.{column.name}")


def schema_of(table: sa.Table, without: Sequence[str] = ()) -> pl.Schema:
    """Return the frame schema that a table declares, in the order of its columns."""
    return _schema(table, tuple(without))


@cache
def _schema(table: sa.Table, without: tuple[str, ...]) -> pl.Schema:
    return pl.Schema({c.name: _polars_type(c) for c in table.columns if c.name not in without})


@cache
def _schema_of_columns(table: sa.Table, columns: tuple[str, ...]) -> pl.Schema:
    whole = _schema(table, ())
    return pl.Schema({name: whole[name] for name in columns}) if columns else whole


@cache
def _required(table: sa.Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns if not column.nullable)


def empty_frame(table: sa.Table, without: Sequence[str] = ()) -> pl.DataFrame:
    """Return a frame of the table's schema without rows."""
    return schema_of(table, without).to_frame()


def conform(frame: pl.DataFrame, table: sa.Table, without: Sequence[str] = ()) -> pl.DataFrame:
    """Return the frame with exactly the table's columns, in its order and types.

    Raises FrameError naming a column that is missing, of another type, or null where the table
    forbids it.
    """
    wanted = schema_of(table, without)
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise FrameError(f"{table.name}: the frame lacks {', '.join(missing)}")
    result = frame.select(wanted.names())
    if result.schema != wanted:
        result = result.cast(wanted)
    for name in _required(table):
        if name in wanted and result.get_column(name).null_count():
            raise FrameError(f"{table.name}.{name}: null where a value is required")
    return result


FEW_ROWS = 64
"""Up to so many rows, values are converted one by one: setting a vectorised step up costs more."""


def _driver_rows(connection: Connection, frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Return rows as the driver wants them: for SQLite's, instants and days as text."""
    if connection.dialect.name == "postgresql":
        return frame.rows()
    if frame.height <= FEW_ROWS:
        return _converted(frame.rows(), [_TO_DRIVER.get(kind) for kind in frame.dtypes])
    texts = [
        pl.col(name).dt.strftime(_TEXT_FORMAT if kind == INSTANT else "%Y-%m-%d")
        for name, kind in frame.schema.items()
        if kind in (INSTANT, pl.Date)
    ]
    return frame.with_columns(texts).rows()


def upsert(
    connection: Connection, table: sa.Table, frame: pl.DataFrame, newer: str | None = None
) -> None:
    """Insert the frame's rows; where the key exists, replace the row.

    newer: a column that must be larger than the stored one for the row to be replaced, so that
    an older event never overwrites a newer one.
    """
    if not frame.is_empty():
        _write(connection, table, conform(frame, table), _Merge(table, is_upsert=True, newer=newer))


def insert_missing(connection: Connection, table: sa.Table, frame: pl.DataFrame) -> None:
    """Insert the frame's rows whose key is new; history is never rewritten."""
    if not frame.is_empty():
        _write(connection, table, conform(frame, table), _Merge(table, is_upsert=False))


def delete_keys(
    connection: Connection,
    table: sa.Table,
    column: str,
    keys: Sequence[Any],
    condition: sa.ColumnElement[bool] | None = None,
) -> None:
    """Delete the rows whose column holds one of the keys, and that meet the condition."""
    if not keys:
        return
    if condition is None:
        statement = _delete_sql(connection.dialect, table, (column,))
        connection.exec_driver_sql(statement, [(key,) for key in keys])
    else:
        held = table.c[column] == sa.bindparam("wanted_key")
        rows = [{"wanted_key": key} for key in keys]
        connection.execute(sa.delete(table).where(held, condition), rows)


def delete_rows(connection: Connection, table: sa.Table, keys: pl.DataFrame) -> None:
    """Delete the rows with these primary keys; a frame with just its columns."""
    if not keys.is_empty():
        names = tuple(column.name for column in table.primary_key)
        statement = _delete_sql(connection.dialect, table, names)
        connection.exec_driver_sql(statement, _driver_rows(connection, keys.select(names)))


def replace_rows(stored: pl.DataFrame, rows: pl.DataFrame, key: str = "id") -> pl.DataFrame:
    """Return the stored rows with those of the same keys replaced by the given ones."""
    if rows.is_empty():
        return stored
    return pl.concat([stored.join(rows.select(key).unique(), on=key, how="anti"), rows])


def read_frame(
    connection: Connection, table: sa.Table, columns: Sequence[str] = ()
) -> pl.DataFrame:
    """Return a whole table (or some columns of it) as a frame, in key order."""
    statement = _select_sql(connection.dialect, table, tuple(columns), None)
    return _frame(connection, connection.exec_driver_sql(statement).fetchall(), table, columns)


def read_keyed(
    connection: Connection,
    table: sa.Table,
    column: str,
    keys: pl.Series,
    columns: Sequence[str] = (),
) -> pl.DataFrame:
    """Return the rows whose column holds one of the keys, in the order of the table's key.

    columns: only these. The column should be one that an index begins with.
    """
    if keys.is_empty():
        return _schema_of_columns(table, tuple(columns)).to_frame()
    statement = _select_sql(connection.dialect, table, tuple(columns), column)
    wanted: Any = keys.to_list()
    if connection.dialect.name == "sqlite":
        wanted = json.dumps(wanted)
    rows = connection.exec_driver_sql(statement, (wanted,)).fetchall()
    return _frame(connection, rows, table, columns)


# Compiling costs more than writing a row, and a cycle writes a row or two to each of many tables.


@dataclass(frozen=True)
class _Merge:
    """How rows meet those of the same keys: replaced (when newer, by that column), or left."""

    table: sa.Table
    is_upsert: bool
    newer: str | None = None

    def of(self, insert: postgresql.Insert) -> postgresql.Insert:
        """Return the insert with what happens to a key that exists."""
        table = self.table
        keys = [column.name for column in table.primary_key]
        rest = {c.name: insert.excluded[c.name] for c in table.columns if c.name not in keys}
        if not self.is_upsert or not rest:
            return insert.on_conflict_do_nothing()
        newer = self.newer
        condition = insert.excluded[newer] > table.c[newer] if newer else None
        return insert.on_conflict_do_update(index_elements=keys, set_=rest, where=condition)


# Both databases know ON CONFLICT: PostgreSQL's construct compiles for either.


@cache
def _merge_sql(dialect: sa.Dialect, merge: _Merge) -> str:
    return str(merge.of(postgresql.insert(merge.table)).compile(dialect=dialect))


@cache
def _merge_beside_sql(dialect: sa.Dialect, merge: _Merge, beside: str) -> str:
    names = merge.table.columns.keys()
    rows: Any = sa.select(*(sa.column(name) for name in names)).select_from(sa.table(beside))
    insert = postgresql.insert(merge.table).from_select(names, rows)
    return str(merge.of(insert).compile(dialect=dialect))


def _write(connection: Connection, table: sa.Table, frame: pl.DataFrame, merge: _Merge) -> None:
    is_server = connection.dialect.name == "postgresql"
    if is_server:
        # As SQLite does by itself: NaN becomes null, and -0.0 becomes 0.0.
        number = pl.col(pl.Float64)
        frame = frame.with_columns(
            pl.when(number == 0.0).then(0.0).otherwise(number.fill_nan(None)).name.keep()
        )
    if not is_server or frame.height <= FEW_ROWS:
        sql = _merge_sql(connection.dialect, merge)
        connection.exec_driver_sql(sql, _driver_rows(connection, frame))
        return
    with copied_beside(connection, table.name, frame) as beside:
        connection.exec_driver_sql(_merge_beside_sql(connection.dialect, merge, beside))


@cache
def _select_sql(
    dialect: sa.Dialect, table: sa.Table, columns: tuple[str, ...], keyed_by: str | None
) -> str:
    chosen = [table.c[name] for name in columns] or list(table.columns)
    statement = sa.select(*chosen).order_by(*table.primary_key)
    if keyed_by is not None:
        held = table.c[keyed_by]
        if dialect.name == "postgresql":
            kind = postgresql.ARRAY(held.type)
            statement = statement.where(held == sa.any_(sa.bindparam("keys", type_=kind)))
        else:
            # One JSON array instead of a parameter per key, of which a statement takes few.
            keys = sa.func.json_each(sa.bindparam("keys")).table_valued("value")
            statement = statement.where(held.in_(sa.select(keys.c.value)))
    return str(statement.compile(dialect=dialect))


@cache
def _delete_sql(dialect: sa.Dialect, table: sa.Table, columns: tuple[str, ...]) -> str:
    held = (table.c[name] == sa.bindparam(name) for name in columns)
    return str(sa.delete(table).where(*held).compile(dialect=dialect))


def _frame(
    connection: Connection, rows: Sequence[Any], table: sa.Table, columns: Sequence[str] = ()
) -> pl.DataFrame:
    """Return driver rows of a table (all columns in its order, or these) as a frame."""
    wanted = _schema_of_columns(table, tuple(columns))
    if not rows:
        return wanted.to_frame()
    if connection.dialect.name == "postgresql":  # its driver knows instants, days and truths
        return pl.DataFrame([tuple(row) for row in rows], schema=wanted, orient="row")
    if len(rows) <= FEW_ROWS:
        values = _converted(rows, [_FROM_DRIVER.get(kind) for kind in wanted.dtypes()])
        return pl.DataFrame(values, schema=wanted, orient="row")
    stored = {
        name: pl.String() if kind in (INSTANT, pl.Date) else _stored(kind)
        for name, kind in wanted.items()
    }
    frame = pl.DataFrame([tuple(row) for row in rows], schema=stored, orient="row")
    return frame.with_columns(
        [_from_text(name, kind) for name, kind in wanted.items() if stored[name] != kind]
    )


_TO_DRIVER: dict[pl.DataType, Callable[[Any], Any]] = {
    INSTANT: instant_text, pl.Date(): date.isoformat,
}  # fmt: skip
_FROM_DRIVER: dict[pl.DataType, Callable[[Any], Any]] = {
    INSTANT: datetime.fromisoformat, pl.Date(): date.fromisoformat, pl.Boolean(): bool,
}  # fmt: skip


def _converted(
    rows: Sequence[Sequence[Any]], converters: Sequence[Callable[[Any], Any] | None]
) -> list[tuple[Any, ...]]:
    """Apply a converter to each column that has one, nulls apart."""
    places = [(place, convert) for place, convert in enumerate(converters) if convert is not None]
    converted = []
    for row in rows:
        values = list(row)
        for place, convert in places:
            if values[place] is not None:
                values[place] = convert(values[place])
        converted.append(tuple(values))
    return converted


def _stored(kind: pl.DataType) -> pl.DataType:
    return pl.Int64() if kind == pl.Boolean else kind


def _from_text(name: str, kind: pl.DataType) -> pl.Expr:
    if kind == INSTANT:
        moment = pl.col(name).str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us")
        return moment.dt.replace_time_zone("UTC")
    if kind == pl.Date:
        return pl.col(name).str.to_date("%Y-%m-%d")
    return pl.col(name).cast(kind)
