"""Conformal quantiles: enough, and never more than one rank too much."""

import numpy as np
import pytest

from analytics import conformal


@pytest.mark.parametrize(
    ("count", "coverage", "rank"),
    [(9, 0.9, 9), (10, 0.9, 10), (19, 0.9, 18), (99, 0.8, 80), (1, 0.9, 1)],
)
def test_the_rank_covers_in_finite_samples(count: int, coverage: float, rank: int) -> None:
    assert conformal.quantile_rank(count, coverage) == rank


def test_new_scores_are_covered_as_promised() -> None:
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(400):
        limit = conformal.quantile(rng.exponential(size=50), 0.9)
        covered.append(np.mean(rng.exponential(size=200) <= limit))
    assert np.mean(covered) == pytest.approx(0.9, abs=0.01)


def test_no_scores_give_no_quantile() -> None:
    assert np.isnan(conformal.quantile(np.array([]), 0.9))


def test_held_out_widths_use_the_other_folds() -> None:
    scores = np.array([1.0, 1.0, 5.0, 5.0])
    folds = np.array([0, 0, 1, 1])
    half = conformal.held_out_half_widths(scores, np.ones(4), folds, 0.8)
    assert half.tolist() == [5.0, 5.0, 1.0, 1.0]
