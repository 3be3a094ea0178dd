"""A loopback host of synthetic pictures, so that the demo's listings have something to fetch.

It serves the main job and tests only. Equal paths always give equal bytes: facades and rooms
drawn from a seed, with the word SYNTHETIC on them and camera metadata that must not survive.
"""

import functools
import io
import random
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

DEFAULT_PORT = 18_360
PORTS_TRIED = 10
MAX_PICTURES = 300
WIDTH, HEIGHT = 1_600, 1_200

ODD_ONES = 3
"""Of ten or more pictures the last three are odd: two answer 404, one lies about its type."""

ORIENTATION, MAKE, GPS_IFD = 0x0112, 0x010F, 0x8825
TURNED = 6
"""Exif orientation 6: the stored pixels are to be turned by 90 degrees clockwise."""

Colour = tuple[int, int, int]


class PictureHost:
    """Serves `count` pictures on 127.0.0.1 while it is entered.

    The port stands in the addresses, and an address is all that an unchanged listing may repeat:
    so the port is fixed. When it is taken (another demo at work), the next free one of ten is
    used, then any: `has_asked_port` is false then, and listings posted with these addresses
    count as changed. Raises ValueError for more than MAX_PICTURES or fewer than one.
    """

    def __init__(self, count: int = MAX_PICTURES, seed: int = 1, port: int = DEFAULT_PORT) -> None:
        if not 1 <= count <= MAX_PICTURES:
            raise ValueError(f"a picture host serves 1 to {MAX_PICTURES} pictures, not {count}")
        self._count = count
        self._seed = seed
        self._asked_port = port
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "PictureHost":
        self._server = _bind(self._asked_port, _handler(self._count, self._seed))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """The port in use; before it is entered, the one asked for."""
        return self._asked_port if self._server is None else int(self._server.server_address[1])

    @property
    def has_asked_port(self) -> bool:
        """Whether the addresses are those of every other run with this port."""
        return self.port == self._asked_port

    @property
    def host(self) -> str:
        """Host and port, as an allow-list names them."""
        return f"127.0.0.1:{self.port}"

    @property
    def urls(self) -> list[str]:
        """Addresses of all pictures, the odd ones last."""
        numbers = range(self._count)
        return [f"http://{self.host}{_path(n, self._count, self._seed)}" for n in numbers]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        # HTTPServer's own asks the resolver for the host's name, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])


