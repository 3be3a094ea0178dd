"""Data quality: points for what is there, doubts for what contradicts itself, both with reasons."""

import json
from datetime import date
from typing import Any

import hypothesis
import polars as pl
import pytest
from hypothesis import strategies as st

from analytics.assumptions import QUALITY
from analytics.history import INSTANT
from analytics.quality import doubts, judge, parts
from tests.analytics.planted import instant

COMPLETE: dict[str, Any] = {
    "id": 1, "title": "Apartament 3 camere", "description": "Luminos. " * 20, "type": "APARTMENT",
    "status": "active", "rooms": 3, "area_m2": 70.0, "total_area_m2": 80.0,
    "construction_year": 2010, "floor": 3, "partitioning": "DETACHED", "latitude": 44.4,
    "longitude": 26.1, "agent_phone": "+40721000001", "agent_email": None, "agency_phone": None,
    "agency_email": None, "image_count": 8, "images_stored": 8, "images_state": "stored",
    "place_precision": "exact", "gap_pct": 3.0, "sold_at": None,
    "status_since": instant(date(2026, 5, 1)), "blanked_codes": None,
}  # fmt: skip
DESCRIBED = ["id", "place_precision", "images_stored", "images_state"]
TYPES = {
    "description": pl.String, "agent_phone": pl.String, "agent_email": pl.String,
    "agency_phone": pl.String, "agency_email": pl.String, "sold_at": INSTANT,
    "status_since": INSTANT, "blanked_codes": pl.String, "partitioning": pl.String,
    "rooms": pl.Int64, "floor": pl.Int64, "construction_year": pl.Int64, "area_m2": pl.Float64,
    "latitude": pl.Float64, "gap_pct": pl.Float64,
}  # fmt: skip
BARE = {
    **dict.fromkeys(TYPES), "status_since": COMPLETE["status_since"], "place_precision": "unknown",
    "image_count": 0, "images_stored": 0, "images_state": "none",
}  # fmt: skip


def judged(*rows: dict[str, Any]) -> list[tuple[float, list[str]]]:
    full = [{**COMPLETE, "id": n, **row} for n, row in enumerate(rows, start=1)]
    frame = pl.DataFrame(full, schema_overrides=TYPES)
    result = judge(
        frame.drop("gap_pct", *DESCRIBED[1:]),
        frame.select(DESCRIBED),
        frame.select("id", "gap_pct"),
    )
    scores, reasons = result["quality_score"].to_list(), result["quality_reasons"].to_list()
    return [(score, json.loads(codes)) for score, codes in zip(scores, reasons, strict=True)]


def test_a_complete_listing_has_all_points_and_no_reason() -> None:
    assert judged({}) == [(100.0, [])]


def test_points_sum_to_a_hundred() -> None:
    assert sum(part.points for part in parts()) == pytest.approx(100)


@pytest.mark.parametrize(
    ("fields", "score", "code"),
    [
        pytest.param({"place_precision": "neighbourhood", "latitude": None}, 91.0,
                     "place_from_words", id="placed by a neighbourhood's name"),
        pytest.param({"place_precision": "county", "latitude": None}, 73.0, "place_from_words",
                     id="placed by a county's name"),
        pytest.param({"place_precision": "unknown", "latitude": None}, 70.0, "place_unknown",
                     id="nowhere"),
        pytest.param({"image_count": 2, "images_stored": 2}, 85.0, "photos_few", id="two photos"),
        pytest.param({"image_count": 0, "images_stored": 0, "images_state": "none"}, 80.0,
                     "photos_missing", id="no photo"),
        pytest.param({"images_stored": 0, "images_state": "failed"}, 80.0, "photos_failed",
                     id="photos nobody can fetch"),
        pytest.param({"images_stored": 4, "images_state": "partial"}, 90.0, "photos_few",
                     id="half of the photos failed"),
        pytest.param({"area_m2": None}, 85.0, "area_missing", id="no area"),
        pytest.param({"description": "x" * 50}, 95.0, "description_short", id="a headline"),
        pytest.param({"description": "  "}, 90.0, "description_missing", id="a blank description"),
        pytest.param({"rooms": None}, 92.0, "rooms_missing", id="no rooms"),
        pytest.param({"agent_phone": None}, 96.0, "contact_missing", id="nobody to ask"),
        pytest.param({"gap_pct": 900.0}, 85.0, "price_out_of_line", id="ten times its value"),
        pytest.param({"gap_pct": -90.0}, 85.0, "price_out_of_line", id="a tenth of its value"),
        pytest.param({"title": "Apartament 2 camere"}, 90.0, "title_contradicts_rooms",
                     id="two rooms in the title, three in the field"),
        pytest.param({"area_m2": 15.0}, 90.0, "area_contradicts_rooms", id="rooms of 5 m2"),
        pytest.param({"type": "STUDIO"}, 90.0, "type_contradicts_rooms", id="a studio of three"),
        pytest.param({"area_m2": 90.0}, 90.0, "usable_area_above_total", id="larger inside"),
        pytest.param({"sold_at": instant(date(2026, 6, 1))}, 90.0,
                     "sale_contradicts_status", id="sold and active"),
        pytest.param({"blanked_codes": '["floor_above_top"]'}, 95.0, "floor_above_top",
                     id="a value was blanked"),
    ],
)  # fmt: skip
def test_what_is_missing_or_doubtful_costs_and_is_told(
    fields: dict[str, Any], score: float, code: str
) -> None:
    assert judged(fields) == [(score, [code])]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"images_stored": 0, "images_state": "pending"}, id="photos still to fetch"),
        pytest.param({"type": "LAND", "rooms": None, "floor": None, "construction_year": None,
                      "partitioning": None}, id="land has neither rooms nor floors nor a year"),
        pytest.param({"status": "sold", "gap_pct": 900.0}, id="an ask that no longer stands"),
        pytest.param({"gap_pct": None}, id="no value to compare with"),
        pytest.param({"title": "Garsonieră în 13 Septembrie"}, id="a number that counts no rooms"),
    ],
)  # fmt: skip
def test_what_cannot_be_held_against_a_listing_costs_nothing(fields: dict[str, Any]) -> None:
    assert judged(fields) == [(100.0, [])]


def test_a_point_outside_every_zone_contradicts_the_words_that_place_it() -> None:
    ((score, codes),) = judged({"place_precision": "city"})
    assert codes == ["place_from_words", "point_contradicts_place"]
    assert score == 100 - 0.7 * QUALITY.place - QUALITY.contradiction_cost


def test_nothing_but_faults_is_zero() -> None:
    faults = {"title": "4 camere", "gap_pct": 900.0, "blanked_codes": '["rate_missing"]'}
    ((score, codes),) = judged({**BARE, **faults, "rooms": 1})
    assert score == 0
    assert codes[0] == "place_unknown"
    assert codes[-1] == "rate_missing"


def test_every_code_means_one_thing() -> None:
    codes = [code for part in parts() for code in part.codes] + [doubt.code for doubt in doubts()]
    assert len(set(codes)) == len(codes)


@hypothesis.settings(max_examples=20)
@hypothesis.given(st.lists(st.sampled_from(sorted(TYPES)), max_size=8, unique=True))
def test_a_row_does_not_depend_on_its_neighbours(taken: list[str]) -> None:
    poorer = {name: BARE[name] for name in taken}
    assert judged({}, poorer, {}) == [*judged({}), *judged(poorer), *judged({})]
