"""Pictures: drains the queue of addresses without a verdict, on a path beside the refresh.

The queue is what publish left `pending`; verdicts go into the lake as facts, so that a replay
knows them without asking the hosts again.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict

import sqlalchemy as sa

from flows.steps.batch import IMAGE_VERDICTS
from flows.steps.fetch_images import FetchReason, Verdict, fetch_pending, is_host_allowed
from flows.steps.render_pictures import Renderers
from flows.steps.worker import Clock
from store.crash_points import crash_at
from store.database import open_warehouse_reader, reading
from store.home import Home
from store.journal import append_event
from store.objects import open_objects
from store.settings import Settings
from store.tables.warehouse import core_listing_images

CHUNK = 100
"""Addresses per fact: what a kill in the middle costs at most."""

Progress = Callable[[int, int], None]
"""Called with (done, all)."""

FACT_FIELDS = ("url", "ok", "state", "reason", "sha256", "width_px", "height_px", "bytes", "phash")


def pending_urls(settings: Settings) -> list[str]:
    """Return the addresses to fetch, in the order of their listings.

    Those without a verdict, and those whose host was not allowed when they got theirs and is now.
    """
    table = core_listing_images.c
    statement = (
        sa.select(table.url, table.state)
        .where((table.state == "pending") | (table.reason == FetchReason.HOST_NOT_ALLOWED))
        .group_by(table.url, table.state)
        .order_by(sa.func.min(table.listing_id), table.url)
    )
    with reading(open_warehouse_reader(settings)) as connection:
        rows = connection.execute(statement).all()
    return [
        url for url, state in rows
        if state == "pending" or is_host_allowed(url, settings.image_hosts)
    ]  # fmt: skip


def drain_pictures(
    settings: Settings, clock: Clock, on_progress: Progress = lambda _done, _all: None
) -> int:
    """Fetch every pending picture once and journal the verdicts; return how many there were."""
    urls = pending_urls(settings)
    objects = open_objects(Home(settings.home).objects)
    if not urls:
        return 0
    with closing(Renderers()) as renderers:
        for start in range(0, len(urls), CHUNK):
            chunk = urls[start : start + CHUNK]
            verdicts = fetch_pending(
                chunk, objects, settings.image_hosts, renderers=renderers,
                timeout_seconds=settings.image_timeout_seconds,
            )  # fmt: skip
            crash_at("pictures_fetched")
            journal_verdicts(settings, verdicts, clock)
            crash_at("pictures_told")
            on_progress(start + len(chunk), len(urls))
    return len(urls)


def journal_verdicts(settings: Settings, verdicts: Sequence[Verdict], clock: Clock) -> None:
    """Tell the lake what became of these addresses."""
    rows = [{name: asdict(verdict)[name] for name in FACT_FIELDS} for verdict in verdicts]
    append_event(settings, IMAGE_VERDICTS, {"rows": rows}, clock())
