"""Provenance: for each field the event that last changed it, from successive revisions."""

from typing import Any

import pytest

from flows.steps.normalise import DOCUMENT, normalise
from store.database import open_warehouse, reading, writing
from store.frames import insert_missing
from store.provenance import COLUMNS, Source, field_sources
from store.settings import Settings
from store.shapes.wire import FIELDS
from store.tables.warehouse import core_listing_versions, core_refusals
from tests.flows.events import RATES, event, frame

AGENT = {"name": "Ana", "phone": "0721000001", "email": "ana@example.com"}


def sources(settings: Settings, *events: dict[str, Any]) -> dict[str, Source]:
    """Store what these events of listing 1 become, and ask for its fields' sources."""
    normalised = normalise(frame(*events), RATES)
    engine = open_warehouse(settings)
    with writing(engine) as connection:
        insert_missing(connection, core_listing_versions, normalised.versions.drop("unit_id"))
        insert_missing(connection, core_refusals, normalised.refusals)
    with reading(engine) as connection:
        return field_sources(connection, 1)


def test_each_field_names_the_event_that_last_changed_it(settings: Settings) -> None:
    pictures = ["https://a.example/1.jpg", "https://a.example/2.jpg"]
    found = sources(
        settings,
        event(1, 1, 1, agent=AGENT, imageUrls=pictures, attributes={"lift": True}),
        event(2, 1, 2, agent=AGENT, imageUrls=pictures, attributes={"lift": True}, price=180_000),
        event(3, 2, 1, price=170_000),
        event(4, 1, 3, agent={**AGENT, "phone": "0721000002"}, imageUrls=pictures[::-1],
              attributes={"lift": False}, price=180_000, rooms=None),
    )  # fmt: skip
    by_event = {name: source.event_id for name, source in found.items()}
    assert by_event["title"] == by_event["agent.email"] == by_event["agent.name"] == "e1"
    assert by_event["price"] == "e2"
    changed_last = ("agent", "agent.phone", "imageUrls", "attributes", "rooms")
    assert {by_event[name] for name in changed_last} == {"e4"}
    assert found["price"].recorded_at == event(2, 1, 2)["received_at"]
    assert (found["price"].revision, found["price"].event_offset) == (2, 2)


def test_fields_that_were_never_there_are_left_out(settings: Settings) -> None:
    found = sources(settings, event(1, 1, 1))
    assert "soldAt" not in found
    assert "agency" not in found
    assert list(found) == [name for name in COLUMNS if name in found]


def test_the_rule_that_took_a_value_away_is_named(settings: Settings) -> None:
    found = sources(
        settings,
        event(1, 1, 1, floor=2, floorMax=4, constructionYear=2090),
        event(2, 1, 2, floor=9, floorMax=4, constructionYear=2090),
    )
    assert (found["floor"].event_id, found["floor"].rule_code) == ("e2", "floor_above_top")
    assert (found["floorMax"].event_id, found["floorMax"].rule_code) == ("e2", "floor_above_top")
    year = found["constructionYear"]
    assert (year.event_id, year.rule_code) == ("e1", "year_out_of_range")
    assert found["price"].rule_code is None


def test_a_refused_revision_changed_nothing(settings: Settings) -> None:
    found = sources(settings, event(1, 1, 1), event(2, 1, 2, price=1, rooms=5))
    assert {source.event_id for source in found.values()} == {"e1"}


def test_a_foreign_id_has_no_sources(settings: Settings) -> None:
    assert sources(settings, event(1, 2, 1)) == {}


READ = {each.name for each in DOCUMENT.fields}


@pytest.mark.parametrize("name", [each.name for each in FIELDS if each.name in READ])
def test_every_field_that_is_read_has_columns_that_show_its_changes(name: str) -> None:
    assert COLUMNS[name]
