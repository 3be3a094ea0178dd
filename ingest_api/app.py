"""Builds the API: routers, problems, docs without a CDN, and the journal while it runs."""

import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from ingest_api.dependencies import BODIES_BYTES, Door, Inbox, RecentKeys
from ingest_api.dry_run import Previewer
from ingest_api.jwt_problems import TokenRefusedError, answer_token_refused
from ingest_api.office import Office
from ingest_api.openapi import describe
from ingest_api.place import open_place
from ingest_api.problems import (
    answer_failure,
    answer_http_exception,
    answer_internal_error,
    answer_invalid_request,
    answer_refused,
)
from ingest_api.rate_limits import RateLimits
from ingest_api.reading import RefusedError
from ingest_api.routers import (
    authentication,
    deletion,
    estates,
    health,
    keys,
    own,
    reference,
    sandbox,
    snapshots,
    usage,
)
from ingest_api.sandboxes import Sandboxes
from store.database import driver_error, open_journal_database
from store.keys import KeyReader
from store.settings import Settings

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


def create_app(
    settings: Settings, clock: Clock = utc_now, previewer: Previewer | None = None
) -> FastAPI:
    """Build the API of a migrated home.

    clock judges keys, bounds posted instants and says when posts are received. previewer shows dry
    runs what the flows would make of them.

    Nothing is opened before the app's lifespan starts.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as opened:
            engine = open_journal_database(settings)
            opened.callback(engine.dispose)
            reader = KeyReader(engine)
            opened.callback(reader.close)
            place = open_place(settings, engine, reader, clock, previewer, opened)
            sandboxes = Sandboxes(settings, clock, previewer)
            limits = RateLimits(1 / settings.api_processes)
            app.state.door = Door(
                place,
                engine,
                sandboxes,
                reader,
                RecentKeys(reader),
                clock,
                Inbox(BODIES_BYTES),
                limits,
            )
            app.state.office = Office(settings, engine, clock)
            opened.enter_context(_calm_collector())
            yield
            await sandboxes.close()
            await place.close()

    app = FastAPIOffline(
        title="imo360 integration API",
        version=version("imo360"),
        lifespan=lifespan,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        generate_unique_id_function=lambda route: route.name,
    )
    # Taken as they are and put first: the router looks from the top, and an included router
    # matches a second time.
    app.router.routes[:0] = estates.router.routes
    app.include_router(own.router)
    app.include_router(usage.router)
    app.include_router(deletion.router)
    app.include_router(snapshots.router)
    app.include_router(sandbox.router)
    app.include_router(reference.router)
    app.include_router(authentication.router)
    app.include_router(keys.router)
    app.include_router(health.router)
    app.add_exception_handler(RefusedError, answer_refused)
    app.add_exception_handler(TokenRefusedError, answer_token_refused)
    app.add_exception_handler(HTTPException, answer_http_exception)
    app.add_exception_handler(RequestValidationError, answer_invalid_request)
    # By their classes: what the handler of Exception answers, the server logs as a bug as well.
    for kind in (OSError, SQLAlchemyError, driver_error(settings)):
        app.add_exception_handler(kind, answer_failure)
    app.add_exception_handler(Exception, answer_internal_error)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


@contextmanager
def _calm_collector() -> Iterator[None]:
    """Let the garbage collector pass over what the start made, and come less often.

    Requests leave no cycles behind; scanning the frameworks' objects is what makes slow answers.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
