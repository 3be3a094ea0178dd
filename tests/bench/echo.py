"""The yardstick: a bare FastAPI that answers the posted listing and stores nothing.

Run as `python -m tests.bench.echo PORT`; the same server and options as `imo360 serve`.
"""

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI

from store.shapes.schemas import pydantic_model

Listing: Any = pydantic_model()


def create_echo() -> FastAPI:
    """Return the app: one route with a body model and the same response model."""
    app = FastAPI()

    @app.post("/echo", response_model=Listing)
    async def echo(listing: Listing) -> Any:
        return listing

    return app


if __name__ == "__main__":
    uvicorn.run(create_echo(), port=int(sys.argv[1]), log_level="warning", access_log=False)
