"""The short way answers what the framework would: status, body and headers."""

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from ingest_api.app import create_app
from ingest_api.raw_route import RawRoute
from ingest_api.short_way import ShortWay
from store.audit import COMMAND_LINE
from store.database import open_journal_database, writing
from store.keys import KeyWish, issue_key
from store.settings import Settings
from store.shapes.wire import MAX_LISTING_BYTES
from tests.ingest_api.conftest import LISTINGS
from tests.listings import document

BULK = f"{LISTINGS}/bulk"
GOOD = json.dumps(document("a-1")).encode()
ITEMS = b'{"items":[' + GOOD + b"]}"
JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}

Request = tuple[str, str, bytes, Mapping[str, str]]
REQUESTS: dict[str, Request] = {
    "a listing": ("POST", LISTINGS, GOOD, JSON),
    "a dry run": ("POST", f"{LISTINGS}?dryRun=true", GOOD, JSON),
    "an unknown query": ("POST", f"{LISTINGS}?x=1", GOOD, JSON),
    "a bulk": ("POST", BULK, ITEMS, JSON),
    "lines": ("POST", BULK, GOOD + b"\n{\n", LINES),
    "a list": ("GET", f"{LISTINGS}?limit=1", b"", {}),
    "a list with a wrong limit": ("GET", f"{LISTINGS}?limit=x", b"", {}),
    "changes": ("GET", "/api/integration/changes", b"", {}),
    "the reference": ("GET", "/api/integration/reference", b"", {}),
    "a listing of its own": ("GET", f"{LISTINGS}/my-crm:a-1", b"", {}),
    "a bad key": ("POST", LISTINGS, GOOD, JSON | {"X-API-Key": "imo360_ak_typo"}),
    "no JWT": ("GET", "/api/keys", b"", {}),
    "bad JSON": ("POST", LISTINGS, b'{"title":', JSON),
    "a bulk of bad JSON": ("POST", BULK, b"[", JSON),
    "a violation": ("POST", LISTINGS, GOOD.replace(b"185000", b"-1"), JSON),
    "no body": ("POST", LISTINGS, b"", JSON),
    "a body too large": ("POST", LISTINGS, b" " * (MAX_LISTING_BYTES + 1), JSON),
    "a wrong type": ("POST", LISTINGS, GOOD, {"Content-Type": "text/plain"}),
    "a stale revision": ("POST", LISTINGS, GOOD, JSON | {"If-Match": '"r99"'}),
    "HEAD": ("HEAD", LISTINGS, b"", {}),
    "OPTIONS": ("OPTIONS", BULK, b"", {}),
    "a method of none": ("PUT", LISTINGS, GOOD, JSON),
    "a slash behind": ("POST", f"{LISTINGS}/", GOOD, JSON),
    "two slashes": ("POST", f"/{LISTINGS}", GOOD, JSON),
    "another case": ("POST", LISTINGS.upper(), GOOD, JSON),
    "an escaped path": ("POST", LISTINGS.replace("estates", "e%73tates"), GOOD, JSON),
    "no such path": ("GET", "/api/integration", b"", {}),
}


def key_of(settings: Settings) -> str:
    wish = KeyWish(partner="P", permissions=["publish.estates"], rate_per_minute=1_000_000)
    with writing(open_journal_database(settings)) as connection:
        return issue_key(connection, wish, COMMAND_LINE, datetime.now(UTC)).key


async def both(settings: Settings, requests: list[Request]) -> list[tuple[Any, Any]]:
    """Make each request of one app, by the short way and by its own; one for all, for speed."""
    app, key = create_app(settings), key_of(settings)
    answers = []
    async with app.router.lifespan_context(app):
        short, whole = client_of(ShortWay(app), key), client_of(app, key)
        async with short, whole:
            await whole.post(LISTINGS, content=GOOD, headers=JSON)
            for method, path, body, headers in requests:
                pair = [
                    await client.request(method, path, content=body, headers=headers)
                    for client in (short, whole)
                ]
                answers.append((pair[0], pair[1]))
    return answers


def client_of(app: ASGIApp, key: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(
        transport=transport, base_url="http://test", headers={"X-API-Key": key}
    )


PASSING = re.compile(
    rb'"(eventId|receivedAt|lastEventId)":"[^"]*"|urn:uuid:[0-9a-f-]*|"(next|seq)":[0-9]*'
)
"""What differs between two equal requests: ids of events, instants, numbers of errors."""


def told(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    headers = {name: value for name, value in answer.headers.items() if name != "ratelimit"}
    if answer.status_code < 400:
        headers.pop("content-length", None)
    assert ("ratelimit" in answer.headers) == ("ratelimit-policy" in answer.headers)
    return answer.status_code, PASSING.sub(b"", answer.content), headers


def test_both_ways_answer_the_same(settings: Settings) -> None:
    answers = asyncio.run(both(settings, list(REQUESTS.values())))
    seen = {name: (told(s), told(w)) for name, (s, w) in zip(REQUESTS, answers, strict=True)}
    assert {name: short for name, (short, _) in seen.items()} == {
        name: whole for name, (_, whole) in seen.items()
    }
    statuses = {name: short[0] for name, (short, _) in seen.items()}
    assert statuses["a listing"] == statuses["an escaped path"] == statuses["a list"] == 200
    assert statuses["a body too large"] == 413
    assert statuses["HEAD"] == statuses["a slash behind"] == 405
    assert len(set(statuses.values())) >= 9


def breaking(settings: Settings) -> FastAPI:
    """The API with routes that break, before and after their answer has begun."""
    app = create_app(settings)

    async def break_at_once(_request: Any) -> Any:
        raise ValueError("imo360-secret")

    async def break_later(_request: Any) -> Any:
        async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            raise ValueError("imo360-secret")

        answer.headers = {}  # type: ignore[attr-defined]  # as a Response has
        return answer

    for path, endpoint in (("/at-once", break_at_once), ("/later", break_later)):
        app.router.routes.insert(0, RawRoute(path, endpoint, methods=["POST"]))
    return app


def test_a_broken_promise_is_a_500_by_both_ways(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> list[httpx.Response]:
        app = breaking(settings)
        return [await client_of(each, "k").post("/at-once") for each in (ShortWay(app), app)]

    short, whole = asyncio.run(ask())
    assert told(short) == told(whole)
    assert short.status_code == 500
    assert "imo360-secret" not in short.text
    assert "ValueError" in caplog.text


def test_an_answer_that_breaks_off_is_not_answered_again(settings: Settings) -> None:
    async def send_to(app: ASGIApp) -> list[str]:
        sent: list[str] = []

        async def send(message: Any) -> None:
            sent.append(message["type"])

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {"type": "http", "method": "POST", "path": "/later", "headers": [],
                 "query_string": b"", "root_path": "", "raw_path": b"/later"}  # fmt: skip
        with pytest.raises(ValueError, match="secret"):
            await app(scope, receive, send)
        return sent

    app = breaking(settings)
    assert asyncio.run(send_to(ShortWay(app))) == ["http.response.start"]
    assert asyncio.run(send_to(app)) == ["http.response.start"]
