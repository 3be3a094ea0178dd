"""The posting client against a small server of the test's own: order, retries, counts."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from cli.posting import BULK_PATH, SINGLE_PATH, PostingError, RefusedItem, post_market

Document = dict[str, Any]
Event = tuple[None, Document]
KEY = "key-of-the-test"


@dataclass
class Door:
    """A stand-in for the API: keeps the newest body per listing and every body it saw.

    failing: statuses to answer before it works; 0 breaks the connection after taking the post.
    """

    seen: list[Document] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    stored: dict[tuple[str, str], Document] = field(default_factory=dict)
    failing: list[int] = field(default_factory=list)

    async def single(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, self._one)

    async def bulk(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, self._many)

    async def _answer(
        self, request: web.Request, take: Callable[[Any], tuple[int, Document]]
    ) -> web.StreamResponse:
        if request.headers.get("X-API-Key") not in (KEY, "other-key"):
            return web.json_response({"detail": "The key is unknown."}, status=401)
        failure = self.failing.pop(0) if self.failing else None
        if failure:
            return web.json_response({}, status=failure, headers={"Retry-After": "0"})
        self.keys.add(request.headers["X-API-Key"])
        status, answer = take(await request.json())
        if failure == 0 and request.transport is not None:
            request.transport.abort()
        return web.json_response(answer, status=status)

    def _one(self, body: Document) -> tuple[int, Document]:
        self.sizes.append(1)
        answer = self._take(body)
        return (422 if "violations" in answer else 201), answer

    def _many(self, body: Document) -> tuple[int, Document]:
        self.sizes.append(len(body["items"]))
        answers = [self._take(item) for item in body["items"]]
        results = [
            {"index": index, "success": False, "error": answer}
            if "violations" in answer
            else {"index": index, "success": True, "data": answer}
            for index, answer in enumerate(answers)
        ]
        return 200, {"count": len(results), "results": results}

    def _take(self, body: Document) -> Document:
        self.seen.append(body)
        if body["price"] <= 0:
            violation = {"propertyPath": "price", "message": "-", "code": "out_of_range"}
            return {"code": "validation_failed", "violations": [violation]}
        key = (body["providerIdentifier"], body["externalId"])
        before = self.stored.get(key)
        is_stale = before is not None and before["price"] > body["price"]
        if not is_stale:
            self.stored[key] = body
        number = list(self.stored).index(key) + 1
        answer = {"id": number, "created": before is None, "changed": self.stored[key] != before}
        return answer | ({"stale": True} if is_stale else {})


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def base_url(door: Door) -> Iterator[str]:
    """The address of the door, served from a thread with a loop of its own."""
    loop = asyncio.new_event_loop()
    app = web.Application(client_max_size=2**26)
    app.add_routes([web.post(SINGLE_PATH, door.single), web.post(BULK_PATH, door.bulk)])
    runner = web.AppRunner(app)
    loop.run_until_complete(runner.setup())
    site = web.TCPSite(runner, "127.0.0.1", 0)
    loop.run_until_complete(site.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def stream(listings: int, rounds: int) -> list[Event]:
    """Posts in rounds: the price of every listing rises by one from round to round."""
    return [
        (None, {"providerIdentifier": f"crm-{number % 3}", "externalId": f"x/{number}",
                "price": 100 + at})
        for at in range(rounds)
        for number in range(listings)
    ]  # fmt: skip


def test_each_listings_posts_arrive_in_order_single_and_in_bulk(door: Door, base_url: str) -> None:
    events = stream(200, 5)
    summary = post_market(base_url, KEY, events, single_share=0.2, bulk_items=50)
    last: dict[str, int] = {}
    for body in door.seen:
        assert last.get(body["externalId"], 0) < body["price"]
        last[body["externalId"]] = body["price"]
    assert len(last) == 200
    assert 1 in door.sizes
    assert max(door.sizes) == 50
    assert (summary.posts, summary.accepted, summary.created) == (1000, 1000, 200)
    assert (summary.changed, summary.unchanged, summary.stale) == (1000, 0, 0)
    assert not summary.has_changed_nothing


def test_a_second_run_changes_nothing_and_answers_the_same_ids(base_url: str) -> None:
    events = stream(60, 3)
    first = post_market(base_url, KEY, events)
    second = post_market(base_url, KEY, events)
    assert second.has_changed_nothing
    assert (second.unchanged, second.stale) == (180, 120)
    assert second.ids == first.ids
    assert len(first.ids) == 60


@pytest.mark.parametrize("single_share", [0.0, 1.0], ids=["in bulk", "single"])
def test_refused_posts_are_kept_with_their_codes(base_url: str, single_share: float) -> None:
    events = stream(10, 1)
    events[3][1]["price"] = 0
    summary = post_market(base_url, KEY, events, single_share=single_share)
    assert summary.refused == [RefusedItem("crm-0", "x/3", ("out_of_range",), ("price",))]
    assert (summary.accepted, summary.posts) == (9, 10)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again(door: Door, base_url: str, status: int) -> None:
    door.failing = [status, status]
    summary = post_market(base_url, KEY, stream(5, 1), single_share=0.0, concurrency=1)
    assert (summary.accepted, summary.created) == (5, 5)
    assert (summary.retries, summary.requests) == (2, 3)


def test_a_lost_answer_is_asked_for_again(door: Door, base_url: str) -> None:
    door.failing = [0]
    summary = post_market(base_url, KEY, stream(5, 1), single_share=0.0, concurrency=1)
    assert len(door.seen) == 10, "the server took the bulk twice"
    assert (summary.accepted, summary.created, summary.unchanged) == (5, 0, 5)
    assert len(summary.ids) == 5


def test_a_wrong_key_ends_the_posting_at_once(base_url: str) -> None:
    with pytest.raises(PostingError, match="401, The key is unknown") as caught:
        post_market(base_url, "wrong", stream(50, 2))
    assert caught.value.status == 401


def test_a_server_that_is_away_ends_the_posting_when_patience_ends() -> None:
    with pytest.raises(PostingError, match="did not answer for"):
        post_market("http://127.0.0.1:9", KEY, stream(1, 1), patience_s=0.2)


def test_each_provider_is_posted_with_its_own_key(door: Door, base_url: str) -> None:
    keys = {"crm-0": KEY, "crm-1": "other-key", "crm-2": KEY}
    summary = post_market(base_url, keys, stream(30, 2))
    assert summary.created == 30
    assert door.keys == {KEY, "other-key"}


def test_progress_counts_up_to_all_posts(base_url: str) -> None:
    told: list[tuple[int, int]] = []

    def note(done: int, total: int) -> None:
        told.append((done, total))

    post_market(base_url, KEY, stream(30, 2), bulk_items=7, on_progress=note)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (60, 60)


def test_nothing_to_post_is_no_request(base_url: str) -> None:
    assert post_market(base_url, KEY, []).requests == 0
