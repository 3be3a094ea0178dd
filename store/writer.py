"""A writer's own connection: the driver itself, held open, for what commits many times a second.

Statements are still built from the declared tables (`database.driver_sql`), and parameters are
already in the driver's form. Many rows go into one statement: the driver lets another thread take
the interpreter at every step of every statement, and each time costs more than the row.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from store.database import begin_writing, driver_sql
from store.held_connection import HeldConnection

Row = tuple[Any, ...]

SIZES = (64, 16, 4, 1)
"""Rows per statement: few sizes, so that all stay prepared, and below every limit of variables."""

_VERSION = {"sqlite": "PRAGMA data_version"}
"""Answers another number once another connection has committed."""


class Sizes(dict[int, str]):
    """The text of a statement by the number of its rows; large ones take 10 ms to compile."""

    def __init__(self, compile_size: Callable[[int], str]) -> None:
        super().__init__()
        self._compile_size = compile_size

    def __missing__(self, size: int) -> str:
        self[size] = self._compile_size(size)
        return self[size]


class Writer:
    """One connection for one thread at a time. Everything between `begin` and `commit`.

    waits: `begin` may sleep for a lock that somebody else holds; else it raises at once.
    """

    def __init__(self, engine: Engine, *, waits: bool = False) -> None:
        self._engine = engine
        self._dialect = engine.dialect.name
        self._waits = waits
        self._read_version = _VERSION.get(self._dialect)
        self._version: Row | None = None
        self._held = HeldConnection(engine)
        self._driver = self._held.driver
        if self._dialect == "sqlite" and not self._waits:
            # Our own writers take turns by a file lock. For a stranger's lock SQLite would sleep
            # on whatever thread this is, an event loop's too: the journal waits on one of its own.
            self._driver.execute("PRAGMA busy_timeout = 0")

    def compile(self, statement: sa.ClauseElement) -> str:
        """Return the statement's text for this driver, positions for its parameters."""
        return driver_sql(statement, self._engine)

    def compile_sizes(self, build: Callable[[int], sa.ClauseElement]) -> Sizes:
        """Return the texts of a statement for each of SIZES, each compiled when first used."""
        return Sizes(lambda size: self.compile(build(size)))

    def begin(self) -> None:
        """Open a transaction that writes. End it by `commit` or `rollback`.

        Connects again when the server ended the connection.
        """
        self._driver = self._held.live()
        begin_writing(self._driver, self._dialect, waits=self._waits)

    def commit(self) -> None:
        """Make the transaction durable. Rolls back and raises when that is not possible.

        May be called from another thread than the statements were: it waits for the disk.
        """
        try:
            self._driver.commit()
        except BaseException:
            self.rollback()
            raise

    def rollback(self) -> None:
        """Undo the transaction; one that ended with its connection is undone already."""
        if not getattr(self._driver, "closed", False):
            self._driver.rollback()

    def is_alone(self) -> bool:
        """Whether nobody else committed since this was last asked; False when not known."""
        if self._read_version is None:
            return False
        before, self._version = self._version, self.first(self._read_version)
        return self._version == before

    def first(self, sql: str, parameters: Row = ()) -> Row | None:
        """Return the first row, or None."""
        return cast("Row | None", self._driver.execute(sql, parameters).fetchone())

    def all(self, sql: str, parameters: Row = ()) -> list[Row]:
        """Return every row."""
        return cast("list[Row]", self._driver.execute(sql, parameters).fetchall())

    def find(self, sizes: Sizes, keys: Sequence[Row]) -> Iterator[Row]:
        """Yield the rows of every key; the statements take as many keys as their size."""
        for size, part in _parts(keys):
            yield from self.all(sizes[size], part)

    def execute(self, sql: str, parameters: Row = ()) -> None:
        """Execute a statement once."""
        self._driver.execute(sql, parameters)

    def run(self, statement: sa.Executable) -> int:
        """Execute a statement that comes seldom through SQLAlchemy; return the rows it touched."""
        return self._held.run(statement)

    def insert(self, sizes: Sizes, rows: Sequence[Row]) -> None:
        """Insert the rows; the statements take as many rows as their size."""
        for size, part in _parts(rows):
            self._driver.execute(sizes[size], part)

    def update(self, sql: str, rows: Sequence[Row]) -> None:
        """Execute an updating statement once for each row of parameters."""
        if rows:
            self._driver.cursor().executemany(sql, rows)

    def close(self) -> None:
        """Give the connection back."""
        self._held.give_up()  # the pool's others keep SQLite's patience


def _parts(rows: Sequence[Row]) -> Iterator[tuple[int, Row]]:
    """Cut rows into the largest sizes that fit, each part as one flat tuple of parameters."""
    start = 0
    for size in SIZES:
        while len(rows) - start >= size:
            yield size, tuple(chain.from_iterable(rows[start : start + size]))
            start += size
