"""Refusals: the errors a user can mend, each told in one line with exit code 2."""

import sys

from pydantic import ValidationError

MENDABLE = (
    ("store.home", "HomeError"),
    ("store.schema", "SchemaError"),
    ("store.raw_lake", "LakeDamagedError"),
    ("store.objects", "ObjectError"),
    ("store.keys", "KeyRequestError"),
    ("store.reference", "ReferenceFileError"),
    ("flows.steps.replay", "ReplayBusyError"),
    ("flows.steps.replay", "ReplayStoppedError"),
    ("cli.wrong_use", "WrongUseError"),
)
"""(module, error): a module that was not imported cannot have raised."""


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
    return None
