"""How columns are declared: one short function per kind, each column with its description.

The house's only type for instants is `Instant`: SQLAlchemy's own timezone-aware DateTime
loses the zone on SQLite without a word.
"""

from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def instant_text(moment: datetime) -> str:
    """Return the UTC instant as fixed-width ISO 8601 text, which sorts as the instants do.

    Raises ValueError for a naive datetime: an instant without a zone is not an instant.
    """
    if moment.tzinfo is None:
        raise ValueError(f"an instant needs a time zone: {moment!r}")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_instant(text: str) -> datetime:
    """Return the instant that `instant_text` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def text_of(stored: str | datetime) -> str:
    """Write an instant as the driver gives it: text on SQLite, an instant on PostgreSQL."""
    return stored if isinstance(stored, str) else instant_text(stored)


class Instant(TypeDecorator[datetime]):
    """A UTC instant: fixed-width ISO text on SQLite, timestamptz on PostgreSQL."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.String(27))
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | str | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        moment = parse_instant(value) if isinstance(value, str) else value
        return instant_text(moment) if dialect.name == "sqlite" else moment.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return parse_instant(value) if isinstance(value, str) else value.astimezone(UTC)


class Day(TypeDecorator[date]):
    """A calendar day: ISO text on SQLite, date on PostgreSQL."""

    impl = sa.Date
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(sa.String(10) if dialect.name == "sqlite" else sa.Date())

    def process_bind_param(self, value: date | str | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        day = date.fromisoformat(value) if isinstance(value, str) else value
        return day.isoformat() if dialect.name == "sqlite" else day

    def process_result_value(self, value: Any, dialect: Dialect) -> date | None:
        return date.fromisoformat(value) if isinstance(value, str) else value


def _column(name: str, kind: Any, about: str, options: dict[str, Any]) -> sa.Column[Any]:
    options.setdefault("nullable", not options.get("primary_key", False))
    volatile = options.pop("volatile", False)
    info = {"volatile": True} if volatile else {}
    return sa.Column(name, kind, comment=about, info=info, **options)


def text(name: str, about: str, **options: Any) -> sa.Column[Any]:
    return _column(name, sa.Text(), about, options)


def integer(name: str, about: str, **options: Any) -> sa.Column[Any]:
    # SQLite gives rowid keys to INTEGER only; everywhere else ids and offsets are 64 bits wide.
    return _column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), about, options)


def number(name: str, about: str, **options: Any) -> sa.Column[Any]:
    return _column(name, sa.Double(), about, options)


def truth(name: str, about: str, **options: Any) -> sa.Column[Any]:
    return _column(name, sa.Boolean(), about, options)


def instant(name: str, about: str, **options: Any) -> sa.Column[Any]:
    return _column(name, Instant(), about, options)


def day(name: str, about: str, **options: Any) -> sa.Column[Any]:
    return _column(name, Day(), about, options)


def blob(name: str, about: str, **options: Any) -> sa.Column[Any]:
    return _column(name, sa.LargeBinary(), about, options)
