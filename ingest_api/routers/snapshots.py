"""Snapshots: a provider's whole inventory; only closing one withdraws what was not sent."""

import msgspec
from fastapi import APIRouter, Request, Response

from ingest_api.accept import NOT_OWNED
from ingest_api.dependencies import live_key, poster, receive_json
from ingest_api.openapi_changes import (
    ABANDON_OPERATION,
    CLOSE_OPERATION,
    CONFIRM_OPERATION,
    OPEN_OPERATION,
    SNAPSHOT_OPERATION,
)
from ingest_api.place import Place
from ingest_api.problems import SNAPSHOTS_PATH
from ingest_api.raw_route import RawRoute
from ingest_api.reading import Refusal, RefusedError
from ingest_api.snapshot_answers import snapshot_answer
from ingest_api.snapshot_requests import MAX_SNAPSHOT_BYTES, read_closing, read_opening
from store.shapes.posts import Sender
from store.snapshots import Snapshot

router = APIRouter(prefix=SNAPSHOTS_PATH, route_class=RawRoute, tags=["snapshots"])

NO_SUCH = Refusal("not_found", "You have no such snapshot.")


@router.post(
    "",
    openapi_extra=OPEN_OPERATION,
    operation_id="open_snapshot",
    summary="Open a snapshot",
    status_code=201,
)
async def open_snapshot(request: Request) -> Response:
    """Open a snapshot of a provider's inventory, or of one transaction or type of it.

    Send the listings by bulks with `?snapshot=` and the id, then close it.
    """
    visit = await poster(request)
    sender, place = visit.sender, visit.place
    asked = read_opening(await receive_json(request, MAX_SNAPSHOT_BYTES, "snapshot"))
    opened = await place.synchroniser.open(sender, *asked)
    if opened is None:
        live_key(request)
        raise RefusedError(NOT_OWNED)
    path = f"{SNAPSHOTS_PATH}/{opened.snapshot_id}"
    return _answered(opened, 201, {"Location": path})


@router.get(
    "/{snapshotId}",
    openapi_extra=SNAPSHOT_OPERATION,
    operation_id="get_snapshot",
    summary="See how a snapshot stands",
)
async def get_snapshot(request: Request) -> Response:
    """See the state of a snapshot and, once it was closed, its counts."""
    _, _, snapshot = await _own(request)
    return _answered(snapshot)


@router.post(
    "/{snapshotId}/close",
    openapi_extra=CLOSE_OPERATION,
    operation_id="close_snapshot",
    summary="Close a snapshot",
)
async def close_snapshot(request: Request) -> Response:
    """Withdraw what is on the market and was not sent.

    Answers 409 when another number of listings came than `expectedCount` says (send the rest, and
    close it again), or when so much would be withdrawn that it looks like a broken feed.
    """
    sender, place, snapshot = await _own(request)
    expected = read_closing(await receive_json(request, MAX_SNAPSHOT_BYTES, "snapshot"))
    return _outcome(await place.synchroniser.close(sender, snapshot, expected))


@router.post(
    "/{snapshotId}/confirm",
    openapi_extra=CONFIRM_OPERATION,
    operation_id="confirm_snapshot",
    summary="Confirm a snapshot that is held",
)
async def confirm_snapshot(request: Request) -> Response:
    """Withdraw what was not sent, however much it is."""
    sender, place, snapshot = await _own(request)
    return _outcome(await place.synchroniser.confirm(sender, snapshot))


@router.delete(
    "/{snapshotId}",
    openapi_extra=ABANDON_OPERATION,
    operation_id="abandon_snapshot",
    summary="Abandon a snapshot",
    status_code=204,
)
async def abandon_snapshot(request: Request) -> Response:
    """Withdraw nothing by it; what was sent with it stays."""
    sender, place, snapshot = await _own(request)
    if not await place.synchroniser.abandon(sender, snapshot):
        detail = "What it did not hold is withdrawn, or is being withdrawn."
        raise RefusedError(Refusal("snapshot_closed", detail))
    return Response(status_code=204)


async def _own(request: Request) -> tuple[Sender, Place, Snapshot]:
    visit = await poster(request)
    sender, place = visit.sender, visit.place
    snapshot = await place.synchroniser.find(sender, request.path_params["snapshotId"])
    if snapshot is None or not _is_bound(sender, snapshot):
        live_key(request)
        raise RefusedError(NO_SUCH)
    return sender, place, snapshot


def _is_bound(sender: Sender, snapshot: Snapshot) -> bool:
    return sender.providers is None or snapshot.provider_identifier in sender.providers


def _outcome(outcome: Snapshot | Refusal) -> Response:
    if isinstance(outcome, Refusal):
        raise RefusedError(outcome)
    return _answered(outcome)


def _answered(
    snapshot: Snapshot, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    body = msgspec.json.encode(snapshot_answer(snapshot))
    return Response(body, status, headers, "application/json")
