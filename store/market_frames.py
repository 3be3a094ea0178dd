"""Published tables as polars frames, for notebooks and analysts.

Apart from `store.market`, because the explorer's process must not load polars.
"""

import polars as pl
from sqlalchemy.engine import Engine

from store.database import reading
from store.frames import read_frame
from store.tables.warehouse import WAREHOUSE


class UnknownTableError(LookupError):
    """A table was asked for that the warehouse does not declare."""

    def __init__(self, table_name: str) -> None:
        self.table_name = table_name
        known = ", ".join(sorted(WAREHOUSE.tables))
        super().__init__(f"no table {table_name!r} in the warehouse; there are: {known}")


def frame(table_name: str, engine: Engine) -> pl.DataFrame:
    """Return a whole table in key order, each column of the type the table declares.

    Null means unknown. Raises UnknownTableError for a name the warehouse does not declare.
    """
    table = WAREHOUSE.tables.get(table_name)
    if table is None:
        raise UnknownTableError(table_name)
    with reading(engine) as conn:
        return read_frame(conn, table)
