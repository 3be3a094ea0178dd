"""The demo: the main job on a synthetic market, on real parts, from an empty folder.

A loopback host of pictures, the API as its own process, a market posted over HTTP, a refresh
through Prefect, and a summary read from the published tables. A second run posts the very same
market and changes nothing.
"""

import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

import msgspec
from sqlalchemy.engine import Engine

from analytics.synthetic_market import SyntheticMarket, generate
from cli.demo_summary import print_summary
from cli.free_port import free_port
from cli.keys import make_key
from cli.options import STDERR, environment_for, progress_bars
from cli.picture_host import DEFAULT_PORT, MAX_PICTURES, PictureHost
from cli.posting import PostingSummary, post_market
from cli.prefect_server import await_prefect, start_prefect, stop_prefect
from cli.starting import start_home
from cli.working import refresh_once
from flows.steps.editions import as_of
from flows.steps.loop import Loop
from flows.steps.worker import start_worker, utc_now
from store.home import Home
from store.reference import places_path, rates_path, read_places, read_rates
from store.settings import Settings
from store.warehouse import progress_of

PARTNER = "Demo CRM (synthetic)"
PROBES = 20
PROBE_SECONDS = 30.0


@dataclass(frozen=True)
class DemoMarket:
    """What a home's demo is made of; kept in the home, so that a second run posts the same."""

    seed: int
    listings: int
    as_of: date
    picture_port: int


def run_demo(settings: Settings, listings: int, seed: int) -> None:
    """Run the main job and print what came out. Raises when a part does not do its work."""
    home = Home(settings.home)
    with STDERR.status("making the home: schemas, zones, rates"):
        start_home(settings)
    prefect = start_prefect(home, free_port())
    try:
        made = _made(home, DemoMarket(seed, listings, as_of(settings, utc_now()), DEFAULT_PORT))
        with PictureHost(MAX_PICTURES, port=made.picture_port) as pictures:
            seen = settings.model_copy(update={"image_hosts": frozenset({pictures.host})})
            market = _generate(made, pictures.urls)
            key = make_key(seen, PARTNER, ["publish.estates"], None, None, utc_now())
            with _api(seen) as base:
                posted = _post(base, key, market)
                with STDERR.status("waiting for Prefect"):
                    await_prefect(prefect, home)
                refreshed = refresh_once(seen, with_prefect=False)
                delays = _probe(seen, base, key)
        print_summary(seen, made.as_of, market, posted, refreshed, delays)
    finally:
        stop_prefect(prefect)


def _made(home: Home, wanted: DemoMarket) -> DemoMarket:
    """Return the demo this home was made with, or keep the wanted one."""
    path = home.root / "demo.json"
    if path.exists():
        kept = msgspec.json.decode(path.read_bytes(), type=DemoMarket)
        if (kept.seed, kept.listings) == (wanted.seed, wanted.listings):
            return kept
        STDERR.print("another demo market than this home's: its listings stay beside the new ones")
    path.write_bytes(msgspec.json.encode(wanted))
    return wanted


def _generate(made: DemoMarket, urls: list[str]) -> SyntheticMarket:
    with STDERR.status(f"making a synthetic market of {made.listings:,} listings"):
        places, rates = read_places(places_path()), read_rates(rates_path())
        return generate(made.seed, made.listings, places, made.as_of, urls, rates)


@contextmanager
def _api(settings: Settings) -> Iterator[str]:
    """Run `imo360 serve` as a process of its own, as a partner meets it; yield its address."""
    port = free_port()
    command = [sys.executable, "-m", "cli.main", "serve", "--port", str(port)]
    server = subprocess.Popen(command, env=environment_for(settings), stdout=sys.stderr)
    try:
        base = f"http://127.0.0.1:{port}"
        _await_health(base, server)
        yield base
    finally:
        server.terminate()
        server.wait(timeout=30)


def _await_health(base: str, server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{base}/healthz", timeout=2):  # noqa: S310 loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"the API at {base} did not start")


def _post(base: str, key: str, market: SyntheticMarket) -> PostingSummary:
    with progress_bars() as bars:
        task = bars.add_task("posts over HTTP", total=len(market.events))
        return post_market(
            base, key, market.events,
            on_progress=lambda done, total: bars.update(task, completed=done, total=total),
        )  # fmt: skip


def _probe(settings: Settings, base: str, key: str) -> list[float]:
    """Return the seconds from post to published of single changes while a worker runs.

    The changes are titles of one draft listing of a provider of its own, so that the market
    stays what the generator made.
    """
    worker = start_worker(settings, f"demo probe {os.getpid()}")
    if worker is None:
        return []
    stop = threading.Event()
    loop = Loop(settings, stop, worker, lambda _report: None)
    thread = threading.Thread(target=loop.run_until, args=(time.monotonic() + 600,), daemon=True)
    thread.start()
    try:
        with progress_bars() as bars:
            numbers = bars.track(range(PROBES), description="single posts, timed")
            return [_published_after(worker.engine, base, key, n) for n in numbers]
    finally:
        stop.set()
        thread.join()
        loop.editions.stop()
        worker.close()


def _published_after(engine: Engine, base: str, key: str, number: int) -> float:
    body = {
        "providerIdentifier": "demo-probe", "externalId": "probe", "transaction": "SALE",
        "title": f"[synthetic] freshness probe {number} of {datetime.now(UTC):%F %T}",
        "type": "APARTMENT", "price": 100_000, "currency": "EUR", "status": "draft",
        "attributes": {"synthetic": True},
    }  # fmt: skip
    request = urllib.request.Request(  # noqa: S310 loopback
        f"{base}/api/integration/estates", data=msgspec.json.encode(body),
        headers={"X-API-Key": key, "Content-Type": "application/json"},
    )  # fmt: skip
    start = time.monotonic()
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 loopback
        offset = int(msgspec.json.decode(answer.read())["eventId"][:12], 16)
    while progress_of(engine).watermark < offset:
        if time.monotonic() - start > PROBE_SECONDS:
            raise RuntimeError(f"a post was not published within {PROBE_SECONDS:.0f} s")
        time.sleep(0.005)
    return time.monotonic() - start
