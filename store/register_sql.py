"""The register's statements, built once from the declared tables.

Parameters are positional, in the order in which a statement's text names them. What both
databases know under one name (ON CONFLICT) is built by PostgreSQL's constructs and compiled for
either.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from store.tables.columns import Instant
from store.tables.journal import (
    ingest_audit_entries,
    ingest_batches,
    ingest_changes,
    ingest_counters,
    ingest_idempotency_keys,
    ingest_keys,
    ingest_listings,
    ingest_providers,
    ingest_refusals,
    ingest_snapshot_items,
    ingest_snapshots,
    ingest_usage_counts,
)

_COUNTER, _KEY, _LISTING = ingest_counters.c, ingest_keys.c, ingest_listings.c
_KEPT, _USAGE = ingest_idempotency_keys.c, ingest_usage_counts.c


def _listings(count: int) -> sa.Select[Any]:
    """Select the listings of so many keys: provider, reference, provider, reference ..."""
    return sa.select(
        _LISTING.provider_identifier, _LISTING.external_id, _LISTING.id, _LISTING.revision,
        _LISTING.event_offset, _LISTING.status, _LISTING.fingerprint, _LISTING.document,
    ).where(
        sa.or_(
            *(
                sa.and_(
                    _LISTING.provider_identifier == sa.bindparam(f"provider_{number}"),
                    _LISTING.external_id == sa.bindparam(f"external_{number}"),
                )
                for number in range(count)
            )
        )
    )  # fmt: skip


def _insert(table: sa.Table) -> Callable[[int], sa.Insert]:
    """Insert so many rows, each with all columns in the table's order."""
    nothing = dict.fromkeys(table.columns.keys())
    return lambda count: sa.insert(table).values([nothing] * count)


def _insert_new(table: sa.Table) -> Callable[[int], sa.Insert]:
    """Insert so many rows, leaving alone those whose key is there."""
    nothing = dict.fromkeys(table.columns.keys())
    return lambda count: postgresql.insert(table).values([nothing] * count).on_conflict_do_nothing()


def _add_usage(count: int) -> sa.Insert:
    nothing = dict.fromkeys(ingest_usage_counts.columns.keys())
    adding = postgresql.insert(ingest_usage_counts).values([nothing] * count)
    return adding.on_conflict_do_update(
        index_elements=[_USAGE.key_id, _USAGE.usage_date, _USAGE.measure],
        set_={
            "count": _USAGE["count"] + adding.excluded["count"],
            "last_used_at": adding.excluded.last_used_at,
        },
    )


def _add_audit(count: int) -> sa.Insert:
    columns = [column.name for column in ingest_audit_entries.columns if column.name != "id"]
    return sa.insert(ingest_audit_entries).values([dict.fromkeys(columns)] * count)


ONCE: dict[str, sa.ClauseElement] = {
    # FOR UPDATE orders the writers on PostgreSQL; SQLite has let in only one already.
    "counters": sa.select(_COUNTER.name, _COUNTER.value).with_for_update(),
    "key_ends": sa.select(_KEY.expires_at, _KEY.revoked_at).where(_KEY.id == sa.bindparam("key")),
    "owner": sa.select(ingest_providers.c.partner_id).where(
        ingest_providers.c.identifier == sa.bindparam("provider")
    ),
    "kept": sa.select(_KEPT.request_sha256, _KEPT.answer_code, _KEPT.headers, _KEPT.answer).where(
        _KEPT.key_id == sa.bindparam("key"),
        _KEPT.idempotency_key == sa.bindparam("idempotency"),
        _KEPT.created_at >= sa.bindparam("since", type_=Instant()),
    ),
    "forget_old": sa.delete(ingest_idempotency_keys).where(
        _KEPT.created_at < sa.bindparam("since", type_=Instant())
    ),
    "forget_kept": sa.delete(ingest_idempotency_keys).where(
        _KEPT.key_id == sa.bindparam("key"), _KEPT.idempotency_key == sa.bindparam("idempotency")
    ),
    "open_snapshot": sa.select(ingest_snapshots.c.provider_identifier).where(
        ingest_snapshots.c.snapshot_id == sa.bindparam("snapshot"),
        ingest_snapshots.c.partner_id == sa.bindparam("partner"),
        ingest_snapshots.c.state == sa.literal_column("'open'"),
    ),
    "move_listing": sa.update(ingest_listings)
    .values(
        revision=sa.bindparam("new_revision"), event_offset=sa.bindparam("new_offset"),
        status=sa.bindparam("new_status"), fingerprint=sa.bindparam("new_fingerprint"),
        document=sa.bindparam("new_document"),
    )
    .where(_LISTING.id == sa.bindparam("listing")),
    "move_counter": sa.update(ingest_counters)
    .values(value=sa.bindparam("last"))
    .where(_COUNTER.name == sa.bindparam("counter")),
}  # fmt: skip
"""Statements with a fixed number of parameters."""

SIZED: dict[str, Callable[[int], sa.ClauseElement]] = {
    "listings": _listings,
    "add_batches": _insert(ingest_batches),
    "add_changes": _insert(ingest_changes),
    "add_refusals": _insert(ingest_refusals),
    "add_listings": _insert(ingest_listings),
    "add_providers": _insert(ingest_providers),
    "add_kept": _insert(ingest_idempotency_keys),
    "add_sent": _insert_new(ingest_snapshot_items),
    "add_usage": _add_usage,
    "add_audit": _add_audit,
}
"""Statements by the number of their rows."""
