"""Storage problems: a disk that is full, a home that cannot be written, a database held locked.

They are nobody's bug and go away again: what met one is refused, tried again, and told in one
line instead of a traceback.
"""

import errno
import logging
import time

UNUSABLE_FILES = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO,
)  # fmt: skip

LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED")

UNUSABLE_DATABASES = (
    *LOCKED, "SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_IOERR",
)  # fmt: skip
"""What SQLite calls a disk or a file it cannot work with now; its other errors are ours."""

LOCKED_STATES = ("55P03", "40P01", "40001")
"""PostgreSQL's codes for a lock held too long, a deadlock, a transaction that lost to another."""

UNUSABLE_STATES = (*LOCKED_STATES, "08", "25006", "53", "57P", "58")
"""PostgreSQL's codes, or their classes, for a server that is away or ending, read-only, or out of
room: https://www.postgresql.org/docs/15/errcodes-appendix.html"""


def storage_complaint(problem: BaseException) -> str | None:
    """Return one line about what cannot be used; None for any other problem."""
    if isinstance(problem, OSError) and problem.errno in UNUSABLE_FILES:
        return f"cannot use {problem.filename or 'the disk'}: {problem.strerror}"
    if _database_error(problem).startswith(UNUSABLE_DATABASES) or _is_server_away(problem):
        return f"cannot use a database of the home: {_one_line(_cause(problem))}"
    return None


def is_locked(problem: BaseException) -> bool:
    """Whether somebody holds the database locked: a moment's patience may be enough."""
    return _database_error(problem).startswith(LOCKED) or _state(problem).startswith(LOCKED_STATES)


def _cause(problem: BaseException) -> object:
    return getattr(problem, "orig", None) or problem  # SQLAlchemy wraps what the driver raised


def _database_error(problem: BaseException) -> str:
    return str(getattr(_cause(problem), "sqlite_errorname", ""))


def _state(problem: BaseException) -> str:
    return str(getattr(_cause(problem), "sqlstate", None) or "")


def _is_server_away(problem: BaseException) -> bool:
    """Whether PostgreSQL refuses for now; without a code when it could not be asked at all."""
    cause = _cause(problem)
    is_driver = type(cause).__module__.startswith("psycopg")
    if not is_driver:
        return False
    state = _state(problem)
    is_unasked = not state and type(cause).__name__ == "OperationalError"
    return is_unasked or state.startswith(UNUSABLE_STATES)


def _one_line(cause: object) -> str:
    return " ".join(str(cause).split())


class Complaints:
    """Logs a failure that is met again and again when it begins, and then once a minute."""

    EVERY_SECONDS = 60.0

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told: dict[str, float] = {}

    def tell(self, what: str, problem: BaseException) -> None:
        """Say what failed; a storage problem in one line, anything else with its traceback."""
        complaint = storage_complaint(problem)
        key, now = f"{what}: {complaint or repr(problem)}", time.monotonic()
        if now - self._told.get(key, float("-inf")) < self.EVERY_SECONDS:
            return
        self._told = {key: now}
        if complaint is None:
            self._log.error(what, exc_info=problem)
        else:
            self._log.warning("%s: %s", what, complaint)

    def over(self) -> None:
        """Forget what was told: the next failure is told at once."""
        self._told.clear()
