"""A route whose endpoint gets the request itself and reads the bytes on its own."""

from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from ingest_api.reading import RefusedError
from ingest_api.tally import Tally

RATE_HEADERS = "imo360.rate_headers"
"""Where a request's scope keeps the headers that tell how its key's rate stands."""

CALLER = "imo360.caller"
"""Where a request's scope keeps whose call it is: the key's id and the tally to count it in."""

COUNTED = "imo360.is_counted"
"""Set in a request's scope when the journal counts the call, with what was posted."""


RELEASE = "imo360.release"
"""Where a request's scope keeps what is to be called once it is answered."""


class RawRoute(APIRoute):
    """Calls `endpoint(request) -> Response` directly; the route stays in OpenAPI.

    Two reasons: key and limits are judged before the body is read, and posts are parsed from
    their bytes, strictly. FastAPI's own handler would read and parse the body first, solve
    dependencies, keep three exit stacks and serialise the answer.
    """

    def __init__(self, path: str, endpoint: Any, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.answer = self.get_route_handler()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            response = await self.answer(Request(scope, receive))
            await response(scope, receive, send)

        self.app = app

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers. FastAPI asks for it too: an included router's routes are called
        through it, past `app`."""
        endpoint = self.endpoint

        async def answer(request: Request) -> Response:
            scope = request.scope
            began = perf_counter()
            try:
                response: Response = await endpoint(request)
            except RefusedError as refused:
                _count_refused(scope, refused)
                raise
            finally:
                _count_call(scope, began)
                if RELEASE in scope:
                    scope[RELEASE]()
            if RATE_HEADERS in scope:
                response.headers.update(scope[RATE_HEADERS])
            return response

        return answer


def _count_call(scope: Scope, began: float) -> None:
    if CALLER in scope:
        key_id, tally = scope[CALLER]
        assert isinstance(tally, Tally)
        tally.time(key_id, perf_counter() - began)
        if COUNTED not in scope:
            tally.count(key_id, "calls")


def _count_refused(scope: Scope, refused: RefusedError) -> None:
    if CALLER in scope:
        key_id, tally = scope[CALLER]
        tally.refuse(key_id, refused.refusal.codes)
