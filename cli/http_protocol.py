"""uvicorn's HTTP protocol with two things of ours: answers in one write, and an end to patience.

uvicorn writes an answer's head and its body apart, and uvloop sends each at once: two system calls
and two packets for an answer of 300 bytes. Here a head waits for its body, at the longest until
the event loop's next round. And uvicorn waits for ever for a request that never becomes whole, or
for somebody to read an answer: here a connection ends on which too little comes or goes, so that
a slow client costs nobody else.
"""

import asyncio
from typing import Any, cast
from weakref import WeakSet

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

LOOK_SECONDS = 5.0
"""How often connections are looked at."""

SLOW_LOOKS = 6
"""Looks in a row at which a connection was too slow before it ends: half a minute."""

SLOWEST_BYTES = 5 * 1024
"""Fewest bytes of an unfinished request or answer between two looks: a kilobyte a second."""

_HEAD = b"HTTP/1.1 "
_WATCHED: WeakSet[ServerState] = WeakSet()
"""The servers whose connections somebody looks at."""


class HttpProtocol(HttpToolsProtocol):
    """The protocol of one connection."""

    received = 0
    moved_before = 0
    slow_looks = 0
    joining: "_Joining"

    def connection_made(self, transport: Any) -> None:
        self.joining = _Joining(transport, self.loop)
        super().connection_made(cast(asyncio.Transport, self.joining))
        if self.server_state not in _WATCHED:
            _WATCHED.add(self.server_state)
            self.loop.call_later(LOOK_SECONDS, _look, self.loop, self.server_state)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        super().data_received(data)

    def is_waiting(self) -> bool:
        """Whether we wait for the client: for the rest of a request, or until it reads."""
        return self._is_unread() or self._is_unfinished()

    def look(self) -> None:
        """End the connection when too little came or went for too long."""
        moved = self.received + self.joining.written - self._unread()
        moved, self.moved_before = moved - self.moved_before, moved
        is_slow = self.is_waiting() and moved < SLOWEST_BYTES
        self.slow_looks = self.slow_looks + 1 if is_slow else 0
        if self.slow_looks >= SLOW_LOOKS:
            # Not close(): that would wait until the client has read everything.
            self.transport.abort()

    def _unread(self) -> int:
        return cast(int, self.joining.get_write_buffer_size())

    def _is_unread(self) -> bool:
        return self._unread() > 0 and (self.flow.write_paused or self.joining.is_closing())

    def _is_unfinished(self) -> bool:
        if self.flow.read_paused:
            return False  # it waits for us
        if self.cycle is not None and self.cycle.response_complete:
            # Data stops the clock that ends idle connections: a next request has begun.
            return self.timeout_keep_alive_task is None
        return self.cycle is None or bool(self.cycle.more_body)


def _look(loop: asyncio.AbstractEventLoop, server: ServerState) -> None:
    for connection in list(server.connections):
        cast(HttpProtocol, connection).look()
    if server.connections:
        loop.call_later(LOOK_SECONDS, _look, loop, server)
    else:
        _WATCHED.discard(server)


class _Joining:
    """A transport that keeps the head of an answer until the next write or round of the loop.

    written: bytes that were written in all.
    """

    __slots__ = ("_head", "_loop", "_transport", "written")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self.written = 0

    def write(self, data: bytes) -> None:
        self.written += len(data)
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
