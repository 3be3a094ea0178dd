"""Pictures from a real server on loopback: stored once, refused with a reason, never in the way."""

import asyncio
import hashlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from flows.steps.fetch_images import Verdict, fetch_pending
from flows.steps.render_pictures import Renderers
from store.objects import ObjectStore, open_objects, picture_path
from store.pictures import PictureProblem, PictureReason, Rendered
from tests.flows.picture_server import BODIES, SECRET, PictureServer

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[PictureServer]:
    running = PictureServer()
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def renderers() -> Iterator[Renderers]:
    shared = Renderers()
    yield shared
    shared.close()


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return open_objects(tmp_path / "objects")


def fetch(
    server: PictureServer,
    objects: ObjectStore,
    renderers: Renderers,
    *paths: str,
    timeout_seconds: float = 20,
) -> list[Verdict]:
    return fetch_pending(
        [server.url(path) for path in paths],
        objects,
        frozenset({f"127.0.0.1:{server.port}"}),
        timeout_seconds=timeout_seconds,
        renderers=renderers,
    )


def files(objects: ObjectStore) -> dict[str, int]:
    assert objects.folder is not None
    return {
        str(path.relative_to(objects.folder)): path.stat().st_mtime_ns
        for path in objects.folder.rglob("*")
        if path.is_file()
    }


