"""Refusals as HTTP answers: RFC 9457 problems. The only place that knows HTTP statuses.

A problem never repeats what was posted: messages are ours, paths name fields.
"""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from ingest_api.raw_route import RATE_HEADERS
from ingest_api.reading import Refusal, RefusedError, invalid
from store.shapes.checks import Violation
from store.shapes.posts import Answer
from store.storage_problems import Complaints, storage_complaint

LOG = logging.getLogger(__name__)
COMPLAINTS = Complaints(LOG)

RETRY_AFTER_SECONDS = "2"
"""When to send again what could not be stored."""

MEDIA_TYPE = "application/problem+json"
LISTINGS_PATH = "/api/integration/estates"
SNAPSHOTS_PATH = "/api/integration/snapshots"


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """How a refusal of one code is answered."""

    status: int
    title: str


PROBLEMS: dict[str, ProblemKind] = {
    "invalid_json": ProblemKind(400, "The body is no valid JSON"),
    "incomplete_body": ProblemKind(400, "The body ended too early"),
    "missing_api_key": ProblemKind(401, "The X-API-Key header is missing"),
    "invalid_api_key": ProblemKind(401, "The API key is unknown"),
    "expired_api_key": ProblemKind(401, "The API key has expired"),
    "revoked_api_key": ProblemKind(401, "The API key was revoked"),
    "missing_permission": ProblemKind(403, "The API key lacks a permission"),
    "provider_not_owned": ProblemKind(403, "The provider identifier is not yours"),
    "sandbox_key_required": ProblemKind(403, "The API key is none of a sandbox"),
    "admin_required": ProblemKind(403, "Only admins may do this"),
    "not_found": ProblemKind(404, "There is nothing here"),
    "method_not_allowed": ProblemKind(405, "The method is not allowed here"),
    "key_ended": ProblemKind(409, "The API key was revoked or has expired"),
    "snapshot_closed": ProblemKind(409, "The snapshot is not open"),
    "snapshot_held": ProblemKind(409, "The snapshot would withdraw too much"),
    "snapshot_incomplete": ProblemKind(409, "The snapshot is not what was announced"),
    "precondition_failed": ProblemKind(412, "The stored revision is another one"),
    "too_large": ProblemKind(413, "The body is too large"),
    "too_many_items": ProblemKind(413, "The bulk has too many items"),
    "bulk_exceeds_rate": ProblemKind(413, "The bulk is larger than the key's burst"),
    "unsupported_media_type": ProblemKind(415, "The body must be application/json"),
    "validation_failed": ProblemKind(422, "The body breaks the contract"),
    "idempotency_key_reused": ProblemKind(422, "The Idempotency-Key belongs to another request"),
    "rate_limited": ProblemKind(429, "The key's rate is used up for now"),
    "internal_error": ProblemKind(500, "Something went wrong here"),
    "not_ready": ProblemKind(503, "The service cannot take posts now"),
}
"""Codes of problems; the reference document and OpenAPI list them."""


class ViolationAnswer(msgspec.Struct, rename="camel"):
    """One violated rule: where, what was expected, and its code."""

    property_path: str
    message: str
    code: str


class Problem(msgspec.Struct, rename="camel", omit_defaults=True):
    """An RFC 9457 problem. code names it for programs; violations and limit come where they say
    more. instance names where it happened (for an internal error, the line in our log)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str | None = None
    violations: list[ViolationAnswer] = []
    limit: int | None = None


def problem(refusal: Refusal, instance: str | None = LISTINGS_PATH) -> Problem:
    """Return the problem object of a refusal; the same for a single post and a bulk's item."""
    kind = PROBLEMS[refusal.code]
    return Problem(
        type=f"urn:imo360:problem:{refusal.code}",
        title=kind.title,
        status=kind.status,
        detail=refusal.detail,
        code=refusal.code,
        instance=instance,
        violations=[ViolationAnswer(v.path, v.message, v.code) for v in refusal.violations],
        limit=refusal.limit,
    )


_ENCODE = msgspec.json.Encoder().encode


def problem_answer(
    refusal: Refusal,
    instance: str | None = LISTINGS_PATH,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Return the HTTP answer of a refusal, as plain values."""
    told = problem(refusal, instance)
    sent = {**refusal.headers, **(headers or {}), "Content-Type": MEDIA_TYPE}
    if told.status == 401:
        sent["WWW-Authenticate"] = "ApiKey"
    return Answer(told.status, sent, _ENCODE(told))


def problem_response(
    refusal: Refusal,
    instance: str | None = LISTINGS_PATH,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the HTTP answer of a refusal."""
    answer = problem_answer(refusal, instance, headers)
    return Response(answer.body, answer.status, answer.headers)


async def answer_refused(request: Request, error: Exception) -> Response:
    """Answer what a dependency or router refused."""
    assert isinstance(error, RefusedError)
    # The route's own path, never the request's: that one is input.
    path = getattr(request.scope.get("route"), "path_format", None)
    return problem_response(error.refusal, path, request.scope.get(RATE_HEADERS))


async def answer_http_exception(request: Request, error: Exception) -> Response:
    """Answer the router's own verdicts: no such path, no such method."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        detail = "This path answers other methods: see the Allow header."
        headers["Allow"] = ", ".join(allowed_methods(request))
        return problem_response(Refusal("method_not_allowed", detail), None, headers)
    if error.status_code == 404:
        return problem_response(Refusal("not_found", "See /docs for what there is."), None)
    return problem_response(Refusal("invalid_json", "The request cannot be read."), None, headers)


METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def allowed_methods(request: Request) -> list[str]:
    """Return the methods that the request's path answers.

    All of them, as RFC 9110 section 15.5.6 wants: the router itself names those of the first of
    the routes that share a path.
    """
    return [
        method
        for method in METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.router.routes
        )
    ]


async def answer_invalid_request(_request: Request, error: Exception) -> Response:
    """Answer parameters of a wrong form. FastAPI's own answer would repeat the input."""
    assert isinstance(error, RequestValidationError)
    return problem_response(invalid(tuple(_violation(found) for found in error.errors())), None)


def _violation(found: dict[str, Any]) -> Violation:
    path = ".".join(str(part) for part in found["loc"][1:])
    return Violation(path, "wrong_type", "must have the documented form")


async def answer_failure(request: Request, error: Exception) -> Response:
    """Answer what broke: 503 when the disk or a database cannot be used now, else 500."""
    if storage_complaint(error) is None:
        LOG.error("a call failed", exc_info=error)
        return await answer_internal_error(request, error)
    COMPLAINTS.tell("a call failed", error)
    detail = "Nothing was stored, for the storage cannot be used now: send the same again."
    refusal = Refusal("not_ready", detail, headers={"Retry-After": RETRY_AFTER_SECONDS})
    return problem_response(refusal, None, request.scope.get(RATE_HEADERS))


async def answer_internal_error(request: Request, _error: Exception) -> Response:
    """Answer a broken promise of ours; the server logs the traceback beside this line."""
    occurrence = f"urn:uuid:{uuid.uuid4()}"
    LOG.error("internal error %s", occurrence)
    detail = "Nothing more is known here: send the same again, or tell us the instance."
    return problem_response(
        Refusal("internal_error", detail), occurrence, request.scope.get(RATE_HEADERS)
    )
