"""Reference files: what ships is whole, and a broken file says what is wrong with it."""

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import shapely

from store.frames import schema_of
from store.reference import (
    PLACE_SCHEMA,
    PlaceFileError,
    RateFileError,
    ZoneFileError,
    places_path,
    rates_path,
    read_places,
    read_rates,
    reference_dir,
    zones_from_geojson,
    zones_from_parquet,
    zones_to_parquet,
)
from store.shapes.vocabulary import ZONE_LEVELS, Currency
from store.tables.warehouse import core_zones

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "zones"
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]}
BOW_TIE = {"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}
POINT = {"type": "Point", "coordinates": [1, 1]}


def feature(geometry: Any = SQUARE, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def collection(*features: Any) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def test_the_packaged_folder_is_beside_the_package() -> None:
    assert {path.name for path in reference_dir().iterdir()} >= {"places.csv", "rates.csv"}


def test_packaged_places_are_one_tree() -> None:
    places = read_places(places_path())
    assert places.schema == PLACE_SCHEMA
    assert places["place_id"].is_unique().all()
    parents = places.select(parent_id="place_id", parent_level="level")
    joined = places.join(parents, on="parent_id", how="left")
    depth = {level: number for number, level in enumerate(ZONE_LEVELS)}
    below = joined.filter(pl.col("level") != "country")
    assert below["parent_level"].null_count() == 0
    steps = below.select(pl.col("level", "parent_level").replace_strict(depth))
    assert (steps["parent_level"] < steps["level"]).all()


@pytest.mark.parametrize(
    ("level", "count"), [("country", 1), ("county", 42), ("sector", 6)], ids=lambda v: str(v)
)
def test_packaged_places_hold_every_place_of_a_level(level: str, count: int) -> None:
    assert read_places(places_path()).filter(level=level).height == count


def test_packaged_places_hold_towns_and_neighbourhoods() -> None:
    counts = dict(read_places(places_path()).group_by("level").len().iter_rows())
    assert counts["city"] > 7_000
    assert counts["neighbourhood"] > 130


def test_packaged_places_are_spelt_and_credited() -> None:
    places = read_places(places_path())
    assert not places["name"].str.contains("[şţŞŢ]").any()
    assert places["place_id"].str.contains("^[a-z0-9-]+$").all()
    assert places.select(pl.col("source", "licence").null_count()).row(0) == (0, 0)
    herastrau = places.row(
        by_predicate=pl.col("place_id") == "ro-b-bucuresti-herastrau", named=True
    )
    assert (herastrau["name"], herastrau["parent_id"]) == ("Herăstrău", "ro-b-bucuresti-s1")
    assert "Herestrau" in herastrau["aliases"].split("|")


def test_places_without_a_column_are_refused() -> None:
    with pytest.raises(PlaceFileError, match=r"places \(bytes\): .*level") as caught:
        read_places(b"place_id,name\nx,y\n")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlaceFileError, match=r"nowhere\.csv"):
        read_places(tmp_path / "nowhere.csv")


def test_packaged_rates_hold_every_currency_by_day() -> None:
    rates = read_rates(rates_path())
    assert set(rates["currency"]) == {code.value for code in Currency} - {"EUR"}
    assert rates["rate_date"].min() == date(2019, 1, 2)
    spring = rates.filter(currency="RON", rate_date=date(2024, 3, 15))["units_per_eur"]
    assert spring.to_list() == [4.9711]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("RON,2024-01-02,0", "a rate is a positive number: RON, 2024-01-02, 0.0"),
        ("RON,2024-01-02,NaN", "a rate is a positive number"),
        ("EUR,2024-01-02,1", "not a currency with a rate: EUR"),
        ("XXX,2024-01-02,1", "not a currency with a rate: XXX"),
        ("RON,2024-01-01,5", "two rates for one day: RON, 2024-01-01"),
        ("RON,2024-01-02,", "a cell is empty: RON, 2024-01-02"),
        ("RON,2024-13-02,5", "2024-13-02"),
        ("RON,2024-01-02,five", "five"),
    ],
)
def test_a_rate_that_cannot_be_is_refused(row: str, reason: str) -> None:
    content = f"currency,rate_date,units_per_eur\nRON,2024-01-01,4.97\n{row}\n"
    with pytest.raises(RateFileError) as caught:
        read_rates(content.encode())
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rates_without_a_column_are_refused() -> None:
    with pytest.raises(RateFileError, match="units_per_eur"):
        read_rates(b"currency,rate_date\nRON,2024-01-01\n")


def test_zones_take_documented_defaults() -> None:
    zones = zones_from_geojson(collection(feature(name="Old Town")), zone_set="mine")
    row = zones.row(0, named=True)
    assert zones.schema == schema_of(core_zones)
    assert shapely.from_wkb(row.pop("geometry_wkb")).area == 4
    row.pop("population", None)
    assert row == {
        "zone_id": "old-town",
        "level": "neighbourhood",
        "name": "Old Town",
        "parent_id": None,
        "aliases": "[]",
        "latitude": 1.0,
        "longitude": 1.0,
        "source": "(bytes)",
        "licence": "unstated",
        "is_approximate": False,
        "zone_set": "mine",
    }


