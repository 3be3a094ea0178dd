"""Locate: gives each listing its zones, from its point or else from the names in its words.

Points are found by `zone_index`, names by `named_places`; this joins them.
"""

from dataclasses import dataclass
from typing import Self

import polars as pl

from analytics import named_places, place_names, zone_index
from store.shapes.vocabulary import PlacePrecision

LEVEL_COLUMNS = zone_index.LEVEL_COLUMNS


@dataclass(frozen=True)
class ZoneIndex:
    """Everything `locate` needs to know of a set of zones."""

    points: zone_index.PointIndex
    names: place_names.NameTable

    @classmethod
    def build(cls, zones: pl.DataFrame) -> Self:
        """Return the index of a frame with the columns of `core_zones`, in any order of rows.

        Its column `population` (null is unknown) tells which names are distinctive enough to
        be believed alone; without the column only towns with neighbourhoods are.
        """
        points = zone_index.build_points(zones)
        return cls(points, place_names.build_names(zones, zone_index.level_columns(points)))


@dataclass(frozen=True)
class PlaceMatch:
    """The zone that a text names; without one the precision is unknown and the rest empty."""

    zone_id: str | None
    precision: str
    confidence: float
    matched_name: str | None


def assign_points(index: ZoneIndex, points: pl.DataFrame) -> pl.DataFrame:
    """Return the zones of each point: see `zone_index.assign_points`."""
    return zone_index.assign_points(index.points, points)


def assign_names(index: ZoneIndex, texts: pl.DataFrame) -> pl.DataFrame:
    """Return the zones that texts name: see `named_places.assign_names`."""
    return named_places.assign_names(index.names, texts)


def find_place(
    index: ZoneIndex, address: str | None, title: str | None, description: str | None
) -> PlaceMatch:
    """Return the zone that one listing's words name: `assign_names` for a single row."""
    text = pl.DataFrame(
        {"id": [0], "address": [address], "title": [title], "description": [description]},
        schema_overrides=dict.fromkeys(place_names.FIELDS, pl.String),
    )
    columns = ("zone_id", "precision", "confidence", "matched_name")
    return PlaceMatch(*assign_names(index, text).select(columns).row(0))


def locate(index: ZoneIndex, listings: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of `core_listing_places` for each listing, in the order given.

    `listings` has id, latitude, longitude, address, title, description, any but id null.
    A point inside a zone is exact with confidence 1.0. Without one, names in the words decide
    (`named_places`). Else the place is unknown: zones null, confidence 0. A row does not depend
    on its neighbours.
    """
    pointed = assign_points(index, listings).with_columns(
        precision=pl.lit(PlacePrecision.EXACT.value),
        confidence=pl.lit(1.0),
        matched_name=pl.lit(None, pl.String),
    )
    is_exact = pointed["zone_id"].is_not_null()
    named = assign_names(index, listings.filter(~is_exact))
    order = pl.int_range(pl.len(), dtype=pl.Int64).alias("order")
    placed = [
        pointed.with_columns(order).filter(is_exact),
        named.with_columns(order=pointed.select(order).filter(~is_exact)["order"]),
    ]
    return pl.concat(placed).sort("order").drop("order")
