"""One answer of the read API: one snapshot, its publication, an ETag, JSON."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec
from fastapi import Request, Response
from sqlalchemy.engine import Connection

from explorer.problems import no_publication
from store.database import open_warehouse_reader, reading
from store.market import Row, publication

CACHE_CONTROL = "no-cache"  # keep it, but ask: a new publication may be there any second


def answer_json(request: Request, build: Callable[[Connection], Row]) -> Response:
    """Return what `build` reads, with the publication it was read from.

    Nothing is built for a client that has this publication already (304). Raises
    NotPublishedError before the first publication.
    """
    return answer_bytes(request, lambda conn, run: msgspec.json.encode(stamped(run, build(conn))))


def answer_bytes(
    request: Request,
    build: Callable[[Connection, Row], bytes],
    media_type: str = "application/json",
) -> Response:
    """Return the bytes that `build` makes of a snapshot and its row of market_runs."""
    settings = request.app.state.settings
    with reading(open_warehouse_reader(settings)) as conn:
        run = publication(conn)
        if run is None:
            raise no_publication()
        headers = {"ETag": _etag(request, run), "Cache-Control": CACHE_CONTROL}
        if headers["ETag"] in _known(request):
            return Response(status_code=304, headers=headers)
        return Response(build(conn, run), headers=headers, media_type=media_type)


def stamped(run: Row, body: Row) -> dict[str, Any]:
    """Return the body under the publication's number and as-of date."""
    return {"publication": run["publication"], "as_of_date": run["as_of_date"], **body}


def _etag(request: Request, run: Row) -> str:
    """Name what the answer depends on. Weak, because its bytes may be compressed or not."""
    asked = f"{request.url.path}?{request.url.query} {run['run_id']} {run['published_at']}"
    return f'W/"{run["publication"]}-{sha256(asked.encode()).hexdigest()[:16]}"'


def _known(request: Request) -> set[str]:
    header = request.headers.get("If-None-Match", "")
    return {tag.strip() for tag in header.split(",")}
