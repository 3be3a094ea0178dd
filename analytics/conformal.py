"""Conformal intervals: how wide a value's interval must be to hold what it promises.

Normalised split conformal prediction: errors on homes the model has not seen, divided by a
predicted size of error, give the quantile (Lei et al. 2018, JASA 113, section 5.2). Coverage
needs only that homes are exchangeable, not that the model is right.
"""

import math

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

Z_80 = 1.2815515655446004
"""90th percentile of the standard normal: half an 80 % interval in standard deviations."""


def quantile_rank(count: int, coverage: float) -> int:
    """Return the 1-based rank of the score that covers, ceil((n + 1) x coverage), at most n.

    Below n = coverage / (1 - coverage) no finite score suffices and the largest one stands in.
    """
    # The product is rounded first: 10 x 0.9 must not become 9.000000000000002 and so rank 10.
    return max(1, min(count, math.ceil(round((count + 1) * coverage, 9))))


def quantile(scores: Numbers, coverage: float) -> float:
    """Return the finite-sample quantile of the scores; NaN for none."""
    if len(scores) == 0:
        return float("nan")
    rank = quantile_rank(len(scores), coverage)
    return float(np.partition(scores, rank - 1)[rank - 1])


def held_out_half_widths(
    scores: Numbers, scale: Numbers, folds: npt.NDArray[np.int64], coverage: float
) -> Numbers:
    """Return each home's half width with the quantile learnt on the other folds alone.

    Only for measuring coverage: judged by the quantile of its own scores an interval would
    cover by construction.
    """
    half = np.empty_like(scale)
    for fold in np.unique(folds):
        inside = folds == fold
        half[inside] = quantile(scores[~inside], coverage) * scale[inside]
    return half
