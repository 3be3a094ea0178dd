"""Reads the reference files: places, rates, and anybody's zones from GeoJSON.

Packaged files lie in `data/reference` beside this package; `cli.reference` builds them.
A file that breaks its promise raises one error whose message names what and where.
"""

import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import shapely

from store.frames import schema_of
from store.shapes.vocabulary import ZONE_LEVELS, Currency, ZoneLevel
from store.tables.warehouse import core_zones

PLACE_SCHEMA = pl.Schema(
    {
        "place_id": pl.String(),
        "level": pl.String(),
        "name": pl.String(),
        "parent_id": pl.String(),
        "latitude": pl.Float64(),
        "longitude": pl.Float64(),
        "aliases": pl.String(),
        "population": pl.Int64(),
        "source": pl.String(),
        "licence": pl.String(),
    }
)
RATE_SCHEMA = pl.Schema(
    {"currency": pl.String(), "rate_date": pl.Date(), "units_per_eur": pl.Float64()}
)
ZONE_FRAME_SCHEMA = schema_of(core_zones)

UNKNOWN_TERMS = "unstated"
GZIP_MAGIC = b"\x1f\x8b"
DEPTH = {level: depth for depth, level in enumerate(ZONE_LEVELS)}


class ReferenceFileError(ValueError):
    """A reference file cannot be used; the message is one line naming what and where."""


class PlaceFileError(ReferenceFileError):
    """A gazetteer cannot be used."""


class RateFileError(ReferenceFileError):
    """A file of rates cannot be used."""


class ZoneFileError(ReferenceFileError):
    """A file of zones cannot be used."""


def reference_dir() -> Path:
    """Return the folder of packaged reference files, found relative to this package."""
    return Path(__file__).resolve().parent.parent / "data" / "reference"


def places_path() -> Path:
    """Return the packaged gazetteer."""
    return reference_dir() / "places.csv"


def rates_path() -> Path:
    """Return the packaged rates of the ECB."""
    return reference_dir() / "rates.csv"


def read_places(source: Path | bytes) -> pl.DataFrame:
    """Return the gazetteer (PLACE_SCHEMA): `aliases` is `|`-separated, null when there are none.

    Raises PlaceFileError when a column is missing or a cell does not fit it.
    """
    try:
        places = pl.read_csv(_content(source), schema_overrides=dict(PLACE_SCHEMA))
        return places.select(PLACE_SCHEMA.names())
    except (OSError, pl.exceptions.PolarsError) as error:
        raise PlaceFileError(f"places {_name(source)}: {_first_line(error)}") from error


def read_rates(source: Path | bytes) -> pl.DataFrame:
    """Return dated rates (RATE_SCHEMA), sorted by currency and day.

    `units_per_eur` is the ECB's: units of the currency for one euro. Raises RateFileError for a
    missing column, a currency outside the vocabulary, a rate that is not a positive number, and
    two rates for one currency and day.
    """
    try:
        rates = pl.read_csv(_content(source), schema_overrides=dict(RATE_SCHEMA))
        rates = rates.select(RATE_SCHEMA.names()).sort("currency", "rate_date")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RateFileError(f"rates {_name(source)}: {_first_line(error)}") from error
    for reason, wrong in _rate_faults().items():
        found = rates.filter(wrong)
        if found.height:
            currency, day, units = found.row(0)
            raise RateFileError(f"rates {_name(source)}: {reason}: {currency}, {day}, {units}")
    return rates


def zones_to_parquet(zones: pl.DataFrame) -> bytes:
    """Return the columns of `core_zones` of a frame of zones as Parquet, sorted by zone_id.

    The same zones give the same bytes with the same version of polars, in whatever row order.
    """
    buffer = io.BytesIO()
    ordered = (
        zones.match_to_schema(ZONE_FRAME_SCHEMA, extra_columns="ignore").sort("zone_id").rechunk()
    )
    ordered.write_parquet(buffer, compression="zstd", statistics=False)
    return buffer.getvalue()


