"""Keys on the command line."""

from collections.abc import Sequence
from datetime import datetime

from cli.wrong_use import WrongUseError
from store.database import open_journal_database, writing
from store.keys import create_key, revoke_key
from store.settings import Settings


def make_key(
    settings: Settings,
    partner: str,
    permissions: Sequence[str],
    providers: Sequence[str] | None,
    expires_at: str | None,
    now: datetime,
) -> str:
    """Make a key; raises KeyRequestError or WrongUseError."""
    with writing(open_journal_database(settings)) as connection:
        return create_key(
            connection, partner, permissions, providers or None, _instant(expires_at), now
        )


def end_key(settings: Settings, key: str, now: datetime) -> None:
    """Revoke a key; raises WrongUseError when there is none such."""
    with writing(open_journal_database(settings)) as connection:
        if not revoke_key(connection, key, now):
            raise WrongUseError("no such key")


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise WrongUseError(
            f"--expires-at {text!r} is not an instant such as 2027-01-31T00:00:00Z"
        ) from None
