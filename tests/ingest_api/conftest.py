"""A real API on loopback for the tests of the door, with a clock that tests set."""

import asyncio
import itertools
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import uvicorn

from ingest_api.app import create_app
from ingest_api.tokens import Signer
from store.audit import COMMAND_LINE
from store.database import open_journal_database, reading, writing
from store.keys import create_key
from store.passwords import PasswordHasher
from store.people import Person, create_person, disable_person, find_person
from store.settings import Settings
from store.shapes.bodies import BodyCodec
from store.shapes.vocabulary import Role
from store.signing_secret import signing_secret
from store.tables.journal import ingest_batches, ingest_listings, ingest_refusals

LISTINGS = "/api/integration/estates"
_numbers = itertools.count(1)


@dataclass
class Clock:
    """The API's clock: the real one unless a test stops it."""

    stopped_at: datetime | None = None

    def __call__(self) -> datetime:
        return self.stopped_at or datetime.now(UTC)


@dataclass
class Api:
    """A running API, its clock and its journal."""

    settings: Settings
    clock: Clock
    engine: sa.Engine
    client: httpx.Client
    port: int = 0
    _codec: BodyCodec = field(default_factory=BodyCodec)

    def make_key(
        self,
        partner: str | None = None,
        permissions: tuple[str, ...] = ("publish.estates",),
        providers: list[str] | None = None,
        expires_at: datetime | None = None,
    ) -> str:
        """Make a key, of a partner of its own unless one is named."""
        name = partner or f"partner {next(_numbers)}"
        with writing(self.engine) as connection:
            return create_key(
                connection, name, permissions, providers, expires_at, datetime.now(UTC)
            )

    def post(self, key: str | None, body: Any, path: str = LISTINGS, **headers: str) -> Any:
        """Post bytes as they are, or anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **headers}
        if key is not None:
            sent["X-API-Key"] = key
        return self.client.post(path, content=content, headers=sent)

    def bulk(self, key: str, items: list[Any]) -> Any:
        """Post a bulk."""
        return self.post(key, {"items": items}, f"{LISTINGS}/bulk")

    def stored(self, provider: str, external_id: str) -> dict[str, Any] | None:
        """Return the listing's merged document, None when there is no such listing."""
        with reading(self.engine) as connection:
            packed = connection.execute(
                sa.select(ingest_listings.c.document)
                .where(ingest_listings.c.provider_identifier == provider)
                .where(ingest_listings.c.external_id == external_id)
            ).scalar()
        return None if packed is None else wire_fields(json.loads(self._codec.unpack(packed)))

    def payloads(self, provider: str) -> list[bytes]:
        """Return the bytes of all events of a provider, in their order."""
        with reading(self.engine) as connection:
            bodies = connection.execute(
                sa.select(ingest_batches.c.body).order_by(ingest_batches.c.first_offset)
            ).scalars()
            events = [event for body in bodies for event in self._codec.unpack_events(body)]
        return [event.payload for event in events if event.provider_identifier == provider]

    def refused(self) -> list[tuple[list[str], bytes]]:
        """Return codes and bytes of all refused bodies, in their order."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                sa.select(ingest_refusals.c.codes, ingest_refusals.c.body).order_by(
                    ingest_refusals.c.refusal_offset
                )
            ).all()
        return [(json.loads(codes), self._codec.unpack(body)) for codes, body in rows]


def wire_fields(document: dict[str, Any]) -> dict[str, Any]:
    """Return what partners posted of a document: without what the platform adds."""
    return {name: value for name, value in document.items() if name != "statusSince"}


def problem_of(answer: Any) -> tuple[int, str]:
    """Return status and code of an answer that must be a problem."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["type"].startswith("urn:imo360:problem:")
    assert body["title"]
    assert body["detail"]
    return answer.status_code, body["code"]


