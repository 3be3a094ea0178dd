"""Editions that several test files look at: one with fitted models, one without any."""

from dataclasses import dataclass

import polars as pl
import pytest

from analytics import edition as editions
from analytics import history, listings, valuation
from analytics.edition import Edition
from tests.analytics import planted
from tests.analytics.planted import Market


@dataclass(frozen=True)
class World:
    """A market, the edition made of it, and what the edition says of its listings."""

    market: Market
    edition: Edition
    listings: pl.DataFrame
    values: pl.DataFrame
    spells: pl.DataFrame


def make_edition(market: Market) -> Edition:
    """Make edition 1 of a market on the planted as-of date."""
    return editions.make(
        1,
        10,
        planted.AS_OF,
        "first",
        market.core,
        market.places,
        market.zones,
        market.status_history,
        market.price_history,
        market.rates,
    )


def world_of(market: Market) -> World:
    """Make an edition of a market, and describe and value its listings."""
    edition = make_edition(market)
    described = describe(market, edition)
    return World(
        market,
        edition,
        described,
        valuation.value_listings(edition, described),
        history.spells(market.status_history),
    )


def describe(market: Market, edition: Edition) -> pl.DataFrame:
    """Describe every listing of a market, without pictures, leads marked."""
    images = pl.DataFrame(schema=editions.IMAGE_SCHEMA)
    return listings.mark_leads(
        listings.describe(market.core, market.places, market.zones, images, edition)
    )


@pytest.fixture(scope="session")
def modelled() -> World:
    """1,500 homes, enough for a model of sales and one of rents."""
    return world_of(planted.market(1500, rent_share=0.4))


@pytest.fixture(scope="session")
def thin() -> World:
    """240 homes: no model, everything by the ladder."""
    return world_of(planted.market(240))
