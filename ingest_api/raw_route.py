"""A route whose endpoint gets the request itself and reads the bytes on its own."""

from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

RATE_HEADERS = "imo360.rate_headers"
"""Where a request's scope keeps the headers that tell how its key's rate stands."""


class RawRoute(APIRoute):
    """Calls `endpoint(request) -> Response` directly; the route stays in OpenAPI.

    Two reasons: key and limits are judged before the body is read, and posts are parsed from
    their bytes, strictly. FastAPI's own handler would read and parse the body first, solve
    dependencies, keep three exit stacks and serialise the answer.
    """

    def __init__(self, path: str, endpoint: Any, **options: Any) -> None:
        super().__init__(path, endpoint, **options)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Request(scope, receive))
            if RATE_HEADERS in scope:
                response.headers.update(scope[RATE_HEADERS])
            await response(scope, receive, send)

        self.app = app
