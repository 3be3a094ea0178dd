from datetime import UTC, datetime

import msgspec
import pytest

from ingest_api.reading import Understood, read_listing
from tests.bench.payloads import FULL, listing_body, scattered_id

NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.mark.parametrize("number", [0, 1, 123_456, 2 * 10**9])
def test_a_body_is_accepted_at_the_door_without_a_warning(number: int) -> None:
    read = read_listing(listing_body(number, b"listing-1"), NOW)
    assert isinstance(read, Understood)
    assert not read.warnings


def test_a_body_has_every_field_of_the_page() -> None:
    body = msgspec.json.decode(listing_body(7, b"listing-7"))
    assert set(body) == {"providerIdentifier", "externalId", *FULL}
    assert body["externalId"] == "listing-7"


def test_a_body_can_be_made_again_and_a_change_changes_the_price_alone() -> None:
    first, again, changed = (listing_body(7, b"x", change) for change in (0, 0, 3))
    assert first == again
    before, after = msgspec.json.decode(first), msgspec.json.decode(changed)
    assert after == {**before, "price": before["price"] + 3}


def test_bodies_and_scattered_references_differ_by_number() -> None:
    numbers = range(5_000)
    assert len({listing_body(number, b"x") for number in numbers}) == len(numbers)
    assert len({scattered_id(number) for number in numbers}) == len(numbers)


def test_scattered_references_do_not_come_in_their_order() -> None:
    references = [scattered_id(number) for number in range(100)]
    assert references != sorted(references)
