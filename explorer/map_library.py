"""Where MapLibre GL lies: its files are served from the installed `maplibre` package.

The package is found, not imported: importing it costs two seconds and warns.
"""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "maplibre"
FILES = {"maplibre-gl.js": "text/javascript", "maplibre-gl.css": "text/css"}


class MapLibraryError(Exception):
    """The `maplibre` package is missing or laid out in another way than we know."""


def map_library_folder() -> Path:
    """Return the folder that holds FILES. Raises MapLibraryError when it does not."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise MapLibraryError(f"the package {PACKAGE!r} is not installed; run `make setup`")
    folder = Path(spec.origin).parent / "srcjs"
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise MapLibraryError(f"{PACKAGE} {version(PACKAGE)} has no {', '.join(missing)}")
    return folder
