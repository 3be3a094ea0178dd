"""refresh_market: the Prefect flow that turns journaled listings into published market tables.

Prefect observes; the lease, the order and the exactness are ours (DESIGN 2.5). `refresh_market`
is one drain; `refresh_window` watches some minutes of the endless loop.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from flows.fetch_images import fetch_images
from flows.steps.exports import export_publication
from flows.steps.loop import Loop
from flows.steps.refresh import Refreshed, outcome
from flows.steps.worker import Watch, Worker
from store.home import Home

LOG_SECONDS = 10.0
"""Shortest time between two log records sent to Prefect: each costs it more than a listing."""


@task(name="drain", cache_policy=NO_CACHE, persist_result=False)
async def drain(worker: Worker, watch: Watch, target: int) -> int:
    """Run cycles (normalise, load, locate, price, score, check, publish) up to the target."""
    return await asyncio.to_thread(worker.drain, watch, target)


@task(name="export", cache_policy=NO_CACHE, persist_result=False)
async def export(worker: Worker) -> int | None:
    """Write the newest publication as Parquet."""
    home, keep = Home(worker.settings.home), worker.settings.exports_kept
    return await asyncio.to_thread(export_publication, home, worker.engine, keep, worker.lease)


@flow(name="refresh_market", persist_result=False, validate_parameters=False)
async def refresh_market(worker: Worker, target: int, watch: Watch) -> Refreshed:
    """Publish everything acknowledged so far, judge its pictures, publish again, export."""
    worker.run_id = str(flow_run.id)
    cycles = await drain(worker, watch, target)
    pictures = await fetch_images(worker.settings, watch.on_picture)
    cycles += await drain(worker, watch, worker.lake.last_offset())
    await export(worker)
    progress = worker.resident.progress
    get_run_logger().info("publication %d at offset %d", progress.publication, progress.watermark)
    return outcome(worker, target, cycles, pictures)


@flow(name="refresh_market", persist_result=False, validate_parameters=False)
async def refresh_window(loop: Loop, seconds: float, again: Callable[[], None]) -> None:
    """Watch the loop for some minutes. again: called inside the run (Prefect takes SIGTERM)."""
    again()
    loop.worker.run_id = str(flow_run.id)
    loop.on_cycle = tell_seldom(get_run_logger())
    await asyncio.to_thread(loop.run_until, time.monotonic() + seconds)


def tell_seldom(logger: Any) -> Callable[..., None]:
    """Return a listener that logs sums at most every LOG_SECONDS."""
    sums = {"events": 0, "listings": 0, "refused": 0, "cycles": 0}
    last = [time.monotonic()]

    def on_cycle(report: Any) -> None:
        sums["cycles"] += 1
        for name in ("events", "listings", "refused"):
            sums[name] += getattr(report, name)
        if time.monotonic() - last[0] >= LOG_SECONDS:
            logger.info("publication %s: %s", report.publication, sums)
            last[0] = time.monotonic()

    return on_cycle
