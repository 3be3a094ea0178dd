"""Pictures: hostile bytes in, clean WebP renditions out.

The step between fetching a picture and keeping it: judge the bytes, turn the picture upright,
drop everything that is not pixels, shrink and re-encode. Pure: where bytes come from and where
renditions go is left to others.
"""

import hashlib
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import imagehash
from PIL import Image, ImageCms

from store.objects import PICTURE_WIDTHS

MAX_BYTES = 10 * 1024 * 1024
"""Largest original: cameras and phones stay below; larger ones are print files or attacks."""

MAX_PIXELS = 40_000_000
"""Most pixels of an original, by its header: 160 MB decoded, and no phone's photo is refused."""

MAX_SCANS = 64
"""Most scans of a JPEG: progressive ones have about ten; thousands of nearly empty scans make
a small file decode for minutes."""

MAX_ASPECT = 4
"""Height bound of a rendition, in widths: keeps a scroll of a picture below WebP's 16,383."""

QUALITY = 80
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what turns the stored pixels upright (Exif 2.32, tag 0x0112)."""

_SIDEWAYS = (5, 6, 7, 8)
"""Orientations whose stored width is the height as seen."""


class PictureReason(StrEnum):
    """Why bytes did not become a picture."""

    EMPTY = "empty"
    TOO_MANY_BYTES = "too_many_bytes"
    NOT_A_PICTURE = "not_a_picture"  # no JPEG, PNG, WebP or GIF, whatever name or type it claims
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_SCANS = "too_many_scans"
    DAMAGED = "damaged_picture"  # a good header before truncated or broken pixels


@dataclass(frozen=True)
class Rendered:
    """A picture ready to be kept. Sizes are of the original as seen, after orientation."""

    sha256: str
    width_px: int
    height_px: int
    bytes_read: int
    phash: str
    renditions: Mapping[int, bytes]


@dataclass(frozen=True)
class PictureProblem:
    """Bytes that are not a picture we keep."""

    reason: PictureReason


def render(original: bytes) -> Rendered | PictureProblem:
    """Return the WebP renditions of a picture, or why there are none. Never raises.

    `renditions` maps a width bound of PICTURE_WIDTHS to WebP bytes without any metadata, in
    sRGB, on white where the original was transparent; the narrowest is always there, a wider one
    only when it shows more than the one before (nothing is enlarged). Of an animation the first
    frame. `phash` is 16 hex digits of the perceptual hash (imagehash.phash) of the narrowest.
    The same bytes give the same renditions.
    """
    if not original:
        return PictureProblem(PictureReason.EMPTY)
    if len(original) > MAX_BYTES:
        return PictureProblem(PictureReason.TOO_MANY_BYTES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of strange bytes; we judge them
        image = _open(original)
        return (
            PictureProblem(image) if isinstance(image, PictureReason) else _tried(image, original)
        )


def _open(original: bytes) -> Image.Image | PictureReason:
    """Read the header alone and judge it."""
    try:
        image = Image.open(io.BytesIO(original), formats=FORMATS)
    except Image.DecompressionBombError:
        return PictureReason.TOO_MANY_PIXELS
    except Exception:  # hostile bytes make Pillow raise anything at all
        return PictureReason.NOT_A_PICTURE
    if image.width * image.height > MAX_PIXELS:
        return PictureReason.TOO_MANY_PIXELS
    if image.format in ("JPEG", "MPO") and original.count(b"\xff\xda") > MAX_SCANS:
        return PictureReason.TOO_MANY_SCANS
    return image


def _tried(image: Image.Image, original: bytes) -> Rendered | PictureProblem:
    try:
        with image:
            return _render(image, original)
    except Exception:  # as in `_open`: anything at all
        return PictureProblem(PictureReason.DAMAGED)


def _render(image: Image.Image, original: bytes) -> Rendered:
    orientation = _orientation(image)
    size = image.size[::-1] if orientation in _SIDEWAYS else image.size
    upright = _upright(_shrunk(image, _stored_bound(orientation)), orientation)
    steps = _steps(upright)
    return Rendered(
        sha256=hashlib.sha256(original).hexdigest(),
        width_px=size[0],
        height_px=size[1],
        bytes_read=len(original),
        phash=str(imagehash.phash(steps[PICTURE_WIDTHS[0]])),
        renditions={width: _encoded(step) for width, step in steps.items()},
    )


def _orientation(image: Image.Image) -> int:
    if image.format == "PNG":
        image.load()  # its EXIF may stand behind the pixels; a truncated file must fail outside try
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # broken EXIF beside good pixels: show them as stored
        return 1


def _stored_bound(orientation: int) -> tuple[int, int]:
    width = PICTURE_WIDTHS[-1]
    seen = (width, width * MAX_ASPECT)
    return seen[::-1] if orientation in _SIDEWAYS else seen


def _shrunk(image: Image.Image, bound: tuple[int, int]) -> Image.Image:
    """Decode the picture no larger than needed and fit it into the bound, as sRGB."""
    target = _fitted(image.size, bound)
    image.draft(None, target)  # JPEG decodes at 1/2, 1/4 or 1/8 for a fraction of the time
    image.load()
    profile = image.info.get("icc_profile")
    return _in_srgb(_resized(_resizable(image), target), profile)


def _fitted(size: tuple[int, int], bound: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, bound[0] / size[0], bound[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    if image.size == size:
        return image
    # Whole factors by averaging first: less time, no difference to the eye.
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=1.0)


def _resizable(image: Image.Image) -> Image.Image:
    """Return the picture in a mode whose values may be averaged (a palette's may not)."""
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode.startswith("I"):
        # 16 bits: convert("L") alone clips instead of scaling.
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    return image.convert("RGB") if image.mode in ("1", "P") else image


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return opaque sRGB pixels that carry nothing of the original but themselves."""
    clean = Image.new("RGB", image.size, "white")
    if image.mode == "RGBA":
        clean.paste(_by_profile(image.convert("RGB"), profile), mask=image.getchannel("A"))
    else:
        clean.paste(_by_profile(image, profile))
    return clean


def _by_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        try:
            return _turned_to_srgb(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a broken or unsuitable profile: most such pictures are sRGB anyway
    return image.convert("RGB")


def _turned_to_srgb(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    if ImageCms.getProfileDescription(source).startswith("sRGB"):
        return image.convert("RGB")
    target = ImageCms.createProfile("sRGB")
    turned = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    return image.convert("RGB") if turned is None else turned


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _steps(image: Image.Image) -> dict[int, Image.Image]:
    """Shrink step by step, each from the one before; leave out steps that show no more."""
    steps = {}
    for width in reversed(PICTURE_WIDTHS):
        image = _resized(image, _fitted(image.size, (width, width * MAX_ASPECT)))
        steps[width] = image
    same = {wide for narrow, wide in pairwise(PICTURE_WIDTHS) if steps[narrow] is steps[wide]}
    return {width: steps[width] for width in PICTURE_WIDTHS if width not in same}


def _encoded(image: Image.Image) -> bytes:
    target = io.BytesIO()
    image.save(target, "WEBP", quality=QUALITY, method=0)
    return target.getvalue()
