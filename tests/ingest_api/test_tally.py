"""Use of keys: every call is counted once, refusals with their codes, answer times in buckets."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

import ingest_api.desk
from ingest_api.desk import Desk
from ingest_api.tally import BOUNDS_MS, Tally
from store.audit import COMMAND_LINE
from store.database import open_journal_database, reading, writing
from store.journal import Journal
from store.keys import KeyWish, find_key, issue_key
from store.settings import Settings
from store.shapes.posts import Sender
from store.tables.journal import ingest_usage_counts
from tests.ingest_api.conftest import LISTINGS, Api
from tests.listings import post

Listing = dict[str, Any]
BULK = f"{LISTINGS}/bulk"


def used(engine: sa.Engine, key_id: int) -> dict[str, int]:
    """Return what is counted of a key; answer times as one sum."""
    row = ingest_usage_counts.c
    counts: Counter[str] = Counter()
    with reading(engine) as connection:
        for measure, count in connection.execute(
            sa.select(row.measure, row.count).where(row.key_id == key_id)
        ):
            counts["ms" if measure.startswith("ms:") else measure] += count
    return dict(counts)


def id_of(api: Api, key: str) -> int:
    with reading(api.engine) as connection:
        record = find_key(connection, key, datetime.now(UTC))
    assert record is not None
    return record.key_id


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the door write what it counted without waiting."""
    monkeypatch.setattr(ingest_api.desk, "TALLY_SECONDS", 0.0)


def await_used(api: Api, key: str, expected: dict[str, int]) -> None:
    """Wait until this is counted of a key, and no more."""
    key_id, end = id_of(api, key), time.monotonic() + 10
    while used(api.engine, key_id) != expected:
        assert time.monotonic() < end, used(api.engine, key_id)
        time.sleep(0.01)


@dataclass(frozen=True)
class Caller:
    """Calls with one key."""

    api: Api
    key: str
    listing: Listing

    def post(self, body: Any, query: str = "", **sent: str) -> Any:
        path = BULK if isinstance(body, dict) and "items" in body else LISTINGS
        headers = {name.replace("_", "-"): value for name, value in sent.items()}
        return self.api.post(self.key, body, path + query, **headers)

    def lines(self, body: bytes) -> Any:
        return self.api.post(self.key, body, BULK, **{"Content-Type": "application/x-ndjson"})

    def ask(self, method: str, path: str) -> Any:
        return self.api.client.request(method, path, headers={"X-API-Key": self.key})

    def wrong(self, count: int = 1) -> list[Listing]:
        return [self.listing | {"price": "x"}] * count

    def delete(self) -> Any:
        return self.ask("DELETE", f"{LISTINGS}/{self.listing['providerIdentifier']}:a-1")


def refused(code: str, count: int = 1, calls: int = 1) -> dict[str, int]:
    return {"calls": calls, "ms": calls, "refused": count, f"code:{code}": count}


DONE = {"calls": 1, "ms": 1, "accepted": 1}
TWICE = {"calls": 2, "ms": 2}

