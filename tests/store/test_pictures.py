"""Hostile bytes in, clean upright WebP out, or a reason; never an exception."""

import io
import random
import struct
import zlib
from typing import Literal

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from store.pictures import PictureProblem, PictureReason, Rendered, render

RED, GREEN, BLUE, WHITE = (220, 20, 20), (20, 200, 20), (20, 20, 220), (250, 250, 250)
GPS_WORDS = b"44deg28min"


def corners(width: int = 400, height: int = 200) -> Image.Image:
    """Red top left, green top right, blue bottom left, white bottom right."""
    image = Image.new("RGB", (width, height), WHITE)
    for place, colour in (((0, 0), RED), ((1, 0), GREEN), ((0, 1), BLUE)):
        image.paste(
            colour,
            (
                place[0] * width // 2,
                place[1] * height // 2,
                (place[0] + 1) * width // 2,
                (place[1] + 1) * height // 2,
            ),
        )
    return image


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def stored_turned(orientation: int) -> bytes:
    """`corners` as a camera stores it: turned, with the EXIF tag that says how to turn it back."""
    away = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    image = corners() if away is None else corners().transpose(Image.Transpose(away))
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(0x8825)[29] = GPS_WORDS.decode()
    return encoded(image, quality=95, exif=exif)


def rendered(original: bytes) -> Rendered:
    result = render(original)
    assert isinstance(result, Rendered), result
    return result


def seen(result: Rendered, width: int = 320) -> Image.Image:
    return Image.open(io.BytesIO(result.renditions[width]))


def colours(image: Image.Image) -> list[str]:
    """Name the colour of each quarter, row by row."""
    rgb = np.asarray(image.convert("RGB")).astype(int)
    height, width = rgb.shape[:2]
    names = {"red": RED, "green": GREEN, "blue": BLUE, "white": WHITE}
    spots = [rgb[y * height // 4, x * width // 4] for y in (1, 3) for x in (1, 3)]
    return [min(names, key=lambda name: np.abs(spot - names[name]).sum()) for spot in spots]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation: int) -> None:
    result = rendered(stored_turned(orientation))
    assert (result.width_px, result.height_px) == (400, 200)
    assert seen(result).size == (320, 160)
    assert colours(seen(result)) == ["red", "green", "blue", "white"]


def test_no_metadata_is_left() -> None:
    original = stored_turned(6)
    assert GPS_WORDS in original
    result = rendered(original)
    for width, content in result.renditions.items():
        assert GPS_WORDS not in content
        assert not seen(result, width).getexif()
        assert {"exif", "xmp", "icc_profile"} & seen(result, width).info.keys() == set()
        assert [word for word in (b"EXIF", b"XMP ", b"ICCP") if word in content] == []


def test_text_of_a_png_is_left_behind() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", "Ana Popescu")
    result = rendered(encoded(corners(), "PNG", pnginfo=notes))
    assert all(b"Popescu" not in content for content in result.renditions.values())


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        pytest.param((2000, 1000), {320: (320, 160), 800: (800, 400), 1600: (1600, 800)},
                     id="wide enough for all three"),
        pytest.param((500, 250), {320: (320, 160), 800: (500, 250)}, id="never enlarged"),
        pytest.param((320, 100), {320: (320, 100)}, id="exactly the narrowest"),
        pytest.param((1, 1), {320: (1, 1)}, id="a single pixel"),
        pytest.param((20, 20_000), {320: (1, 1280), 800: (3, 3200), 1600: (6, 6400)},
                     id="a scroll is bounded in height"),
        pytest.param((20_000, 20), {320: (320, 1), 800: (800, 1), 1600: (1600, 2)},
                     id="a ribbon keeps a pixel of height"),
    ],
)  # fmt: skip
def test_widths(size: tuple[int, int], expected: dict[int, tuple[int, int]]) -> None:
    result = rendered(encoded(Image.new("RGB", size, RED), "PNG"))
    assert {width: seen(result, width).size for width in result.renditions} == expected


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_formats_are_told_by_their_bytes(kind: str) -> None:
    result = rendered(encoded(corners(), kind))
    assert colours(seen(result)) == ["red", "green", "blue", "white"]
    assert seen(result).format == "WEBP"


def test_of_an_animation_the_first_frame_is_kept() -> None:
    frames = [Image.new("RGB", (64, 64), RED), Image.new("RGB", (64, 64), BLUE)]
    for kind in ("GIF", "WEBP", "PNG"):
        moving = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
        assert colours(seen(rendered(moving)))[0] == "red"


def test_transparent_places_turn_white() -> None:
    image = corners().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 200, 100))
    assert colours(seen(rendered(encoded(image, "PNG")))) == ["white", "green", "blue", "white"]


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("1", "PNG"), ("L", "PNG"), ("LA", "PNG"), ("P", "GIF"), ("RGBA", "PNG"), ("CMYK", "JPEG")],
)
def test_every_pixel_mode_keeps_dark_and_light(mode: str, kind: str) -> None:
    halves = Image.new("L", (64, 64), 0)
    halves.paste(255, (32, 0, 64, 64))
    result = rendered(encoded(halves.convert(mode), kind))
    pixels = np.asarray(seen(result).convert("L"))
    assert pixels[:, :24].max() < 30
    assert pixels[:, 40:].min() > 225


