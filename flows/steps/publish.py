"""Publish: writes one cycle in one transaction of the warehouse, fenced by the lease.

Core rows, history, market rows, watermark and publication number move together or not at all.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from flows.steps.advance import Advance
from flows.steps.check import Check
from flows.steps.market_rows import MarketRows
from flows.steps.parties import Parties
from flows.steps.resident import Resident
from store.crash_points import crash_at
from store.frames import conform, delete_keys, delete_rows, empty_frame, insert_missing, upsert
from store.tables import warehouse as tables
from store.warehouse import Lease, Progress, fenced, write_progress


@dataclass(frozen=True)
class CycleReport:
    """What one cycle did. publication None: nothing was published."""

    watermark: int
    publication: int | None
    edition: int
    events: int
    listings: int
    refused: int
    delay_p95_ms: float | None
    failed_checks: tuple[str, ...]


def publish(
    engine: Engine,
    lease: Lease,
    step: Advance,
    checks: list[Check],
    run_id: str,
    started: datetime,
    now: datetime,
) -> tuple[Resident, CycleReport]:
    """Write the cycle. Raises LeaseLostError (and writes nothing) when the lease is gone."""
    before = step.before
    failed = tuple(c.name for c in checks if not c.is_ok and c.is_severe)
    market = None if failed else step.market
    after = Progress(
        watermark=step.batch.last_offset,
        publication=before.publication + (market is not None),
        # 0: what is published is no longer of the newest edition, so the next cycle redoes it.
        edition=step.after.edition.number if market and step.after.edition else 0,
    )
    run = _run_row(step, checks, after, run_id, started, now)
    with fenced(engine, lease) as connection:
        _write_core(connection, step)
        _write_batch(connection, step, started, now)
        crash_at("publish_core_written")
        _write_failures(connection, checks, after.watermark, run_id, now)
        if market is not None:
            _write_market(connection, market, after.publication)
            upsert(connection, tables.market_runs, run)
            crash_at("publish_market_written")
        write_progress(connection, before, after)
    report = CycleReport(
        watermark=after.watermark,
        publication=after.publication if market is not None else None,
        edition=after.edition,
        events=step.batch.events.height,
        listings=step.collapsed.listings.height,
        refused=step.normalised.refusals.filter(pl.col("severity") == "refused").height,
        delay_p95_ms=run["delay_p95_ms"][0] if market is not None else None,
        failed_checks=failed,
    )
    return replace(step.after, progress=after), report


def forget_listings(connection: Connection, ids: pl.Series, provider: str | None) -> None:
    """Delete what is loaded of some listings, to be loaded again; verdicts on pictures stay.

    provider: all its listings are meant, so its agencies and agents, and the warnings that rest
    on them, go too.
    """
    keys = ids.to_list()
    for table in (tables.core_listing_versions, tables.core_price_history,
                  tables.core_status_history, tables.core_listing_places,
                  tables.core_listings):  # fmt: skip
        delete_keys(connection, table, "id", keys)
    delete_keys(connection, tables.core_listing_images, "listing_id", keys)
    refusal = tables.core_refusals.c
    if provider is None:
        known = refusal.severity != "warned"
        delete_keys(connection, tables.core_refusals, "listing_id", keys, known)
        return
    delete_keys(connection, tables.core_refusals, "listing_id", keys)
    for table in (tables.core_agencies, tables.core_agents):
        connection.execute(sa.delete(table).where(table.c.provider_identifier == provider))
    for table in (tables.core_agency_versions, tables.core_agent_versions):
        named = table.c.identifier
        prefix = f"{provider}:"
        connection.execute(sa.delete(table).where(sa.func.substr(named, 1, len(prefix)) == prefix))


def _write_core(connection: Connection, step: Advance) -> None:
    rows, history = step.normalised, step.collapsed
    _write_providers(connection, rows.providers)
    _write_parties(connection, step.parties)
    insert_missing(connection, tables.core_listing_versions, rows.versions)
    upsert(connection, tables.core_listings, history.listings, newer="revision")
    insert_missing(connection, tables.core_price_history, history.price_history)
    insert_missing(connection, tables.core_status_history, history.status_history)
    insert_missing(connection, tables.core_refusals, rows.refusals)
    insert_missing(connection, tables.core_refusals, step.parties.warnings)
    upsert(connection, tables.core_listing_places, step.places)
    upsert(connection, tables.core_image_verdicts, step.verdicts)
    delete_keys(connection, tables.core_listing_images, "listing_id", step.image_listings.to_list())
    upsert(connection, tables.core_listing_images, step.images)
    upsert(connection, tables.core_rates, step.rates)
    upsert(connection, tables.core_editions, step.editions)
    if step.zones is not None:
        connection.execute(sa.delete(tables.core_zones))
        upsert(connection, tables.core_zones, step.zones)


def _write_batch(connection: Connection, step: Advance, started: datetime, now: datetime) -> None:
    """Say when these events were loaded first: a replay has the rows of those before it."""
    table, last = tables.core_batches, step.batch.last_offset
    known = connection.execute(sa.select(sa.func.max(table.c.last_offset))).scalar() or 0
    if last > known:
        first = max(known, step.before.watermark) + 1
        row = {"first_offset": first, "last_offset": last, "taken_at": started, "loaded_at": now}
        connection.execute(sa.insert(table).values(row))


def _write_failures(
    connection: Connection, checks: list[Check], watermark: int, run_id: str, now: datetime
) -> None:
    """Keep which rules were broken, whether that stopped the publication or not."""
    table = tables.market_check_failures
    for failed in checks:
        if failed.is_ok:
            continue
        key = {"failed_date": now.date(), "dataset": failed.table, "rule": failed.name}
        news = {"bad_rows": failed.bad, "bad_key": failed.bad_key, "watermark": watermark,
                "run_id": run_id, "last_failed_at": now}  # fmt: skip
        seen = sa.update(table).where(*(table.c[name] == value for name, value in key.items()))
        if not connection.execute(seen.values(**news, cycles=table.c.cycles + 1)).rowcount:
            severity = "severe" if failed.is_severe else "mild"
            row = {**key, **news, "severity": severity, "cycles": 1, "first_failed_at": now}
            connection.execute(sa.insert(table).values(row))


def _write_parties(connection: Connection, parties: Parties) -> None:
    upsert(connection, tables.core_agencies, parties.agencies, newer="event_offset")
    upsert(connection, tables.core_agents, parties.agents, newer="event_offset")
    insert_missing(connection, tables.core_agency_versions, parties.agency_versions)
    insert_missing(connection, tables.core_agent_versions, parties.agent_versions)


def _write_providers(connection: Connection, seen: pl.DataFrame) -> None:
    insert_missing(connection, tables.core_providers, seen)
    for row in seen.iter_rows(named=True):
        connection.execute(
            sa.update(tables.core_providers)
            .where(
                tables.core_providers.c.identifier == row["identifier"],
                # Events may be loaded again, long after newer ones.
                tables.core_providers.c.last_recorded_at < row["last_recorded_at"],
            )
            .values(last_recorded_at=row["last_recorded_at"])
        )


def _write_market(connection: Connection, rows: MarketRows, publication: int) -> None:
    by_listing = (
        (tables.market_listings, rows.listings),
        (tables.market_valuations, rows.valuations),
        (tables.market_scores, rows.scores),
    )
    figures = rows.figures
    by_zone = (
        (tables.market_zones, figures.zones, figures.gone_zones),
        (tables.market_zone_months, figures.zone_months, figures.gone_months),
    )
    for table, frame in by_listing:
        if rows.is_whole:
            connection.execute(sa.delete(table))
        else:
            gone = rows.judged if table is tables.market_scores else rows.tombstones
            delete_keys(connection, table, "id", gone.to_list())
        upsert(connection, table, _numbered(frame, publication))
    for table, frame, gone_keys in by_zone:
        if rows.is_whole:
            connection.execute(sa.delete(table))
        else:
            delete_rows(connection, table, gone_keys)
        upsert(connection, table, _numbered(frame, publication))


def _numbered(frame: pl.DataFrame, publication: int) -> pl.DataFrame:
    return frame.with_columns(pl.lit(publication, pl.Int64).alias("publication"))


def _run_row(
    step: Advance,
    checks: list[Check],
    after: Progress,
    run_id: str,
    started: datetime,
    now: datetime,
) -> pl.DataFrame:
    if step.market is None or step.after.edition is None:
        return empty_frame(tables.market_runs)
    delays = step.batch.events.select(
        ((pl.lit(now) - pl.col("received_at")).dt.total_milliseconds()).alias("delay")
    )["delay"]
    outcomes = [{"name": c.name, "severe": c.is_severe, "bad": c.bad} for c in checks]
    row = {
        "publication": after.publication, "run_id": run_id, "watermark": after.watermark,
        "edition": step.after.edition.number, "as_of_date": step.after.edition.as_of_date,
        "started_at": started, "published_at": now, "events": step.batch.events.height,
        "listings": step.market.listings.height,
        "refused": step.normalised.refusals.height, "zones": step.market.figures.zones.height,
        "delay_p50_ms": delays.quantile(0.5), "delay_p95_ms": delays.quantile(0.95),
        "delay_max_ms": delays.max(), "checks": json.dumps(outcomes),
    }  # fmt: skip
    return conform(pl.DataFrame([row]), tables.market_runs)
