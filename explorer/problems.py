"""How the explorer says no: `application/problem+json` (RFC 9457) that never echoes the input."""

from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from store.home import HomeError


class NotPublishedError(Exception):
    """There is nothing to show: no publication yet, or it holds no such zone or listing."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


NO_PUBLICATION = "no_publication"


def no_publication() -> NotPublishedError:
    """Return the error for a home whose market has never been published."""
    return NotPublishedError(NO_PUBLICATION, "nothing is published yet: run `imo360 refresh`")


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error of this room in the house's form."""
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(NotPublishedError, _not_published)
    app.add_exception_handler(HomeError, _no_home)
    app.add_exception_handler(HTTPException, _plain)


def _problem(status: int, code: str, detail: str, **more: Any) -> Response:
    body = {"type": "about:blank", "status": status, "code": code, "detail": detail, **more}
    headers = {"Cache-Control": "no-store"}
    content = msgspec.json.encode(body)
    return Response(content, status, headers, media_type="application/problem+json")


def _unreadable(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    violations = [
        {
            "propertyPath": ".".join(str(step) for step in fault["loc"][1:]),
            "message": fault["msg"],
            "code": fault["type"],
        }
        for fault in error.errors()
    ]
    return _problem(422, "invalid_query", "the query cannot be read", violations=violations)


def _not_published(_request: Request, error: Exception) -> Response:
    assert isinstance(error, NotPublishedError)
    status = 503 if error.code == NO_PUBLICATION else 404
    return _problem(status, error.code, str(error))


def _no_home(_request: Request, _error: Exception) -> Response:
    missing = no_publication()
    return _problem(503, missing.code, str(missing))


def _plain(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _problem(error.status_code, "http_error", error.detail)
