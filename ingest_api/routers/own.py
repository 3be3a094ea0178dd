"""GET what became of one's own posts: listings, events, changes and refusals."""

from fastapi import APIRouter, Request, Response

from ingest_api.answers import revision_tag
from ingest_api.archive import Wanted
from ingest_api.dependencies import door_of, header, own_reader
from ingest_api.openapi_reading import (
    CHANGES_OPERATION,
    DEFAULT_LIMIT,
    EVENT_OPERATION,
    LIST_OPERATION,
    MOST_CHANGES,
    MOST_LISTINGS,
    MOST_REFUSALS,
    REFUSALS_OPERATION,
    STORED_OPERATION,
)
from ingest_api.projection import CURSOR, DEFAULT_FIELDS, LIST_FIELDS, MOST_CURSOR, place_of
from ingest_api.query import MAX_INTEGER, Query
from ingest_api.raw_route import RawRoute
from ingest_api.reading import Refusal, RefusedError
from ingest_api.reading_answers import encode
from ingest_api.reference import is_known

router = APIRouter(prefix="/api/integration", route_class=RawRoute, tags=["own listings"])

NO_SUCH_LISTING = Refusal("not_found", "You have no such listing.")
NO_SUCH_EVENT = Refusal("not_found", "You have no such event.")
NO_SUCH_ZONE = Refusal("not_found", "The market knows no such zone.")


@router.get(
    "/estates",
    openapi_extra=LIST_OPERATION,
    operation_id="list_listings",
    summary="List your listings",
)
async def list_listings(request: Request) -> Response:
    """List your listings, deleted ones too, with the fields asked for.

    To reconcile, compare `contentHash` with that of your own copy. Pages are ordered by
    providerIdentifier and externalId; one may hold fewer than `limit` when its listings are large.
    """
    visit = await own_reader(request)
    query = _query(request, "fields", "cursor", "limit", "providerIdentifier")
    fields = query.names("fields", LIST_FIELDS, DEFAULT_FIELDS)
    cursor = query.matched("cursor", CURSOR, MOST_CURSOR, "must be a nextCursor as it was given")
    limit = query.integer("limit", DEFAULT_LIMIT, 1, MOST_LISTINGS)
    provider = query.text("providerIdentifier")
    query.expect_valid()
    archive, place = visit.place.archive, None if cursor is None else place_of(cursor)
    return await archive.run(
        lambda: _answered(archive.page(visit.sender, provider, fields, place, limit))
    )


@router.get(
    "/estates/{identifier:path}",
    openapi_extra=STORED_OPERATION,
    operation_id="get_listing",
    summary="Read a listing back",
)
async def get_listing(request: Request) -> Response:
    """Read one of your listings as it is stored, deleted or not.

    `identifier` is `providerIdentifier:externalId`, percent-encoded.
    """
    visit = await own_reader(request)
    _query(request).expect_valid()
    archive, now = visit.place.archive, door_of(request).clock()
    provider, _, external_id = request.path_params["identifier"].partition(":")
    row = await archive.run(archive.find, visit.sender, provider, external_id)
    if row is None:
        raise RefusedError(NO_SUCH_LISTING)
    headers = {"ETag": revision_tag(row.revision)} | PRIVATE
    if is_known(header(request, b"if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return _answered(await archive.run(archive.describe, visit.sender, row, now), headers)


@router.get(
    "/events/{eventId}",
    openapi_extra=EVENT_OPERATION,
    operation_id="get_event",
    summary="See what became of a post",
)
async def get_event(request: Request) -> Response:
    """See what became of one of your posts, stage by stage, up to its publication."""
    visit = await own_reader(request)
    _query(request).expect_valid()
    archive, now = visit.place.archive, door_of(request).clock()
    answer = await archive.run(archive.event, visit.sender, request.path_params["eventId"], now)
    if answer is None:
        raise RefusedError(NO_SUCH_EVENT)
    return _answered(answer)


@router.get(
    "/changes",
    openapi_extra=CHANGES_OPERATION,
    operation_id="list_changes",
    summary="Follow the changes of your listings",
)
async def list_changes(request: Request) -> Response:
    """Follow your listings: every revision since a number, oldest first.

    Begin with 0, go on with `next`; any number may be read again later. With a zone, changes come
    once the market knows where they are.
    """
    visit = await own_reader(request)
    wanted = _wanted(request, MOST_CHANGES, "zone")
    archive = visit.place.archive
    page = await archive.run(archive.changes, visit.sender, wanted)
    if page is None:
        raise RefusedError(NO_SUCH_ZONE)
    return _answered(page)


@router.get(
    "/refusals",
    openapi_extra=REFUSALS_OPERATION,
    operation_id="list_refusals",
    summary="List what was refused",
)
async def list_refusals(request: Request) -> Response:
    """List your refused bodies with the reasons, oldest first, since a number."""
    visit = await own_reader(request)
    wanted = _wanted(request, MOST_REFUSALS)
    archive = visit.place.archive
    return _answered(await archive.run(archive.refusals, visit.sender, wanted))


PRIVATE = {"Cache-Control": "private, no-cache"}


def _query(request: Request, *known: str) -> Query:
    return Query(request.scope["query_string"], known)


def _wanted(request: Request, most: int, *more: str) -> Wanted:
    query = _query(request, "after", "limit", "providerIdentifier", *more)
    wanted = Wanted(
        query.integer("after", 0, 0, MAX_INTEGER),
        query.integer("limit", min(DEFAULT_LIMIT, most), 1, most),
        query.text("providerIdentifier"),
        query.text("zone"),
    )
    query.expect_valid()
    return wanted


def _answered(answer: object, headers: dict[str, str] = PRIVATE) -> Response:
    return Response(encode(answer), headers=headers, media_type="application/json")
