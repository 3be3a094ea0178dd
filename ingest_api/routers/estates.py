"""POST one listing or many: receive, accept, answer."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from ingest_api.accept import Taken, Wanted, accept_bulk, accept_listing, keep_refused
from ingest_api.answers import (
    DryRunItem,
    ItemAnswer,
    bulk_reply,
    dry_run_bulk_reply,
    dry_run_item,
    dry_run_reply,
    encode,
    item_answer,
    listing_reply,
)
from ingest_api.dependencies import (
    NDJSON,
    Visit,
    door_of,
    expect_media_type,
    header,
    is_ndjson,
    live_key,
    pieces,
    poster,
    receive_json,
    take_items,
)
from ingest_api.ndjson import GROUP_LINES, answered, spooled
from ingest_api.openapi import BULK_OPERATION, LISTING_OPERATION
from ingest_api.problems import LISTINGS_PATH, problem_answer
from ingest_api.query import Query
from ingest_api.raw_route import COUNTED, RawRoute
from ingest_api.reading import Refusal, RefusedError, invalid, split_bulk
from store.shapes.checks import Violation
from store.shapes.posts import ANY_REVISION, Answer, Kept
from store.shapes.wire import MAX_BULK_BYTES, MAX_LISTING_BYTES, MAX_NDJSON_BYTES

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
    visit = await poster(request)
    sender, place = visit.sender, visit.place
    asked = _asked(request)
    take_items(request, visit.key, 1)
    payload = await receive_json(request, MAX_LISTING_BYTES, "listing")
    wanted, now = _wanted(request, payload), door_of(request).clock()
    if asked.is_dry_run:
        (tried,) = await place.rehearsal.try_posts(sender, [payload], now, wanted)
        live_key(request)
        return _response(dry_run_reply(tried))
    request.scope[COUNTED] = True
    outcome = await accept_listing(place.counter, sender, payload, now, wanted, listing_reply)
    if isinstance(outcome, Kept):
        live_key(request)
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
    """Create or update many listings; each item is judged by itself, in order.

    The answer is 200 even when items fail: see `success` of each. As application/x-ndjson, each
    line is a listing, and each line of the answer what became of it.
    """
    visit = await poster(request)
    sender, place = visit.sender, visit.place
    asked = _asked(request, "snapshot")
    if is_ndjson(request):
        return await _post_lines(request, visit, asked)
    _expect_no_precondition(request)
    body = await receive_json(request, MAX_BULK_BYTES, "bulk")
    wanted, now = replace(_wanted(request, body), snapshot=asked.snapshot), door_of(request).clock()
    items = split_bulk(body)
    if isinstance(items, Refusal):
        live_key(request)
        request.scope[COUNTED] = True
        await keep_refused(place.desk, sender, [(items, body)], calls=1)
        return _response(problem_answer(items, f"{LISTINGS_PATH}/bulk"))
    take_items(request, visit.key, len(items))
    if asked.is_dry_run:
        tried = await place.rehearsal.try_posts(sender, items, now, wanted)
        live_key(request)
        return _response(dry_run_bulk_reply(tried))
    request.scope[COUNTED] = True
    outcomes = await accept_bulk(place.counter, sender, items, now, wanted, bulk_reply)
    if isinstance(outcomes, Kept):
        live_key(request)
        return _kept(outcomes)
    if not any(isinstance(outcome, Taken) for outcome in outcomes):
        live_key(request)
    return _response(bulk_reply(outcomes))


async def _post_lines(request: Request, visit: Visit, asked: "_Asked") -> Response:
    expect_media_type(request, NDJSON)
    if header(request, b"idempotency-key") is not None:
        raise RefusedError(NO_KEPT_LINES)
    _expect_no_precondition(request)
    door, sender, place = door_of(request), visit.sender, visit.place
    folder = place.settings.home / "spool"
    spool = await spooled(pieces(request, MAX_NDJSON_BYTES, "stream"), folder)
    wanted = Wanted(snapshot=asked.snapshot, is_part=True)

    async def apply(lines: Sequence[bytes], first: int) -> bytes:
        now = door.clock()
        if limited := _limited(request, visit, len(lines)):
            place.desk.tally.refuse(sender.key_id, limited.codes, len(lines))
            return _lines(item_answer(first + at, limited) for at in range(len(lines)))
        if asked.is_dry_run:
            tried = await place.rehearsal.try_posts(sender, lines, now, wanted)
            return _lines(dry_run_item(first + at, each) for at, each in enumerate(tried))
        outcomes = await accept_bulk(place.counter, sender, lines, now, wanted)
        assert not isinstance(outcomes, Kept)  # lines keep no answers
        return _lines(item_answer(first + at, each) for at, each in enumerate(outcomes))

    # A group beyond the key's burst could never be let in.
    most_lines = min(GROUP_LINES, visit.key.rate_burst or visit.key.rate_per_minute or GROUP_LINES)
    return StreamingResponse(answered(spool, most_lines, apply), media_type=NDJSON)


def _lines(answers: Iterable[ItemAnswer | DryRunItem]) -> bytes:
    return b"".join(encode(answer) + b"\n" for answer in answers)


def _limited(request: Request, visit: Visit, count: int) -> Refusal | None:
    """Return why a group of lines is not let in: the key's rate is spent."""
    try:
        take_items(request, visit.key, count)
    except RefusedError as refused:
        return refused.refusal
    return None


