"""GET whether the process lives and whether it can take posts; for supervisors, without a key."""

from fastapi import APIRouter, Request, Response

from ingest_api.dependencies import door_of
from ingest_api.openapi import HEALTH_OPERATION, READY_OPERATION
from ingest_api.problems import problem_response
from ingest_api.reading import Refusal

router = APIRouter(tags=["health"])


@router.get("/healthz", openapi_extra=HEALTH_OPERATION, summary="Whether the process lives")
async def get_health() -> dict[str, str]:
    """Answer whenever the process can answer at all."""
    return {"status": "ok"}


@router.get("/readyz", openapi_extra=READY_OPERATION, summary="Whether posts can be taken")
async def get_readiness(request: Request) -> Response:
    """Answer 200 while the journal takes posts, else 503."""
    if door_of(request).main.desk.healthy:
        return Response(b'{"status":"ready"}', media_type="application/json")
    refusal = Refusal("not_ready", "The journal takes no posts: see the server's log.")
    return problem_response(refusal, "/readyz")
