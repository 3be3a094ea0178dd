"""Working: one-off refreshes and the endless loop, observed by Prefect when a server answers.

A cold process without a Prefect server pays 14-25 s for its first run, so a one-off refresh
runs the same steps plainly unless a server answers (PREFECT_API_URL) or `--prefect` asks for one.
"""

import asyncio
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable

import sqlalchemy as sa
from rich.progress import Progress

from cli.children import stop_on_signals, stop_with
from cli.options import STDERR, progress_bars
from cli.wrong_use import WrongUseError
from flows.observed import crash_leftovers, prefect_answers
from flows.steps.loop import Loop, picture_thread, wait_for_worker
from flows.steps.publish import CycleReport
from flows.steps.refresh import Refreshed, work_through, worker_or_join
from flows.steps.replay import OnBatch, Scope, replay, what_if
from flows.steps.retrain import retrain
from flows.steps.worker import Watch, Worker, utc_now
from store.database import open_journal_database, reading
from store.home import Home
from store.raw_lake import RawLake
from store.settings import Settings
from store.tables.journal import ingest_listings
from store.warehouse import LeaseLostError

LOG = logging.getLogger("imo360.work")

LOOK_AGAIN_SECONDS = 5.0
"""How soon a Prefect server that does not answer yet is asked again."""


def home_tag(settings: Settings) -> str:
    """Return the tag of this home's flow runs."""
    return "home:" + hashlib.sha256(str(settings.home.resolve()).encode()).hexdigest()[:12]


def refresh_once(settings: Settings, *, with_prefect: bool) -> Refreshed:
    """Publish everything acknowledged so far, with progress on standard error."""
    from cli.prefect_server import prefect_server

    target = RawLake(settings).last_offset()
    worker = worker_or_join(settings, f"process {os.getpid()}", target, utc_now)
    if isinstance(worker, Refreshed):
        return worker
    with progress_bars() as bars:
        watch = _watch(bars, worker, target)
        try:
            if prefect_answers():
                return _observed(worker, target, watch)
            if with_prefect:
                with prefect_server(Home(settings.home)):
                    return _observed(worker, target, watch)
            STDERR.print("no Prefect server answers (PREFECT_API_URL): refreshing plainly")
            return work_through(worker, target, watch)
        finally:
            worker.close()


def _observed(worker: Worker, target: int, watch: Watch) -> Refreshed:
    import httpx
    from prefect import tags
    from prefect.exceptions import PrefectException

    from flows.refresh_market import refresh_market

    tag = home_tag(worker.settings)
    try:
        crash_leftovers(tag)
        with tags(tag):
            return asyncio.run(refresh_market(worker, target, watch))
    except (httpx.HTTPError, PrefectException):
        # Prefect went away in the middle; what is done is done, the rest needs no observer.
        LOG.warning("Prefect stopped observing; going on without it", exc_info=True)
        return work_through(worker, target, watch)


def _watch(bars: Progress, worker: Worker, target: int) -> Watch:
    start = worker.resident.progress.watermark
    events = bars.add_task("events into the market", total=max(0, target - start))
    edition = bars.add_task("edition", total=None, visible=False)
    pictures = bars.add_task("pictures", total=None, visible=False)

    def on_cycle(report: CycleReport) -> None:
        done = report.watermark - start
        bars.update(events, completed=done, total=max(done, target - start))
        bars.update(edition, completed=1, total=1)

    def on_edition(reason: str) -> None:
        bars.reset(edition, total=None, visible=True, description=f"making an edition: {reason}")

    def on_picture(done: int, count: int) -> None:
        bars.update(pictures, completed=done, total=count, visible=True)

    return Watch(on_cycle, on_edition, on_picture)


