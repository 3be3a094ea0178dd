"""A real server on loopback that serves good and bad pictures, and counts what it is asked for."""

import asyncio
import io
import struct
import threading
import zlib
from collections import Counter

from aiohttp import web
from PIL import Image

LIMIT = 10 * 1024 * 1024
SECRET = "44deg28min"


def jpeg() -> bytes:
    """A phone's photo held upright: stored lying, red on the left as seen, with a GPS place."""
    seen = Image.new("RGB", (900, 1200), (20, 20, 220))
    seen.paste((220, 20, 20), (0, 0, 450, 1200))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[29] = SECRET
    return encoded(seen.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def bomb() -> bytes:
    """A PNG of a hundred bytes that claims 50,000 x 50,000 pixels."""
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0" * 64)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


PNG = encoded(Image.new("RGB", (640, 480), (20, 200, 20)), "PNG")
BODIES = {
    "/good.jpg": jpeg(),
    "/same.jpg": jpeg(),
    "/plan.png": PNG,
    "/claims-jpeg.jpg": PNG,
    "/page.jpg": b"<html>not found</html>",
    "/truncated.jpg": jpeg()[:-1500],
    "/bomb.png": bomb(),
    "/empty.jpg": b"",
}  # fmt: skip


class PictureServer:
    """A real server in a thread of its own; counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.loop = asyncio.new_event_loop()
        self.port = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        if self.loop.is_closed():
            return
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    def _run(self) -> None:
        runner = self.loop.run_until_complete(self._open())
        self._ready.set()
        self.loop.run_forever()
        self.loop.run_until_complete(runner.cleanup())

    async def _open(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.05)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        return runner

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.asked[path] += 1
        if path in BODIES:
            return web.Response(body=BODIES[path], content_type="image/jpeg")
        if path == "/moved.jpg":
            raise web.HTTPFound("/good.jpg")
        if path == "/once-broken.jpg":
            return (
                web.Response(status=503)
                if self.asked[path] == 1
                else web.Response(body=BODIES["/plan.png"])
            )
        if path == "/broken.jpg":
            return web.Response(status=500)
        if path == "/gone.jpg":
            return web.Response(status=410)
        if path in ("/slow.jpg", "/endless.jpg", "/cut.jpg"):
            return await self._trickle(request)
        return web.Response(status=404)

    async def _trickle(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        if request.path == "/cut.jpg":
            answer.content_length = 5000
        await answer.prepare(request)
        if request.path == "/slow.jpg":
            await answer.write(jpeg()[:500])
            await asyncio.Event().wait()
        if request.path == "/cut.jpg":
            await answer.write(b"\xff\xd8")
            assert request.transport is not None
            request.transport.abort()
        for _ in range(0, 4 * LIMIT, 1 << 18):
            await answer.write(b"\xff" * (1 << 18))
        return answer
