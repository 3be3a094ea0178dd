"""DELETE a listing: it leaves the market, and keeps its id and history."""

from fastapi import APIRouter, Request, Response

from ingest_api.accept import delete_listing
from ingest_api.dependencies import header, live_key, poster, take_items
from ingest_api.openapi_changes import DELETE_OPERATION
from ingest_api.problems import LISTINGS_PATH
from ingest_api.query import Query
from ingest_api.raw_route import RawRoute
from ingest_api.reading import Refusal, RefusedError
from ingest_api.routers.estates import revision_of
from store.shapes.posts import deletion_of
from store.shapes.vocabulary import DELETION_REASONS, Status

router = APIRouter(prefix=LISTINGS_PATH, route_class=RawRoute, tags=["listings"])


@router.delete(
    "/{identifier:path}",
    openapi_extra=DELETE_OPERATION,
    operation_id="delete_listing",
    summary="Delete a listing",
    status_code=204,
)
async def remove_listing(request: Request) -> Response:
    """Take a listing off the market for good, or until it is posted again.

    It keeps its id and its history; posting it again brings the same id back. Deleting it twice is
    safe.
    """
    visit = await poster(request)
    query = Query(request.scope["query_string"], ("reason",))
    (reason,) = query.names("reason", DELETION_REASONS, (Status.WITHDRAWN.value,))[:1]
    query.expect_valid()
    if_match = header(request, b"if-match")
    provider, _, external_id = request.path_params["identifier"].partition(":")
    post = deletion_of(
        provider, external_id, reason, None if if_match is None else revision_of(if_match)
    )
    take_items(request, visit.key, 1)
    outcome = await delete_listing(visit.place.counter, visit.sender, post)
    if isinstance(outcome, Refusal):
        live_key(request)
        raise RefusedError(outcome)
    return Response(status_code=204)
