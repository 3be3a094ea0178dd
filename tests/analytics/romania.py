"""The packaged places as zones, made once for all tests of this process."""

from functools import cache

import polars as pl

from analytics.places import ZoneIndex
from analytics.zone_cells import derive_zones
from store.reference import places_path, read_places


@cache
def places() -> pl.DataFrame:
    return read_places(places_path())


@cache
def zones() -> pl.DataFrame:
    return derive_zones(places())


@cache
def index() -> ZoneIndex:
    return ZoneIndex.build(zones())
