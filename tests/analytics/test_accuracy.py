"""Accuracy figures against numbers one can check by hand."""

import numpy as np
import pytest

from analytics import accuracy

PRICE = np.array([100.0, 100.0, 200.0, 400.0])
VALUE = np.array([100.0, 110.0, 180.0, 300.0])


def test_errors_are_relative_to_the_price() -> None:
    assert accuracy.mdape_pct(VALUE, PRICE) == pytest.approx(10.0)
    assert accuracy.within_pct(VALUE, PRICE, 10.0001) == pytest.approx(75.0)
    assert accuracy.within_pct(VALUE, PRICE, 9.0) == pytest.approx(25.0)


def test_ratio_study_figures_follow_the_definitions() -> None:
    # Ratios 1, 1.1, 0.9, 0.75; median 0.95; mean deviation 0.1125.
    assert accuracy.cod(VALUE, PRICE) == pytest.approx(100 * 0.1125 / 0.95)
    assert accuracy.prd(VALUE, PRICE) == pytest.approx(0.9375 / (690 / 800))
    assert accuracy.prb(VALUE, PRICE) < 0  # dear homes are valued low


def test_perfect_values_have_no_error() -> None:
    study = accuracy.ratio_study(PRICE, PRICE)
    assert (study["mdape_pct"], study["cod"], study["prd"]) == (0.0, 0.0, 1.0)
    assert study["prb"] == pytest.approx(0.0)


def test_figures_do_not_depend_on_the_unit_of_money() -> None:
    study = accuracy.ratio_study(VALUE * 4.97, PRICE * 4.97)
    assert study == pytest.approx(accuracy.ratio_study(VALUE, PRICE))


def test_interval_figures() -> None:
    low, high = VALUE * 0.9, VALUE * 1.1
    assert accuracy.coverage_pct(PRICE, low, high) == pytest.approx(50.0)
    assert accuracy.width_pct(VALUE, low, high) == pytest.approx(20.0)
    missed = 0.2 + 20 * (400 - 330) / 300
    narrow = 0.2 + 20 * (200 - 198) / 180
    assert accuracy.interval_score(VALUE, PRICE, low, high) == pytest.approx(
        (0.2 + 0.2 + narrow + missed) / 4
    )


def test_trimming_takes_out_absurd_ratios_only() -> None:
    price = np.full(9, 100.0)
    value = np.array([95.0, 97, 99, 100, 101, 103, 105, 106, 1000])
    assert accuracy.trimmed(value, price).tolist() == [True] * 8 + [False]


def test_nothing_to_judge_gives_nan() -> None:
    assert all(np.isnan(list(accuracy.ratio_study(np.array([]), np.array([])).values())[1:4]))
