"""Preview: what a post would become, by the very steps a refresh takes; writes nothing.

Works on one event in memory, against the zones and rates of the current warehouse. What the
door checks, and what differs from the stored listing, is left to the API.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from analytics.places import ZoneIndex, locate
from flows.steps.batch import no_events
from flows.steps.normalise import normalise
from store.database import open_warehouse_reader, reading
from store.frames import read_frame
from store.settings import Settings
from store.shapes.merge import effective_at
from store.tables.columns import instant_text, parse_instant
from store.tables.warehouse import core_rates, core_zones

Json = dict[str, Any]

UNASSIGNED = ("event_offset", "event_id", "revision", "id")
"""What only a real event has."""


@dataclass(frozen=True)
class Ground:
    """Zones and rates that a preview stands on. version: tells whether there are newer ones."""

    version: tuple[Any, ...]
    index: ZoneIndex | None
    names: dict[str, str]
    rates: pl.DataFrame


def ground_version(settings: Settings) -> tuple[Any, ...]:
    """Return what changes when other zones or rates were loaded; cheap to ask."""
    with reading(open_warehouse_reader(settings)) as connection:
        zone_set = connection.execute(sa.select(core_zones.c.zone_set).limit(1)).scalar()
        rates = connection.execute(sa.select(sa.func.max(core_rates.c.event_offset))).scalar()
    return str(open_warehouse_reader(settings).url), zone_set, rates


def read_ground(settings: Settings) -> Ground:
    """Read zones and rates of the current warehouse; with thousands of zones a second's work."""
    version = ground_version(settings)
    with reading(open_warehouse_reader(settings)) as connection:
        zones = read_frame(connection, core_zones)
        rates = read_frame(connection, core_rates)
    # Not by `resident`, which loads the models' libraries: whoever asks waits for the start.
    index = None if zones.is_empty() else ZoneIndex.build(zones)
    names = dict(zip(zones["zone_id"].to_list(), zones["name"].to_list(), strict=True))
    return Ground(version, index, names, rates)


def preview(
    ground: Ground, document: Json, provider_identifier: str, external_id: str, now: datetime
) -> Json:
    """Return the record that a merged document would become, in JSON's types.

    `record`: columns of core_listings, None when a rule refuses it whole; `refusals`: rule_code,
    column_name, severity, message; `zone`: zone_id, name, precision, confidence, matched_name,
    None when refused.
    """
    event = _event(document, provider_identifier, external_id, now)
    normalised = normalise(event, ground.rates)
    told = normalised.refusals.select("rule_code", "column_name", "severity", "message")
    refusals = told.to_dicts()
    if normalised.versions.is_empty():
        return {"record": None, "refusals": refusals, "zone": None}
    record = normalised.versions.drop(UNASSIGNED).row(0, named=True)
    return {
        "record": {name: _plain(value) for name, value in record.items()},
        "refusals": refusals,
        "zone": _zone(ground, normalised.versions),
    }


def _event(document: Json, provider: str, external_id: str, now: datetime) -> pl.DataFrame:
    received = instant_text(now)
    row = {
        "event_offset": 0, "event_id": "", "kind": "listing", "listing_id": 0, "revision": 1,
        "provider_identifier": provider, "external_id": external_id, "received_at": now,
        "effective_at": parse_instant(effective_at(None, document, document, received)),
        "is_changed": True, "payload": b"", "document": json.dumps(document).encode(),
    }  # fmt: skip
    return pl.DataFrame([row], schema=no_events(0).events.schema)


def _zone(ground: Ground, versions: pl.DataFrame) -> Json:
    if ground.index is None:
        return {"zone_id": None, "name": None, "precision": "unknown", "confidence": 0.0,
                "matched_name": None}  # fmt: skip
    columns = ["id", "latitude", "longitude", "address", "title", "description"]
    place = locate(ground.index, versions.select(columns)).row(0, named=True)
    return {
        "zone_id": place["zone_id"],
        "name": ground.names.get(place["zone_id"]),
        "precision": place["precision"],
        "confidence": place["confidence"],
        "matched_name": place["matched_name"],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant_text(value)
    return value.isoformat() if isinstance(value, date) else value
