"""What `imo360 status` prints: how far everything is, and how late."""

import json
from collections.abc import Iterator
from datetime import datetime

from store.database import open_journal_database
from store.delays import Delays
from store.settings import Settings
from store.status import Status, read_status, status_document


def status_lines(settings: Settings, now: datetime, *, is_json: bool) -> list[str]:
    """Return the lines to print."""
    journal = open_journal_database(settings)
    try:
        status = read_status(settings, journal, now)
    finally:
        journal.dispose()
    return [json.dumps(status_document(status), indent=2)] if is_json else list(_lines(status))


def _lines(status: Status) -> Iterator[str]:
    lag, run = status.lag, status.lag.last_run
    yield (
        f"events      {lag.acknowledged} acknowledged, {status.sealed} in the lake, "
        f"{lag.loaded} loaded, {lag.published} published"
    )
    waits = f"{lag.waiting}, the oldest for {lag.lag_seconds:.1f} s" if lag.waiting else "none"
    yield f"waiting     {waits}"
    if run is None:
        yield "published   nothing yet"
    else:
        yield (
            f"published   {run.publication} (edition {run.edition}) at "
            f"{run.published_at:%Y-%m-%d %H:%M:%S} UTC by {run.run_id}"
        )
    if lag.is_stopped:
        yield "            STOPPED by a severe check: what is loaded is not published"
    yield f"worker      {'running' if status.is_worker_running else 'not running'}"
    yield f"listings    {status.listings}, pictures pending {status.pictures_pending}"
    flow = ", ".join(f"{rule} {count}" for rule, count in status.refused_in_flow.items())
    yield f"refused     at the door in 24 h: {status.refused_at_door_24h}; in the flow: {flow or 0}"
    yield f"disk        {status.disk_free_bytes / 2**30:.1f} GiB free"
    yield "delay, ms   last    stage     events     p50     p95     p99     max"
    for window, stages in status.delays.items():
        for stage, delays in stages.items():
            yield f"            {window:<7} {stage:<8} {_numbers(delays)}"


def _numbers(delays: Delays) -> str:
    found = (delays.p50_ms, delays.p95_ms, delays.p99_ms, delays.max_ms)
    return f"{delays.events:>7} " + " ".join(f"{'-' if ms is None else ms:>7}" for ms in found)