def test_a_photo_is_stored_upright_without_its_gps_place(
    server: PictureServer, objects: ObjectStore, renderers: Renderers
) -> None:
    (verdict,) = fetch(server, objects, renderers, "/good.jpg")
    original = BODIES["/good.jpg"]
    assert (verdict.ok, verdict.state, verdict.reason) == (True, "stored", None)
    assert verdict.sha256 == hashlib.sha256(original).hexdigest()
    assert (verdict.width_px, verdict.height_px, verdict.bytes) == (900, 1200, len(original))
    assert objects.folder is not None
    for width, checksum in verdict.renditions.items():
        path = picture_path(objects.folder, verdict.sha256, width)
        assert path is not None
        content = path.read_bytes()
        assert hashlib.sha256(content).hexdigest() == checksum
        assert SECRET.encode() in original
        assert SECRET.encode() not in content
        with Image.open(path) as image:
            assert image.size == (min(width, 900), round(min(width, 900) * 4 / 3))
            left, right = (image.getpixel((image.width * part // 4, 9)) for part in (1, 3))
            assert isinstance(left, tuple)
            assert isinstance(right, tuple)
            assert left[0] > 180
            assert right[2] > 180


@pytest.mark.parametrize(
    ("path", "reason", "asked"),
    [
        pytest.param("/page.jpg", "not_a_picture", 1, id="a page that claims to be a JPEG"),
        pytest.param("/truncated.jpg", "damaged_picture", 1, id="a truncated JPEG"),
        pytest.param("/bomb.png", "too_many_pixels", 1, id="a bomb"),
        pytest.param("/empty.jpg", "empty", 1, id="nothing"),
        pytest.param("/missing.jpg", "http_404", 1, id="not there"),
        pytest.param("/gone.jpg", "http_410", 1, id="gone"),
        pytest.param("/moved.jpg", "redirect_refused", 1, id="a redirect"),
        pytest.param("/broken.jpg", "http_500", 3, id="a broken server is asked three times"),
        pytest.param("/cut.jpg", "connection_failed", 3, id="a connection cut in the middle"),
        pytest.param("/endless.jpg", "too_many_bytes", 1, id="an endless body"),
    ],
)
def test_what_cannot_be_stored_says_why(
    server: PictureServer,
    objects: ObjectStore,
    renderers: Renderers,
    path: str,
    reason: str,
    asked: int,
) -> None:
    (verdict,) = fetch(server, objects, renderers, path)
    assert verdict == Verdict(server.url(path), ok=False, state="failed", reason=reason)
    assert server.asked == {path: asked}
    assert files(objects) == {}


def test_a_slow_body_times_out(
    server: PictureServer, objects: ObjectStore, renderers: Renderers
) -> None:
    (verdict,) = fetch(server, objects, renderers, "/slow.jpg", timeout_seconds=0.3)
    assert verdict.reason == "timeout"


def test_slow_pictures_do_not_use_up_the_time_of_those_behind_them(
    server: PictureServer, objects: ObjectStore, renderers: Renderers
) -> None:
    slow = [f"/slow.jpg?{number}" for number in range(8)]
    verdicts = fetch(server, objects, renderers, *slow, "/plan.png", timeout_seconds=0.5)
    assert [verdict.reason for verdict in verdicts] == ["timeout"] * 8 + [None]


def test_a_picture_that_comes_at_the_second_try_is_stored(
    server: PictureServer, objects: ObjectStore, renderers: Renderers
) -> None:
    (verdict,) = fetch(server, objects, renderers, "/once-broken.jpg")
    assert verdict.ok
    assert server.asked["/once-broken.jpg"] == 2


def test_a_refused_connection_fails_with_a_reason(
    server: PictureServer, objects: ObjectStore, renderers: Renderers
) -> None:
    server.stop()
    (verdict,) = fetch(server, objects, renderers, "/good.jpg")
    assert verdict.reason == "connection_failed"


def test_the_bytes_decide_the_format_not_their_name(
    server: PictureServer, objects: ObjectStore, renderers: Renderers
) -> None:
    assert [v.ok for v in fetch(server, objects, renderers, "/claims-jpeg.jpg")] == [True]


def test_the_same_picture_under_two_addresses_is_kept_once(
    server: PictureServer, objects: ObjectStore, renderers: Renderers
) -> None:
    first, second = fetch(server, objects, renderers, "/good.jpg", "/same.jpg")
    assert first.sha256 == second.sha256
    assert len(files(objects)) == len(first.renditions)


def test_an_address_given_twice_is_fetched_once(
    server: PictureServer, objects: ObjectStore, renderers: Renderers
) -> None:
    verdicts = fetch(server, objects, renderers, "/plan.png", "/missing.jpg", "/plan.png")
    assert [v.url for v in verdicts] == [server.url("/plan.png"), server.url("/missing.jpg")]
    assert server.asked == {"/plan.png": 1, "/missing.jpg": 1}


def test_a_second_call_changes_no_file_and_gives_equal_verdicts(
    server: PictureServer, objects: ObjectStore, renderers: Renderers
) -> None:
    paths = ("/good.jpg", "/plan.png", "/missing.jpg")
    first = fetch(server, objects, renderers, *paths)
    before = files(objects)
    assert fetch(server, objects, renderers, *paths) == first
    assert files(objects) == before


def test_a_call_cut_off_before_its_verdicts_is_made_good_by_the_next(
    server: PictureServer, objects: ObjectStore, renderers: Renderers
) -> None:
    (verdict,) = fetch(server, objects, renderers, "/good.jpg")
    whole = files(objects).keys()
    assert objects.folder is not None
    assert verdict.sha256 is not None
    first = min(objects.folder.rglob("*.webp"))
    first.unlink()  # as if the kill had come between two renditions
    assert fetch(server, objects, renderers, "/good.jpg") == [verdict]
    assert files(objects).keys() == whole


@pytest.mark.parametrize(
    ("url", "allowed", "reason"),
    [
        pytest.param("http://127.0.0.1:{port}/good.jpg", set(), "host_not_allowed",
                     id="nobody is allowed by default"),
        pytest.param("http://127.0.0.1:{port}/good.jpg", {"example.com", "127.0.0.1:1", "0.0.1"},
                     "host_not_allowed", id="another host or port"),
        pytest.param("http://example.com@127.0.0.1:{port}/good.jpg", {"example.com"},
                     "credentials_in_url", id="an allowed host as the user's name"),
        pytest.param("http://a:b@127.0.0.1:{port}/good.jpg", {"127.0.0.1"},
                     "credentials_in_url", id="credentials"),
        pytest.param("http://127.0.0.1:{port}#@example.com/", {"example.com"},
                     "host_not_allowed", id="an allowed host behind a #"),
        pytest.param("http://127.0.0.1:{port}\\@example.com/", {"example.com"},
                     "bad_url", id="an allowed host behind a backslash"),
        pytest.param("http://127.1:{port}/good.jpg", {"127.0.0.1"}, "host_not_allowed",
                     id="another spelling of an address"),
        pytest.param("http://[::ffff:127.0.0.1]:{port}/good.jpg", {"127.0.0.1"},
                     "host_not_allowed", id="a mapped address"),
        pytest.param("file:///etc/passwd", {"", "etc"}, "scheme_not_allowed", id="a file"),
        pytest.param("ftp://127.0.0.1/good.jpg", {"127.0.0.1"}, "scheme_not_allowed", id="ftp"),
        pytest.param("data:image/png;base64,AAAA", set(), "scheme_not_allowed", id="data"),
        pytest.param("/good.jpg", set(), "bad_url", id="no host"),
        pytest.param("http:///good.jpg", {""}, "bad_url", id="an empty host"),
        pytest.param("http://127.0.0.1:99999/", {"127.0.0.1"}, "bad_url", id="an impossible port"),
        pytest.param("", set(), "bad_url", id="nothing"),
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_never_contacted(
    server: PictureServer,
    objects: ObjectStore,
    url: str,
    allowed: set[str],
    reason: str,
) -> None:
    url = url.format(port=server.port)
    (verdict,) = fetch_pending([url], objects, frozenset(allowed), timeout_seconds=5)
    assert (verdict.url, verdict.ok, verdict.reason) == (url, False, reason)
    assert server.asked == {}


def test_a_host_without_a_port_is_allowed_at_any(
    server: PictureServer, objects: ObjectStore, renderers: Renderers
) -> None:
    (verdict,) = fetch_pending(
        [server.url("/plan.png")],
        objects,
        frozenset({"127.0.0.1"}),
        timeout_seconds=20,
        renderers=renderers,
    )
    assert verdict.ok


def test_progress_counts_up_to_the_distinct_addresses(
    server: PictureServer, objects: ObjectStore
) -> None:
    seen: list[tuple[int, int]] = []
    fetch_pending(
        [server.url(f"/{number}") for number in (1, 2, 3, 3)],
        objects,
        frozenset({"127.0.0.1"}),
        timeout_seconds=20,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_full_disk_is_raised_as_what_it_is(
    server: PictureServer,
    objects: ObjectStore,
    renderers: Renderers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        fetch(server, objects, renderers, "/good.jpg", "/plan.png")


def deadly(original: bytes) -> Rendered | PictureProblem:
    """Stand for a decoder that one picture crashes."""
    if original == b"deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    return PictureProblem(PictureReason.EMPTY)


def test_a_picture_that_kills_its_process_costs_no_neighbour() -> None:
    async def render_all(renderers: Renderers) -> list[Rendered | PictureProblem | None]:
        pictures = [b"a", b"deadly"]
        return await asyncio.gather(*(renderers.render(picture) for picture in pictures))

    renderers = Renderers(work=deadly)
    problem = PictureProblem(PictureReason.EMPTY)
    assert asyncio.run(render_all(renderers)) == [problem, None]
    renderers.close()


ORPHANS = """
import asyncio, multiprocessing, sys, threading
from flows.steps.render_pictures import Renderers

if __name__ == "__main__":
    asyncio.run(Renderers().render(b""))
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)
    threading.Event().wait()
"""


def test_rendering_processes_die_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE,
                          text=True) as parent:  # fmt: skip
        assert parent.stdout is not None
        children = [int(pid) for pid in parent.stdout.readline().split()]
        watched = [os.pidfd_open(pid) for pid in children]
        parent.kill()
    assert children
    for descriptor in watched:
        ended, _, _ = select.select([descriptor], [], [], 10)
        os.close(descriptor)
        assert ended, "a rendering process outlived its parent"
