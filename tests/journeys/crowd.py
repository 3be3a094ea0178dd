"""Partners that post singles and bulks without pause, and what must be kept of what they were told.

Every post has a price of its own, so that every body is told from every other. Hot listings are
shared by all partners and posted again and again; cold ones are posted once.
"""

import asyncio
import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from ingest_api.app import create_app
from store.database import open_journal_database, reading
from store.raw_lake import RawLake
from store.settings import Settings
from store.shapes.wire import MAX_BULK_ITEMS
from store.tables.journal import ingest_listings
from tests.journeys.power_cut import log_position
from tests.listings import document

PATH = "/api/integration/estates"
HOT = 6
SINGLES = 0.9
"""Share of the requests that post one listing."""

MOST_ITEMS = 250
"""Of a bulk: more than the API hands over at once, so that a kill may part it."""


@dataclass(frozen=True, slots=True)
class Told:
    """A post that was acknowledged. position: how long the log of changes was by then."""

    position: int
    external_id: str
    payload: bytes
    listing_id: int
    event_id: str


@dataclass
class Crowd:
    """Several partners under one key, each on a thread and a connection of its own."""

    port: int
    key: str
    seed: int
    pause_seconds: float = 0.0
    log: Path | None = None
    told: list[Told] = field(default_factory=list)
    sent: set[bytes] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    _prices: "itertools.count[int]" = field(default_factory=lambda: itertools.count(10_000))
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, partners: int = 3) -> None:
        """Begin to post."""
        for number in range(partners):
            chance = random.Random(self.seed * 100 + number)
            self._threads.append(threading.Thread(target=self._run, args=(chance,)))
            self._threads[-1].start()

    def await_told(self, count: int) -> None:
        """Wait until so many posts were acknowledged."""
        ends = time.monotonic() + 120
        while len(self.told) < count:
            assert time.monotonic() < ends, f"only {len(self.told)} acknowledged: {self.wrong[:1]}"
            time.sleep(0.002)

    def stop(self) -> None:
        """End when the posts under way are answered or cut off."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, chance: random.Random) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        while not self._stop.wait(self.pause_seconds):
            try:
                if connection.sock is None:  # before there are posts: a server may be starting
                    connection.connect()
                posts = self._posts(chance)
                self.sent.update(payload for _, payload in posts)
                self._send(connection, posts)
            except (OSError, http.client.HTTPException):
                connection.close()
                self._stop.wait(0.02)
        connection.close()

    def _posts(self, chance: random.Random) -> list[tuple[str, bytes]]:
        count = 1 if chance.random() < SINGLES else chance.randint(2, MOST_ITEMS)
        return [self._post(chance) for _ in range(count)]

    def _post(self, chance: random.Random) -> tuple[str, bytes]:
        price = next(self._prices)
        is_hot = chance.random() < 0.4
        name = f"hot-{chance.randrange(HOT)}" if is_hot else f"cold-{price}"
        return name, json.dumps(document(name, price=price)).encode()

    def _send(
        self, connection: http.client.HTTPConnection, posts: Sequence[tuple[str, bytes]]
    ) -> None:
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        if len(posts) == 1:
            connection.request("POST", PATH, posts[0][1], headers)
        else:
            connection.request("POST", f"{PATH}/bulk", in_bulk([p for _, p in posts]), headers)
        with connection.getresponse() as response:
            content = json.loads(response.read())
        if response.status not in (200, 201):
            self.wrong.append(f"{response.status} {content}")
            return
        answers = [content] if len(posts) == 1 else [r["data"] for r in content["results"]]
        position = 0 if self.log is None else log_position(self.log)
        for (name, payload), answer in zip(posts, answers, strict=True):
            self.told.append(Told(position, name, payload, answer["id"], answer["eventId"]))


def in_bulk(payloads: Sequence[bytes]) -> bytes:
    """Return a bulk of these bodies."""
    return b'{"items":[' + b",".join(payloads) + b"]}"


class LostError(AssertionError):
    """Something acknowledged is missing, doubled, stale or torn."""


def expect_kept(settings: Settings, key: str, told: Sequence[Told], sent: set[bytes]) -> int:
    """Compare a home, as a crash left it, with what partners were told; return its events.

    Raises LostError. Then posts to it: the newest body of every listing must change nothing.
    """
    lake = RawLake(settings)
    lake.seal(datetime.now(UTC))
    lake.verify()  # raises when a file is not what was sealed
    columns = ["event_offset", "event_id", "listing_id", "revision", "external_id", "payload"]
    events = [tuple(row.values()) for row in lake.read(0, 10_000_000, columns).to_pylist()]
    expect_acknowledged(events, told)
    expect_each_once(events, sent)
    newest = {event[4]: event for event in events}
    _expect_register(settings, newest)
    _expect_no_change(settings, key, len(events), newest)
    return len(events)


def expect_acknowledged(events: list[Any], told: Sequence[Told]) -> None:
    kept = {event[1]: event for event in events}
    for each in told:
        if each.event_id not in kept:
            raise LostError(f"lost: {each.external_id}, {each.event_id} of {len(told)}")
        _, _, listing_id, _, external_id, payload = kept[each.event_id]
        if (listing_id, external_id, payload) != (each.listing_id, each.external_id, each.payload):
            raise LostError(f"another event than told: {each.external_id}")


def expect_each_once(events: list[Any], sent: set[bytes]) -> None:
    if [event[0] for event in events] != list(range(1, len(events) + 1)):
        raise LostError("offsets with gaps")
    payloads = [event[5] for event in events]
    if len(set(payloads)) != len(payloads):
        raise LostError("doubled: a body that was posted once is kept twice")
    if torn := [payload for payload in payloads if payload not in sent]:
        raise LostError(f"torn: {torn[0]!r}")
    ids: dict[str, int] = {}
    revisions: dict[str, int] = {}
    for _, _, listing_id, revision, external_id, _ in events:
        if ids.setdefault(external_id, listing_id) != listing_id:
            raise LostError(f"doubled: two listings of {external_id}")
        revisions[external_id] = revisions.get(external_id, 0) + 1
        if revision != revisions[external_id]:
            raise LostError(f"revision {revision} of {external_id} is out of its order")
    if len(set(ids.values())) != len(ids):
        raise LostError("one id of two listings")


def _expect_register(settings: Settings, newest: dict[str, Any]) -> None:
    engine = open_journal_database(settings)
    with reading(engine) as connection:
        (health,) = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        table = ingest_listings.c
        rows = connection.execute(sa.select(table.external_id, table.id, table.revision)).all()
    engine.dispose()
    if health != "ok":
        raise LostError(f"the journal's database is damaged: {health}")
    stored = {external_id: (id, revision) for external_id, id, revision in rows}
    if len(stored) != len(rows):
        raise LostError("doubled: a listing is in the register twice")
    expected = {name: (event[2], event[3]) for name, event in newest.items()}
    if stored != expected:
        wrong = sorted(name for name in stored.keys() | expected.keys()
                       if stored.get(name) != expected.get(name))  # fmt: skip
        raise LostError(f"stale: {len(wrong)} listings of the register, {wrong[:3]}")


def _expect_no_change(
    settings: Settings, key: str, last_offset: int, newest: dict[str, Any]
) -> None:
    payloads = [event[5] for event in newest.values()]
    answers = asyncio.run(_post_again(settings, key, payloads))
    for event, answer in zip(newest.values(), answers, strict=True):
        if (answer["id"], answer["created"], answer["changed"]) != (event[2], False, False):
            raise LostError(f"stale: the newest body of {event[4]} is news to the register")
    offsets = {int(answer["eventId"][:12], 16) for answer in answers}
    if offsets != set(range(last_offset + 1, last_offset + 1 + len(answers))):
        raise LostError("the offsets do not go on where they ended")


async def _post_again(settings: Settings, key: str, payloads: Sequence[bytes]) -> list[Any]:
    app = create_app(settings)
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    answers: list[Any] = []
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        for start in range(0, len(payloads), MAX_BULK_ITEMS):
            bulk = in_bulk(payloads[start : start + MAX_BULK_ITEMS])
            answer = await client.post(f"{PATH}/bulk", content=bulk, headers=headers)
            answers += [result["data"] for result in answer.json()["results"]]
    return answers
