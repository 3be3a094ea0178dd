"""Make an edition: freeze currencies, rates, models, ladders, signals and ranks at one offset.

What the parts mean is told where they are used; here is only the order in which they are
made, how well the models did, and how an edition becomes bytes.
"""

import math
import pickle
import zlib
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from analytics import (
    accuracy,
    history,
    ladder,
    listings,
    market_model,
    pricing,
    scoring,
    signals,
)
from analytics.accuracy import Numbers
from analytics.assumptions import MODEL
from analytics.frozen import LADDER_SCHEMA, PRIOR_SCHEMA, SIGNAL_SCHEMA, Edition, Rate
from analytics.market_model import HeldOut, MarketModel
from analytics.prices import homes as leading_or_first
from analytics.valuation import value_listings
from store.shapes.vocabulary import N_MIN, Currency

__all__ = ["Edition", "Rate", "from_bytes", "make", "to_bytes"]

MODEL_KIND = "levels-1"
"""Counted up whenever the same homes would be valued otherwise."""

IMAGE_SCHEMA = {
    "listing_id": pl.Int64,
    "position": pl.Int64,
    "state": pl.String,
    "sha256": pl.String,
}


def make(
    number: int,
    made_at_offset: int,
    as_of_date: date,
    reason: str,
    core: pl.DataFrame,
    places: pl.DataFrame,
    zones: pl.DataFrame,
    status_history: pl.DataFrame,
    price_history: pl.DataFrame,
    rates: pl.DataFrame,
) -> Edition:
    """Make an edition of everything known at an offset; any number of listings, none included.

    Frames are core_listings, core_listing_places, core_zones (no geometry needed),
    core_status_history, core_price_history and core_rates, in any row order. The same input
    gives an edition that values and scores alike. Where data are thin there is no model, and
    values climb the ladder or are null with a reason.
    """
    blank = Edition(
        number=number,
        made_at_offset=made_at_offset,
        as_of_date=as_of_date,
        reason=reason,
        quotes=_quotes(core, places),
        rates=_rates(rates, as_of_date),
        models={},
        ladder=pl.DataFrame(schema=LADDER_SCHEMA),
        signals=pl.DataFrame(schema=SIGNAL_SCHEMA),
        zone_priors=pl.DataFrame(schema=PRIOR_SCHEMA),
        month_priors=pl.DataFrame(schema={**PRIOR_SCHEMA, "month": pl.Date}),
        ranks={},
        figures={},
    )
    described = listings.mark_leads(
        listings.describe(core, places, zones, pl.DataFrame(schema=IMAGE_SCHEMA), blank)
    )
    spells = history.spells(status_history)
    zone_priors, month_priors = pricing.zone_priors(described, spells, price_history, zones, blank)
    priced = _priced_homes(described, as_of_date)
    models, figures = _models(priced, blank)
    valuing = replace(
        blank,
        models=models,
        figures=figures,
        ladder=ladder.make(priced.filter("is_on_market")),
        signals=signals.make(described, spells, price_history, blank),
        zone_priors=zone_priors,
        month_priors=month_priors,
    )
    sales = described.filter("is_unit_lead")
    measured = scoring.measures(valuing, sales, value_listings(valuing, sales))
    return replace(valuing, ranks=scoring.rank_tables(measured))


def to_bytes(edition: Edition) -> bytes:
    """Return the edition as compressed pickle."""
    return zlib.compress(pickle.dumps(edition, protocol=5), level=3)


def from_bytes(content: bytes) -> Edition:
    """Return the edition that `to_bytes` wrote.

    Loading a pickle runs what it says: only bytes of this home's own artefacts, checked
    against the content address in core_editions, may come here. Raises TypeError for a pickle
    of anything else.
    """
    edition = pickle.loads(zlib.decompress(content))  # noqa: S301 our own bytes only, see above
    if not isinstance(edition, Edition):
        raise TypeError(f"expected an edition, got {type(edition).__name__}; retrain to mend it")
    return edition


def _quotes(core: pl.DataFrame, places: pl.DataFrame) -> dict[tuple[str, str], str]:
    counted = (
        core.filter(pl.col("price") > 0)
        .select("id", "transaction", "currency")
        .join(places.select("id", "country_id"), on="id", how="left", validate="1:1")
        .group_by(listings.market_country(), "transaction", "currency")
        .agg(pl.len().alias("adverts"))
        .sort("market_country", "transaction", "adverts", "currency")
        .unique(["market_country", "transaction"], keep="last", maintain_order=True)
    )
    rows = counted.select("market_country", "transaction", "currency").iter_rows()
    return {(country, transaction): currency for country, transaction, currency in rows}


