"""A route whose endpoint gets the request itself and reads the bytes on its own."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute


class RawRoute(APIRoute):
    """Calls `endpoint(request) -> Response` directly; the route stays in OpenAPI.

    Two reasons: key and limits are judged before the body is read, and posts are parsed from
    their bytes, strictly. FastAPI's handler would read and parse the body first, solve
    dependencies and serialise the answer, which costs more than all of the journal's work.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint itself."""
        return self.endpoint
