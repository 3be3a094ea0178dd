"""Where the page starts looking."""

from typing import Any

from explorer.overview import labels, starting_level, starting_segment
from store.shapes.vocabulary import PropertyType


def levels(table: str) -> list[dict[str, Any]]:
    """Read rows of `level zones units`, widest first."""
    rows = [line.split() for line in table.strip().splitlines()]
    return [{"level": name, "zones": int(z), "units": int(u)} for name, z, u in rows]


def test_finest_level_that_speaks_for_half_of_the_units_is_the_start() -> None:
    assert (
        starting_level(
            levels(
                """
                country        1  1000
                city          12   980
                sector         6   600
                neighbourhood 90   499
                """
            )
        )
        == "sector"
    )


def test_neighbourhoods_are_the_start_where_they_speak_for_most() -> None:
    assert starting_level(levels("country 1 1000\nneighbourhood 9 500")) == "neighbourhood"


def test_without_medians_it_is_the_finest_level_with_units() -> None:
    assert starting_level(levels("country 1 0\ncity 3 0\nsector 0 0")) == "city"


def test_without_anything_it_is_the_country() -> None:
    assert starting_level([]) == "country"


def test_start_is_the_largest_single_type() -> None:
    rows = [
        {"transaction": "SALE", "type": kind, "rooms_band": rooms, "age_band": "all"}
        for kind, rooms in [("all", "all"), ("APARTMENT", "2"), ("HOUSE", "all")]
    ]
    assert starting_segment(rows) == {"transaction": "SALE", "type": "HOUSE"}
    assert starting_segment([]) == {"transaction": "SALE", "type": "APARTMENT"}


def test_each_type_has_a_name_in_both_languages() -> None:
    named = labels()
    assert set(named["ro"]["type"]) == set(named["en"]["type"]) == set(PropertyType)
    assert named["ro"]["type"]["HOUSE"] == "casă"