def _bind(port: int, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    for tried in range(port, port + PORTS_TRIED):
        try:
            return _Server(("127.0.0.1", tried), handler)
        except OSError:
            continue
    return _Server(("127.0.0.1", 0), handler)


Suffix = Literal["jpg", "png", "webp"]
FORMATS: dict[Suffix, tuple[str, str]] = {
    "jpg": ("JPEG", "image/jpeg"),
    "png": ("PNG", "image/png"),
    "webp": ("WEBP", "image/webp"),
}


def _suffix(number: int) -> Suffix:
    rare: dict[int, Suffix] = {3: "png", 5: "webp"}
    return rare.get(number % 100, "jpg")


def _odd(number: int, count: int) -> str | None:
    """Return what is odd about a picture: missing, lying or nothing."""
    if count < 10 or number < count - ODD_ONES:
        return None
    return "lying" if number == count - 1 else "missing"


def _path(number: int, count: int, seed: int) -> str:
    odd = _odd(number, count)
    return f"/{seed}/{odd or 'home'}-{number:03d}.{'jpg' if odd else _suffix(number)}"


def _handler(count: int, seed: int) -> type[BaseHTTPRequestHandler]:
    numbers = {_path(number, count, seed): number for number in range(count)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = numbers.get(self.path)
            odd = None if number is None else _odd(number, count)
            if number is None or odd == "missing":
                self._answer(404, "text/plain", b"no such picture\n")
            elif odd == "lying":
                self._answer(200, "image/png", b"<!doctype html><title>SYNTHETIC</title>\n")
            else:
                self._answer(200, FORMATS[_suffix(number)][1], draw_picture(number, seed))

        def _answer(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent: the demo's output belongs to the demo."""

    return Handler


@functools.lru_cache(maxsize=MAX_PICTURES)
def draw_picture(number: int, seed: int) -> bytes:
    """Return the bytes of a picture: JPEG with Exif (place, orientation), some PNG and WebP."""
    chance = random.Random(f"{seed}/{number}")  # noqa: S311 - draws pictures, keeps no secret
    image = Image.new("RGB", (WIDTH, HEIGHT), _pale(chance))
    draw = ImageDraw.Draw(image)
    (_draw_facade if number % 2 == 0 else _draw_room)(draw, chance)
    draw.text(
        (WIDTH // 2, HEIGHT - 70), f"SYNTHETIC {number:03d}", fill=(255, 255, 255),
        font=_font(), anchor="mm", stroke_width=4, stroke_fill=(40, 40, 40),
    )  # fmt: skip
    return _encode(image, number, chance)


@functools.cache
def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size=90)


def _pale(chance: random.Random) -> Colour:
    return chance.randint(150, 235), chance.randint(160, 235), chance.randint(170, 245)


def _deep(chance: random.Random) -> Colour:
    return chance.randint(60, 200), chance.randint(50, 170), chance.randint(40, 150)


def _draw_facade(draw: ImageDraw.ImageDraw, chance: random.Random) -> None:
    """A block of flats: sky, sun, ground, a wall with rows of windows."""
    draw.rectangle((0, 950, WIDTH, HEIGHT), fill=_deep(chance))
    x, y, radius = chance.randint(100, 1500), chance.randint(60, 250), chance.randint(40, 90)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(250, 225, 120))
    left, right, top = chance.randint(80, 350), chance.randint(1200, 1520), chance.randint(80, 300)
    draw.rectangle((left, top, right, 1000), fill=_deep(chance))
    columns, rows, glass = chance.randint(4, 9), chance.randint(3, 8), _pale(chance)
    width, height = (right - left) / columns, (1000 - top) / rows
    for row in range(rows):
        for column in range(columns):
            x0, y0 = left + width * (column + 0.25), top + height * (row + 0.25)
            lit = glass if chance.random() < 0.7 else (250, 230, 150)
            draw.rectangle((x0, y0, x0 + width * 0.5, y0 + height * 0.55), fill=lit)


def _draw_room(draw: ImageDraw.ImageDraw, chance: random.Random) -> None:
    """A room: floor, window, sofa, table, a picture on the wall."""
    skyline = chance.randint(700, 850)
    draw.polygon(
        [(0, HEIGHT), (200, skyline), (1400, skyline), (WIDTH, HEIGHT)], fill=_deep(chance)
    )
    x = chance.randint(250, 900)
    draw.rectangle((x, 150, x + chance.randint(250, 450), 520), fill=_pale(chance), width=14,
                   outline=(245, 245, 240))  # fmt: skip
    sofa, left = _deep(chance), chance.randint(200, 700)
    draw.rectangle((left, skyline - 120, left + 560, skyline + 80), fill=sofa)
    draw.rectangle((left - 40, skyline - 40, left + 600, skyline + 120), fill=sofa)
    draw.ellipse((left + 150, skyline + 130, left + 500, skyline + 230), fill=_deep(chance))
    x = chance.randint(1150, 1400)
    draw.rectangle((x, 200, x + 150, 200 + chance.randint(120, 260)), fill=_deep(chance))


def _encode(image: Image.Image, number: int, chance: random.Random) -> bytes:
    kind = FORMATS[_suffix(number)][0]
    exif = Image.Exif()
    exif[MAKE] = "Synthetic"
    gps = exif.get_ifd(GPS_IFD)
    gps.update({1: "N", 2: (44.0, float(chance.randint(0, 59)), 0.0),
                3: "E", 4: (26.0, float(chance.randint(0, 59)), 0.0)})  # fmt: skip
    if number % 3 == 0:
        exif[ORIENTATION] = TURNED
        image = image.transpose(Image.Transpose.ROTATE_90)
    content = io.BytesIO()
    image.save(content, kind, exif=exif, quality=80)
    return content.getvalue()