def zones_from_parquet(content: bytes) -> pl.DataFrame:
    """Return the zones that `zones_to_parquet` wrote; raises ZoneFileError for other bytes."""
    try:
        return pl.read_parquet(io.BytesIO(content)).match_to_schema(ZONE_FRAME_SCHEMA)
    except pl.exceptions.PolarsError as error:
        raise ZoneFileError(f"zones: not a Parquet file of zones: {_first_line(error)}") from error


def zones_from_geojson(
    source: Path | bytes,
    *,
    zone_set: str | None = None,
    level: str = ZoneLevel.NEIGHBOURHOOD,
    id_property: str | None = None,
    name_property: str | None = None,
) -> pl.DataFrame:
    """Return the zones of a GeoJSON FeatureCollection (plain or gzip), sorted by zone_id.

    Each feature is one Polygon or MultiPolygon in WGS84. Its properties and their defaults:
    zone_id: `id_property`, else `zone_id`, `id`, the feature's own `id`, else from the name;
    name: `name_property`, else `name`, else the id; level: else the argument `level`;
    parent_id: null; aliases (a list, or text with `|` between): none; latitude and longitude
    of the label: a point inside the polygon; population: unknown; source: the file's
    name; licence: "unstated"; is_approximate: false. `zone_set` defaults to the file's
    name. Polygons that cross themselves are repaired; holes and overlaps are kept.
    Raises ZoneFileError when it is no such file, a feature has no polygon, a level is unknown,
    an id comes twice, or a parent is missing or not of a wider level.
    """
    label = _name(source)
    reader = _FeatureReader(label, level, id_property, name_property)
    rows = [reader.zone(number, found) for number, found in _features(source, label)]
    _check_tree(rows, label)
    zones = pl.DataFrame(rows, schema=_without(ZONE_FRAME_SCHEMA, "zone_set"), orient="row")
    version = zone_set if zone_set is not None else label
    return zones.with_columns(zone_set=pl.lit(version)).sort("zone_id")


class _FeatureReader:
    """Turns one feature into one row of zones, or says what is wrong with it."""

    def __init__(
        self, label: str, level: str, id_property: str | None, name_property: str | None
    ) -> None:
        self.label = label
        self.level = level
        self.id_properties = [id_property] if id_property else ["zone_id", "id"]
        self.name_property = name_property or "name"

    def zone(self, number: int, feature: Any) -> dict[str, Any]:
        found = feature.get("properties") if isinstance(feature, dict) else None
        properties: dict[str, Any] = found if isinstance(found, dict) else {}
        name = _text(properties.get(self.name_property))
        zone_id = self._zone_id(feature, properties, name)
        if zone_id is None:
            wanted = ", ".join([*self.id_properties, self.name_property])
            raise ZoneFileError(f"zones {self.label}: feature {number} has none of {wanted}")
        where = f"zones {self.label}: feature {number} ({zone_id})"
        polygon = _polygon(feature.get("geometry"), where)
        latitude, longitude = _label_point(properties, polygon, where)
        return {
            "zone_id": zone_id,
            "level": _level(properties, self.level, where),
            "name": name or zone_id,
            "parent_id": _text(properties.get("parent_id")),
            "aliases": json.dumps(_aliases(properties, where), ensure_ascii=False),
            "latitude": latitude,
            "longitude": longitude,
            "source": _text(properties.get("source")) or self.label,
            "licence": _text(properties.get("licence")) or UNKNOWN_TERMS,
            "is_approximate": properties.get("is_approximate") is True,
            "population": _population(properties, where),
            "geometry_wkb": shapely.to_wkb(polygon, byte_order=1, output_dimension=2),
        }

    def _zone_id(self, feature: Any, properties: dict[str, Any], name: str | None) -> str | None:
        given = [_text(properties.get(key)) for key in self.id_properties]
        own = _text(feature.get("id")) if isinstance(feature, dict) else None
        slug = re.sub(r"\W+", "-", (name or "").lower()).strip("-")
        return next((text for text in [*given, own, slug] if text), None)


