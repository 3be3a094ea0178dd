"""Resident: what a worker keeps in memory between cycles.

A cache of the warehouse, nothing more: it can be read anew at any time, and is whenever a
worker starts or a cycle fails. Rows of listings are not in it; a cycle reads those it touches
(`stored`).
"""

from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from analytics.edition import Edition, from_bytes
from analytics.places import ZoneIndex
from analytics.zone_changes import ZoneLedgers
from flows.steps.batch import EDITION_SUFFIX
from store.database import reading
from store.frames import read_frame
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
    """What is the same for all listings, and their number.

    zones: core_zones rows without geometry. edition None: none was made yet, so nothing can be
    published. made_with: what was stored when it was made. ledgers: what all homes add to their
    zones under `edition`; None until the first change needs them.
    """

    progress: Progress
    listings: int
    rates: pl.DataFrame
    zones: pl.DataFrame
    zone_index: ZoneIndex | None
    edition: Edition | None
    made_with: MadeWith
    ledgers: ZoneLedgers | None = None


def read_resident(engine: Engine, objects: ObjectStore) -> Resident:
    """Read everything in one snapshot."""
    with reading(engine) as connection:
        editions = read_frame(connection, tables.core_editions)
        zones = read_frame(connection, tables.core_zones)
        counted = sa.select(sa.func.count()).select_from(tables.core_listings)
        return Resident(
            progress=read_progress(connection),
            listings=connection.execute(counted).scalar_one(),
            rates=read_frame(connection, tables.core_rates),
            zones=zones.drop("geometry_wkb"),
            zone_index=index_zones(zones),
            edition=load_edition(editions, objects),
            made_with=made_with(editions),
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