class _Asked:
    """What the query asks of a post."""

    __slots__ = ("is_dry_run", "snapshot")

    def __init__(self, is_dry_run: bool = False, snapshot: str | None = None) -> None:
        self.is_dry_run = is_dry_run
        self.snapshot = snapshot


def _asked(request: Request, *more: str) -> _Asked:
    raw = request.scope["query_string"]
    if not raw:
        return PLAINLY
    query = Query(raw, ("dryRun", *more))
    is_dry_run = query.names("dryRun", ("true", "false"), ("false",)) == ("true",)
    asked = _Asked(is_dry_run, query.text("snapshot"))
    query.expect_valid()
    return asked


PLAINLY = _Asked()

NO_KEPT_LINES = invalid(
    (Violation("Idempotency-Key", "not_supported", "is for JSON bodies: lines are safe to resend"),)
)


def _expect_no_precondition(request: Request) -> None:
    if header(request, b"if-match") is not None:
        raise RefusedError(NO_PRECONDITION)


NO_PRECONDITION = invalid(
    (Violation("If-Match", "not_supported", "is for single posts: one revision is one listing's"),)
)


def _wanted(request: Request, body: bytes) -> Wanted:
    """Return what the request's headers ask beside its body."""
    if_match, key = header(request, b"if-match"), header(request, b"idempotency-key")
    if if_match is None and key is None:
        return NOTHING
    digest = "" if key is None else _request_sha256(request, _checked_key(key), body)
    return Wanted(
        None if if_match is None else revision_of(if_match), idempotency_key=key,
        request_sha256=digest,
    )  # fmt: skip


NOTHING = Wanted()

MOST_KEY = 255
"""Longest Idempotency-Key."""


def _checked_key(key: str) -> str:
    if 0 < len(key) <= MOST_KEY and key.isascii() and key.isprintable():
        return key
    told = f"must be 1 to {MOST_KEY} printable ASCII characters"
    raise RefusedError(invalid((Violation("Idempotency-Key", "invalid_characters", told),)))


_REVISION_TAG = re.compile(r'"r([1-9][0-9]{0,17})"')
"""Strong, and one alone: RFC 9110 section 13.1.1 lets no weak tag match."""


def revision_of(if_match: str) -> int:
    """Return the revision that If-Match asks for."""
    text = if_match.strip()
    if text == "*":
        return ANY_REVISION
    if match := _REVISION_TAG.fullmatch(text):
        return int(match[1])
    raise RefusedError(Refusal("precondition_failed", "If-Match takes the ETag of one revision."))


def _request_sha256(request: Request, _key: str, body: bytes) -> str:
    target = request.scope["path"].encode() + b"?" + request.scope["query_string"]
    return hashlib.sha256(target + b"\0" + body).hexdigest()


def _kept(kept: Kept) -> Response:
    if not kept.is_same:
        detail = "Choose another Idempotency-Key for another request."
        raise RefusedError(Refusal("idempotency_key_reused", detail))
    response = _response(kept.answer)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers, "application/json")
