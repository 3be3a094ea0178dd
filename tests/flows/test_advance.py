"""Advance: what events do to the published tables, here deletions and what comes after them."""

from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from flows.steps.worker import start_worker
from store.database import open_warehouse_reader, reading
from store.frames import read_frame
from store.journal import Accepted, Journal, Post, Sender
from store.settings import Settings
from store.tables import warehouse as tables
from tests.conftest import Ticking
from tests.listings import deletion, post

BY_LISTING = (tables.market_listings, tables.market_valuations, tables.market_scores)
HOMES = 12
SEGMENT = {"zone_id": "ro", "transaction": "SALE", "type": "APARTMENT", "rooms_band": "all",
           "age_band": "all"}  # fmt: skip


class Home:
    """A refreshed home with a dozen flats in Herăstrău; every refresh is another worker's."""

    def __init__(self, settings: Settings, journal: Journal, sender: Sender, clock: Ticking):
        self.settings, self.journal, self.sender, self.clock = settings, journal, sender, clock

    def send(self, *posts: Post) -> list[Accepted]:
        verdicts = self.journal.submit(self.sender, posts)
        self.refresh()
        return [verdict for verdict in verdicts if isinstance(verdict, Accepted)]

    def refresh(self) -> None:
        worker = start_worker(self.settings, "test", self.clock)
        assert worker is not None
        worker.drain()
        worker.close()

    def rows(self, table: sa.Table) -> pl.DataFrame:
        with reading(open_warehouse_reader(self.settings)) as connection:
            return read_frame(connection, table)

    def published(self, listing: int) -> list[str]:
        return [each.name for each in BY_LISTING if listing in self.rows(each)["id"].to_list()]

    def country(self) -> dict[str, Any]:
        zones = self.rows(tables.market_zones)
        return zones.filter(**SEGMENT).row(0, named=True)


@pytest.fixture
def settings(packaged: Settings) -> Settings:
    """Zones and rates are loaded already."""
    return packaged


@pytest.fixture
def home(settings: Settings, journal: Journal, sender: Sender, clock: Ticking) -> Home:
    made = Home(settings, journal, sender, clock)
    made.send(*(post(f"flat-{n}", price=150_000 + 1_000 * n) for n in range(HOMES)))
    return made


@pytest.mark.slow
def test_a_deleted_listing_leaves_the_market_and_stays_as_a_tombstone(home: Home) -> None:
    before = home.country()
    (deleted,) = home.send(deletion("flat-0", "sold"))
    assert home.published(deleted.id) == []
    core = home.rows(tables.core_listings).filter(id=deleted.id).row(0, named=True)
    assert (core["status"], core["deletion_reason"], core["revision"]) == ("sold", "sold", 2)
    assert core["deleted_at"] is not None
    assert home.rows(tables.core_listing_versions).filter(id=deleted.id).height == 2
    assert (before["stock"], home.country()["stock"]) == (HOMES, HOMES - 1)
    # It was for sale and was sold: the past of its zone keeps that.
    assert (before["closed_30d"], home.country()["closed_30d"]) == (0, 1)
    assert home.country()["new_30d"] == HOMES
    home.send(post("flat-1", price=140_000))
    assert home.published(deleted.id) == []
    assert home.country()["closed_30d"] == 1


def test_a_listing_posted_again_comes_back_under_its_id(home: Home) -> None:
    (deleted,) = home.send(deletion("flat-0"))
    (again,) = home.send(post("flat-0", price=145_000))
    assert (again.id, again.revived) == (deleted.id, True)
    assert home.published(again.id) == [table.name for table in BY_LISTING]
    assert home.country()["stock"] == HOMES
    row = home.rows(tables.market_listings).filter(id=again.id).row(0, named=True)
    assert (row["price"], row["spell"], row["status"]) == (145_000, 2, "active")


@pytest.mark.slow
def test_a_deletion_with_a_price_that_cannot_be_takes_the_listing_off(home: Home) -> None:
    home.send(post("flat-0", price=1))
    (deleted,) = home.send(deletion("flat-0"))
    assert home.published(deleted.id) == []
    history = home.rows(tables.core_price_history).filter(id=deleted.id)
    assert history["price"].to_list() == [150_000]


@pytest.mark.slow
def test_the_next_advert_leads_a_home_whose_leading_advert_is_deleted(home: Home) -> None:
    point = {"latitude": 44.4812, "longitude": 26.0766}
    first, second = home.send(post("twin-a", **point), post("twin-b", **point))
    leads = tables.market_listings
    assert not home.rows(leads).filter(id=second.id)["is_unit_lead"].item()
    home.send(deletion("twin-a"))
    assert home.rows(leads).filter(id=second.id)["is_unit_lead"].item()
    assert home.published(first.id) == []
    quality = home.rows(leads).filter(id=second.id)["quality_score"].item()
    assert quality > 0