@pytest.fixture(scope="session")
def running_api(empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Start one API for all tests of the session; tests use partners of their own."""
    settings = Settings(home=tmp_path_factory.mktemp("api") / "home")
    shutil.copytree(empty_home, settings.home)
    with serving(settings) as api:
        yield api


@contextmanager
def serving(settings: Settings) -> Iterator[Api]:
    """Run the API of a home on loopback, logging as `imo360 serve` does."""
    clock = Clock()
    config = uvicorn.Config(
        create_app(settings, clock), port=0, log_config=None, lifespan="on", access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    started = threading.Event()
    _tell_when_started(server, started)
    thread.start()
    assert started.wait(20), "the API did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    engine = open_journal_database(settings)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield Api(settings, clock, engine, client, port)
    engine.dispose()
    server.should_exit = True
    thread.join(20)


def _tell_when_started(server: uvicorn.Server, started: threading.Event) -> None:
    startup = server.startup

    async def start_and_tell(*args: Any, **kwargs: Any) -> None:
        await startup(*args, **kwargs)
        started.set()

    server.startup = start_and_tell  # type: ignore[method-assign]


@pytest.fixture
def api(running_api: Api) -> Iterator[Api]:
    """The running API with its clock going."""
    running_api.clock.stopped_at = None
    yield running_api
    running_api.clock.stopped_at = None


@pytest.fixture
def provider() -> str:
    """A provider identifier that no other test uses."""
    return f"crm-{next(_numbers)}"


@pytest.fixture
def listing(provider: str) -> dict[str, Any]:
    """A minimal first post."""
    return {
        "providerIdentifier": provider,
        "externalId": "a-1",
        "title": "Apartament 2 camere, Drumul Taberei",
        "transaction": "SALE",
        "type": "APARTMENT",
        "price": 92000,
        "currency": "EUR",
    }


PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class People:
    """Accounts of the running API, all with PASSWORD, and tokens of every kind."""

    api: Api
    admin: Person
    member: Person
    disabled: Person

    def token(self, person: Person, now: datetime | None = None) -> str:
        """Return a token that was got at this moment, the present one unless said."""
        return self.signer.sign(person, now or self.api.clock())

    @property
    def signer(self) -> Signer:
        return Signer(signing_secret(self.api.settings), timedelta(hours=1))

    def ask(self, method: str, path: str, body: Any = None, *, token: str | None = "") -> Any:
        """Call as the admin, or with this token; None sends none."""
        shown = self.token(self.admin) if token == "" else token
        headers = {} if shown is None else {"Authorization": f"Bearer {shown}"}
        if body is None:
            return self.api.client.request(method, path, headers=headers)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
        return self.api.client.request(method, path, content=content, headers=headers)

    def make_key(self, **members: Any) -> dict[str, Any]:
        """Make a key over HTTP, of a partner of its own unless one is named."""
        wish = {"partner": f"partner {next(_numbers)}", "permissions": ["publish.estates"]}
        answer = self.ask("POST", "/api/keys", wish | members)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made


@pytest.fixture(scope="session")
def password_hash() -> str:
    """What is stored of PASSWORD; made once, for it takes a fifth of a second."""
    return PasswordHasher().hash(PASSWORD)


@pytest.fixture(scope="session")
def running_people(running_api: Api, password_hash: str) -> People:
    """Make an admin, a member and somebody who was disabled."""
    now, found = datetime.now(UTC), []
    with writing(running_api.engine) as connection:
        for name, role in (("admin", Role.ADMIN), ("member", Role.MEMBER), ("gone", Role.ADMIN)):
            email = f"{name}@example.com"
            create_person(connection, email, password_hash, role, COMMAND_LINE, now)
        disable_person(connection, "gone@example.com", COMMAND_LINE, now)
        for name in ("admin", "member", "gone"):
            person = find_person(connection, f"{name}@example.com")
            assert person is not None
            found.append(person)
    return People(running_api, *found)


@pytest.fixture
def people(api: Api, running_people: People) -> People:
    """The people of the running API, with its clock going."""
    return running_people
