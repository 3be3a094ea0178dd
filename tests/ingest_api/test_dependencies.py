"""Rates of keys and large bodies, over HTTP: nothing is half applied, and memory is bounded."""

import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any

import pytest

from ingest_api.dependencies import BODIES_BYTES, Inbox
from ingest_api.reading import RefusedError
from store.audit import COMMAND_LINE
from store.database import writing
from store.keys import KeyWish, issue_key
from store.settings import Settings
from store.shapes.wire import MAX_BULK_BYTES
from tests.conftest import NOW
from tests.ingest_api.conftest import LISTINGS, Api, People, problem_of
from tests.ingest_api.conftest import serving as serving_api

BULK = f"{LISTINGS}/bulk"
LINES = "application/x-ndjson"


class Limited:
    """A key with a rate of one item a second and a burst of five, and a clock that stands."""

    def __init__(self, api: Api, provider: str, burst: int = 5) -> None:
        wish = KeyWish(
            partner=f"partner of {provider}", permissions=["publish.estates"],
            rate_per_minute=60, rate_burst=burst,
        )  # fmt: skip
        with writing(api.engine) as connection:
            issued = issue_key(connection, wish, COMMAND_LINE, NOW)
        self.api, self.provider = api, provider
        self.key, self.key_id = issued.key, issued.key_id
        self._numbers = itertools.count()
        api.clock.stopped_at = NOW

    def wait(self, seconds: float) -> None:
        assert self.api.clock.stopped_at is not None
        self.api.clock.stopped_at += timedelta(seconds=seconds)

    def listing(self) -> dict[str, Any]:
        return {
            "providerIdentifier": self.provider, "externalId": f"a-{next(self._numbers)}",
            "title": "T", "transaction": "SALE", "type": "HOUSE", "price": 1, "currency": "EUR",
        }  # fmt: skip

    def listings(self, count: int) -> list[dict[str, Any]]:
        return [self.listing() for _ in range(count)]

    def post(self, query: str = "") -> Any:
        return self.api.post(self.key, self.listing(), LISTINGS + query)

    def bulk(self, count: int, query: str = "") -> Any:
        return self.api.post(self.key, {"items": self.listings(count)}, BULK + query)

    def lines(self, count: int, query: str = "") -> Any:
        body = "\n".join(json.dumps(each) for each in self.listings(count)).encode()
        return self.api.post(self.key, body, BULK + query, **{"Content-Type": LINES})

    def stored(self) -> int:
        return len(self.api.payloads(self.provider))


@pytest.fixture
def limited(api: Api, provider: str) -> Limited:
    return Limited(api, provider)


def standing(answer: Any) -> tuple[int, str, str | None]:
    """Return an answer's status, how the rate stands by it, and when to ask again."""
    assert answer.headers["ratelimit-policy"] == '"items";q=5;w=60'
    headers = answer.headers
    return answer.status_code, headers["ratelimit"], headers.get("retry-after")


def test_posts_take_one_each_until_the_burst_is_used_up(limited: Limited) -> None:
    assert [standing(limited.post()) for _ in range(6)] == [
        (201, '"items";r=4;t=1', None),
        (201, '"items";r=3;t=2', None),
        (201, '"items";r=2;t=3', None),
        (201, '"items";r=1;t=4', None),
        (201, '"items";r=0;t=5', None),
        (429, '"items";r=0;t=5', "1"),
    ]
    assert problem_of(limited.post()) == (429, "rate_limited")
    assert limited.stored() == 5


def test_it_fills_again_by_the_rate_and_not_beyond_the_burst(limited: Limited) -> None:
    limited.bulk(5)
    limited.wait(0.999)
    assert standing(limited.post()) == (429, '"items";r=0;t=5', "1")
    limited.wait(0.001)
    assert standing(limited.post()) == (201, '"items";r=0;t=5', None)
    limited.wait(3_600)
    assert standing(limited.post()) == (201, '"items";r=4;t=1', None)


# In which forms n listings can be sent at once. Trials count: they cost us as much.
TOGETHER = {
    "a bulk": Limited.bulk,
    "a dry run of a bulk": lambda limited, count: limited.bulk(count, "?dryRun=true"),
}


@pytest.mark.parametrize("send", TOGETHER.values(), ids=TOGETHER.keys())
def test_what_is_sent_at_once_is_let_in_whole_or_not_at_all(limited: Limited, send: Any) -> None:
    assert standing(send(limited, 3)) == (200, '"items";r=2;t=3', None)
    stored = limited.stored()
    refused = send(limited, 3)
    assert problem_of(refused) == (429, "rate_limited")
    assert standing(refused) == (429, '"items";r=2;t=3', "1")
    assert limited.stored() == stored
    assert standing(send(limited, 2)) == (200, '"items";r=0;t=5', None)


