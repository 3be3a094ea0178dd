"""The running API of the door's tests, for those of the client; and a server that misbehaves."""

from collections.abc import Iterator

import pytest

from client.api import Imo360
from tests.client.stand_in import StandIn
from tests.ingest_api.conftest import Api, api, provider, running_api

__all__ = ["api", "provider", "running_api"]


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """A server that answers what the test lays down."""
    with StandIn() as server:
        yield server


@pytest.fixture
def imo360(api: Api) -> Iterator[Imo360]:
    """A client of the running API, with a key that may write and read."""
    key = api.make_key(permissions=("publish.estates", "read.estates"))
    with Imo360(f"http://127.0.0.1:{api.port}", key) as client:
        yield client
