"""Keys on the command line."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from cli.wrong_use import WrongUseError
from store.audit import COMMAND_LINE
from store.database import open_journal_database, reading, writing
from store.keys import (
    KeyDetails,
    KeyWish,
    find_key_id,
    issue_key,
    list_keys,
    revoke_key,
    rotate_key,
)
from store.settings import Settings
from store.shapes.checks import wire_instant
from store.shapes.vocabulary import Environment

HEADINGS = (
    "id", "lookup", "state", "environment", "partner", "name", "permissions", "providers",
    "rate", "expires_at",
)  # fmt: skip
EVERY_KEY = 10**9


def make_key(
    settings: Settings,
    partner: str,
    permissions: Sequence[str],
    providers: Sequence[str] | None,
    expires_at: str | None,
    now: datetime,
    *,
    name: str | None = None,
    environment: Environment = Environment.LIVE,
    rate_per_minute: int | None = None,
    rate_burst: int | None = None,
) -> str:
    """Make a key; raises KeyRequestError or WrongUseError."""
    wish = KeyWish(
        partner=partner,
        permissions=permissions,
        providers=providers or None,
        expires_at=_instant(expires_at),
        name=name,
        environment=environment,
        rate_per_minute=rate_per_minute,
        rate_burst=rate_burst,
    )
    with writing(open_journal_database(settings)) as connection:
        return issue_key(connection, wish, COMMAND_LINE, now).key


def renew_key(settings: Settings, key: str, overlap_hours: float, now: datetime) -> str:
    """Give a key a new secret; raises KeyEndedError, or WrongUseError when there is none such."""
    overlap = timedelta(hours=overlap_hours)
    with writing(open_journal_database(settings)) as connection:
        key_id = find_key_id(connection, key)
        issued = key_id and rotate_key(connection, key_id, overlap, COMMAND_LINE, now)
    if not issued:
        raise WrongUseError("no such key")
    return issued.key


def end_key(settings: Settings, key: str, now: datetime) -> None:
    """Revoke a key; raises WrongUseError when there is none such."""
    with writing(open_journal_database(settings)) as connection:
        if not revoke_key(connection, key, now):
            raise WrongUseError("no such key")


def key_lines(settings: Settings, now: datetime) -> Iterator[str]:
    """Return a line of headings and one for each key, tab-separated."""
    with reading(open_journal_database(settings)) as connection:
        keys = list_keys(connection, 0, EVERY_KEY, now)
    yield "\t".join(HEADINGS)
    yield from (_line(details) for details in keys)


def environment_of(text: str) -> Environment:
    """Return the environment of this name; raises WrongUseError for another."""
    try:
        return Environment(text)
    except ValueError:
        raise WrongUseError(f"--environment is one of {', '.join(Environment)}") from None


def _line(details: KeyDetails) -> str:
    rate = details.rate_per_minute
    providers = details.providers
    return "\t".join(
        (
            str(details.id),
            details.lookup,
            details.state,
            details.environment.value,
            details.partner,
            details.name,
            ",".join(details.permissions),
            "any free one" if providers is None else ",".join(providers),
            "none" if rate is None else f"{rate}/min, {details.rate_burst} at once",
            "never" if details.expires_at is None else wire_instant(details.expires_at),
        )
    )


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise WrongUseError(
            f"--expires-at {text!r} is not an instant such as 2027-01-31T00:00:00Z"
        ) from None
