"""The explorer as an application: it can stand alone or be mounted at `/` beside the API."""

from os import PathLike, stat_result

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from explorer.map_library import map_library_folder
from explorer.problems import add_problem_handlers
from explorer.routers import market, pages
from explorer.security import SecurityHeaders
from explorer.zone_shapes import ZoneShapes
from store.settings import Settings

SMALLEST_COMPRESSED = 1_000
COMPRESSION = 5


class OwnFiles(StaticFiles):
    """Our scripts and styles: kept by the browser, asked for again each time (they change)."""

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Answer with the file or 304, never with a copy the browser took for fresh."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        return response


def create_explorer(settings: Settings) -> FastAPI:
    """Return the application. Reads `settings.home` at each request and never writes it.

    Raises MapLibraryError when the map's files are not installed.
    """
    app = FastAPI(
        title="imo360 market",
        description="Published market tables. Prices are asking prices.",
        openapi_url="/api/market/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.zone_shapes = ZoneShapes()
    app.state.map_library = map_library_folder()
    add_problem_handlers(app)
    app.include_router(market.router)
    app.include_router(pages.router)
    app.mount("/static", OwnFiles(directory=pages.STATIC), name="static")
    app.add_middleware(GZipMiddleware, minimum_size=SMALLEST_COMPRESSED, compresslevel=COMPRESSION)
    app.add_middleware(SecurityHeaders)
    return app
