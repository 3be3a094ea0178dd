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
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import APIKeyHeader

from store.database import open_journal_database
from store.keys import KeyReader
from store.settings import Settings
from store.shapes.schemas import pydantic_model

Listing: Any = pydantic_model()

PresentedKey = Annotated[str, Depends(APIKeyHeader(name="X-API-Key"))]


def key_check(settings: Settings) -> Callable[[str], Awaitable[None]]:
    """Return the dependency: 401 unless the home's journal knows the key and it is live.

    Made on the thread that serves: KeyReader has one, which is why the dependency is async.
    """
    keys = KeyReader(open_journal_database(settings))

    async def check(presented: PresentedKey) -> None:
        record = keys.find(presented, datetime.now(UTC))
        if record is None or record.state != "live":
            raise HTTPException(401, "No such key, or it has ended.")

    return check


def create_echo(settings: Settings) -> FastAPI:
    """Return the app: one route with a key check, a body model and the same response model."""
    app = FastAPI()

    @app.post("/echo", response_model=Listing, dependencies=[Depends(key_check(settings))])
    async def echo(listing: Listing) -> Any:
        return listing

    return app


def serve(create: Callable[[Settings], FastAPI]) -> None:
    """Serve the app on the port and home that the command line names."""
    app = create(Settings(home=Path(sys.argv[2])))
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)


if __name__ == "__main__":
    serve(create_echo)
