"""Resident: the columns a refresh needs, kept in memory between cycles.

A cache of the warehouse, nothing more: it can be read anew at any time, and is whenever a
worker starts or a cycle fails.
"""

from dataclasses import dataclass, replace

import polars as pl
from sqlalchemy.engine import Engine

from analytics.edition import Edition, from_bytes
from analytics.history import spells
from analytics.places import ZoneIndex
from analytics.zone_changes import ZoneLedgers
from flows.steps.batch import EDITION_SUFFIX
from flows.steps.described import described, tombstones, unjudged
from flows.steps.parties import contacts_in_use
from store.database import reading
from store.frames import conform, read_frame
from store.objects import ObjectStore
from store.tables import warehouse as tables
from store.warehouse import Progress, read_progress


@dataclass(frozen=True)
class MadeWith:
    """What an edition was made with, by which the next one is judged due."""

    listings: int = 0
    zone_set: str | None = None


@dataclass(frozen=True)
class Resident:
    """What is stored, as frames of the tables' schemas.

    spells: one row per listing and spell. zones: core_zones rows without geometry.
    agent_contacts: `parties.CONTACT_SCHEMA`. market: market_listings rows, and those of deleted
    listings as if they were still published, because zone figures count their past.
    edition None: none was made yet, so nothing can be published. made_with: what was
    stored when it was made. ledgers: what all homes add to their zones under `edition`; None
    until the first change needs them.
    """

    progress: Progress
    listings: pl.DataFrame
    places: pl.DataFrame
    images: pl.DataFrame
    verdicts: pl.DataFrame
    price_history: pl.DataFrame
    status_history: pl.DataFrame
    agencies: pl.DataFrame
    agents: pl.DataFrame
    agent_contacts: pl.DataFrame
    spells: pl.DataFrame
    market: pl.DataFrame
    rates: pl.DataFrame
    zones: pl.DataFrame
    zone_index: ZoneIndex | None
    edition: Edition | None
    made_with: MadeWith
    ledgers: ZoneLedgers | None = None


def read_resident(engine: Engine, objects: ObjectStore) -> Resident:
    """Read everything in one snapshot."""
    with reading(engine) as connection:
        progress = read_progress(connection)
        editions = read_frame(connection, tables.core_editions)
        zones = read_frame(connection, tables.core_zones)
        status_history = read_frame(connection, tables.core_status_history)
        listings = read_frame(connection, tables.core_listings)
        resident = Resident(
            progress=progress,
            listings=listings,
            places=read_frame(connection, tables.core_listing_places),
            images=read_frame(connection, tables.core_listing_images),
            verdicts=read_frame(connection, tables.core_image_verdicts),
            price_history=read_frame(connection, tables.core_price_history),
            status_history=status_history,
            agencies=read_frame(connection, tables.core_agencies),
            agents=read_frame(connection, tables.core_agents),
            agent_contacts=contacts_in_use(listings),
            spells=spells(status_history),
            market=read_frame(connection, tables.market_listings),
            rates=read_frame(connection, tables.core_rates),
            zones=zones.drop("geometry_wkb"),
            zone_index=index_zones(zones),
            edition=load_edition(editions, objects),
            made_with=made_with(editions),
        )
    return _with_tombstones(resident)


def _with_tombstones(resident: Resident) -> Resident:
    """Describe deleted listings anew: the published tables do not hold them."""
    gone = tombstones(resident.listings)
    if resident.edition is None or gone.is_empty():
        return resident
    rows = described(
        gone, resident.places, resident.zones, resident.images, resident.edition, gone["id"]
    )
    return replace(resident, market=pl.concat([resident.market, as_market(unjudged(rows))]))


def as_market(rows: pl.DataFrame) -> pl.DataFrame:
    """Return described rows as market_listings has them, of no publication."""
    return conform(
        rows.with_columns(pl.lit(0, pl.Int64).alias("publication")), tables.market_listings
    )


def index_zones(zones: pl.DataFrame) -> ZoneIndex | None:
    """Return the index of a zone set; None while there are no zones."""
    return None if zones.is_empty() else ZoneIndex.build(zones)


def load_edition(editions: pl.DataFrame, objects: ObjectStore) -> Edition | None:
    """Return the newest of these editions, its frozen parts read from the object store."""
    if editions.is_empty():
        return None
    newest = editions.sort("edition").row(-1, named=True)
    return from_bytes(objects.get(newest["artefact_sha256"], EDITION_SUFFIX))


def made_with(editions: pl.DataFrame) -> MadeWith:
    """Return what the newest of these editions was made with."""
    if editions.is_empty():
        return MadeWith()
    newest = editions.sort("edition").row(-1, named=True)
    return MadeWith(newest["listings"], newest["zone_set"])


def zone_set(zones: pl.DataFrame) -> str | None:
    """Return the name of the set these zones came with; None without zones."""
    return None if zones.is_empty() else str(zones["zone_set"][0])


def replace_rows(stored: pl.DataFrame, rows: pl.DataFrame, key: str = "id") -> pl.DataFrame:
    """Return the stored rows with those of the same keys replaced by the given ones."""
    if rows.is_empty():
        return stored
    return pl.concat([stored.join(rows.select(key).unique(), on=key, how="anti"), rows])
