"""Exports: the published tables as Parquet, one folder per publication, the manifest last.

Forward only: readers follow MANIFEST.json, which is renamed into place when a folder is whole.
They may lag behind the tables and say their publication number.
"""

import io
import json
import shutil
from pathlib import Path

import polars as pl
from sqlalchemy.engine import Engine

from store.crash_points import crash_at
from store.database import reading
from store.digests import digest
from store.frames import read_frame
from store.home import Home, write_durably
from store.tables.warehouse import PUBLISHED, market_runs
from store.warehouse import Lease, expect_held, read_progress


def export_publication(
    home: Home, engine: Engine, keep: int, lease: Lease | None = None
) -> int | None:
    """Write the newest publication unless it is there; return its number (None: there is none).

    Raises LeaseLostError, before the manifest moves, when another worker took the lease over.
    """
    with reading(engine) as connection:
        publication = read_progress(connection).publication
        if not publication or exported(home) == publication:
            return publication or None
        frames = {
            name: read_frame(connection, table)
            for name, table in {**PUBLISHED, "market_runs": market_runs}.items()
        }
    folder = home.exports / f"publication-{publication:08d}"
    _write(folder, frames)
    manifest = {
        "publication": publication,
        "folder": folder.name,
        "tables": {name: {"rows": frame.height, "file": f"{name}.parquet"}
                   for name, frame in frames.items()},
        "digests": {name: digest(frames[name], table) for name, table in PUBLISHED.items()},
    }  # fmt: skip
    if lease is not None:
        with reading(engine) as connection:
            expect_held(connection, lease)
    crash_at("export_written")
    write_durably(home.exports / "MANIFEST.json", json.dumps(manifest, indent=1).encode())
    crash_at("exported")
    _sweep(home, keep)
    return publication


def exported(home: Home) -> int | None:
    """Return the publication number of the exports, or None."""
    try:
        manifest = json.loads((home.exports / "MANIFEST.json").read_text())
    except FileNotFoundError:
        return None
    return int(manifest["publication"])


def _write(folder: Path, frames: dict[str, pl.DataFrame]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, frame in frames.items():
        content = io.BytesIO()  # polars issues no fsync
        frame.write_parquet(content, compression="zstd")
        write_durably(folder / f"{name}.parquet", content.getvalue())


def _sweep(home: Home, keep: int) -> None:
    # By age, not by number: a rebuilt warehouse may count from one again.
    folders = sorted(home.exports.glob("publication-*"), key=lambda folder: folder.stat().st_mtime)
    for folder in folders[:-keep]:
        shutil.rmtree(folder, ignore_errors=True)
