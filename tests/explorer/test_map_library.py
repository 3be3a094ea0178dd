"""MapLibre's files are found without importing its package."""

from importlib.util import find_spec

import pytest

from explorer import map_library
from explorer.map_library import MapLibraryError, map_library_folder


def test_installed_package_has_the_files() -> None:
    folder = map_library_folder()
    assert (folder / "maplibre-gl.js").stat().st_size > 500_000


def test_missing_package_is_told_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_library, "PACKAGE", "maplibre_that_is_not_there")
    assert find_spec("maplibre_that_is_not_there") is None
    with pytest.raises(MapLibraryError, match="make setup"):
        map_library_folder()


def test_other_layout_is_told_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_library, "FILES", {"maplibre-gl.mjs": "text/javascript"})
    with pytest.raises(MapLibraryError, match=r"has no maplibre-gl\.mjs"):
        map_library_folder()
