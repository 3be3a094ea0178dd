"""Crash points: every place where a kill is tried, listed once.

`CRASH_AT=name` ends the process at that place as a power cut would, so that anybody can try what
comes of it. tests/journeys/test_crash_points.py tries them all.
"""

import os

CRASH_AT = "CRASH_AT"
"""The environment variable that names a point."""

POINTS = {
    "post_written": "a group of posts is written, and not yet durable",
    "post_committed": "it is durable, and nobody has been answered",
    "seal_planned": "a batch of the lake is fixed, its file not begun",
    "seal_before_write": "the file's bytes are made, none is on disk",
    "seal_written": "the file is whole, and not catalogued",
    "seal_catalogued": "it is catalogued",
    "compact_written": "a large file is whole, the small ones are catalogued",
    "compact_catalogued": "the large one is catalogued, the small ones still lie there",
    "pruned": "sealed commits are gone from the journal",
    "batch_read": "a worker has read its events",
    "before_publish": "everything of a cycle is computed, nothing is written",
    "publish_core_written": "core rows are written, in a transaction that is still open",
    "publish_market_written": "market rows are, too; the progress is not",
    "published": "the cycle is committed",
    "before_edition": "an edition is due",
    "edition_kept": "its artefact is kept, the lake does not know of it",
    "edition_made": "the lake knows",
    "pictures_fetched": "pictures are fetched, their verdicts not told",
    "pictures_told": "their verdicts are told",
    "export_written": "a publication's folder is whole, the manifest names the one before",
    "exported": "the manifest names it, older folders still lie there",
    "replay_begun": "a warehouse is made beside the current one, and empty",
    "replay_loaded": "it is filled; readers use the one before",
    "replay_swapped": "readers use it; older ones still lie there",
    "backup_copied": "every file of a backup is copied, it has no manifest",
    "restore_copied": "every file of a home is restored but the journal",
}
"""What has happened at each point, and what has not."""


class CrashPointError(Exception):
    """CRASH_AT names no point."""


def crash_at(point: str) -> None:
    """End the process here when CRASH_AT names this point. KeyError: it is not in POINTS."""
    if os.environ.get(CRASH_AT) == point:
        end_at(point)
    elif point not in POINTS:
        raise KeyError(point)


def end_at(_point: str) -> None:
    """End the process at once: no handler runs, no buffer is written."""
    os._exit(137)


def expect_known_point() -> None:
    """Raise CrashPointError when CRASH_AT is set to something that is no point."""
    wanted = os.environ.get(CRASH_AT)
    if wanted is not None and wanted not in POINTS:
        raise CrashPointError(f"CRASH_AT={wanted} is no crash point; there are {', '.join(POINTS)}")
