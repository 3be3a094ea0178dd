"""The short way to the posts: past the framework's middlewares and router, straight to the route.

Every layer of the framework is an `await` and some checks; for a post they cost as much as reading,
deciding and answering it together (docs/performance.md). The routes stay the framework's: they are
in OpenAPI, and whatever is not exactly their path and method goes the usual way.
"""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ingest_api.problems import answer_failure, answer_refused
from ingest_api.raw_route import RawRoute
from ingest_api.reading import RefusedError


class ShortWay:
    """An ASGI app that calls raw routes directly and leaves everything else to the framework."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._routes = {
            (method, route.path): route
            for route in app.routes
            if isinstance(route, RawRoute) and "{" not in route.path
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get((scope.get("method", ""), scope.get("path", "")))
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["app"] = self._app
        scope["route"] = route
        response = await _answer(route, Request(scope, receive))
        await response(scope, receive, send)


async def _answer(route: RawRoute, request: Request) -> Response:
    """Return what the framework's exception handlers would."""
    try:
        return await route.answer(request)
    except RefusedError as refused:
        return await answer_refused(request, refused)
    except Exception as problem:
        return await answer_failure(request, problem)
