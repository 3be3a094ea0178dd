"""No secret that was ever issued is found again: not in the home, not in logs, not in errors.

`issued` is everything that must stay secret; `said` is everything the API answered but for the
answers that show a secret by design. What the posting path keeps comes from `SENT`: add a call
there when a new kind of call stores something.
"""

import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from store.audit import COMMAND_LINE
from store.database import open_journal_database, writing
from store.people import create_person
from store.raw_lake import RawLake
from store.settings import Settings
from store.shapes.bodies import BodyCodec
from store.shapes.vocabulary import Role
from tests.ingest_api.conftest import LISTINGS, PASSWORD, Api, serving

WRONG_PASSWORD = "the wrong horse of another battery"
MADE_UP = "imo360_ak_" + "Zz9" * 17
BAD_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2VjcmV0LXNpZ25hdHVyZS1vZi1ub2JvZHk"

LISTING = {
    "providerIdentifier": "crm-secret", "externalId": "a-1", "title": "Apartament", "price": 92_000,
    "transaction": "SALE", "type": "APARTMENT", "currency": "EUR",
}  # fmt: skip

SENT: list[Callable[[Api, str], Any]] = [
    lambda api, key: api.post(key, LISTING),
    lambda api, key: api.post(key, LISTING | {"price": "x"}),
    lambda api, key: api.post(key, b"{"),
    lambda api, key: api.post(key, LISTING, f"{LISTINGS}?dryRun=true"),
    lambda api, key: api.post(key, LISTING, **{"Idempotency-Key": "first"}),
    lambda api, key: api.post(key, LISTING, **{"If-Match": '"r9"'}),
    lambda api, key: api.bulk(key, [LISTING, LISTING | {"externalId": "a-2"}, 7]),
    lambda api, key: api.client.get("/api/integration/reference", headers={"X-API-Key": key}),
    lambda api, key: api.client.get(f"/nothing/{key}", headers={"X-API-Key": key}),
    lambda api, key: api.client.delete(
        f"{LISTINGS}/crm-secret:a-2?reason=withdrawn", headers={"X-API-Key": key}
    ),
]


@dataclass
class Story:
    """What was issued and what was said while it was used."""

    home: Path
    issued: list[str] = field(default_factory=lambda: [PASSWORD, WRONG_PASSWORD, MADE_UP])
    said: list[bytes] = field(default_factory=list)
    logged: str = ""


def tell(api: Api, story: Story) -> None:
    """Log in, fail to, make and rotate keys of both environments, post with all of them."""

    def hear(answer: httpx.Response) -> httpx.Response:
        story.said += [answer.content, repr(answer.headers.raw).encode()]
        return answer

    def log_in(password: str) -> httpx.Response:
        body = {"email": "ana@example.com", "password": password}
        return api.client.post("/authentication_token", json=body)

    hear(log_in(WRONG_PASSWORD))
    api.client.post("/authentication_token", content=b'{"email":"' + PASSWORD.encode())
    token = log_in(PASSWORD).json()["token"]
    story.issued.append(token)
    admin = {"Authorization": f"Bearer {token}"}
    for environment in ("live", "sandbox"):
        wish = {"partner": "P", "permissions": ["publish.estates"], "environment": environment}
        made = api.client.post("/api/keys", json=wish, headers=admin).json()
        for send in SENT:
            hear(send(api, made["key"]))
        again = api.client.post(f"/api/keys/{made['id']}/rotate", headers=admin).json()
        story.issued += [made["key"], again["key"]]
        hear(api.post(again["key"], LISTING))
        hear(api.client.delete(f"/api/keys/{made['id']}", headers=admin))
        hear(api.post(again["key"], LISTING))
    hear(api.post(MADE_UP, LISTING))
    hear(api.client.get("/api/keys", headers={"Authorization": f"Bearer {BAD_TOKEN}"}))
    hear(api.client.post("/api/keys", json={PASSWORD: token}, headers=admin))
    for path in ("/api/keys", "/api/audit"):
        hear(api.client.get(path, headers=admin))


