"""The page and the files it is made of; pictures of listings, where they are stored."""

from pathlib import Path

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse

from explorer.map_library import FILES
from store.home import Home
from store.objects import picture_path

STATIC = Path(__file__).parent.parent / "static"
WEEK = "public, max-age=604800"
FOREVER = "public, max-age=31536000, immutable"  # an address names its bytes

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
def get_page() -> FileResponse:
    """The explorer's page."""
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


@router.get("/static/map/{name}")
def get_map_library(request: Request, name: str) -> FileResponse:
    """MapLibre's script and style, from the installed package."""
    if name not in FILES:
        raise HTTPException(404)
    file = request.app.state.map_library / name
    return FileResponse(file, media_type=FILES[name], headers={"Cache-Control": WEEK})


@router.get("/images/{sha256}/{width}.webp")
def get_picture(request: Request, sha256: str, width: int) -> FileResponse:
    """A stored picture at one of its widths, or the widest there is below it."""
    file = picture_path(Home(request.app.state.settings.home).objects, sha256, width)
    if file is None:
        raise HTTPException(404)
    return FileResponse(file, media_type="image/webp", headers={"Cache-Control": FOREVER})
