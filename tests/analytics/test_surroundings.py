"""Surroundings: what is left out is out."""

import numpy as np
import polars as pl
import pytest

from analytics import surroundings
from tests.analytics import planted
from tests.analytics.conftest import World

LEVEL = np.array([0.1, 0.2, 0.3, 0.4])
FOLD = np.array([0, 0, 1, 2])


def homes(**changes: object) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "area_m2": [50.0] * 4,
            "construction_year": [2000] * 4,
            "latitude": [44.40, 44.41, 44.42, 44.43],
            "longitude": [26.1] * 4,
            **{f"{level}_id": ["here"] * 4 for level in planted.LEVELS},
        }
    )
    return frame.with_columns(pl.lit(value).alias(name) for name, value in changes.items())


def test_a_zone_level_is_the_mean_without_the_folds_left_out() -> None:
    around = surroundings.learn(homes(county_id=None, city_id=None), LEVEL, FOLD, 3)
    asked = homes(country_id="here", **dict.fromkeys(NAMES[1:], None))
    levels = surroundings.zone_levels(around, asked, [np.full(4, 0)])
    # Country, sector and neighbourhood share a code here: three times 0.3 and 0.4, k = 20.
    assert levels[0, 1] == pytest.approx(3 * 0.7 / (6 + 20))


NAMES = [f"{level}_id" for level in planted.LEVELS]


def test_an_unknown_zone_keeps_the_level_above() -> None:
    around = surroundings.learn(homes(), LEVEL, FOLD, 3)
    nowhere = homes(**dict.fromkeys(NAMES, "elsewhere"))
    assert surroundings.zone_levels(around, nowhere, [FOLD]).tolist() == [[0.0, 0.0]] * 4


def test_neighbours_of_folds_left_out_are_not_looked_at() -> None:
    around = surroundings.learn(homes(), LEVEL, FOLD, 3)
    near = surroundings.nearest(around, homes())
    level = surroundings.neighbour_levels(around, near, [FOLD, np.full(4, 2)])[:, 0]
    assert level[0] == level[1] == 0.3  # only fold 1 is left
    assert 0.1 < level[2] < 0.2  # only fold 0
    everything = [np.full(4, fold) for fold in range(3)]
    assert np.isnan(surroundings.neighbour_levels(around, near, everything)).all()


def test_a_nearer_and_a_likelier_neighbour_weigh_more() -> None:
    around = surroundings.learn(homes(), LEVEL, FOLD, 3)
    near = surroundings.nearest(around, homes())
    assert near.row[0].tolist() == [0, 1, 2, 3]
    assert (np.diff(near.weight[0]) < 0).all()
    unlike = surroundings.nearest(around, homes(construction_year=1950))
    assert (unlike.weight < near.weight).all()


def test_a_home_without_a_point_has_no_neighbours() -> None:
    around = surroundings.learn(homes(), LEVEL, FOLD, 3)
    near = surroundings.nearest(around, homes(latitude=None))
    assert np.isnan(surroundings.neighbour_levels(around, near, [FOLD])).all()


@pytest.mark.slow
def test_the_model_of_a_home_never_met_its_fold(modelled: World) -> None:
    model = next(iter(modelled.edition.models.values()))
    assert model.around.zone_sums.shape[1] == len(model.folds)
    assert set(model.around.fold.tolist()) == set(range(len(model.folds)))