class Listener(logging.Handler):
    """Keeps what is logged, tracebacks too."""

    def __init__(self, records: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(logging.Formatter().format(record))


@pytest.fixture(scope="module")
def story(empty_home: Path, password_hash: str, tmp_path_factory: pytest.TempPathFactory) -> Story:
    home = tmp_path_factory.mktemp("secrets") / "home"
    shutil.copytree(empty_home, home)
    settings, told = Settings(home=home), Story(home)
    with writing(open_journal_database(settings)) as connection:
        now = datetime.now(UTC)
        create_person(connection, "ana@example.com", password_hash, Role.ADMIN, COMMAND_LINE, now)
    records: list[str] = []
    listener = Listener(records)
    listener.addFilter(
        lambda record: not record.name.startswith(("httpx", "httpcore"))
    )  # the client's
    root = logging.getLogger()
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    try:
        with serving(settings) as api:
            tell(api, told)
    finally:
        root.removeHandler(listener)
        root.setLevel(level)
    RawLake(settings).seal(datetime.now(UTC))
    told.logged = "\n".join(records)
    return told


def values_of(database: Path) -> Iterator[bytes]:
    """Yield every value of every table; bodies as they are and unpacked."""
    codec = BodyCodec()
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        for row in connection.execute(f'SELECT * FROM "{table}"'):
            for value in row:
                yield value if isinstance(value, bytes) else str(value).encode()
                if isinstance(value, bytes):
                    yield from unpacked(codec, value)
    connection.close()


def unpacked(codec: BodyCodec, body: bytes) -> Iterator[bytes]:
    for unpack in (codec.unpack, lambda each: str(codec.unpack_events(each)).encode()):
        try:
            yield unpack(body)
        except ValueError:
            continue


def kept_in(home: Path) -> Iterator[tuple[str, bytes]]:
    """Yield all that the home keeps: files as they are, databases and Parquet by their values."""
    for path in sorted(path for path in home.rglob("*") if path.is_file()):
        name = str(path.relative_to(home))
        yield name, path.read_bytes()
        if path.suffix == ".sqlite":
            yield from ((name, value) for value in values_of(path))
        if path.suffix == ".parquet":
            yield name, str(pq.read_table(path).to_pylist()).encode()


def pieces(secret: str) -> list[bytes]:
    """A secret, and the part of it that alone lets somebody in."""
    whole = [secret.encode()]
    return [*whole, secret[-39:].encode()] if secret.startswith("imo360_ak_") else whole


@pytest.mark.slow
def test_the_story_has_secrets_and_leaves_traces(story: Story) -> None:
    assert len(story.issued) == 8
    kept = dict(kept_in(story.home))
    assert any(name.endswith(".parquet") for name in kept)
    assert any(b"crm-secret" in content for _, content in kept_in(story.home))
    assert any(b"missing" in said or b"invalid_api_key" in said for said in story.said)
    assert story.logged


def test_nothing_kept_gives_a_secret_away(story: Story) -> None:
    found = [
        (name, secret[:14])
        for name, content in kept_in(story.home)
        for secret in story.issued
        if any(piece in content for piece in pieces(secret))
    ]
    assert found == []


def test_nothing_logged_gives_a_secret_away(story: Story) -> None:
    logged = story.logged.encode()
    found = [secret[:14] for secret in story.issued if any(p in logged for p in pieces(secret))]
    assert found == []


def test_nothing_said_gives_a_secret_away(story: Story) -> None:
    found = [
        (said[:60], secret[:14])
        for said in story.said
        for secret in story.issued
        if any(piece in said for piece in pieces(secret))
    ]
    assert found == []


def test_the_search_finds_what_is_hidden(story: Story, tmp_path: Path) -> None:
    """The search itself: a key in a packed body and in a Parquet file is seen."""
    hidden = sqlite3.connect(tmp_path / "x.sqlite")
    hidden.execute("CREATE TABLE t (body BLOB)")
    hidden.execute("INSERT INTO t VALUES (?)", (BodyCodec().pack(b"{'k': 'needle'}" * 20),))
    hidden.commit()
    hidden.close()
    assert any(b"needle" in value for _, value in kept_in(tmp_path))
