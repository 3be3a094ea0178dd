"""GET what may be posted: codes, fields, limits and the registry of answers' codes."""

from fastapi import APIRouter, Request, Response

from ingest_api.dependencies import live_key
from ingest_api.openapi import REFERENCE_OPERATION
from ingest_api.raw_route import RawRoute
from ingest_api.reference import is_known, reference_page

router = APIRouter(prefix="/api/integration", route_class=RawRoute, tags=["reference"])


@router.get("/reference", openapi_extra=REFERENCE_OPERATION, summary="Codes, fields and limits")
async def get_reference(request: Request) -> Response:
    """Return the reference of the wire contract. Any live key may read it."""
    live_key(request)
    content, etag = reference_page()
    headers = {"ETag": etag, "Cache-Control": "private, max-age=300"}
    if is_known(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type="application/json")
