"""Preview: what posts would become, by the very steps a refresh takes; writes nothing.

Works on events in memory, against the zones and rates of the current warehouse. What the
door checks, and what differs from the stored listing, is left to the API.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
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


def preview(ground: Ground, documents: Sequence[Json], now: datetime) -> list[Json]:
    """Return the records that merged documents (identifiers in them) would become, in their order.

    `record`: columns of core_listings, in JSON's types, None when a rule refuses it whole;
    `refusals`: rule_code, column_name, severity, message; `zone`: zone_id, name, precision,
    confidence, matched_name, None when refused.
    """
    normalised = normalise(_events(documents, now), ground.rates)
    refusals: dict[int, list[Json]] = defaultdict(list)
    for row in normalised.refusals.select("listing_id", *TOLD).to_dicts():
        refusals[row.pop("listing_id")].append(row)
    records = {row["id"]: row for row in normalised.versions.to_dicts()}
    zones = _zones(ground, normalised.versions)
    return [
        {
            "record": _record(records.get(number)),
            "refusals": refusals[number],
            "zone": zones.get(number),
        }
        for number in range(len(documents))
    ]


TOLD = ("rule_code", "column_name", "severity", "message")


def _record(row: Json | None) -> Json | None:
    if row is None:
        return None
    return {name: _plain(value) for name, value in row.items() if name not in UNASSIGNED}


def _events(documents: Sequence[Json], now: datetime) -> pl.DataFrame:
    received = instant_text(now)
    rows = [
        {
            "event_offset": number, "event_id": "", "kind": "listing", "listing_id": number,
            "revision": 1, "provider_identifier": document["providerIdentifier"],
            "external_id": document["externalId"], "received_at": now,
            "effective_at": parse_instant(effective_at(None, document, document, received)),
            "is_changed": True, "payload": b"", "document": json.dumps(document).encode(),
        }
        for number, document in enumerate(documents)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=no_events(0).events.schema)


def _zones(ground: Ground, versions: pl.DataFrame) -> dict[int, Json]:
    if ground.index is None:
        unknown = {"zone_id": None, "name": None, "precision": "unknown", "confidence": 0.0,
                   "matched_name": None}  # fmt: skip
        return dict.fromkeys(versions["id"].to_list(), unknown)
    columns = ["id", "latitude", "longitude", "address", "title", "description"]
    places = locate(ground.index, versions.select(columns)).to_dicts()
    return {
        place["id"]: {
            "zone_id": place["zone_id"],
            "name": ground.names.get(place["zone_id"]),
            "precision": place["precision"],
            "confidence": place["confidence"],
            "matched_name": place["matched_name"],
        }
        for place in places
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant_text(value)
    return value.isoformat() if isinstance(value, date) else value
