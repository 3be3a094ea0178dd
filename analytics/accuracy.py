"""Accuracy: how far values are from prices, as METRICS defines it. Pure arrays.

Used on held-out predictions of an edition, on planted truth and on outcomes; which pairs to
compare is the caller's affair. Empty input gives NaN, which callers store as null.
"""

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

TRIM_IQRS = 3.0
"""IAAO, Standard on Ratio Studies: trim ratios beyond three interquartile ranges."""


def absolute_errors(value: Numbers, price: Numbers) -> Numbers:
    """Return |value / price - 1|."""
    errors: Numbers = np.abs(value / price - 1.0)
    return errors


def mdape_pct(value: Numbers, price: Numbers) -> float:
    """Return the median absolute error in % of the price."""
    return 100.0 * _median(absolute_errors(value, price))


def within_pct(value: Numbers, price: Numbers, tolerance_pct: float) -> float:
    """Return the share, in %, of values at most `tolerance_pct` % away from the price."""
    return 100.0 * _mean(absolute_errors(value, price) <= tolerance_pct / 100.0)


def cod(value: Numbers, price: Numbers) -> float:
    """Return the coefficient of dispersion: 100 x mean |r - median r| / median r, r = v / p."""
    ratio = value / price
    middle = _median(ratio)
    return 100.0 * _mean(np.abs(ratio - middle)) / middle


def prd(value: Numbers, price: Numbers) -> float:
    """Return the price-related differential: mean r / (sum v / sum p). Above 1: regressive."""
    if len(price) == 0:
        return float("nan")
    return _mean(value / price) / (float(value.sum()) / float(price.sum()))


def prb(value: Numbers, price: Numbers) -> float:
    """Return the coefficient of price-related bias.

    Slope of (r - median r) / median r on the centred log2 of 0.5 p + 0.5 v / median r
    (IAAO, Standard on Ratio Studies, 2013, appendix). NaN when all prices are equal.
    """
    ratio = value / price
    middle = _median(ratio)
    size = np.log2(0.5 * price + 0.5 * value / middle)
    centred = size - _mean(size)
    spread = float(np.dot(centred, centred))
    if not spread > 0.0:
        return float("nan")
    return float(np.dot(centred, (ratio - middle) / middle)) / spread


def coverage_pct(price: Numbers, low: Numbers, high: Numbers) -> float:
    """Return the share, in %, of prices inside their interval, both ends included."""
    return 100.0 * _mean((low <= price) & (price <= high))


def width_pct(value: Numbers, low: Numbers, high: Numbers) -> float:
    """Return the median width of the intervals in % of the value."""
    return 100.0 * _median((high - low) / value)


def interval_score(value: Numbers, price: Numbers, low: Numbers, high: Numbers) -> float:
    """Return the mean score of 90 % intervals: width + (2 / 0.1) x miss, relative to value."""
    miss = np.maximum(low - price, 0.0) + np.maximum(price - high, 0.0)
    return _mean((high - low + 20.0 * miss) / value)


def trimmed(value: Numbers, price: Numbers) -> npt.NDArray[np.bool_]:
    """Tell which pairs stay when ratios beyond 3 x IQR of the quartiles are trimmed."""
    ratio = value / price
    low, high = np.quantile(ratio, [0.25, 0.75])
    reach = TRIM_IQRS * (high - low)
    kept: npt.NDArray[np.bool_] = (ratio >= low - reach) & (ratio <= high + reach)
    return kept


def ratio_study(value: Numbers, price: Numbers) -> dict[str, float]:
    """Return n, mdape_pct, within_10_pct, within_20_pct, cod, prd and prb of the pairs."""
    return {
        "n": float(len(price)),
        "mdape_pct": mdape_pct(value, price),
        "within_10_pct": within_pct(value, price, 10.0),
        "within_20_pct": within_pct(value, price, 20.0),
        "cod": cod(value, price),
        "prd": prd(value, price),
        "prb": prb(value, price),
    }


def _median(numbers: Numbers) -> float:
    return float(np.median(numbers)) if len(numbers) else float("nan")


def _mean(numbers: Numbers | npt.NDArray[np.bool_]) -> float:
    return float(np.mean(numbers)) if len(numbers) else float("nan")
