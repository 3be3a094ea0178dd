import asyncio
from collections.abc import Iterator

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from ingest_api.dependencies import RecentKeys
from store.key_finding import PREFIX
from store.settings import Settings
from tests.bench.echo import create_echo, key_reader
from tests.bench.file_per_post import create_filing
from tests.bench.payloads import listing_body

BODY = listing_body(1, b"listing-1")


@pytest.fixture(params=["echo", "echo_held", "file_per_post"])
def app(request: pytest.FixtureRequest, settings: Settings) -> Iterator[FastAPI]:
    keys = key_reader(settings)
    match request.param:
        case "echo":
            yield create_echo(keys)
        case "echo_held":
            yield create_echo(RecentKeys(keys))
        case _:
            yield create_filing(settings)
    keys.close()


def post(app: FastAPI, headers: dict[str, str], body: bytes = BODY) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
            path = app.routes[-1].path  # type: ignore[attr-defined]  # the one route of the app
            return await client.post(path, content=body, headers=headers)

    return asyncio.run(ask())


def test_a_known_key_gets_its_listing_back(app: FastAPI, api_key: str) -> None:
    answer = post(app, {"X-API-Key": api_key, "Content-Type": "application/json"})
    assert answer.status_code == 200
    known = {name: value for name, value in answer.json().items() if value is not None}
    assert known["externalId"] == "listing-1"
    assert known["price"] == msgspec.json.decode(BODY)["price"]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no key"),
        pytest.param({"X-API-Key": f"{PREFIX}unknown"}, id="unknown key"),
    ],
)
def test_nobody_else_is_answered(app: FastAPI, headers: dict[str, str]) -> None:
    assert post(app, {**headers, "Content-Type": "application/json"}).status_code == 401


def test_the_model_is_checked(app: FastAPI, api_key: str) -> None:
    headers = {"X-API-Key": api_key, "Content-Type": "application/json"}
    assert post(app, headers, b'{"providerIdentifier":"bench-crm"}').status_code == 422


def test_a_file_holds_the_post(settings: Settings, api_key: str) -> None:
    headers = {"X-API-Key": api_key, "Content-Type": "application/json"}
    post(create_filing(settings), headers)
    (file,) = (settings.home / "file-per-post").iterdir()
    assert msgspec.json.decode(file.read_bytes())["externalId"] == "listing-1"
