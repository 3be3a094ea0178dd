"""GET how the key of the call is used."""

from datetime import timedelta

from fastapi import APIRouter, Request, Response

from ingest_api.dependencies import door_of, live_key, visit_of
from ingest_api.key_answers import usage_answer
from ingest_api.key_requests import MAX_USAGE_DAYS
from ingest_api.openapi_admin import OWN_USAGE_OPERATION
from ingest_api.query import Query
from ingest_api.raw_route import RawRoute
from ingest_api.reading_answers import encode

router = APIRouter(prefix="/api/integration", route_class=RawRoute, tags=["own listings"])


@router.get(
    "/usage",
    openapi_extra=OWN_USAGE_OPERATION,
    operation_id="get_usage",
    summary="See how your key is used",
)
async def get_usage(request: Request) -> Response:
    """See how the key of this call was used, day by day (UTC), and its commonest errors."""
    key = live_key(request)
    visit = await visit_of(request, key)
    query = Query(request.scope["query_string"], ("days",))
    days = query.integer("days", 30, 1, MAX_USAGE_DAYS)
    query.expect_valid()
    since = door_of(request).clock().date() - timedelta(days=days - 1)
    archive = visit.place.archive
    used = usage_answer(key.key_id, await archive.run(archive.usage, key.key_id, since))
    headers = {"Cache-Control": "private, no-cache"}
    return Response(encode(used), headers=headers, media_type="application/json")
