"""Refusals read back: among many of other partners', none is missed."""

import pytest

import store.refusal_reader
from store.database import open_journal_database, writing
from store.journal import Journal, Sender, Work
from store.keys import create_key
from store.refusal_reader import RefusalReader
from store.settings import Settings
from store.shapes.posts import RefusedBody
from tests.conftest import NOW

PROBLEM = '{"code":"invalid_json","violations":[]}'


def test_pages_go_on_past_what_others_had_refused(
    settings: Settings, journal: Journal, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_journal_database(settings)
    with writing(engine) as connection:
        create_key(connection, "Other", ["publish.estates"], None, None, NOW)
    other = Sender(2, 2, None)
    for who in (other, other, other, sender, other, sender, sender, other):
        body = RefusedBody(("invalid_json",), PROBLEM, b"{")
        journal.do(Work(who, refused=[body]))
    monkeypatch.setattr(store.refusal_reader, "SCANNED", 2)
    reader, pages, after, more = RefusalReader(engine), [], 0, True
    while more:
        page = reader.page(sender, None, after, 10)
        pages.append([row.refusal_offset for row in page.rows])
        after, more = page.next, page.more
    assert pages == [[], [4], [6], [7]]
    assert after == 8
    assert reader.page(sender, None, 0, 1).rows == []
    full = reader.page(sender, None, 5, 1)
    assert (full.next, full.more) == (6, True)
    assert reader.page(sender, None, 90, 1).next == 90


def test_in_a_sandbox_everything_is_the_partners(
    settings: Settings, journal: Journal, sender: Sender
) -> None:
    journal.do(Work(sender, refused=[RefusedBody(("invalid_json",), PROBLEM, b"{")]))
    engine = open_journal_database(settings)
    other_key = Sender(77, 1, None)
    assert len(RefusalReader(engine, is_sandbox=True).page(other_key, None, 0, 9).rows) == 1
