"""GET how one's own key is used: the same document as admins see of any key."""

from datetime import timedelta

from fastapi import APIRouter, Request, Response

from ingest_api.admins import office_of
from ingest_api.answers import encode
from ingest_api.dependencies import live_key
from ingest_api.key_answers import usage_answer
from ingest_api.key_requests import asked_number
from ingest_api.openapi_admin import MAX_USAGE_DAYS, OWN_USAGE_OPERATION
from ingest_api.raw_route import RawRoute
from store.usage import read_usage

router = APIRouter(prefix="/api/integration", route_class=RawRoute, tags=["reference"])


@router.get("/usage", openapi_extra=OWN_USAGE_OPERATION, operation_id="get_usage",
            summary="How your key is used")  # fmt: skip
async def get_own_usage(request: Request) -> Response:
    """Return the calls of your key by day, its commonest errors, and when it was last used."""
    key, office = live_key(request), office_of(request)
    days = asked_number(request.query_params, "days", 30, (1, MAX_USAGE_DAYS))
    since = office.clock().date() - timedelta(days=days - 1)
    usage = await office.read(lambda connection: read_usage(connection, key.key_id, since))
    content = encode(usage_answer(key.key_id, usage))
    return Response(content, headers={"Cache-Control": "no-store"}, media_type="application/json")