@pytest.mark.parametrize("send", TOGETHER.values(), ids=TOGETHER.keys())
def test_more_than_the_burst_is_too_much_ever(limited: Limited, send: Any) -> None:
    refused = send(limited, 6)
    assert problem_of(refused) == (413, "bulk_exceeds_rate")
    assert refused.json()["limit"] == 5
    assert standing(refused) == (413, '"items";r=5;t=0', None)
    assert limited.stored() == 0
    assert standing(send(limited, 5)) == (200, '"items";r=0;t=5', None)


# A stream has no length to judge it by: it is let in a group of lines at a time.
STREAMS = {"lines": "", "a dry run of lines": "?dryRun=true"}


def codes_of(answer: Any) -> list[str | None]:
    """Return each line's reason of refusal, in the order of the lines."""
    assert answer.status_code == 200
    verdicts = [json.loads(line) for line in answer.text.splitlines()]
    assert [each["index"] for each in verdicts] == list(range(len(verdicts)))
    return [each["error"]["code"] if each.get("error") else None for each in verdicts]


@pytest.mark.parametrize("query", STREAMS.values(), ids=STREAMS.keys())
def test_lines_are_let_in_by_groups_of_a_burst(limited: Limited, query: str) -> None:
    first = limited.lines(7, query)
    assert codes_of(first) == [None] * 5 + ["rate_limited"] * 2
    assert limited.stored() == (0 if query else 5)
    limited.wait(2)
    assert codes_of(limited.lines(2, query)) == [None] * 2
    assert standing(limited.post()) == (429, '"items";r=0;t=5', "1")


def test_a_group_of_lines_is_let_in_whole_or_not_at_all(limited: Limited) -> None:
    limited.bulk(2)
    assert codes_of(limited.lines(5)) == ["rate_limited"] * 5
    assert codes_of(limited.lines(3)) == [None] * 3
    assert limited.stored() == 5


@pytest.mark.parametrize("query", STREAMS.values(), ids=STREAMS.keys())
def test_a_stream_leaves_no_spool(limited: Limited, query: str) -> None:
    before = open_spools()
    limited.lines(7, query)
    assert open_spools() == before


def open_spools() -> int:
    return sum("/spool/" in str(each.resolve()) for each in Path("/proc/self/fd").iterdir())


def test_dry_runs_and_deletions_take_one_too(limited: Limited) -> None:
    assert standing(limited.post("?dryRun=true")) == (200, '"items";r=4;t=1', None)
    limited.bulk(4)
    identifier = f"{LISTINGS}/{limited.provider}:a-1"
    gone = limited.api.client.delete(identifier, headers={"X-API-Key": limited.key})
    assert standing(gone) == (429, '"items";r=0;t=5', "1")
    limited.wait(1)
    gone = limited.api.client.delete(identifier, headers={"X-API-Key": limited.key})
    assert standing(gone) == (204, '"items";r=0;t=5', None)


READS = (
    f"{LISTINGS}?limit=1", f"{LISTINGS}/none:x", "/api/integration/events/none",
    "/api/integration/changes", "/api/integration/changes?limit=x", "/api/integration/refusals",
    "/api/integration/usage", "/api/integration/snapshots/none", "/api/integration/reference",
)  # fmt: skip


@pytest.mark.parametrize("path", READS)
def test_reading_takes_nothing_and_tells_how_the_key_stands(limited: Limited, path: str) -> None:
    limited.bulk(4)
    for _ in range(2):
        answer = limited.api.client.get(path, headers={"X-API-Key": limited.key})
        assert answer.status_code in (200, 404, 422)
        assert standing(answer)[1:] == ('"items";r=1;t=4', None)


def test_a_304_tells_too(limited: Limited) -> None:
    headers = {"X-API-Key": limited.key}
    reference = "/api/integration/reference"
    etag = limited.api.client.get(reference, headers=headers).headers["etag"]
    again = limited.api.client.get(reference, headers=headers | {"If-None-Match": etag})
    assert standing(again) == (304, '"items";r=5;t=0', None)


def test_refused_posts_tell_and_those_of_a_readable_size_take_one(limited: Limited) -> None:
    def post(body: bytes, path: str = LISTINGS, **headers: str) -> Any:
        return standing(limited.api.post(limited.key, body, path, **headers))

    assert post(b"{") == (400, '"items";r=4;t=1', None)
    assert post(b"{}") == (422, '"items";r=3;t=2', None)
    assert post(b"{}", **{"Content-Type": "text/plain"}) == (415, '"items";r=2;t=3', None)
    assert post(b'{"items":', BULK) == (400, '"items";r=2;t=3', None)
    assert post(b'{"items":[{}]}', BULK) == (200, '"items";r=1;t=4', None)
    assert post(b"{}", BULK, **{"Content-Type": "text/plain"}) == (415, '"items";r=1;t=4', None)
    assert post(b"{}", "/api/integration/snapshots") == (422, '"items";r=1;t=4', None)


