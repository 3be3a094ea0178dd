"""uvicorn's HTTP protocol with two things of ours: answers in one write, and an end to patience.

uvicorn writes an answer's head and its body apart, and uvloop sends each at once: two system calls
and two packets for an answer of 300 bytes. Here a head waits for its body, at the longest until
the event loop's next round. And uvicorn waits for ever for a request that never becomes whole:
here a connection ends whose request comes too slowly, so that a slow client costs nobody else.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LOOK_SECONDS = 5.0
"""How often connections are looked at."""

SLOW_LOOKS = 6
"""Looks in a row at which a request was too slow before its connection ends: half a minute."""

SLOWEST_BYTES = 5 * 1024
"""Fewest bytes of an unfinished request between two looks: a kilobyte a second."""

_HEAD = b"HTTP/1.1 "


class HttpProtocol(HttpToolsProtocol):
    """The protocol of one connection."""

    is_watched = False
    """Whether somebody looks at the connections of this process."""

    received = 0
    received_before = 0
    slow_looks = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(cast(asyncio.Transport, _Joining(transport, self.loop)))
        if not HttpProtocol.is_watched:
            HttpProtocol.is_watched = True
            self.loop.call_later(LOOK_SECONDS, _look, self.loop, self.connections)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        super().data_received(data)

    def is_unfinished(self) -> bool:
        """Whether we are waiting for the rest of a request."""
        return self.cycle is None or bool(self.cycle.more_body)

    def look(self) -> None:
        """End the connection when its request came too slowly for too long."""
        came, self.received_before = self.received - self.received_before, self.received
        is_slow = self.is_unfinished() and came < SLOWEST_BYTES
        self.slow_looks = self.slow_looks + 1 if is_slow else 0
        if self.slow_looks >= SLOW_LOOKS:
            self.transport.close()


def _look(loop: asyncio.AbstractEventLoop, connections: set[Any]) -> None:
    for connection in list(connections):
        connection.look()
    HttpProtocol.is_watched = bool(connections)
    if connections:
        loop.call_later(LOOK_SECONDS, _look, loop, connections)


class _Joining:
    """A transport that keeps the head of an answer until the next write or round of the loop."""

    __slots__ = ("_head", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(_HEAD) and data.endswith(b"\r\n\r\n"):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
