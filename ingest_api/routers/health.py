"""GET how the platform is: for supervisors, for Prometheus and for people, without a key."""

import asyncio
import logging

import msgspec
import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from sqlalchemy.exc import SQLAlchemyError

from ingest_api.dependencies import Door, door_of
from ingest_api.desk import NOBODY
from ingest_api.openapi import (
    HEALTH_OPERATION,
    METRICS_OPERATION,
    READY_OPERATION,
    STATUS_OPERATION,
)
from ingest_api.problems import RETRY_AFTER_SECONDS, problem_response
from ingest_api.reading import Refusal, RefusedError
from ingest_api.status_answers import METRICS_TYPE, PAGE_POLICY, metrics_text, status_page
from store.database import reading
from store.home import HomeError
from store.journal import Work, try_write
from store.status import Status, lag_document, read_lag, read_status
from store.storage_problems import Complaints

COMPLAINTS = Complaints(logging.getLogger("imo360.api"))

router = APIRouter(tags=["health"])


@router.get("/healthz", openapi_extra=HEALTH_OPERATION, summary="Whether the process lives")
async def get_health() -> dict[str, str]:
    """Answer whenever the process can answer at all."""
    return {"status": "ok"}


@router.get("/readyz", openapi_extra=READY_OPERATION, summary="Whether posts can be taken")
async def get_readiness(request: Request) -> Response:
    """Answer 200 while the journal takes posts, else 503; say how late the market is."""
    door = door_of(request)
    desk = door.main.desk
    if desk.is_stuck and desk.healthy:
        await desk.submit(Work(NOBODY, act=try_write))  # raises while it is stuck
    if not desk.healthy:
        refusal = Refusal(
            "not_ready", "The journal takes no posts: see the server's log.",
            headers={"Retry-After": RETRY_AFTER_SECONDS},
        )  # fmt: skip
        return problem_response(refusal, "/readyz")
    await asyncio.to_thread(_expect_journal, door)
    document = {"status": "ready", **await asyncio.to_thread(_lag, door)}
    return Response(msgspec.json.encode(document), media_type="application/json")


@router.get("/metrics", openapi_extra=METRICS_OPERATION, summary="Metrics for Prometheus")
async def get_metrics(request: Request) -> Response:
    """Answer in Prometheus' text format. 503 when a database cannot be read."""
    status = await asyncio.to_thread(_status, door_of(request))
    return PlainTextResponse(metrics_text(status), media_type=METRICS_TYPE)


@router.get("/status", openapi_extra=STATUS_OPERATION, summary="The status page")
async def get_status(request: Request) -> Response:
    """Answer with a page for people. 503 when a database cannot be read."""
    status = await asyncio.to_thread(_status, door_of(request))
    headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(status_page(status), headers=headers)


def _expect_journal(door: Door) -> None:
    """Raise what keeps the journal from being read; it is answered with 503."""
    with reading(door.engine) as connection:
        connection.execute(sa.select(sa.literal_column("1")))


def _lag(door: Door) -> dict[str, object]:
    """Return the market's lag; nothing while it cannot be read, for posts do not depend on it."""
    try:
        return lag_document(read_lag(door.main.settings, door.engine, door.clock()))
    except (HomeError, SQLAlchemyError) as problem:
        COMPLAINTS.tell("the market's lag cannot be read", problem)
        return {}


def _status(door: Door) -> Status:
    try:
        return read_status(door.main.settings, door.engine, door.clock())
    except (HomeError, SQLAlchemyError) as problem:
        COMPLAINTS.tell("the status cannot be read", problem)
        refusal = Refusal("not_ready", "The status cannot be read: see the server's log.")
        raise RefusedError(refusal) from problem
