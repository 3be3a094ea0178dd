"""POST e-mail and password, get a token: for the people who manage keys."""

from typing import Any

from fastapi import APIRouter, Request, Response

from ingest_api.admins import office_of
from ingest_api.answers import encode
from ingest_api.dependencies import address_of, receive_json
from ingest_api.jwt_problems import BAD_CREDENTIALS, BUSY, THROTTLED, jwt_problem_response
from ingest_api.key_answers import TokenAnswer
from ingest_api.key_requests import MAX_LOGIN_BYTES
from ingest_api.office import BusyError
from ingest_api.openapi_admin import LOGIN_OPERATION
from ingest_api.problems import PROBLEMS
from ingest_api.raw_route import RawRoute
from ingest_api.reading import Refusal, RefusedError, read_object
from store.people import Throttled

router = APIRouter(route_class=RawRoute, tags=["people"])


@router.post(
    "/authentication_token",
    openapi_extra=LOGIN_OPERATION,
    operation_id="post_authentication_token",
    summary="Log in",
)
async def post_authentication_token(request: Request) -> Response:
    """Return a token for the calls that manage keys; send it as `Authorization: Bearer`."""
    try:
        document = read_object(await receive_json(request, MAX_LOGIN_BYTES, "log-in"))
    except RefusedError as error:
        document = error.refusal
    if isinstance(document, Refusal):
        is_no_object = document.code == "validation_failed"
        status = 400 if is_no_object else PROBLEMS[document.code].status
        return jwt_problem_response(status, document.detail, dict(document.headers))
    if missing := _missing(document):
        return jwt_problem_response(400, missing)
    return await _log_in(request, document["email"], document["password"])


def _missing(document: dict[str, Any]) -> str | None:
    for name in ("email", "password"):
        if name not in document:
            return f'The key "{name}" must be provided.'
        if type(document[name]) is not str or not document[name]:
            return f'The key "{name}" must be a non-empty string.'
    return None


async def _log_in(request: Request, email: str, password: str) -> Response:
    try:
        token = await office_of(request).log_in(email, password, address_of(request))
    except BusyError:
        return jwt_problem_response(503, BUSY, {"Retry-After": "1"})
    if isinstance(token, Throttled):
        return jwt_problem_response(429, THROTTLED, {"Retry-After": str(token.retry_after)})
    if token is None:
        return jwt_problem_response(401, BAD_CREDENTIALS)
    content = encode(TokenAnswer(token))
    return Response(content, headers={"Cache-Control": "no-store"}, media_type="application/json")
