"""A database that a stranger holds locked: 503 with Retry-After, nothing told that is not kept."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from store.home import Home
from store.settings import Settings
from tests.ingest_api.conftest import LISTINGS, Api, serving
from tests.listings import document


@pytest.fixture
def alone(settings: Settings) -> Iterator[Api]:
    """An API of the test's own: others could not post meanwhile."""
    with serving(settings) as api:
        yield api


@contextmanager
def locked_by_a_stranger(settings: Settings) -> Iterator[None]:
    journal = Home(settings.home).journal
    with closing(sqlite3.connect(journal, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        yield
        stranger.execute("ROLLBACK")


def expect_refused(answer: Any) -> None:
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["code"] == "not_ready"


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
    with closing(sqlite3.connect(Home(alone.settings.home).journal)) as connection:
        kept = connection.execute("SELECT external_id FROM ingest_listings ORDER BY id").fetchall()
    assert kept == [("before",), ("after",)]
