"""Locate: a point decides, then words; every listing has one row of the table's shape."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.places import LEVEL_COLUMNS, ZoneIndex, find_place, locate
from store.frames import conform, schema_of
from store.tables.warehouse import core_listing_places
from tests.analytics import romania

HERASTRAU = "ro-b-bucuresti-herastrau"

LISTINGS = """
id | latitude | longitude | address        | title
1  | 44.4812  | 26.0766   |                | Apartament 3 camere, zona Titan
2  |          |           |                | Apartament 3 camere Herastrau
3  | 52.2     | 21.0      | Cluj-Napoca    | Apartament
4  | 44.4812  |           |                | Apartament
5  | 0        | 0         |                |
"""


def listings(text: str = LISTINGS) -> pl.DataFrame:
    header, *lines = [
        [cell.strip() for cell in line.split("|")] for line in text.split("\n") if line
    ]
    rows = [dict(zip(header, [cell or None for cell in line], strict=True)) for line in lines]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(header, pl.String))
    numbers = {"id": pl.Int64, "latitude": pl.Float64, "longitude": pl.Float64}
    return frame.cast(numbers).with_columns(description=pl.lit(None, pl.String))


def test_a_point_decides_then_the_words_then_nothing() -> None:
    found = locate(romania.index(), listings())
    chosen = found.select("id", "zone_id", "precision", "confidence", "matched_name").rows()
    assert chosen == [
        (1, HERASTRAU, "exact", 1.0, None),
        (2, HERASTRAU, "neighbourhood", 0.8, "Herăstrău"),
        (3, "ro-cj-cluj-napoca", "city", 0.9, "Cluj-Napoca"),
        (4, None, "unknown", 0.0, None),
        (5, None, "unknown", 0.0, None),
    ]


def test_rows_have_the_columns_of_the_table_in_the_order_given() -> None:
    found = locate(romania.index(), listings().reverse())
    assert found.schema == schema_of(core_listing_places)
    assert found["id"].to_list() == [5, 4, 3, 2, 1]
    conform(found, core_listing_places)


def test_no_listings_give_no_rows() -> None:
    found = locate(romania.index(), listings().clear())
    assert found.schema == schema_of(core_listing_places)
    assert found.height == 0


def test_a_set_without_zones_knows_no_place() -> None:
    found = locate(ZoneIndex.build(romania.zones().clear()), listings())
    assert found["precision"].to_list() == ["unknown"] * 5


def test_one_text_is_read_as_a_frame_is() -> None:
    match = find_place(romania.index(), None, "Apartament 3 camere, zona Herastrau", None)
    assert (match.zone_id, match.precision, match.confidence, match.matched_name) == (
        HERASTRAU,
        "neighbourhood",
        0.8,
        "Herăstrău",
    )
    assert find_place(romania.index(), None, None, None).zone_id is None


coordinate = st.one_of(st.none(), st.floats(43, 49, allow_nan=False), st.floats(20, 30))
title = st.sampled_from([None, "Apartament Titan", "Casă în Florești, Cluj", "Casă nouă", "Lunca"])


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(coordinate, coordinate, title), min_size=1, max_size=8))
def test_a_listing_is_placed_the_same_alone_and_among_others(
    rows: list[tuple[float | None, float | None, str | None]],
) -> None:
    frame = pl.DataFrame(
        [(number, *row[:2], None, row[2], None) for number, row in enumerate(rows)],
        schema={
            "id": pl.Int64,
            "latitude": pl.Float64,
            "longitude": pl.Float64,
            **dict.fromkeys(("address", "title", "description"), pl.String),
        },
        orient="row",
    )
    together = locate(romania.index(), frame)
    alone = pl.concat(locate(romania.index(), frame[number]) for number in range(len(rows)))
    assert alone.equals(together)
    assert locate(romania.index(), frame.reverse()).reverse().equals(together)


@pytest.mark.parametrize("title", ["Apartament Herăstrău", "Casă în Florești, Cluj", "Cluj"])
def test_a_name_brings_every_zone_above_it(title: str) -> None:
    row = locate(
        romania.index(), listings(f"id | latitude | longitude | address | title\n1||||{title}")
    )
    zones = dict(romania.zones().select("zone_id", "parent_id").iter_rows())
    zone_id, above = row["zone_id"][0], []
    while zone_id is not None:
        above.append(zone_id)
        zone_id = zones[zone_id]
    assert [found for found in row.select(LEVEL_COLUMNS).row(0) if found] == above
