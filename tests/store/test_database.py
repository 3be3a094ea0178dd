"""The journal's log: brought into its database beside whoever writes."""

from pathlib import Path

import pytest

from store.database import bring_in_log, open_journal_database
from store.home import Home
from store.journal import Journal, Sender
from store.settings import Settings
from store.writer import Writer
from tests.journals import listings_without_log
from tests.listings import post

pytestmark = pytest.mark.sqlite_only


def test_what_is_committed_is_brought_in_while_another_writes(
    journal: Journal, sender: Sender, settings: Settings, tmp_path: Path
) -> None:
    engine = open_journal_database(settings)
    bring_in_log(engine)
    journal.submit(sender, [post("a"), post("b")])
    assert listings_without_log(settings, tmp_path) == 0
    writer = Writer(engine)
    writer.begin()
    bring_in_log(engine)
    assert listings_without_log(settings, tmp_path) == 2
    writer.rollback()
    writer.close()
    assert journal.submit(sender, [post("c")])


def test_posts_do_not_wait_for_the_log(settings: Settings) -> None:
    writer = Writer(open_journal_database(settings))
    (pages,) = writer.first("PRAGMA wal_autocheckpoint") or (0,)
    assert pages >= 10_000
    writer.close()


def test_a_log_that_cannot_be_brought_in_says_so(settings: Settings) -> None:
    Home(settings.home).journal.write_bytes(b"no database" * 500)
    with pytest.raises(Exception, match="not a database"):
        bring_in_log(open_journal_database(settings))
