"""DELETE everything in one's sandbox."""

from fastapi import APIRouter, Request, Response

from ingest_api.dependencies import door_of, live_key, poster
from ingest_api.openapi_changes import WIPE_OPERATION
from ingest_api.raw_route import RawRoute
from ingest_api.reading import Refusal, RefusedError
from store.shapes.vocabulary import Environment

router = APIRouter(route_class=RawRoute, tags=["sandbox"])

NO_SANDBOX = Refusal("sandbox_key_required", "Only a sandbox key can wipe, and only its sandbox.")


@router.delete(
    "/api/integration/sandbox",
    openapi_extra=WIPE_OPERATION,
    operation_id="wipe_sandbox",
    summary="Wipe your sandbox",
    status_code=204,
)
async def wipe_sandbox(request: Request) -> Response:
    """Delete everything that sandbox keys of yours posted. Ids begin again at 1."""
    if live_key(request).environment is Environment.LIVE:
        raise RefusedError(NO_SANDBOX)
    visit = await poster(request)
    await door_of(request).sandboxes.wipe(visit.key.partner_id)
    return Response(status_code=204)
