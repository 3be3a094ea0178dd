"""A driver's own connection, held open: for what runs a statement or more at every request.

SQLAlchemy's execution costs 50 to 200 microseconds a statement, the driver's 3 to 10.
"""

from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine


class HeldConnection:
    """One connection in autocommit: transactions are begun and ended by its holder's statements."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connect()

    def live(self) -> Any:
        """Return the driver's connection; another one when a server ended the one before."""
        if getattr(self.driver, "closed", False):
            self.give_up()
            self._connect()
        return self.driver

    def run(self, statement: sa.Executable) -> int:
        """Execute a statement that comes seldom through SQLAlchemy; return the rows it touched."""
        return int(self._held.execute(statement).rowcount)

    def give_up(self) -> None:
        """Close the connection instead of giving it back to the pool."""
        if not self._held.closed:
            self._held.invalidate()
            self._held.close()

    def give_back(self) -> None:
        """Let the pool have the connection."""
        self._held.close()

    def _connect(self) -> None:
        self._held: Connection = self._engine.connect().execution_options(
            isolation_level="AUTOCOMMIT"
        )
        self.driver = cast(Any, self._held.connection.driver_connection)
