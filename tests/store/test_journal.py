"""The journal: durable verdicts, one order per listing, neighbours that cannot hurt each other."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
import sqlalchemy as sa

from store.database import open_journal_database, reading, writing
from store.home import Home
from store.journal import (
    Accepted,
    Failed,
    Journal,
    Post,
    Rejected,
    Sender,
    Verdict,
    Work,
    append_event,
)
from store.keys import create_key, find_key, revoke_key
from store.settings import Settings
from store.shapes.bodies import BodyCodec, EventRow
from store.shapes.posts import RefusedBody, post_of
from store.tables.journal import ingest_batches, ingest_listings, ingest_refusals
from store.writer import SIZES, Writer
from tests.journals import DRIVER_ERRORS
from tests.listings import as_post, post


def submit(journal: Journal, sender: Sender, *posts: Post) -> list[Verdict]:
    return journal.submit(sender, posts)


def unstorable(provider: str) -> Post:
    """A post that the database cannot take: a fault of ours."""
    return msgspec.structs.replace(post("bad", provider), fingerprint=cast(bytes, object()))


def accepted(verdicts: list[Verdict]) -> list[Accepted]:
    assert all(isinstance(verdict, Accepted) for verdict in verdicts), verdicts
    return verdicts  # type: ignore[return-value]


def events(settings: Settings) -> list[EventRow]:
    unpack = BodyCodec().unpack_events
    with reading(open_journal_database(settings)) as connection:
        bodies = connection.execute(sa.select(ingest_batches.c.body).order_by("first_offset"))
        return [event for body in bodies.scalars() for event in unpack(body)]


def stored(settings: Settings, listing: int) -> dict[str, Any]:
    with reading(open_journal_database(settings)) as connection:
        body = connection.execute(
            sa.select(ingest_listings.c.document).where(ingest_listings.c.id == listing)
        ).scalar_one()
    document: dict[str, Any] = json.loads(BodyCodec().unpack(body))
    return document


def test_a_hundred_equal_posts_are_one_listing_and_one_revision(
    journal: Journal, sender: Sender, settings: Settings
) -> None:
    with ThreadPoolExecutor(8) as pool:
        done = pool.map(lambda _: journal.submit(sender, [post("a")])[0], range(100))
        verdicts = accepted(list(done))
    assert {verdict.id for verdict in verdicts} == {1}
    assert [verdict.created for verdict in verdicts].count(True) == 1
    assert [verdict.changed for verdict in verdicts].count(True) == 1
    assert {row.revision for row in events(settings)} == {1}


def test_offsets_are_contiguous_and_in_the_order_of_commits(
    journal: Journal, sender: Sender, settings: Settings
) -> None:
    for price in (1000, 2000, 3000):
        submit(journal, sender, post("a", price=price), post("b", price=price))
    rows = events(settings)
    assert [row.event_offset for row in rows] == list(range(1, 7))
    assert [row.revision for row in rows if row.external_id == "a"] == [1, 2, 3]


def test_an_event_carries_the_payload_verbatim_and_the_whole_document(
    journal: Journal, sender: Sender, settings: Settings
) -> None:
    submit(journal, sender, post("a"))
    raw = b'{ "providerIdentifier":"my-crm",\n "externalId":"a", "price": 9e4}'
    submit(journal, sender, post_of("my-crm", "a", json.loads(raw), raw))
    event = events(settings)[-1]
    assert event.payload == raw
    assert json.loads(event.document)["price"] == 90000
    assert json.loads(event.document)["rooms"] == 3


def test_the_same_pair_at_two_providers_is_two_listings(journal: Journal, sender: Sender) -> None:
    one, other, odd = accepted(
        submit(journal, sender, post("b:c", "a"), post("c", "a-b"), post("c", "a"))
    )
    assert len({one.id, other.id, odd.id}) == 3


def test_a_new_listing_needs_the_required_fields_and_a_known_one_does_not(
    journal: Journal, sender: Sender, settings: Settings
) -> None:
    bare = {"providerIdentifier": "my-crm", "externalId": "a", "price": 5000}
    assert submit(journal, sender, as_post(bare)) == [
        Rejected("required_on_create", ("title", "transaction", "type", "currency"))
    ]
    assert events(settings) == []
    submit(journal, sender, post("a"))
    assert accepted(submit(journal, sender, as_post(bare)))[0].changed


def test_mark_as_sold_changes_the_status_alone(
    journal: Journal, sender: Sender, settings: Settings
) -> None:
    submit(journal, sender, post("a", imageUrls=["http://x/1"], agency={"name": "N"}))
    before = stored(settings, 1)
    sold = {"providerIdentifier": "my-crm", "externalId": "a", "status": "sold"}
    assert accepted(submit(journal, sender, as_post(sold)))[0].status == "sold"
    after = stored(settings, 1)
    assert after.pop("statusSince") > before.pop("statusSince")
    assert after == {**before, "status": "sold"}


def test_a_bad_neighbour_fails_alone(
    journal: Journal, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.take_turn()
    group = [Work(sender, [p]) for p in (post("a"), unstorable("my-crm"), post("b"))]
    with pytest.raises(DRIVER_ERRORS) as caught:
        journal.begin(group)
    first, failed, last = journal.alone(group, caught.value)
    assert accepted([*first, *last])
    assert isinstance(failed, DRIVER_ERRORS)
    assert accepted(submit(journal, sender, post("c")))[0].id == 3


def test_one_bad_post_of_a_bulk_fails_alone(journal: Journal, sender: Sender) -> None:
    first, failed, last = submit(journal, sender, post("a"), unstorable("my-crm"), post("b"))
    assert failed == Failed()
    assert accepted([first, last])
    assert accepted(submit(journal, sender, post("c")))[0].event_offset == 3


def test_of_two_claims_on_a_provider_one_wins(journal: Journal, sender: Sender) -> None:
    other = Sender(key_id=sender.key_id, partner_id=2, providers=None)
    journal.take_turn()
    mine, theirs = journal.begin([Work(sender, [post("a")]), Work(other, [post("b")])]).commit()
    assert accepted(mine)
    assert theirs == [Rejected("provider_not_owned")]


def test_a_bound_key_writes_its_own_providers_only(journal: Journal, sender: Sender) -> None:
    bound = Sender(sender.key_id, sender.partner_id, frozenset({"my-crm"}))
    first, second = submit(journal, bound, post("a"), post("a", "elsewhere"))
    assert isinstance(first, Accepted)
    assert second == Rejected("provider_not_owned")


def test_a_revoked_key_is_refused_in_the_transaction(
    journal: Journal, sender: Sender, settings: Settings, api_key: str,
    clock: Callable[[], datetime],
) -> None:  # fmt: skip
    with writing(open_journal_database(settings)) as connection:
        assert revoke_key(connection, api_key, clock())
    assert submit(journal, sender, post("a")) == [Rejected("key_ended")]


def test_refused_bodies_are_kept_up_to_a_limit(
    journal: Journal, sender: Sender, settings: Settings
) -> None:
    refused = RefusedBody(("invalid_json",), '{"code":"invalid_json"}', b"x" * 100_000, "my-crm")
    journal.do(Work(sender, refused=[refused]))
    with reading(open_journal_database(settings)) as connection:
        row = connection.execute(sa.select(ingest_refusals)).one()
    assert (row.codes, row.provider_identifier) == ('["invalid_json"]', "my-crm")
    assert row.payload_bytes == 100_000
    assert BodyCodec().unpack(row.body) == b"x" * 65_536


def test_facts_take_their_place_among_the_events(
    journal: Journal, sender: Sender, settings: Settings, clock: Callable[[], datetime]
) -> None:
    submit(journal, sender, post("a"))
    assert append_event(settings, "rates_loaded", {"sha256": "0"}, clock()) == 2
    assert accepted(submit(journal, sender, post("b")))[0].event_offset == 3
    assert [row.kind for row in events(settings)] == ["listing", "rates_loaded", "listing"]


def test_a_large_group_is_one_order_whatever_statements_carry_it(
    journal: Journal, sender: Sender, settings: Settings
) -> None:
    names = [f"x{n:03d}" for n in range(2 * sum(SIZES) + 3)]
    first = accepted(submit(journal, sender, *(post(name) for name in names)))
    again = accepted(submit(journal, sender, *(post(name, price=1) for name in names[::-1])))
    assert [v.id for v in again] == [v.id for v in first][::-1]
    assert {v.changed for v in again} == {True}
    rows = events(settings)
    assert [row.external_id for row in rows] == names + names[::-1]
    assert [row.event_offset for row in rows] == list(range(1, 2 * len(names) + 1))
    assert [row.revision for row in rows] == [1] * len(names) + [2] * len(names)


@pytest.mark.sqlite_only
def test_a_group_reads_each_listing_once(journal: Journal, sender: Sender) -> None:
    names = ["a", "b", "c"]
    submit(journal, sender, *(post(name) for name in names))
    read: list[str] = []
    driver = journal._register.writer._driver
    driver.set_trace_callback(read.append)
    works = [Work(sender, [post(name, price=price) for name in names]) for price in (1, 2)]
    journal.take_turn()
    assert len(journal.begin(works).commit()) == len(works)
    driver.set_trace_callback(None)
    asked = [sql for sql in read if sql.startswith("SELECT") and "ingest_listings" in sql]
    assert sum(sql.count(f"'{name}'") for sql in asked for name in names) == len(names)


def test_an_unchanged_post_leaves_the_register_as_it_is(
    journal: Journal, sender: Sender, settings: Settings
) -> None:
    submit(journal, sender, post("a", sourceUpdatedAt="2026-01-02T00:00:00.000000Z"))
    before = stored(settings, 1)
    submit(journal, sender, post("a", sourceUpdatedAt="2026-01-02T00:00:00.000000Z"))
    assert stored(settings, 1) == before
    moved = "2026-01-03T00:00:00.000000Z"
    verdict = accepted(submit(journal, sender, post("a", sourceUpdatedAt=moved)))[0]
    assert not verdict.changed
    assert stored(settings, 1) == {**before, "sourceUpdatedAt": moved}
    older = post("a", price=1, sourceUpdatedAt="2026-01-01T00:00:00.000000Z")
    assert accepted(submit(journal, sender, older))[0].stale


def test_what_another_process_commits_is_seen_by_the_next_group(
    journal: Journal, sender: Sender, settings: Settings, api_key: str,
    clock: Callable[[], datetime],
) -> None:  # fmt: skip
    submit(journal, sender, post("a"))
    code = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from store.journal import append_event; from store.settings import Settings\n"
        "settings = Settings(home=Path(sys.argv[1]))\n"
        "print(append_event(settings, 'rates_loaded', {}, datetime.now(UTC)))"
    )
    command = [sys.executable, "-c", code, str(settings.home)]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"2\n"
    assert accepted(submit(journal, sender, post("b")))[0].event_offset == 3
    with writing(open_journal_database(settings)) as connection:
        assert revoke_key(connection, api_key, clock())
    assert submit(journal, sender, post("c")) == [Rejected("key_ended")]


def test_after_a_failed_group_numbers_and_claims_are_those_stored(
    journal: Journal, sender: Sender, settings: Settings, clock: Callable[[], datetime]
) -> None:
    with writing(open_journal_database(settings)) as connection:
        create_key(connection, "Other", ["publish.estates"], None, None, clock())
    submit(journal, sender, post("a"))
    with pytest.raises(DRIVER_ERRORS):
        submit(journal, sender, unstorable("new-crm"))
    other = Sender(sender.key_id, 2, None)
    (verdict,) = accepted(submit(journal, other, post("c", "new-crm")))
    assert (verdict.id, verdict.event_offset) == (2, 2)


def test_a_key_that_expires_between_groups_is_refused(
    journal: Journal, sender: Sender, settings: Settings, clock: Callable[[], datetime]
) -> None:
    with writing(open_journal_database(settings)) as connection:
        key = create_key(
            connection, "Short", ["publish.estates"], None, clock() + timedelta(seconds=5), clock()
        )
        row = find_key(connection, key, clock())
    assert row is not None
    short = Sender(row.key_id, row.partner_id, None)
    verdicts = [submit(journal, short, post("s", "short-crm"))[0] for _ in range(6)]
    kinds = [isinstance(verdict, Accepted) for verdict in verdicts]
    assert kinds == sorted(kinds, reverse=True)
    assert verdicts[0] != verdicts[-1] == Rejected("key_ended")


@pytest.mark.sqlite_only
def test_the_committer_syncs_every_commit_and_starts_as_the_only_writer(
    settings: Settings,
) -> None:
    writer, other = (Writer(open_journal_database(settings)) for _ in range(2))
    assert writer.first("PRAGMA journal_mode") == ("wal",)
    assert writer.first("PRAGMA synchronous") == (2,)
    writer.begin()
    other.first("PRAGMA busy_timeout = 0")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.begin()
    writer.rollback()
    writer.close()
    other.close()


@pytest.mark.sqlite_only
@pytest.mark.skipif(shutil.which("strace") is None, reason="counts syncs with strace")
def test_an_answer_comes_after_a_sync_of_the_log(
    settings: Settings, api_key: str, tmp_path: Path
) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from store.journal import Sender, open_journal; from store.settings import Settings\n"
        "from tests.listings import post\n"
        "journal = open_journal(Settings(home=Path(sys.argv[1])))\n"
        "for number in range(20):\n"
        "    journal.submit(Sender(1, 1, None), [post(str(number))])\n"
        "    os.write(1, b'answered\\n')\n"
        "os._exit(0)"
    )
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-y", "-o", str(trace), "-e", "trace=fdatasync,fsync,write"]
    subprocess.run(
        [*command, sys.executable, "-c", code, str(settings.home)], check=True, capture_output=True
    )
    syncs, counts = 0, []
    for line in trace.read_text().splitlines():
        syncs += "sync(" in line and f"{Home(settings.home).journal}-wal" in line
        if "answered" in line:
            counts.append(syncs)
            syncs = 0
    assert len(counts) == 20
    assert min(counts) >= 1
