"""Point to zone: one answer per point, alone or among others, on borders and overlaps too."""

import polars as pl
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.zone_index import LEVEL_COLUMNS, assign_points, build_points, level_columns
from tests.analytics import romania

SQUARES = """
zone    level          parent  west south east north
land    country        -       0    0     10   10
north   county         land    0    5     10   10
south   county         land    0    0     10   5
town    city           south   1    1     5    5
old     neighbourhood  town    1    1     3    3
older   neighbourhood  town    1    1     2    2
stray   neighbourhood  -       6    6     7    7
twin-a  city           north   8    8     9    9
twin-b  city           north   8    8     9    9
"""


def squares() -> pl.DataFrame:
    header, *lines = [line.split() for line in SQUARES.strip().splitlines()]
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    return pl.DataFrame(
        {
            "zone_id": [row["zone"] for row in rows],
            "level": [row["level"] for row in rows],
            "parent_id": [None if row["parent"] == "-" else row["parent"] for row in rows],
            "geometry_wkb": [
                shapely.to_wkb(shapely.box(*(float(row[side]) for side in header[3:])))
                for row in rows
            ],
        }
    )


def points(*pairs: tuple[float | None, float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": list(range(len(pairs))),
            "longitude": [pair[0] for pair in pairs],
            "latitude": [pair[1] for pair in pairs],
        },
        schema_overrides={"longitude": pl.Float64, "latitude": pl.Float64},
    )


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (1.5, 1.5, ["older", "older", None, "town", "south", "land"]),
        (2.5, 2.5, ["old", "old", None, "town", "south", "land"]),
        (4.0, 4.0, ["town", None, None, "town", "south", "land"]),
        (9.0, 1.0, ["south", None, None, None, "south", "land"]),
        (6.5, 6.5, ["stray", "stray", None, None, "north", "land"]),
        (8.5, 8.5, ["twin-a", None, None, "twin-a", "north", "land"]),
        (7.5, 5.0, ["north", None, None, None, "north", "land"]),
        (10.0, 10.0, ["north", None, None, None, "north", "land"]),
        (11.0, 1.0, [None, None, None, None, None, None]),
    ],
    ids=[
        "of overlapping zones the smaller",
        "outside it the larger",
        "a city without neighbourhood",
        "a county",
        "wider levels by the ground where a zone has no parent",
        "of equal zones the first by id",
        "a border of equal counties belongs to the first",
        "a corner belongs to the zone",
        "outside every zone",
    ],
)
def test_the_most_specific_zone_and_all_above_it(
    x: float, y: float, expected: list[str | None]
) -> None:
    found = assign_points(build_points(squares()), points((x, y)))
    assert list(found.select("zone_id", *LEVEL_COLUMNS).row(0)) == expected


def test_a_point_that_is_not_one_has_no_zone() -> None:
    odd = points((None, 1.0), (1.0, None), (float("nan"), 1.0), (float("inf"), 1.0))
    found = assign_points(build_points(squares()), odd)
    assert found["zone_id"].to_list() == [None] * 4
    assert found["id"].to_list() == [0, 1, 2, 3]


def test_the_order_of_zones_does_not_matter() -> None:
    everywhere = points(*[(x / 4, y / 4) for x in range(45) for y in range(45)])
    first = assign_points(build_points(squares()), everywhere)
    assert assign_points(build_points(squares().reverse()), everywhere).equals(first)


def test_without_zones_nothing_is_known() -> None:
    index = build_points(squares().clear())
    assert assign_points(index, points((1.0, 1.0)))["zone_id"].to_list() == [None]


def test_over_99_percent_of_places_lie_in_their_own_zone() -> None:
    parents = romania.zones()["parent_id"].drop_nulls().unique().implode()
    leaves = romania.zones().filter(~pl.col("zone_id").is_in(parents)).rename({"zone_id": "id"})
    found = assign_points(romania.index().points, leaves)
    assert (found["zone_id"] == leaves["id"]).mean() > 0.99


somewhere = st.tuples(
    st.floats(20, 30, allow_nan=False, width=32), st.floats(43.5, 48.5, allow_nan=False, width=32)
)


@settings(max_examples=30, deadline=None)
@given(st.lists(somewhere, min_size=1, max_size=20))
def test_a_point_finds_the_same_zones_alone_and_among_others(
    pairs: list[tuple[float, float]],
) -> None:
    index, together = romania.index().points, points(*pairs)
    found = assign_points(index, together)
    assert assign_points(index, together.reverse()).reverse().equals(found)
    assert assign_points(index, together.head(1)).equals(found.head(1))


@settings(max_examples=30, deadline=None)
@given(st.lists(somewhere, min_size=1, max_size=20))
def test_the_zones_of_a_point_are_the_ancestors_of_its_zone(
    pairs: list[tuple[float, float]],
) -> None:
    index = romania.index().points
    found = assign_points(index, points(*pairs)).drop_nulls("zone_id")
    expected = found.select("zone_id").join(
        level_columns(index), on="zone_id", maintain_order="left"
    )
    assert found.drop("id").equals(expected.select("zone_id", *LEVEL_COLUMNS))
