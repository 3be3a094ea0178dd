"""What an edition holds: everything that one change would otherwise spread over all rows.

Only the shape; `edition` makes one, `listings`, `valuation`, `pricing` and `scoring` read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from analytics.market_model import MarketModel

MarketKey = tuple[str, str]
"""Country zone (or "all" where the country is unknown) and transaction."""

Ranks = dict[str, npt.NDArray[np.float64]]
"""Sorted raw measures of a segment's listings, by score part."""

LADDER_SCHEMA = {
    "zone_id": pl.String,
    "transaction": pl.String,
    "type": pl.String,
    "currency": pl.String,
    "n": pl.Int64,
    "median_price_per_m2": pl.Float64,
    "half_80": pl.Float64,
    "half_90": pl.Float64,
}
"""Zone medians and half widths of their intervals in ln price; grain zone x transaction x type."""

PRIOR_SCHEMA = {
    "zone_id": pl.String,
    "transaction": pl.String,
    "type": pl.String,
    "rooms_band": pl.String,
    "age_band": pl.String,
    "currency": pl.String,
    "shrunk": pl.Float64,
    "lender": pl.String,
}
"""Price per m2 a zone lends the zones below it, and the level of the zone it came from."""

SIGNAL_SCHEMA = {
    "zone_id": pl.String,
    "transaction": pl.String,
    "type": pl.String,
    "liquidity": pl.Float64,
    "momentum_pct": pl.Float64,
}
"""Market signals of a zone; a null climbs to the parent. Grain zone x transaction x type."""


@dataclass(frozen=True)
class Rate:
    """Units of a currency for one euro, and the day the rate was set."""

    units_per_eur: float
    rate_date: date


@dataclass(frozen=True)
class Edition:
    """Frozen inputs of valuations, scores and figures, named by the offset it was made at."""

    number: int
    made_at_offset: int
    as_of_date: date
    reason: str
    quotes: Mapping[MarketKey, str]
    """Currency each market quotes in."""
    rates: Mapping[str, Rate]
    """Newest rate of each currency on the as-of date; the euro is 1."""
    models: Mapping[tuple[str, str, str], MarketModel]
    """Models by country, transaction and quoting currency."""
    ladder: pl.DataFrame
    signals: pl.DataFrame
    zone_priors: pl.DataFrame
    """What zones lend the zones below them (`segments.priors`), now."""
    month_priors: pl.DataFrame
    """The same, month by month."""
    ranks: Mapping[tuple[str, str], Ranks]
    """Rank tables by country and property type ("all" for every type together)."""
    figures: dict[str, Any]
    """Training sizes and held-out accuracy per segment; only what JSON can say."""