CASES: list[tuple[str, Callable[[Caller], Any], dict[str, int]]] = [
    ("a post", lambda c: c.post(c.listing), DONE),
    ("a post with warnings", lambda c: c.post(c.listing | {"rums": 1, "raams": 2}),
     DONE | {"warned": 1}),
    ("the same post again", lambda c: [c.post(c.listing), c.post(c.listing)],
     TWICE | {"accepted": 2}),
    ("a dry run", lambda c: c.post(c.listing, "?dryRun=true"), {"calls": 1, "ms": 1}),
    ("a wrong field", lambda c: c.post(c.wrong()[0]), refused("wrong_type")),
    ("wrong fields", lambda c: c.post(c.listing | {"price": "x", "rooms": -1}),
     refused("wrong_type") | {"code:out_of_range": 1}),
    ("no JSON", lambda c: c.post(b"{"), refused("invalid_json")),
    ("no body", lambda c: c.post(b""), refused("invalid_json")),
    ("too little for a first post", lambda c: c.post(
        {"providerIdentifier": c.listing["providerIdentifier"], "externalId": "b"}),
     refused("required_on_create")),
    ("a wrong tag", lambda c: c.post(c.listing, If_Match='"r1"'), refused("precondition_failed")),
    ("no tag", lambda c: c.post(c.listing, If_Match="r1"), refused("precondition_failed")),
    ("a replayed answer", lambda c: [c.post(c.listing, Idempotency_Key="k") for _ in range(2)],
     TWICE | {"accepted": 1}),
    ("a reused key", lambda c: [c.post(c.listing | {"price": n}, Idempotency_Key="k")
                                for n in (1, 2)],
     refused("idempotency_key_reused") | TWICE | {"accepted": 1}),
    ("a bulk", lambda c: c.post({"items": [c.listing, *c.wrong(2)]}),
     refused("wrong_type", 2) | {"accepted": 1}),
    ("a bulk whose first part is refused",
     lambda c: c.post({"items": [*c.wrong(200), c.listing]}),
     refused("wrong_type", 200) | {"accepted": 1}),
    ("a bulk that is refused whole", lambda c: c.post({"items": c.wrong(201)}),
     refused("wrong_type", 201)),
    ("a bulk that is refused whole and kept not",
     lambda c: c.post({"items": c.wrong(3)}, Idempotency_Key="k"), refused("wrong_type", 3)),
    ("a bulk that the register refuses", lambda c: c.post({"items": [
        {"providerIdentifier": c.listing["providerIdentifier"], "externalId": "b"}]}),
     refused("required_on_create")),
    ("an empty bulk", lambda c: c.post({"items": []}), {"calls": 1, "ms": 1}),
    ("too many items", lambda c: c.post({"items": [1] * 1001}), refused("too_many_items")),
    ("no snapshot", lambda c: c.post({"items": [c.listing]}, "?snapshot=none"),
     refused("snapshot_closed")),
    ("lines", lambda c: c.lines(b"\n".join([json.dumps(c.listing).encode(), b"", b"{"])),
     refused("invalid_json", 2) | {"accepted": 1}),
    ("another media type", lambda c: c.post(c.listing, Content_Type="text/csv"),
     refused("unsupported_media_type")),
    ("a wrong parameter", lambda c: c.post(c.listing, "?dry=1"), refused("unknown_parameter")),
    ("a deletion", lambda c: [c.post(c.listing), c.delete()], TWICE | {"accepted": 2}),
    ("a deletion of nothing", lambda c: c.delete(), refused("not_found")),
    ("reading", lambda c: c.ask("GET", LISTINGS), {"calls": 1, "ms": 1}),
    ("reading nothing", lambda c: c.ask("GET", f"{LISTINGS}/p:x"), refused("not_found")),
    ("a snapshot", lambda c: c.api.post(
        c.key, {"providerIdentifier": c.listing["providerIdentifier"]},
        "/api/integration/snapshots"), {"calls": 1, "ms": 1}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("act", "expected"), [pytest.param(act, expected, id=name) for name, act, expected in CASES]
)
@pytest.mark.usefixtures("at_once")
def test_each_call_is_counted_once_with_what_became_of_it(
    api: Api, listing: Listing, act: Callable[[Caller], Any], expected: dict[str, int]
) -> None:
    caller = Caller(api, api.make_key(), listing)
    act(caller)
    await_used(api, caller.key, expected)


@pytest.mark.usefixtures("at_once")
def test_a_missing_permission_is_counted(api: Api, listing: Listing) -> None:
    caller = Caller(api, api.make_key(permissions=("read.market",)), listing)
    caller.post(listing)
    caller.ask("GET", LISTINGS)
    await_used(api, caller.key, refused("missing_permission", 2, calls=2))


@pytest.mark.usefixtures("at_once")
def test_a_spent_rate_is_counted(api: Api, listing: Listing) -> None:
    wish = KeyWish(partner="Counted rates", permissions=("publish.estates",), rate_per_minute=2)
    with writing(api.engine) as connection:
        key = issue_key(connection, wish, COMMAND_LINE, datetime.now(UTC)).key
    api.clock.stopped_at = datetime.now(UTC)
    caller = Caller(api, key, listing)
    caller.post({"items": [listing] * 3})
    caller.post({"items": [listing] * 2})
    caller.post(listing)
    caller.lines(b"{}\n{}")
    await_used(api, key, {
        "calls": 4, "ms": 4, "accepted": 2, "refused": 4, "code:bulk_exceeds_rate": 1,
        "code:rate_limited": 3,
    })  # fmt: skip


def test_what_a_post_counts_commits_with_it(
    journal: Journal, sender: Sender, settings: Settings
) -> None:
    engine = open_journal_database(settings)
    journal.submit(sender, [post("a"), post("b")])
    assert used(engine, sender.key_id) == {"calls": 1, "accepted": 2}


def test_times_are_counted_below_the_bound_that_they_reach() -> None:
    tally = Tally()
    for milliseconds in (0.5, 1, 1.1, 5000, 5001):
        tally.time(1, milliseconds / 1000)
    assert dict(tally._counts) == {
        (1, "ms:1"): 2, (1, "ms:2"): 1, (1, f"ms:{BOUNDS_MS[-1]}"): 1, (1, "ms:inf"): 1,
    }  # fmt: skip


def test_it_asks_once_to_be_written() -> None:
    asked: list[int] = []
    tally = Tally(lambda: asked.append(1))
    tally.count(1, "calls")
    tally.refuse(1, ["not_found"])
    assert asked == [1]
    assert tally


def test_a_desk_that_closes_writes_what_was_counted(
    journal: Journal, sender: Sender, settings: Settings
) -> None:
    async def count_and_close() -> None:
        desk = Desk(journal)
        desk.tally.count(sender.key_id, "calls")
        await desk.close()
        assert not desk.tally

    asyncio.run(count_and_close())
    assert used(open_journal_database(settings), sender.key_id) == {"calls": 1}