@pytest.mark.parametrize(("stored", "shown"), [(0, 0), (0x8000, 128), (0xFFFF, 255)])
def test_sixteen_bits_are_scaled_not_clipped(stored: int, shown: int) -> None:
    grey = Image.fromarray(np.full((16, 16), stored, dtype=np.uint16))
    pixels = np.asarray(seen(rendered(encoded(grey, "PNG"))).convert("L"))
    assert abs(int(pixels.mean()) - shown) <= 3


def made_profile(space: Literal["sRGB", "LAB"]) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes()


def swapped_profile() -> bytes:
    """A colour profile in which the red channel is blue light and the blue one red."""
    profile = made_profile("sRGB")
    swapped = profile.replace(b"rXYZ", b"----").replace(b"bXYZ", b"rXYZ").replace(b"----", b"bXYZ")
    return swapped.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


def test_another_colour_space_is_turned_to_srgb() -> None:
    turned = rendered(encoded(corners(), "PNG", icc_profile=swapped_profile()))
    assert colours(seen(turned)) == ["blue", "green", "red", "white"]


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(made_profile("sRGB"), id="sRGB"),
        pytest.param(made_profile("LAB"), id="no RGB"),
        pytest.param(b"no profile at all", id="broken"),
    ],
)  # fmt: skip
def test_other_profiles_are_dropped(profile: bytes) -> None:
    with_profile = rendered(encoded(corners(), "PNG", icc_profile=profile))
    assert with_profile.renditions == rendered(encoded(corners(), "PNG")).renditions


def test_the_same_bytes_give_the_same_renditions() -> None:
    original = stored_turned(8)
    assert render(original) == render(original)


def test_the_hash_survives_another_encoding_but_not_another_picture() -> None:
    rng = np.random.default_rng(1)
    rooms = [
        Image.fromarray(rng.integers(0, 255, (9, 12), dtype=np.uint8)).resize((480, 360))
        for _ in range(2)
    ]
    first = rendered(encoded(rooms[0], "JPEG", quality=60)).phash
    again = rendered(encoded(rooms[0].resize((360, 270)), "PNG")).phash
    other = rendered(encoded(rooms[1], "JPEG")).phash
    assert len(first) == 16
    assert (int(first, 16) ^ int(again, 16)).bit_count() <= 4
    assert (int(first, 16) ^ int(other, 16)).bit_count() > 12


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims any size."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def many_scans() -> bytes:
    """A progressive JPEG whose last scan is repeated a thousand times."""
    image = encoded(corners(), progressive=True)
    last = image.rindex(b"\xff\xda")
    return image[:-2] + image[last:-2] * 1000 + image[-2:]


@pytest.mark.parametrize(
    ("original", "reason"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"<html>not found</html>", "not_a_picture", id="a page"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_a_picture", id="an SVG"),
        pytest.param(encoded(corners(), "BMP"), "not_a_picture", id="a bitmap"),
        pytest.param(encoded(corners(), "TIFF"), "not_a_picture", id="a TIFF"),
        pytest.param(b"\xff\xd8\xff\xe0junk", "not_a_picture", id="only the first bytes of a JPEG"),
        pytest.param(encoded(corners())[:-800], "damaged_picture", id="a truncated JPEG"),
        pytest.param(encoded(corners(), "PNG")[:-400], "damaged_picture", id="a truncated PNG"),
        pytest.param(encoded(corners(), "GIF")[:-100], "damaged_picture", id="a truncated GIF"),
        pytest.param(png_claiming(50_000, 50_000), "too_many_pixels", id="a bomb of 2,500 MP"),
        pytest.param(png_claiming(10_000, 10_000), "too_many_pixels", id="Pillow only warns"),
        pytest.param(png_claiming(8_001, 5_000), "too_many_pixels", id="just over the limit"),
        pytest.param(png_claiming(8_000, 5_000), "damaged_picture", id="a claim within the limit"),
        pytest.param(png_claiming(0, 10), "not_a_picture", id="no width"),
        pytest.param(many_scans(), "too_many_scans", id="a JPEG of a thousand scans"),
        pytest.param(encoded(corners()) + b"\0" * 10_485_760, "too_many_bytes", id="over 10 MiB"),
    ],
)  # fmt: skip
def test_what_is_no_picture_has_a_reason(original: bytes, reason: str) -> None:
    assert render(original) == PictureProblem(PictureReason(reason))


def test_a_truncated_webp_has_a_reason() -> None:
    result = render(encoded(corners(), "WEBP")[:-200])
    assert isinstance(result, PictureProblem)


def test_broken_exif_does_not_cost_the_picture() -> None:
    original = encoded(corners(), exif=b"Exif\0\0MM\0*\xff\xff\xff\xffnonsense")
    assert colours(seen(rendered(original))) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_bytes_broken_anywhere_never_raise(kind: str) -> None:
    rng = random.Random(7)
    original = encoded(corners(60, 40), kind)
    for _ in range(150):
        broken = bytearray(original)
        for _ in range(rng.randint(1, 12)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        result = render(
            bytes(broken[: rng.randint(1, len(broken))] if rng.random() < 0.3 else broken)
        )
        assert isinstance(result, Rendered | PictureProblem)