def _features(source: Path | bytes, label: str) -> Iterator[tuple[int, Any]]:
    try:
        content = _content(source)
        unpacked = gzip.decompress(content) if content.startswith(GZIP_MAGIC) else content
        document = json.loads(unpacked)
    except (OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
        raise ZoneFileError(f"zones {label}: not readable JSON: {_first_line(error)}") from error
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        raise ZoneFileError(f"zones {label}: not a GeoJSON FeatureCollection")
    if not features:
        raise ZoneFileError(f"zones {label}: no polygons: the list of features is empty")
    return enumerate(features)


def _polygon(geometry: Any, where: str) -> shapely.Geometry:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in ("Polygon", "MultiPolygon"):
        raise ZoneFileError(f"{where} has no polygon but {kind or 'no geometry'}")
    try:
        found = shapely.force_2d(shapely.from_geojson(json.dumps(geometry)))
    except shapely.errors.GEOSException as error:
        raise ZoneFileError(f"{where}: {_first_line(error)}") from error
    if not found.is_valid:
        found = shapely.make_valid(found, method="structure", keep_collapsed=False)
    if found.is_empty or found.area == 0:
        raise ZoneFileError(f"{where} has an empty polygon")
    west, south, east, north = found.bounds
    if not (west >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise ZoneFileError(f"{where}: coordinates are not degrees of WGS84: {found.bounds}")
    return shapely.normalize(found)


def _level(properties: dict[str, Any], default: str, where: str) -> str:
    level = _text(properties.get("level")) or default
    if level not in DEPTH:
        raise ZoneFileError(f"{where}: unknown level {level!r}, not one of {', '.join(DEPTH)}")
    return str(level)


def _label_point(
    properties: dict[str, Any], polygon: shapely.Geometry, where: str
) -> tuple[float, float]:
    given: tuple[Any, Any] = (properties.get("latitude"), properties.get("longitude"))
    if given == (None, None):
        inside = shapely.point_on_surface(polygon)
        return round(float(shapely.get_y(inside)), 6), round(float(shapely.get_x(inside)), 6)
    try:
        latitude, longitude = (float(degrees) for degrees in given)
    except (TypeError, ValueError) as error:
        raise ZoneFileError(f"{where}: latitude and longitude are {given}") from error
    return latitude, longitude


def _aliases(properties: dict[str, Any], where: str) -> list[str]:
    given = properties.get("aliases")
    names = given.split("|") if isinstance(given, str) else given or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ZoneFileError(f"{where}: aliases are neither a list of text nor text")
    return [name.strip() for name in names if name.strip()]


def _population(properties: dict[str, Any], where: str) -> int | None:
    given = properties.get("population")
    if given is None or (isinstance(given, int) and not isinstance(given, bool) and given >= 0):
        return given
    raise ZoneFileError(f"{where}: population is {given!r}, not a whole number")


def _check_tree(rows: list[dict[str, Any]], label: str) -> None:
    levels: dict[str, str] = {}
    for number, row in enumerate(rows):
        if row["zone_id"] in levels:
            raise ZoneFileError(f"zones {label}: feature {number} repeats id {row['zone_id']!r}")
        levels[row["zone_id"]] = row["level"]
    for number, row in enumerate(rows):
        where = f"zones {label}: feature {number} ({row['zone_id']})"
        parent_id = row["parent_id"]
        if parent_id is None:
            continue
        if parent_id not in levels:
            raise ZoneFileError(f"{where}: its parent {parent_id!r} is not in the file")
        if DEPTH[levels[parent_id]] >= DEPTH[row["level"]]:
            raise ZoneFileError(f"{where}: its parent {parent_id!r} is not of a wider level")


def _rate_faults() -> dict[str, pl.Expr]:
    known = [currency.value for currency in Currency if currency is not Currency.EUR]
    units = pl.col("units_per_eur")
    return {
        "a cell is empty": pl.any_horizontal(pl.all().is_null()),
        "not a currency with a rate": ~pl.col("currency").is_in(known),
        "a rate is a positive number": ~(units.is_finite() & (units > 0)),
        "two rates for one day": pl.struct("currency", "rate_date").is_duplicated(),
    }


def _without(schema: pl.Schema, column: str) -> dict[str, Any]:
    return {name: kind for name, kind in schema.items() if name != column}


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None


def _content(source: Path | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()


def _name(source: Path | bytes) -> str:
    return "(bytes)" if isinstance(source, bytes) else source.name


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
