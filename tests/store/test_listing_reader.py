"""Listings read back: whose they are, and pages that neither lose nor repeat one."""

from dataclasses import replace

import pytest

from store.database import open_journal_database
from store.journal import Journal, Sender
from store.listing_reader import ListingReader
from store.settings import Settings
from tests.listings import post


@pytest.fixture
def reader(settings: Settings) -> ListingReader:
    return ListingReader(open_journal_database(settings))


def names(reader: ListingReader, providers: list[str], place: tuple[str, str] | None) -> list[str]:
    return [
        f"{row.provider_identifier}:{row.external_id}" for row in reader.after(providers, place)
    ]


def test_own_providers_are_the_partners_and_within_the_keys_bounds(
    reader: ListingReader, journal: Journal, sender: Sender
) -> None:
    journal.submit(sender, [post("x", provider) for provider in ("b", "a", "c")])
    assert reader.providers(sender) == ["a", "b", "c"]
    assert reader.providers(replace(sender, providers=frozenset({"c", "unclaimed"}))) == ["c"]
    assert reader.providers(replace(sender, partner_id=2)) == []


def test_a_place_need_not_be_a_listings(
    reader: ListingReader, journal: Journal, sender: Sender
) -> None:
    posts = [post(name, provider) for provider in ("b", "a") for name in ("2", "1", "ă")]
    journal.submit(sender, posts)
    every = ["a:1", "a:2", "a:ă", "b:1", "b:2", "b:ă"]
    both = ["a", "b"]
    assert names(reader, both, None) == every
    assert names(reader, both, ("a", "2")) == every[2:]
    assert names(reader, both, ("a", "15")) == every[1:]
    assert names(reader, both, ("aa", "9")) == every[3:]
    assert names(reader, both, ("", "9")) == every
    assert names(reader, both, ("c", "")) == []
    assert names(reader, ["b"], ("a", "1")) == every[3:]


def test_what_is_posted_while_one_reads_is_of_the_next_page(
    reader: ListingReader, journal: Journal, sender: Sender
) -> None:
    journal.submit(sender, [post("1"), post("3")])
    rows = reader.after(["my-crm"], None)
    first = next(rows)
    journal.submit(sender, [post("2"), post("3", price=1)])
    assert [(row.external_id, row.revision) for row in (first, *rows)] == [("1", 1), ("3", 1)]
    assert names(reader, ["my-crm"], ("my-crm", "1")) == ["my-crm:2", "my-crm:3"]
