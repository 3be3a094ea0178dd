"""The picture host: stable addresses and bytes, odd ones where they are announced."""

import io
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from PIL import Image

from cli.picture_host import DEFAULT_PORT, GPS_IFD, ORIENTATION, PictureHost, draw_picture

PORT = 21_360


@pytest.fixture(scope="module")
def host() -> Iterator[PictureHost]:
    with PictureHost(count=12, seed=5, port=PORT) as entered:
        yield entered


def fetch(url: str) -> tuple[str, bytes]:
    with urllib.request.urlopen(url) as answer:
        return answer.headers["Content-Type"], answer.read()


@pytest.mark.parametrize(
    ("number", "kind"), [(0, "image/jpeg"), (3, "image/png"), (5, "image/webp")]
)
def test_pictures_are_large_and_carry_metadata_to_strip(
    host: PictureHost, number: int, kind: str
) -> None:
    said, content = fetch(host.urls[number])
    assert said == kind
    with Image.open(io.BytesIO(content)) as image:
        assert f"image/{image.format or ''}".lower() == kind
        assert sorted(image.size) == [1200, 1600]
        assert image.getexif().get_ifd(GPS_IFD)[1] == "N"
        assert (image.getexif().get(ORIENTATION) == 6) == (number % 3 == 0)


def test_equal_paths_give_equal_bytes(host: PictureHost) -> None:
    first = fetch(host.urls[1])[1]
    draw_picture.cache_clear()
    assert fetch(host.urls[1])[1] == first
    assert draw_picture(1, 6) != first
    assert draw_picture(2, 5) != first


def test_two_are_missing_and_one_lies_about_its_type(host: PictureHost) -> None:
    for url in host.urls[-3:-1]:
        with pytest.raises(urllib.error.HTTPError) as caught:
            fetch(url)
        assert caught.value.code == 404
        caught.value.close()
    said, content = fetch(host.urls[-1])
    assert said == "image/png"
    assert content.startswith(b"<!doctype html>")


def test_addresses_are_known_before_it_serves_and_equal_in_every_run() -> None:
    assert PictureHost(count=12).port == DEFAULT_PORT
    assert PictureHost(count=300).urls == PictureHost(count=300).urls
    assert len(set(PictureHost(count=300).urls)) == 300


def test_a_taken_port_is_left_for_another_and_says_so(host: PictureHost) -> None:
    with PictureHost(count=1, seed=5, port=host.port) as second:
        assert not second.has_asked_port
        assert second.port != host.port
        assert fetch(second.urls[0])[0] == "image/jpeg"


def test_other_paths_are_not_there(host: PictureHost) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        fetch(f"http://{host.host}/../etc/passwd")
    assert caught.value.code == 404
    caught.value.close()


@pytest.mark.parametrize("count", [0, 301])
def test_counts_outside_the_bounds_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 300"):
        PictureHost(count=count)
