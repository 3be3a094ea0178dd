"""The page, its files and the pictures."""

import re
from pathlib import Path

import httpx
import pytest

from explorer.app import create_explorer
from explorer.routers.pages import STATIC
from store.home import Home
from store.objects import picture_key
from store.settings import Settings
from tests.explorer.served import served
from tests.planted_market import plant_empty_home

SHA = "ab" * 32


def test_page_names_only_files_that_are_there(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    files = re.findall(r'(?:src|href)="(static/[^"]+)"', page.text)
    assert len(files) >= 5
    for file in files:
        assert client.get(f"/{file}").status_code == 200, file


def test_page_has_no_inline_script_or_style(client: httpx.Client) -> None:
    page = client.get("/").text
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert "<style" not in page
    assert not re.search(r"\s(style|on\w+)=", page)


def test_modules_import_only_each_other(client: httpx.Client) -> None:
    for module in STATIC.glob("*.js"):
        for target in re.findall(r'from "([^"]+)"', module.read_text()):
            assert target.startswith("./"), (module.name, target)
            assert (STATIC / target).is_file(), (module.name, target)


def test_no_module_writes_markup() -> None:
    for module in STATIC.glob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTML",
                             module.read_text()), module.name  # fmt: skip


def test_own_files_stay_under_200_kilobytes() -> None:
    assert sum(file.stat().st_size for file in STATIC.iterdir()) < 200_000


def test_map_library_comes_from_the_installed_package(client: httpx.Client) -> None:
    script = client.get("/static/map/maplibre-gl.js")
    assert "MapLibre GL JS" in script.text[:200]
    assert script.headers["content-type"].startswith("text/javascript")
    assert client.get("/static/map/pywidget.js").status_code == 404


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/none.js"])
def test_nothing_outside_the_folder_is_served(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_stored_picture_is_served_for_ever(tmp_path: Path) -> None:
    home = plant_empty_home(tmp_path / "home")
    _put_picture(home, 320)
    with served(create_explorer(Settings(home=home.root))) as client:
        picture = client.get(f"/images/{SHA}/320.webp")
        wider = client.get(f"/images/{SHA}/800.webp")
    assert (picture.content, picture.headers["content-type"]) == (b"a picture", "image/webp")
    assert "immutable" in picture.headers["cache-control"]
    assert wider.content == b"a picture"  # never enlarged: the widest there is


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/images/{SHA}/320.webp", 404),
        (f"/images/{SHA}/321.webp", 404),
        ("/images/..%2f..%2fjournal.sqlite/320.webp", 404),
        (f"/images/{SHA}/wide.webp", 422),
    ],
)
def test_picture_not_stored_is_refused(client: httpx.Client, path: str, status: int) -> None:
    assert client.get(path).status_code == status


def _put_picture(home: Home, width: int) -> None:
    file = home.objects / picture_key(SHA, width)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"a picture")
