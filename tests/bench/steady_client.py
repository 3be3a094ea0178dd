"""A load generator of our own: so many connections, each always with one request under way.

Connections open before the clock starts and the first answers are not counted, so the tails are
the server's and not the ramp's. It speaks just enough HTTP/1.1 for one kept-alive POST.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

import uvloop

RUN_OUT_S = 30.0
"""Longest wait for the last answers."""


@dataclass
class Round:
    """What one round saw. latencies in seconds, of the answers within the counted time."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    failed: int = 0

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    def quantile_ms(self, share: float) -> float:
        """Return the latency that this share of the answers stayed below, in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


def request_bytes(path: str, body: bytes, api_key: str) -> bytes:
    """Return a POST of JSON as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {api_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def run_for(
    port: int, requests: Iterator[bytes], connections: int, warm_up_s: float, seconds: float
) -> Round:
    """Keep the connections busy; count what is answered after the warm-up."""
    return uvloop.run(_for(port, requests, connections, warm_up_s, seconds))


def run_all(port: int, requests: list[bytes], connections: int) -> Round:
    """Send each request once; the round lasts until the last answer."""
    return uvloop.run(_all(port, requests, connections))


class _Connection(asyncio.Protocol):
    """One kept-alive connection: the next request goes out when the answer is whole."""

    def __init__(
        self, requests: Iterator[bytes], seen: Callable[[float, float, bool], None]
    ) -> None:
        self._requests = requests
        self._seen = seen
        self._got = b""
        self._sent_at = 0.0
        self.is_stopped = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def send_next(self) -> None:
        """Send the next request, or end when there is none or we were stopped."""
        request = None if self.is_stopped else next(self._requests, None)
        if request is None:
            self._end()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._got = self._got + data if self._got else data
        if not _is_whole(self._got):
            return
        self._seen(self._sent_at, time.perf_counter(), self._got.startswith(b"HTTP/1.1 2"))
        self._got = b""
        self.send_next()

    def connection_lost(self, problem: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError("the server closed a busy connection"))

    def _end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        self._transport.close()


def _is_whole(got: bytes) -> bool:
    head_end = got.find(b"\r\n\r\n")
    if head_end < 0:
        return False
    at = got.lower().find(b"content-length:", 0, head_end)
    length = int(got[at + 15 : got.find(b"\r\n", at)])
    return len(got) >= head_end + 4 + length


async def _open(
    port: int, requests: Iterator[bytes], count: int, seen: Callable[[float, float, bool], None]
) -> list[_Connection]:
    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_connection(lambda: _Connection(requests, seen), "127.0.0.1", port)
        for _ in range(count)
    ]
    return [protocol for _, protocol in opened]


async def _for(
    port: int, requests: Iterator[bytes], connections: int, warm_up_s: float, seconds: float
) -> Round:
    result = Round(seconds)
    start = time.perf_counter() + warm_up_s
    end = start + seconds

    def seen(sent: float, answered: float, is_good: bool) -> None:
        if start <= answered < end:
            result.latencies.append(answered - sent)
            result.failed += not is_good

    opened = await _open(port, requests, connections, seen)
    for one in opened:
        one.send_next()
    await asyncio.sleep(end - time.perf_counter())
    for one in opened:
        one.is_stopped = True
    await asyncio.wait_for(asyncio.gather(*(one.done for one in opened)), RUN_OUT_S)
    return result


async def _all(port: int, requests: list[bytes], connections: int) -> Round:
    result = Round(0.0)

    def seen(sent: float, answered: float, is_good: bool) -> None:
        result.latencies.append(answered - sent)
        result.failed += not is_good

    opened = await _open(port, iter(requests), connections, seen)
    started = time.perf_counter()
    for one in opened:
        one.send_next()
    await asyncio.gather(*(one.done for one in opened))
    result.seconds = time.perf_counter() - started
    return result
