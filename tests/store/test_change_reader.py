"""Changes read back: several providers in one order, and where listings lie."""

import sqlalchemy as sa

from store.change_reader import ChangeReader, open_zone
from store.database import open_journal_database, open_warehouse, writing
from store.home import Home
from store.journal import Journal, Sender
from store.settings import Settings
from store.tables.warehouse import core_listing_places, core_progress, core_zones
from tests.listings import post


def test_providers_are_merged_in_the_order_of_offsets(
    settings: Settings, journal: Journal, sender: Sender
) -> None:
    for price in (1, 1, 2):
        journal.submit(sender, [post("x", name, price=price) for name in ("b", "a", "c")])
    reader = ChangeReader(open_journal_database(settings))
    found = [(each.event_offset, each.provider_identifier, each.revision)
             for each in reader.after(["a", "b"], 0)]  # fmt: skip
    assert found == [(1, "b", 1), (2, "a", 1), (7, "b", 2), (8, "a", 2)]
    assert [each.event_offset for each in reader.after(["a", "b"], 2)] == [7, 8]
    assert list(reader.after([], 0)) == []
    first = next(reader.after(["b"], 0))
    assert reader.received_at("b", 1) == first.received_at
    assert reader.received_at("b", 2) is None
    assert reader.received_at("b", 4) is None


def test_a_zone_holds_what_lies_in_it_at_any_level(settings: Settings) -> None:
    fill_warehouse(settings, {1: ("n", "s", "c"), 2: (None, None, "c")}, watermark=7)
    for zone_id, held in (("n", {1}), ("s", {1}), ("c", {1, 2})):
        with open_zone(settings, zone_id) as zone:
            assert zone is not None
            assert {listing for listing in (1, 2, 3) if zone.holds(listing)} == held
            assert zone.watermark == 7
    with open_zone(settings, "elsewhere") as zone:
        assert zone is None


def test_a_home_without_a_warehouse_knows_no_zone(settings: Settings) -> None:
    (Home(settings.home).warehouses / "CURRENT").unlink()
    with open_zone(settings, "n") as zone:
        assert zone is None


Levels = tuple[str | None, str | None, str | None]


def fill_warehouse(settings: Settings, places: dict[int, Levels], watermark: int) -> None:
    """Put listings in zones: neighbourhood, sector and city of each."""
    with writing(open_warehouse(settings)) as connection:
        connection.execute(sa.delete(core_progress))
        connection.execute(
            sa.insert(core_progress).values(
                name="load", watermark=watermark, publication=1, edition=0
            )
        )
        for zone_id in sorted({zone for levels in places.values() for zone in levels if zone}):
            connection.execute(
                sa.insert(core_zones).values(
                    zone_id=zone_id, level="city", name=zone_id, aliases="[]", latitude=0,
                    longitude=0, source="test", licence="none", is_approximate=False,
                    geometry_wkb=b"", zone_set="test",
                )
            )  # fmt: skip
        for listing, (neighbourhood, sector, city) in places.items():
            connection.execute(
                sa.insert(core_listing_places).values(
                    id=listing, zone_id=neighbourhood or sector or city, sector_id=sector,
                    neighbourhood_id=neighbourhood, city_id=city, precision="city", confidence=1,
                )
            )  # fmt: skip
