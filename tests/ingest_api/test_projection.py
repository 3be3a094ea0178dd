"""Projections: any field may be asked for; cursors name every place and only places."""

import re

from hypothesis import given
from hypothesis import strategies as st

from ingest_api.projection import (
    CURSOR,
    LIST_FIELDS,
    MOST_CURSOR,
    Projection,
    cursor_of,
    place_of,
)
from store.listing_reader import ListingRow
from store.shapes.wire import BY_NAME

ROW = ListingRow(7, "my-crm", "a/1", 3, 99, "active", b'{"price":1,"status":"active"}')
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200)


def test_every_wire_field_may_be_asked_for() -> None:
    assert BY_NAME.keys() <= set(LIST_FIELDS)
    assert len(LIST_FIELDS) == len(set(LIST_FIELDS))


def test_an_item_holds_what_was_asked_for_and_the_listing_has() -> None:
    assert Projection(("id", "price", "rooms")).item(ROW) == {"id": 7, "price": 1}
    assert Projection(("identifier", "revision")).item(ROW) == {
        "identifier": "my-crm:a/1", "revision": 3,
    }  # fmt: skip
    assert Projection(("eventId",)).wants_event_id
    assert not Projection(("id",)).wants_event_id


@given(TEXTS.map(lambda text: text[:100]), TEXTS)
def test_a_cursor_gives_its_place_back(provider: str, external_id: str) -> None:
    row = ROW._replace(provider_identifier=provider, external_id=external_id)
    cursor = cursor_of(row)
    assert CURSOR.fullmatch(cursor)
    assert len(cursor) <= MOST_CURSOR
    assert place_of(cursor) == (provider, external_id)


@given(st.from_regex(re.compile(CURSOR.pattern), fullmatch=True))
def test_every_text_of_its_form_is_a_cursor(cursor: str) -> None:
    provider, external_id = place_of(cursor)
    (provider + external_id).encode()  # what a database takes
