"""The yardstick: a bare FastAPI that checks the key, answers the posted listing, stores nothing.

Run as `python -m tests.bench.echo PORT HOME`; the same server and options as `imo360 serve`.

It stands for the least that FastAPI's documentation makes of our contract: a body model, the same
response model, and a key check as an ordinary dependency that asks the same table through the
same reader. **Changing this file changes the yardstick**: figures from before and after cannot be
compared. The bench prints its checksum.
"""

import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Protocol

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import APIKeyHeader

from store.database import open_journal_database
from store.keys import KeyReader, KeyRecord
from store.settings import Settings
from store.shapes.schemas import pydantic_model

Listing: Any = pydantic_model()

PresentedKey = Annotated[str, Depends(APIKeyHeader(name="X-API-Key"))]


class Finder(Protocol):
    """Whatever finds keys as `KeyReader` does."""

    def find(self, presented: str, now: datetime) -> KeyRecord | None:
        """Return the key's record at this moment, or None when there is no such key."""


def key_check(keys: Finder) -> Callable[[str], Awaitable[None]]:
    """Return the dependency: 401 unless the key is known and live.

    Async, because FastAPI would run a plain function in a thread, and KeyReader has one.
    """

    async def check(presented: PresentedKey) -> None:
        record = keys.find(presented, datetime.now(UTC))
        if record is None or record.state != "live":
            raise HTTPException(401, "No such key, or it has ended.")

    return check


def create_echo(keys: Finder) -> FastAPI:
    """Return the app: one route with a key check, a body model and the same response model."""
    app = FastAPI()

    @app.post("/echo", response_model=Listing, dependencies=[Depends(key_check(keys))])
    async def echo(listing: Listing) -> Any:
        return listing

    return app


def key_reader(settings: Settings) -> KeyReader:
    """Return a reader of the home's keys, for the thread that serves."""
    return KeyReader(open_journal_database(settings))


def serve(create: Callable[[Settings], FastAPI]) -> None:
    """Serve the app on the port and home that the command line names."""
    app = create(Settings(home=Path(sys.argv[2])))
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)


if __name__ == "__main__":
    serve(lambda settings: create_echo(key_reader(settings)))
