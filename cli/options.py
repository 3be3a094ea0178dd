"""Options every command shares, and how they become settings."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from store.settings import Settings

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Folder that holds all state (IMO360_HOME; default data/var)."),
]

KeyOption = Annotated[
    str, typer.Option("--key", envvar="IMO360_KEY", help="API key; best given as IMO360_KEY.")
]

STDERR = Console(stderr=True, highlight=False)


COMMANDS_ALONE = {"admin_password"}
"""Settings that no child process needs."""


def settings_for(home: Path | None, **overrides: Any) -> Settings:
    """Build the settings of this call: options first, then IMO360_* variables, then `.env`."""
    if home is not None:
        overrides["home"] = home
    return Settings(**{name: value for name, value in overrides.items() if value is not None})


def progress_bars() -> Progress:
    """Return progress bars on standard error (results go to standard output)."""
    return Progress(
        TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), console=STDERR,
    )  # fmt: skip


def environment_for(settings: Settings) -> dict[str, str]:
    """Return the environment of a child process that shall see these settings."""
    given = {f"IMO360_{name.upper()}": _text(value) for name, value in settings
             if name not in COMMANDS_ALONE}  # fmt: skip
    return {**os.environ, **{name: value for name, value in given.items() if value is not None}}


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(sorted(value)) if isinstance(value, frozenset) else str(value)
