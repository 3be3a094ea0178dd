"""The plain way to be durable: FastAPI, a file per post, file and folder synced before the answer.

Run as `python -m tests.bench.file_per_post PORT HOME`. The echo's key check, model and server; the
route is a plain function, so FastAPI runs it on its threads and many syncs wait side by side.
"""

import itertools
import os
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI

from store.settings import Settings
from tests.bench.echo import Listing, key_check, key_reader, serve


def create_filing(settings: Settings) -> FastAPI:
    """Return the app; it writes into a folder of its own in the home."""
    app, folder = FastAPI(), settings.home / "file-per-post"
    folder.mkdir()
    folder_handle = os.open(folder, os.O_RDONLY)
    numbers = itertools.count()

    is_known = Depends(key_check(key_reader(settings)))

    @app.post("/file", response_model=Listing, dependencies=[is_known])
    def keep(listing: Listing) -> Any:
        _write_synced(folder / f"{next(numbers):012d}.json", listing.model_dump_json().encode())
        os.fsync(folder_handle)
        return listing

    return app


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    serve(create_filing)
