"""Refusals: the errors a user can mend, each told in one line with exit code 2."""

import sys

from pydantic import ValidationError

from store.storage_problems import storage_complaint

MENDABLE = (
    ("store.home", "HomeError"),
    ("store.crash_points", "CrashPointError"),
    ("store.backup", "BackupError"),
    ("store.schema", "SchemaError"),
    ("store.raw_lake", "LakeDamagedError"),
    ("store.objects", "ObjectError"),
    ("store.keys", "KeyRequestError"),
    ("store.keys", "KeyEndedError"),
    ("store.people", "PersonError"),
    ("store.passwords", "PasswordError"),
    ("store.signing_secret", "SecretError"),
    ("store.reference", "ReferenceFileError"),
    ("flows.steps.replay", "ReplayBusyError"),
    ("flows.steps.replay", "ReplayStoppedError"),
    ("cli.wrong_use", "WrongUseError"),
    ("client.errors", "ProblemError"),
)
"""(module, error): a module that was not imported cannot have raised."""

DAMAGED_DATABASES = ("SQLITE_NOTADB", "SQLITE_CORRUPT")
"""What SQLite calls a file that is no database, or no longer a whole one."""


def refusal_line(problem: BaseException) -> str | None:
    """Return the one line that says what to mend, or None for a failure of ours."""
    if isinstance(problem, ValidationError):
        first = problem.errors()[0]
        name = "IMO360_" + "_".join(str(part) for part in first["loc"]).upper()
        return f"setting {name}: {first['msg']}"
    for module, name in MENDABLE:
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None and isinstance(problem, kind):
            return str(problem)
    return _unusable(problem)


def _unusable(problem: BaseException) -> str | None:
    """Tell of a file that cannot be read or written: rights, space, damage."""
    complaint = storage_complaint(problem)
    if complaint is not None:
        return complaint
    cause = getattr(problem, "orig", problem)  # SQLAlchemy wraps what the driver raised
    if str(getattr(cause, "sqlite_errorname", "")).startswith(DAMAGED_DATABASES):
        return f"cannot use a database of the home: {cause}"
    return None