def _rates(rates: pl.DataFrame, as_of_date: date) -> dict[str, Rate]:
    newest = (
        rates.filter(pl.col("rate_date") <= as_of_date)
        .sort("currency", "rate_date")
        .unique("currency", keep="last", maintain_order=True)
        .select("currency", "units_per_eur", "rate_date")
    )
    known = {currency: Rate(units, day) for currency, units, day in newest.iter_rows()}
    return {**known, Currency.EUR.value: Rate(1.0, as_of_date)}


def _priced_homes(described: pl.DataFrame, as_of_date: date) -> pl.DataFrame:
    """Return homes with price and area: on the market, or asked for within the training days."""
    oldest = as_of_date - timedelta(days=MODEL.training_days)
    recent = history.day_of("effective_at") > oldest
    return (
        leading_or_first(described)
        .filter((pl.col("price_quote") > 0) & (pl.col("area_m2") > 0))
        .filter(pl.col("is_unit_lead") | (recent & (pl.col("status") != "draft")))
        .with_columns(listings.market_country())
    )


def _models(
    homes: pl.DataFrame, blank: Edition
) -> tuple[dict[tuple[str, str, str], MarketModel], dict[str, Any]]:
    models: dict[tuple[str, str, str], MarketModel] = {}
    figures: dict[str, Any] = {}
    for market, part in _by_market(homes):
        name = "/".join(market)
        current = int(part["is_on_market"].sum())
        figures[name] = {"units": part.height, "on_market": current, "basis": "ladder"}
        if _learnable(part) < MODEL.units_min:
            continue
        version = f"{MODEL_KIND}/{name}/{blank.number}"
        models[market], held_out = market_model.fit(part, blank.as_of_date, version)
        figures[name] |= {"basis": "model", **_accuracy_by_segment(held_out)}
    return models, figures


def _by_market(homes: pl.DataFrame) -> list[tuple[tuple[str, str, str], pl.DataFrame]]:
    parts = homes.partition_by("market_country", "transaction", "quote_currency", as_dict=True)
    named = [((str(key[0]), str(key[1]), str(key[2])), part) for key, part in parts.items()]
    return sorted(named, key=lambda item: item[0])


def _learnable(homes: pl.DataFrame) -> int:
    """Return how many homes on the market are of a type with enough of them."""
    enough = pl.len().over("type") >= MODEL.type_units_min
    return homes.filter("is_on_market").filter(enough).height


def _accuracy_by_segment(held_out: HeldOut) -> dict[str, Any]:
    """Return the figures of the whole market, then by city and by type where N_MIN allows."""
    homes = held_out.homes
    judged = homes.select(
        "type",
        "city_id",
        pl.lit("all").alias("all"),
        pl.col("price_quote").alias("price"),
        (pl.Series(np.exp(held_out.ln_price_per_m2)) * pl.col("area_m2")).alias("value"),
        pl.Series("half_80", held_out.half_80),
        pl.Series("half_90", held_out.half_90),
        (market_model.held_out_city_medians(homes) * pl.col("area_m2")).alias("baseline"),
    )
    (whole,) = _per_group(judged, "all").values()
    return {
        **whole,
        "by_city": _per_group(judged, "city_id"),
        "by_type": _per_group(judged, "type"),
    }


def _per_group(judged: pl.DataFrame, by: str) -> dict[str, dict[str, float | None]]:
    groups = judged.drop_nulls(by).partition_by(by, as_dict=True)
    return {
        str(key[0]): _accuracy(rows)
        for key, rows in sorted(groups.items(), key=lambda item: str(item[0]))
        if rows.height >= N_MIN
    }


def _accuracy(rows: pl.DataFrame) -> dict[str, float | None]:
    """Return held-out accuracy of whole values: PRD and PRB ask how it changes with the price."""
    value, price, baseline = (rows[name].to_numpy() for name in ("value", "price", "baseline"))
    known = ~np.isnan(baseline)
    figures = accuracy.ratio_study(value, price) | {
        "coverage_80": _coverage(rows, "half_80"),
        "coverage_90": _coverage(rows, "half_90"),
        "width_90_pct": accuracy.width_pct(value, *_interval(rows, "half_90")),
        "baseline_mdape_pct": accuracy.mdape_pct(baseline[known], price[known]),
    }
    return {name: _stored(figure) for name, figure in figures.items()} | {"n": rows.height}


def _interval(rows: pl.DataFrame, half: str) -> tuple[Numbers, Numbers]:
    value, width = rows["value"].to_numpy(), np.exp(rows[half].to_numpy())
    return value / width, value * width


def _coverage(rows: pl.DataFrame, half: str) -> float:
    return accuracy.coverage_pct(rows["price"].to_numpy(), *_interval(rows, half))


def _stored(figure: float) -> float | None:
    return round(figure, 4) if math.isfinite(figure) else None
