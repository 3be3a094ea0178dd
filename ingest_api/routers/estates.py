"""POST one listing or many: receive, accept, answer."""

import hashlib

from fastapi import APIRouter, Request, Response

from ingest_api.accept import Taken, Wanted, accept_bulk, accept_listing, keep_refused
from ingest_api.answers import bulk_reply, listing_reply
from ingest_api.dependencies import door_of, header, live_key, receive_json, sender_with
from ingest_api.openapi import BULK_OPERATION, LISTING_OPERATION
from ingest_api.problems import LISTINGS_PATH, problem_answer
from ingest_api.raw_route import RawRoute
from ingest_api.reading import Refusal, RefusedError, split_bulk
from store.shapes.posts import ANY_REVISION, Answer, Kept
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
    door, wanted = door_of(request), _wanted(request, payload)
    outcome = await accept_listing(
        door.counter, sender, payload, door.clock(), wanted, listing_reply
    )
    if isinstance(outcome, Kept):
        return _kept(outcome)
    if isinstance(outcome, Refusal):
        live_key(request)
    return _response(listing_reply(outcome))


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
    door, wanted = door_of(request), _wanted(request, body)
    items = split_bulk(body)
    if isinstance(items, Refusal):
        live_key(request)
        await keep_refused(door.desk, sender, [(items, body)], calls=1)
        return _response(problem_answer(items, f"{LISTINGS_PATH}/bulk"))
    outcomes = await accept_bulk(door.counter, sender, items, door.clock(), wanted, bulk_reply)
    if isinstance(outcomes, Kept):
        return _kept(outcomes)
    if not any(isinstance(outcome, Taken) for outcome in outcomes):
        live_key(request)
    return _response(bulk_reply(outcomes))


def _wanted(request: Request, body: bytes) -> Wanted:
    """Return what the request's headers ask beside its body."""
    if_match, key = header(request, b"if-match"), header(request, b"idempotency-key")
    if if_match is None and key is None:
        return NOTHING
    digest = "" if key is None else _request_sha256(request, body)
    return Wanted(None if if_match is None else _revision(if_match), None, key, digest)


NOTHING = Wanted()


def _revision(if_match: str) -> int:
    text = if_match.strip()
    if text == "*":
        return ANY_REVISION
    if text.startswith('"r') and text.endswith('"') and text[2:-1].isdigit():
        return int(text[2:-1])
    raise RefusedError(Refusal("precondition_failed", "If-Match takes the ETag of one revision."))


def _request_sha256(request: Request, body: bytes) -> str:
    return hashlib.sha256(request.scope["path"].encode() + b"\0" + body).hexdigest()


def _kept(kept: Kept) -> Response:
    if not kept.is_same:
        detail = "Choose another Idempotency-Key for another request."
        return _response(problem_answer(Refusal("idempotency_key_reused", detail)))
    response = _response(kept.answer)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers, "application/json")