def work_on(settings: Settings, *, parent: int | None = None) -> None:
    """Run the loop until SIGINT or SIGTERM; a cycle under way is finished first.

    parent: process id to stop with; a killed `imo360 up` must not leave its worker behind.
    """
    stop = threading.Event()
    stop_with(parent, stop)

    def handle_signals() -> None:
        stop_on_signals(stop)

    handle_signals()
    pictures: threading.Thread | None = None
    while not stop.is_set():
        worker = wait_for_worker(settings, f"process {os.getpid()}", stop, utc_now)
        if worker is None:
            break
        # Only beside the lease: one who waits for it must not fetch what the other fetches.
        pictures = pictures or picture_thread(settings, stop, utc_now)
        LOG.info("working on %s, generation %d", settings.home, worker.lease.generation)
        loop = Loop(settings, stop, worker, lambda _report: None)
        try:
            _work_windows(loop, handle_signals)
        except LeaseLostError as lost:
            LOG.warning("%s: waiting for the lease", lost)
        finally:
            loop.editions.stop()
            worker.close()
    if pictures is not None:
        pictures.join(timeout=30)


def _work_windows(loop: Loop, handle_signals: Callable[[], None]) -> None:
    """Run the loop in windows; each is a flow run while a Prefect server answers."""
    seconds = loop.settings.window_minutes * 60
    is_first = True
    while not loop.stop.is_set():
        if not prefect_answers():
            is_expected = "PREFECT_API_URL" in os.environ
            pause = min(seconds, LOOK_AGAIN_SECONDS) if is_expected else seconds
            loop.run_until(time.monotonic() + pause)
            continue
        if is_first:
            crash_leftovers(home_tag(loop.settings))
            is_first = False
        _observe_window(loop, seconds, handle_signals)


def _observe_window(loop: Loop, seconds: float, handle_signals: Callable[[], None]) -> None:
    from prefect import tags

    from flows.refresh_market import refresh_window

    try:
        with tags(home_tag(loop.settings)):
            asyncio.run(refresh_window(loop, seconds, handle_signals))
    except LeaseLostError:
        raise
    except Exception:
        # Prefect went away in the middle: the loop does not depend on being watched.
        LOG.exception("Prefect stopped observing; working on without it")
        loop.run_until(time.monotonic() + seconds)


def retrain_now(settings: Settings, *, if_due: bool) -> str | None:
    """Make the next edition; return why, None when there is nothing to make."""
    with progress_bars() as bars:
        bars.add_task("making an edition", total=None)
        return retrain(settings, utc_now, None if if_due else "retrain")


def replay_scope(
    settings: Settings, from_offset: int | None, provider: str | None, listing: str | None
) -> Scope:
    """Return what a replay shall rebuild. listing: PROVIDER:EXTERNAL_ID."""
    if listing is None:
        return Scope(from_offset, provider)
    known = ingest_listings.c
    provider_identifier, _, external_id = listing.partition(":")
    engine = open_journal_database(settings)
    with reading(engine) as connection:
        found = connection.execute(
            sa.select(known.id).where(
                known.provider_identifier == provider_identifier,
                known.external_id == external_id,
            )
        ).scalar()
    engine.dispose()
    if found is None:
        raise WrongUseError(f"no listing {listing} was ever posted: PROVIDER:EXTERNAL_ID")
    return Scope(from_offset, provider, found)


def replay_all(settings: Settings, scope: Scope) -> str:
    """Rebuild the warehouse from the lake with a progress bar."""
    with progress_bars() as bars:
        return replay(settings, utc_now, on_batch=_replay_bar(bars), scope=scope)


def replay_what_if(settings: Settings, scope: Scope) -> list[str]:
    """Rebuild beside with a progress bar; return what would differ, one line per table."""
    with progress_bars() as bars:
        found = what_if(settings, utc_now, _replay_bar(bars), scope)
    lines = []
    for each in found:
        columns = ", ".join(f"{name} {count}" for name, count in each.columns.items())
        told = f"{each.added} more, {each.removed} fewer, {each.changed} other rows"
        details = f" ({columns})" if columns else ""
        example = "" if each.example is None else f", such as {each.example}"
        lines.append(f"{each.table}: " + ("the same" if each.is_none else told + details + example))
    return lines


def _replay_bar(bars: Progress) -> OnBatch:
    task = bars.add_task("events replayed", total=None)
    return lambda done, last: bars.update(task, completed=done, total=last)
