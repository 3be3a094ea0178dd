"""A load generator of our own: so many connections, each always with one request under way.

Connections open before the clock starts and the first answers are not counted, so the tails are
the server's and not the ramp's. It speaks just enough HTTP/1.1 for one kept-alive POST.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

import uvloop

RUN_OUT_S = 30.0
"""Longest wait for the last answers."""

TOLD_BYTES = 600
"""How much of the first failed answer is kept."""

Check = Callable[[bytes], bool]
"""Whether an answer, head and body, is the one that was wanted."""


@dataclass
class Round:
    """What one round saw. latencies in seconds, of the answers within the counted time.

    sent and failed count the warm-up too.
    """

    seconds: float
    latencies: list[float] = field(default_factory=list)
    sent: int = 0
    failed: int = 0
    first_failure: bytes = b""

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    def quantile_ms(self, share: float) -> float:
        """Return the latency that this share of the answers stayed below, in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000

    def judge(self, answer: bytes, check: Check) -> None:
        """Count an answer that is not the wanted one; the first of them is kept."""
        if check(answer):
            return
        self.failed += 1
        self.first_failure = self.first_failure or answer[:TOLD_BYTES]


def is_success(answer: bytes) -> bool:
    """Whether the status is 2xx."""
    return answer.startswith(b"HTTP/1.1 2")


def success_without(unwanted: bytes) -> Check:
    """Return a check for 2xx whose body does not say this, such as `"changed":false`."""
    return lambda answer: is_success(answer) and unwanted not in answer


def bulk_without(unwanted: bytes) -> Check:
    """Return a check for a bulk's 2xx in which no item failed and none says this."""
    return lambda answer: is_success(answer) and b'"failed":0,' in answer and unwanted not in answer


def request_bytes(path: str, body: bytes, api_key: str) -> bytes:
    """Return a POST of JSON as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {api_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def run_for(
    port: int,
    requests: Iterator[bytes],
    connections: int,
    warm_up_s: float,
    seconds: float,
    check: Check = is_success,
) -> Round:
    """Keep the connections busy; time what is answered after the warm-up."""
    return uvloop.run(_for(port, requests, connections, warm_up_s, seconds, check))


def run_all(
    port: int, requests: Iterable[bytes], connections: int, check: Check = is_success
) -> Round:
    """Send each request once; the round lasts until the last answer."""
    return uvloop.run(_all(port, requests, connections, check))


_Seen = Callable[[float, float, bytes], None]
"""Told of each answer: sent, answered, its bytes."""


class _Connection(asyncio.Protocol):
    """One kept-alive connection: the next request goes out when the answer is whole."""

    def __init__(self, requests: Iterator[bytes], seen: _Seen) -> None:
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
        self._seen(self._sent_at, time.perf_counter(), self._got)
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
    head = got[: head_end + 2].lower()
    at = head.find(b"content-length:")
    length = int(head[at + 15 : head.find(b"\r\n", at)])
    return len(got) >= head_end + 4 + length


async def _open(port: int, requests: Iterator[bytes], count: int, seen: _Seen) -> list[_Connection]:
    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_connection(lambda: _Connection(requests, seen), "127.0.0.1", port)
        for _ in range(count)
    ]
    return [protocol for _, protocol in opened]


async def _for(
    port: int,
    requests: Iterator[bytes],
    connections: int,
    warm_up_s: float,
    seconds: float,
    check: Check,
) -> Round:
    result = Round(seconds)
    start = time.perf_counter() + warm_up_s
    end = start + seconds

    def seen(sent: float, answered: float, answer: bytes) -> None:
        result.sent += 1
        if start <= answered < end:
            result.latencies.append(answered - sent)
        result.judge(answer, check)

    opened = await _open(port, requests, connections, seen)
    for one in opened:
        one.send_next()
    await asyncio.sleep(end - time.perf_counter())
    for one in opened:
        one.is_stopped = True
    await asyncio.wait_for(asyncio.gather(*(one.done for one in opened)), RUN_OUT_S)
    return result


async def _all(port: int, requests: Iterable[bytes], connections: int, check: Check) -> Round:
    result = Round(0.0)

    def seen(sent: float, answered: float, answer: bytes) -> None:
        result.sent += 1
        result.latencies.append(answered - sent)
        result.judge(answer, check)

    opened = await _open(port, iter(requests), connections, seen)
    started = time.perf_counter()
    for one in opened:
        one.send_next()
    await asyncio.gather(*(one.done for one in opened))
    result.seconds = time.perf_counter() - started
    return result
