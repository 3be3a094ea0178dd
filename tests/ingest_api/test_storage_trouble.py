"""A database that a stranger holds locked: 503 with Retry-After, nothing told that is not kept."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from store.database import open_journal_database, reading, writing
from store.schema import migrate
from store.settings import Settings
from store.tables.journal import ingest_listings
from tests.ingest_api.conftest import LISTINGS, Api, serving
from tests.listings import document
from tests.postgres import PostgresServer
from tests.watching import await_true


@pytest.fixture
def alone(settings: Settings) -> Iterator[Api]:
    """An API of the test's own: others could not post meanwhile."""
    with serving(settings) as api:
        yield api


@contextmanager
def locked_by_a_stranger(settings: Settings) -> Iterator[None]:
    with writing(open_journal_database(settings)):
        yield


def expect_refused(answer: Any) -> None:
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["code"] == "not_ready"


@pytest.mark.engines
@pytest.mark.slow
def test_a_locked_journal_refuses_soon_and_recovers_by_itself(alone: Api) -> None:
    key = alone.make_key()
    assert alone.post(key, document("before")).status_code == 201
    with locked_by_a_stranger(alone.settings):
        began = time.monotonic()
        expect_refused(alone.post(key, document("one")))
        assert 1 < time.monotonic() - began < 6  # some patience, and no more
        began = time.monotonic()
        expect_refused(alone.post(key, document("two")))
        expect_refused(alone.bulk(key, [document("three"), document("four")]))
        expect_refused(alone.client.get("/readyz"))
        assert time.monotonic() - began < 6  # the next ones are told at once
        assert alone.client.get("/healthz").status_code == 200
        read = alone.client.get(f"{LISTINGS}/my-crm:before", headers={"X-API-Key": key})
        assert read.status_code == 200  # who reads waits for nobody's lock
    assert alone.post(key, document("after")).status_code == 201
    assert alone.client.get("/readyz").status_code == 200
    assert stored(alone.settings) == ["before", "after"]


@pytest.mark.slow
def test_a_server_that_went_away_is_told_and_met_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = PostgresServer(is_durable=True)
    server.start()
    monkeypatch.setenv("IMO360_DATABASE_URL", server.new_database())
    settings = Settings(home=tmp_path / "home")
    migrate(settings)
    try:
        with serving(settings) as alone:
            key = alone.make_key()
            assert alone.post(key, document("before")).status_code == 201
            server.stop("immediate")
            for name in ("one", "two", "three"):
                expect_refused(alone.post(key, document(name)))
            expect_refused(alone.bulk(key, [document("four"), document("five")]))
            expect_refused(alone.client.get("/readyz"))
            server.start()
            await_true(
                lambda: alone.post(key, document("after")).status_code in (200, 201),
                "a post that is taken", 20,
            )  # fmt: skip
            assert alone.client.get("/readyz").status_code == 200
            assert stored(settings) == ["before", "after"]
    finally:
        server.remove()


def stored(settings: Settings) -> list[str]:
    listing = ingest_listings.c
    with reading(open_journal_database(settings)) as connection:
        return list(
            connection.execute(sa.select(listing.external_id).order_by(listing.id)).scalars()
        )
