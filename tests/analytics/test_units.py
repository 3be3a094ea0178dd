"""Units: equal homes share one, unknown homes do not."""

import polars as pl
import pytest

from analytics import units

HOME = {
    "provider_identifier": "crm-a",
    "external_id": "1",
    "transaction": "SALE",
    "type": "APARTMENT",
    "rooms": 3,
    "area_m2": 85.5,
    "floor": 4,
    "latitude": 44.48123,
    "longitude": 26.07664,
}


def unit_of(**changes: object) -> str:
    frame = pl.DataFrame([{**HOME, **changes}], schema_overrides={"area_m2": pl.Float64})
    return str(frame.select(units.unit_id()).item())


def test_a_unit_reads_as_what_it_is_made_of() -> None:
    assert unit_of() == "SALE:APARTMENT:3:86:4:444812:260766"


def test_two_adverts_of_one_home_share_a_unit() -> None:
    again = unit_of(provider_identifier="crm-b", external_id="77", area_m2=85.9, latitude=44.48121)
    assert again == unit_of()


@pytest.mark.parametrize(
    "change",
    [{"transaction": "RENT"}, {"rooms": 2}, {"area_m2": 60.0}, {"floor": 5}, {"longitude": 26.08}],
    ids=str,
)
def test_another_home_is_another_unit(change: dict[str, object]) -> None:
    assert unit_of(**change) != unit_of()


@pytest.mark.parametrize("absent", ["latitude", "longitude", "area_m2"])
def test_an_advert_without_point_or_area_is_a_unit_of_its_own(absent: str) -> None:
    assert unit_of(**{absent: None}) == "own:crm-a:1"
    assert unit_of(**{absent: None}, external_id="2") == "own:crm-a:2"


def test_an_unknown_floor_equals_an_unknown_floor() -> None:
    assert unit_of(floor=None) == unit_of(floor=None, external_id="2") != unit_of()


def test_folds_depend_on_the_text_alone() -> None:
    ids = pl.Series([f"unit-{n}" for n in range(1000)])
    folds = units.fold_numbers(ids, 5)
    assert folds[:4].tolist() == [4, 4, 2, 4]  # the same in every process and release
    assert units.fold_numbers(ids.reverse(), 5)[::-1].tolist() == folds.tolist()
    assert min(pl.Series(folds).value_counts()["count"]) > 150
