"""Health, metrics and the status page: for supervisors, Prometheus and people, without a key."""

import re
from collections.abc import Iterator

import pytest

from flows.steps.worker import start_worker
from store.home import Home
from store.settings import Settings
from tests.conftest import Ticking
from tests.ingest_api.conftest import Api, serving
from tests.listings import document

METRIC = re.compile(r"imo360_[a-z0-9_]+(\{[a-z]+=\"[^\"]+\"(,[a-z]+=\"[^\"]+\")*\})? [-0-9.e+]+")


@pytest.fixture
def alone(settings: Settings) -> Iterator[Api]:
    """An API of the test's own: what it says of itself is of nobody else's posts."""
    with serving(settings) as api:
        yield api


def post_one(api: Api) -> None:
    assert api.post(api.make_key(), document("a-1")).status_code == 201


def test_a_running_api_is_alive_and_ready(alone: Api) -> None:
    assert alone.client.get("/healthz").json() == {"status": "ok"}
    assert alone.client.get("/readyz").json() == {
        "status": "ready", "eventsWaiting": 0, "lagSeconds": 0.0, "publicationStopped": False,
        "publication": None, "edition": None, "lastPublishedAt": None, "lastRunId": None,
    }  # fmt: skip


def test_what_waits_is_told_with_its_age(alone: Api) -> None:
    post_one(alone)
    told = alone.client.get("/readyz").json()
    assert told["eventsWaiting"] == 1
    assert told["lagSeconds"] > 0


def test_posts_are_taken_though_the_market_cannot_be_read(alone: Api) -> None:
    (Home(alone.settings.home).warehouses / "CURRENT").unlink()
    answer = alone.client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
    assert alone.client.get("/metrics").status_code == 503
    assert alone.client.get("/status").status_code == 503


def test_metrics_are_lines_that_prometheus_reads(alone: Api) -> None:
    post_one(alone)
    worker = start_worker(alone.settings, "test", Ticking())
    assert worker is not None
    worker.cycle()
    answer = alone.client.get("/metrics")
    worker.close()
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    values = [line for line in lines if not line.startswith("#")]
    assert all(METRIC.fullmatch(line) for line in values)
    assert "imo360_events_loaded_total 1" in values
    assert "imo360_worker_running 1" in values
    named = {re.split(r"[{ ]", line)[0] for line in values}
    typed = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert named <= set(typed)
    assert len(typed) == len(set(typed))


def test_the_status_page_is_a_page_that_runs_nothing(alone: Api) -> None:
    post_one(alone)
    answer = alone.client.get("/status")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "No worker is running" in answer.text
    assert "<script" not in answer.text
