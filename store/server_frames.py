"""Server frames: many rows to PostgreSQL at once, by COPY into a table beside the final one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import polars as pl
from sqlalchemy.engine import Connection

COPY_ROWS = 20_000
"""Rows made into text at a time."""


@contextmanager
def copied_beside(connection: Connection, table_name: str, frame: pl.DataFrame) -> Iterator[str]:
    """Copy the rows into a table of this transaction alone, shaped like the one named; yield its
    name."""
    beside = f"{table_name}_beside"
    connection.exec_driver_sql(f"CREATE TEMP TABLE {beside} (LIKE {table_name}) ON COMMIT DROP")
    names = ", ".join(f'"{name}"' for name in frame.columns)
    driver = cast(Any, connection.connection.driver_connection)
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {beside} ({names}) FROM STDIN (FORMAT csv)") as copy,
    ):
        for part in frame.with_columns(_texts(frame)).iter_slices(COPY_ROWS):
            # Texts are quoted and nulls are nothing at all, so that "" is a text.
            copy.write(part.write_csv(include_header=False, quote_style="non_numeric"))
    yield beside
    connection.exec_driver_sql(f"DROP TABLE {beside}")


def _texts(frame: pl.DataFrame) -> list[pl.Expr]:
    """Return the columns that CSV has no form for, as PostgreSQL reads them."""
    return [
        (pl.lit("\\x") + pl.col(name).bin.encode("hex")).alias(name)
        for name, kind in frame.schema.items()
        if kind == pl.Binary
    ]
