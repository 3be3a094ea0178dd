"""Reference: brings zones and rates into the lake, as facts that a replay finds again."""

from datetime import datetime
from pathlib import Path

import polars as pl

from analytics.zone_cells import derive_zones
from flows.steps.batch import RATES_LOADED, RATES_SUFFIX, ZONES_LOADED, ZONES_SUFFIX
from store.home import Home
from store.journal import append_event
from store.objects import open_objects
from store.reference import (
    places_path,
    rates_path,
    read_places,
    read_rates,
    zones_from_geojson,
    zones_to_parquet,
)
from store.settings import Settings


def load_packaged(settings: Settings, now: datetime) -> None:
    """Load the zones and rates that ship with imo360 (a new home's first two facts)."""
    load_zones(settings, derive_zones(read_places(places_path())), "packaged places", now)
    load_rates(settings, rates_path(), now)


def load_zone_file(settings: Settings, path: Path, now: datetime) -> int:
    """Replace the zones by those of a GeoJSON file; return how many.

    Raises ZoneFileError (nothing is changed) when the file is not a set of zones.
    """
    zones = zones_from_geojson(path)
    load_zones(settings, zones, path.name, now)
    return zones.height


def load_zones(settings: Settings, zones: pl.DataFrame, source: str, now: datetime) -> None:
    """Journal a set of zones (core_zones columns)."""
    objects = open_objects(Home(settings.home).objects)
    sha256 = objects.put(zones_to_parquet(zones), ZONES_SUFFIX)
    append_event(settings, ZONES_LOADED, {"sha256": sha256, "source": source}, now)


def load_rates(settings: Settings, path: Path, now: datetime) -> int:
    """Journal a file of dated euro rates; return how many.

    Raises RateFileError (nothing is changed) when the file is not one. A rate applies to events
    received after it was loaded.
    """
    rates = read_rates(path)
    content = path.read_bytes()
    objects = open_objects(Home(settings.home).objects)
    sha256 = objects.put(content, RATES_SUFFIX)
    append_event(settings, RATES_LOADED, {"sha256": sha256, "source": path.name}, now)
    return rates.height
