"""Provenance: which event last changed each field of a listing, and which rule took a value away.

Derived from successive revisions (core_listing_versions) through `wire.Field.lands`: nothing is
stored for it. A revision that was refused is no state of the listing, so it changed nothing here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.shapes.wire import FIELDS, Field
from store.tables.warehouse import core_listing_versions, core_refusals

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """The event that last changed a field. rule_code: the rule that blanked it there."""

    event_id: str
    event_offset: int
    revision: int
    recorded_at: datetime
    rule_code: str | None = None


def field_sources(connection: Connection, listing_id: int) -> dict[str, Source]:
    """Return the source of each wire field that a listing has ever had, in the wire's order.

    Fields that were never there are left out. `agency` and `agent` count as changed with any of
    their fields, which stand beside them under dotted names.
    """
    rows: list[Row] = [dict(row) for row in connection.execute(_revisions(listing_id)).mappings()]
    revisions = [list(group) for _, group in groupby(rows, key=lambda row: row["revision"])]
    found = {name: _source(columns, revisions) for name, columns in COLUMNS.items()}
    return {name: source for name, source in found.items() if source is not None}


def landed_columns() -> dict[str, tuple[str, ...]]:
    """Return the columns of core_listing_versions that tell whether a wire field changed."""
    landed: dict[str, tuple[str, ...]] = {}
    for field in FIELDS:
        inner = {f"{field.name}.{each.name}": _columns(each, field.name) for each in field.fields}
        own = _columns(field, None)
        landed[field.name] = tuple(dict.fromkeys([*own, *(c for cs in inner.values() for c in cs)]))
        landed |= inner
    return {name: columns for name, columns in landed.items() if columns}


BESIDE = {
    "core_listing_images.url": "images_sha256",
    "core_agencies.name": "agency_identifier",
    "core_agents.name": "agent_identifier",
}
"""What stands in a version for a column of another table."""


def _columns(field: Field, party: str | None) -> tuple[str, ...]:
    known = core_listing_versions.c
    candidates = [
        BESIDE.get(landed) or (f"{party}_{column}" if party else column)
        for landed in field.lands
        for column in [landed.partition(".")[2]]
    ]
    return tuple(column for column in dict.fromkeys(candidates) if column in known)


COLUMNS = landed_columns()

JUDGED_WITH = {"floor_max": "floor", "longitude": "latitude"}
"""Columns that a rule takes away together with the one it names."""


def _revisions(listing_id: int) -> sa.Select[Any]:
    """One row per revision, repeated for each rule that blanked a value of it."""
    version, refusal = core_listing_versions, core_refusals.c
    needed = dict.fromkeys(column for columns in COLUMNS.values() for column in columns)
    keys = ("revision", "event_id", "event_offset", "recorded_at")
    blanked = sa.and_(refusal.event_offset == version.c.event_offset, refusal.severity == "blanked")
    return (
        sa.select(
            *(version.c[name] for name in dict.fromkeys([*keys, *needed])),
            refusal.rule_code,
            refusal.column_name,
        )
        .select_from(version.outerjoin(core_refusals, blanked))
        .where(version.c.id == listing_id)
        .order_by(version.c.revision, refusal.rule_code)
    )


def _source(columns: Sequence[str], revisions: list[list[Row]]) -> Source | None:
    """Return the newest revision in which these columns differ from the one before."""
    judged = {*columns, *(JUDGED_WITH[name] for name in columns if name in JUDGED_WITH)}
    before: tuple[Any, ...] = (None,) * len(columns)
    changed: list[Row] | None = None
    for rows in revisions:
        now = tuple(rows[0][column] for column in columns)
        is_blanked = any(row["column_name"] in judged for row in rows)
        if now != before or (is_blanked and changed is None):
            changed = rows
        before = now
    if changed is None:
        return None
    row = changed[0]
    rules = [each["rule_code"] for each in changed if each["column_name"] in judged]
    return Source(
        row["event_id"], row["event_offset"], row["revision"], row["recorded_at"],
        rules[0] if rules else None,
    )  # fmt: skip