def test_zones_take_what_the_file_says() -> None:
    city = feature(zone_id="c", name="C", level="city", licence="CC0", population=5)
    part = feature(id=7, parent_id="c", aliases=["Ș", "T"], latitude=0.5, longitude=1.5)
    zones = zones_from_geojson(collection(city, part))
    assert zones.select("zone_id", "name", "level", "parent_id", "licence").rows() == [
        ("7", "7", "neighbourhood", "c", "unstated"),
        ("c", "C", "city", None, "CC0"),
    ]
    assert zones.select("aliases", "latitude", "longitude").row(0) == ('["Ș", "T"]', 0.5, 1.5)


def test_a_polygon_that_crosses_itself_is_repaired() -> None:
    zones = zones_from_geojson(collection(feature(BOW_TIE, id="bow")))
    assert shapely.from_wkb(zones["geometry_wkb"][0]).is_valid


def test_a_packed_file_is_unpacked_and_gives_its_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.geojson.gz"
    path.write_bytes(gzip.compress(collection(feature(id="a"))))
    assert zones_from_geojson(path).select("source", "zone_set").row(0) == (path.name, path.name)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "not readable JSON"),
        (b"\xff\xfe", "not readable JSON"),
        (b"\x1f\x8b nothing", "not readable JSON"),
        (b"[" * 100_000, "not readable JSON"),
        (b"[]", "not a GeoJSON FeatureCollection"),
        (b'{"features": 1}', "not a GeoJSON FeatureCollection"),
        (collection(), "no polygons"),
        (collection(feature(POINT, id="a")), "feature 0 (a) has no polygon but Point"),
        (collection(feature(None, id="a")), "feature 0 (a) has no polygon but no geometry"),
        (collection(1), "feature 0 has none of zone_id, id, name"),
        (collection(feature()), "feature 0 has none of zone_id, id, name"),
        (
            collection(feature({"type": "MultiPolygon", "coordinates": []}, id="a")),
            "feature 0 (a) has an empty polygon",
        ),
        (
            collection(feature({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}, id="a")),
            "feature 0 (a):",
        ),
        (
            collection(feature({"type": "Polygon", "coordinates": "x"}, id="a")),
            "feature 0 (a):",
        ),
        (
            collection(
                feature(
                    {
                        "type": "Polygon",
                        "coordinates": [[[0, 0], [4e5, 0], [4e5, 4e5], [0, 4e5], [0, 0]]],
                    },
                    id="a",
                )
            ),
            "feature 0 (a): coordinates are not degrees",
        ),
        (collection(feature(id="a", level="street")), "feature 0 (a): unknown level 'street'"),
        (collection(feature(id="a"), feature(id="a")), "feature 1 repeats id 'a'"),
        (collection(feature(id="a", parent_id="b")), "(a): its parent 'b' is not in the file"),
        (collection(feature(id="a", parent_id="a")), "'a' is not of a wider level"),
        (collection(feature(id="a", aliases=[1])), "(a): aliases are neither"),
        (collection(feature(id="a", latitude=1)), "(a): latitude and longitude are (1, None)"),
        (collection(feature(id="a", population="9")), "(a): population is '9'"),
    ],
)
def test_a_file_of_zones_that_cannot_be_used_says_what_and_where(
    content: bytes, reason: str
) -> None:
    with pytest.raises(ZoneFileError) as caught:
        zones_from_geojson(content)
    assert str(caught.value).startswith("zones (bytes): ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_zones_survive_parquet_and_their_order_does_not_matter() -> None:
    zones = zones_from_geojson(collection(*(feature(id=name) for name in "cab")))
    content = zones_to_parquet(zones)
    assert zones_from_parquet(content).equals(zones)
    assert zones_to_parquet(zones.reverse()) == content


def test_other_bytes_are_no_zones() -> None:
    with pytest.raises(ZoneFileError, match="not a Parquet file of zones"):
        zones_from_parquet(b"nothing")


@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        ("romania_judete_42.geojson.gz", {"level": "county"}, 42),
        ("bucharest_sectors_6.geojson.gz", {"level": "sector", "id_property": "wof_id"}, 6),
        ("bucharest_cartiere_32_normalised.geojson.gz", {}, 32),
        ("seattle_zip-codes.geojson.gz", {"id_property": "ZCTA5CE10"}, 32),
    ],
)
def test_real_files_are_read(name: str, options: dict[str, str], count: int) -> None:
    if not SHARED.exists():
        pytest.skip("../shared/data/zones is not there: real zone files are not read")
    zones = zones_from_geojson(SHARED / name, **options)
    assert zones.height == count
    assert shapely.is_valid(shapely.from_wkb(zones["geometry_wkb"].to_numpy())).all()
