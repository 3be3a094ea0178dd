"""A writer's own connection: the driver itself, held open, for what commits many times a second.

SQLAlchemy's execution costs 50 to 200 microseconds a statement, the driver's 3 to 10. Statements
are still built from the declared tables (`database.driver_sql`), and parameters are already in
the driver's form. How a transaction begins is the one thing here that databases do differently.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy.engine import Engine
from sqlalchemy.sql.expression import ClauseElement

from store.database import driver_sql

Row = tuple[Any, ...]

_BEGIN = {"sqlite": "BEGIN IMMEDIATE"}
"""Takes the writer's lock at once, not at the first write."""


class Writer:
    """One connection for one thread at a time. Everything here happens inside `transaction`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held = engine.raw_connection()
        self._driver = cast(Any, self._held.driver_connection)
        self._begin = _BEGIN[engine.dialect.name]

    def compile(self, statement: ClauseElement) -> str:
        """Return the statement's text for this driver, positions for its parameters."""
        return driver_sql(statement, self._engine)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what happens inside durably, or nothing of it."""
        self._driver.execute(self._begin)
        try:
            yield
            self._driver.commit()
        except BaseException:
            self._driver.rollback()
            raise

    def first(self, sql: str, parameters: Row = ()) -> Row | None:
        """Return the first row, or None."""
        return cast("Row | None", self._driver.execute(sql, parameters).fetchone())

    def all(self, sql: str, parameters: Row = ()) -> list[Row]:
        """Return every row."""
        return cast("list[Row]", self._driver.execute(sql, parameters).fetchall())

    def write(self, sql: str, rows: Sequence[Row]) -> None:
        """Execute a writing statement once for each row of parameters."""
        if rows:
            self._driver.executemany(sql, rows)

    def close(self) -> None:
        """Give the connection back."""
        self._held.close()