def test_keys_without_a_rate_and_strangers_are_told_of_none(
    people: People, limited: Limited, listing: dict[str, Any]
) -> None:
    people.ask("DELETE", f"/api/keys/{limited.key_id}")
    for key in (people.api.make_key(), "imo360_ak_typo", None, limited.key):
        for answer in (
            people.api.post(key, listing | {"providerIdentifier": limited.provider + "-free"}),
            people.api.client.get(LISTINGS, headers={"X-API-Key": key} if key else {}),
        ):
            assert answer.status_code in (201, 200, 401)
            assert not [name for name in answer.headers if name.startswith("ratelimit")]


def test_another_rate_holds_from_the_next_call_on(people: People, limited: Limited) -> None:
    limited.bulk(5)
    people.ask(
        "PATCH", f"/api/keys/{limited.key_id}", {"rateLimit": {"perMinute": 600, "burst": 5}}
    )
    limited.wait(0.1)
    assert standing(limited.post()) == (201, '"items";r=0;t=1', None)
    people.ask("PATCH", f"/api/keys/{limited.key_id}", {"rateLimit": None})
    assert "ratelimit" not in limited.post().headers


def test_many_at_once_are_let_in_as_often_as_the_burst_says(api: Api, provider: str) -> None:
    limited = Limited(api, provider, burst=20)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: limited.post().status_code, range(60)))
    assert (answers.count(201), answers.count(429)) == (20, 40)
    assert limited.stored() == 20


@pytest.fixture
def halved(settings: Settings) -> Iterator[Api]:
    """The API as one of two processes."""
    with serving_api(settings.model_copy(update={"api_processes": 2})) as api:
        yield api


def test_each_of_two_processes_holds_half_of_a_rate(halved: Api, provider: str) -> None:
    limited = Limited(halved, provider)
    taken = 0
    for _ in range(120):
        taken += limited.post().status_code == 201
        limited.wait(1)
    assert 60 <= taken <= 63  # half a minute's rate for two minutes, and half a burst


def test_the_inbox_counts_what_it_holds() -> None:
    inbox = Inbox(10)
    inbox.take(6)
    with pytest.raises(RefusedError) as refused:
        inbox.take(5)
    assert refused.value.refusal.code == "not_ready"
    assert refused.value.refusal.headers == {"Retry-After": "1"}
    inbox.take(4)
    inbox.give_back(10)
    inbox.take(10)
    assert BODIES_BYTES >= 2 * MAX_BULK_BYTES


BODY = b" " * 800_000 + b'{"items":[{}]}'


@pytest.fixture
def narrow(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The API with room for two such bodies."""
    monkeypatch.setattr("ingest_api.app.BODIES_BYTES", 2 * len(BODY) + 100_000)
    with serving_api(settings) as api:
        yield api


def almost_sent(api: Api, key: str) -> HTTPConnection:
    """Send a bulk but for its last byte."""
    connection = HTTPConnection("127.0.0.1", api.port, timeout=20)
    connection.putrequest("POST", BULK)
    connection.putheader("X-API-Key", key)
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(BODY)))
    connection.endheaders(BODY[:-1])
    return connection


def await_answered(connections: list[HTTPConnection], count: int) -> list[HTTPConnection]:
    """Wait until so many have an answer to read; return these."""
    answered: list[HTTPConnection] = []
    with DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.sock, EVENT_READ, connection)
        while len(answered) < count:
            for key, _ in selector.select(20):
                selector.unregister(key.fileobj)
                answered.append(key.data)
    return answered


def test_large_bodies_beyond_the_room_are_to_come_again_and_small_ones_go_on(
    narrow: Api, listing: dict[str, Any]
) -> None:
    key = narrow.make_key()
    for turn in range(3):
        bulks = [almost_sent(narrow, key) for _ in range(6)]
        refused = await_answered(bulks, 4)
        assert narrow.post(key, listing | {"externalId": f"a-{turn}"}).status_code == 201
        for bulk in set(bulks) - set(refused):
            with suppress(BrokenPipeError):  # it may be refused just now
                bulk.send(BODY[-1:])
        statuses = [answer_of(bulk) for bulk in bulks]
        assert set(statuses) == {200, 503}
        assert statuses.count(503) >= 4
    # What went away without an answer, or was refused, left its room to others.
    leaving = almost_sent(narrow, key)
    leaving.close()
    assert answer_of(almost_sent(narrow, key), BODY[-1:]) == 200


def answer_of(bulk: HTTPConnection, rest: bytes = b"") -> int:
    if rest:
        bulk.send(rest)
    answer = bulk.getresponse()
    problem = json.loads(answer.read())
    bulk.close()
    if answer.status == 503:
        assert (problem["code"], answer.headers["Retry-After"]) == ("not_ready", "1")
    return answer.status
