"""POST one listing or many: receive, accept, answer."""

from fastapi import APIRouter, Request, Response

from ingest_api.accept import Taken, accept_bulk, accept_listing, keep_refused
from ingest_api.answers import bulk_answer, encode, listing_answer, listing_location
from ingest_api.dependencies import door_of, live_key, receive_json, sender_with
from ingest_api.openapi import BULK_OPERATION, LISTING_OPERATION
from ingest_api.problems import LISTINGS_PATH, problem_response
from ingest_api.raw_route import RawRoute
from ingest_api.reading import Refusal, split_bulk
from store.shapes.vocabulary import Permission
from store.shapes.wire import MAX_BULK_BYTES, MAX_LISTING_BYTES

router = APIRouter(prefix=LISTINGS_PATH, route_class=RawRoute, tags=["listings"])


@router.post(
    "",
    openapi_extra=LISTING_OPERATION,
    operation_id="post_listing",
    summary="Create or update a listing",
)
async def post_listing(request: Request) -> Response:
    """Create a listing, or update the one of the same providerIdentifier and externalId.

    Absent fields keep their value, null clears it, [] empties a list. Sending the same again is
    safe. A 2xx answer means that the post is stored durably.
    """
    sender = sender_with(request, Permission.PUBLISH_ESTATES)
    payload = await receive_json(request, MAX_LISTING_BYTES, "listing")
    door = door_of(request)
    outcome = await accept_listing(door.desk, door.keys, sender, payload, door.clock())
    if isinstance(outcome, Refusal):
        live_key(request)
        return problem_response(outcome)
    return _listing_response(outcome)


@router.post(
    "/bulk",
    openapi_extra=BULK_OPERATION,
    operation_id="post_listings",
    summary="Create or update many listings",
)
async def post_listings(request: Request) -> Response:
    """Create or update up to 1,000 listings; each item is judged by itself, in order.

    The answer is 200 even when items fail: see `success` of each.
    """
    sender = sender_with(request, Permission.PUBLISH_ESTATES)
    body = await receive_json(request, MAX_BULK_BYTES, "bulk")
    door = door_of(request)
    items = split_bulk(body)
    if isinstance(items, Refusal):
        live_key(request)
        await keep_refused(door.desk, sender, items, body)
        return problem_response(items, f"{LISTINGS_PATH}/bulk")
    outcomes = await accept_bulk(door.desk, door.keys, sender, items, door.clock())
    if not any(isinstance(outcome, Taken) for outcome in outcomes):
        live_key(request)
    return Response(encode(bulk_answer(outcomes)), media_type="application/json")


def _listing_response(taken: Taken) -> Response:
    answer = listing_answer(taken)
    return Response(
        encode(answer),
        status_code=201 if answer.created else 200,
        headers={"Location": listing_location(LISTINGS_PATH, answer)},
        media_type="application/json",
    )
