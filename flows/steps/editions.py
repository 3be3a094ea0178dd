"""Editions: decide when the frozen parts are made anew, make them, and tell the lake."""

import json
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Engine

from analytics.edition import make, to_bytes
from flows.steps.batch import EDITION_MADE, EDITION_SUFFIX
from flows.steps.resident import Resident, zone_set
from store.crash_points import crash_at
from store.database import reading
from store.frames import read_frame
from store.home import Home
from store.journal import append_event
from store.objects import ObjectStore, open_objects
from store.settings import Settings
from store.tables.warehouse import (
    core_listing_places,
    core_listings,
    core_price_history,
    core_status_history,
)
from store.warehouse import read_progress

LOCAL = ZoneInfo("Europe/Bucharest")


def as_of(settings: Settings, now: datetime) -> date:
    """Return the day figures look from: the setting's, else today in Bucharest."""
    return settings.as_of_date or now.astimezone(LOCAL).date()


def edition_due(resident: Resident, settings: Settings, now: datetime) -> str | None:
    """Return why the next edition is due, or None.

    The first as soon as there are listings; then on a new day, on other zones than it was made
    with, and when the listings grew by `retrain_growth`.
    """
    edition, count = resident.edition, resident.listings
    if edition is None:
        return "first" if count else None
    if edition.as_of_date != as_of(settings, now):
        return "new_day"
    if zone_set(resident.zones) != resident.made_with.zone_set:
        return "zones"
    if count > resident.made_with.listings * (1 + settings.retrain_growth):
        return "retrain"
    return None


def make_edition(
    engine: Engine, resident: Resident, settings: Settings, reason: str, now: datetime
) -> int:
    """Fit and freeze the next edition at the watermark of now; return its event's offset.

    It takes effect when a refresh reads that event, in its place among all the others.
    """
    number = resident.edition.number + 1 if resident.edition else 1
    with reading(engine) as connection:
        watermark = read_progress(connection).watermark  # of the same instant as the rows
        core, places, status_history, price_history = (
            read_frame(connection, table)
            for table in (core_listings, core_listing_places, core_status_history,
                          core_price_history)
        )  # fmt: skip
    edition = make(
        number=number,
        made_at_offset=watermark,
        as_of_date=as_of(settings, now),
        reason=reason,
        core=core,
        places=places,
        zones=resident.zones,
        status_history=status_history,
        price_history=price_history,
        rates=resident.rates.sort("currency", "rate_date"),
    )
    objects: ObjectStore = open_objects(Home(settings.home).objects)
    kept = objects.put(to_bytes(edition), EDITION_SUFFIX)
    crash_at("edition_kept")
    facts = {
        "edition": number,
        "made_at_offset": edition.made_at_offset,
        "as_of_date": edition.as_of_date.isoformat(),
        "artefact_sha256": kept,
        "reason": reason,
        "listings": core.height,
        "zone_set": zone_set(resident.zones),
        "figures": json.dumps(edition.figures),
    }
    offset = append_event(settings, EDITION_MADE, facts, now)
    crash_at("edition_made")
    return offset
