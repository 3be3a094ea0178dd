"""The protocol of a connection: answers in one write, and nobody waits for the slow."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

import cli.http_protocol as protocol_module
from cli.http_protocol import SLOW_LOOKS, SLOWEST_BYTES, HttpProtocol
from ingest_api.app import create_app
from store.database import open_journal_database, writing
from store.keys import create_key
from store.settings import Settings
from tests.listings import document

App = Callable[[Scope, Receive, Send], Awaitable[None]]
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what is written, and takes none of it away when it is full."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.unread = 0
        self.is_closed = self.is_aborted = self.is_paused = False

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.unread

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_aborted = True

    def is_closing(self) -> bool:
        return self.is_closed or self.is_aborted

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


class Client:
    """One connection to an app, without a network."""

    def __init__(self, app: App, server: ServerState | None = None) -> None:
        config = uvicorn.Config(app, log_config=None, ws="none", lifespan="off")
        self.protocol = HttpProtocol(config, server or ServerState(), {})
        self.wire = Wire()
        self.protocol.connection_made(self.wire)

    async def send(self, data: bytes) -> list[bytes]:
        """Send bytes; return what was written until all is quiet."""
        before = len(self.wire.writes)
        self.protocol.data_received(data)
        await rounds()
        return self.wire.writes[before:]

    def look(self, times: int) -> bool:
        """Look so many times; return whether the connection was ended."""
        for _ in range(times):
            self.protocol.look()
        return self.wire.is_aborted


async def rounds() -> None:
    """Let the loop go round often enough for every task that is ready."""
    for _ in range(10):
        await asyncio.sleep(0)


def answering(
    *bodies: bytes, status: int = 200, headers: dict[str, str] | None = None, is_read: bool = True
) -> App:
    """Return an app that reads the request and answers these bodies."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while is_read and (await receive()).get("more_body"):
            pass
        told = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        await send({"type": "http.response.start", "status": status, "headers": told})
        for at, body in enumerate(bodies):
            is_more = at + 1 < len(bodies)
            await send({"type": "http.response.body", "body": body, "more_body": is_more})

    return app


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test on a loop of its own."""
    asyncio.run(test())


FIVE = {"content-length": "5"}


@pytest.mark.parametrize(
    ("app", "request_bytes", "end"),
    [
        (answering(b"12345", headers=FIVE), GET, b"content-length: 5\r\n\r\n12345"),
        (answering(b"", headers={"content-length": "0"}), GET, b"content-length: 0\r\n\r\n"),
        (answering(b"", status=204), GET, b"204 No Content\r\n\r\n"),
        (answering(b"", status=304, headers={"etag": "x"}), GET, b"etag: x\r\n\r\n"),
        (answering(b"12345", headers=FIVE), b"HEAD" + GET[3:], b"content-length: 5\r\n\r\n"),
        (answering(b"12"), GET, b"chunked\r\n\r\n2\r\n12\r\n0\r\n\r\n"),
    ],
    ids=["a body", "an empty body", "204", "304", "HEAD", "chunked"],
)
def test_head_and_body_leave_in_one_write(app: App, request_bytes: bytes, end: bytes) -> None:
    async def test() -> None:
        client = Client(app)
        for _ in range(3):  # the connection is kept
            (written,) = await client.send(request_bytes)
            assert written.startswith(b"HTTP/1.1 ")
            assert written.endswith(end)

    run(test)


def test_a_head_does_not_wait_for_a_body_that_takes_its_time() -> None:
    async def test() -> None:
        go_on = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await go_on.wait()
            await send({"type": "http.response.body", "body": b"late", "more_body": False})

        client = Client(app)
        (head,) = await client.send(GET)
        assert head.endswith(b"\r\n\r\n")
        go_on.set()
        await rounds()
        assert client.wire.writes == [head, b"4\r\nlate\r\n0\r\n\r\n"]

    run(test)


def test_what_is_streamed_comes_in_order_and_looks_like_a_head_or_not() -> None:
    async def test() -> None:
        like_a_head = b"HTTP/1.1 200 OK\r\n\r\n"
        length = {"content-length": str(2 * len(like_a_head) + 1)}
        client = Client(answering(like_a_head, b"x", like_a_head, headers=length))
        assert b"".join(await client.send(GET)).endswith(
            b"\r\n\r\n" + like_a_head + b"x" + like_a_head
        )

    run(test)


def test_the_last_answer_of_a_connection_is_written_before_it_closes() -> None:
    async def test() -> None:
        client = Client(answering(b"", status=204))
        last = GET.replace(b"Host", b"Connection: close\r\nHost")
        (written,) = await client.send(last)
        assert written.endswith(b"204 No Content\r\nconnection: close\r\n\r\n")
        assert client.wire.is_closed

    run(test)


def post(body: bytes, more: str = "", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n{more}\r\n".encode() + body


def test_100_continue_comes_before_the_answer() -> None:
    async def test() -> None:
        client = Client(answering(b"12345", headers=FIVE))
        waiting = post(b"", "Expect: 100-continue\r\n", 3)
        assert await client.send(waiting) == [b"HTTP/1.1 100 Continue\r\n\r\n"]
        (answer,) = await client.send(b"abc")
        assert answer.endswith(b"\r\n\r\n12345")

    run(test)


def test_a_refusal_before_the_body_sends_no_100() -> None:
    async def test() -> None:
        client = Client(answering(b"12345", status=401, headers=FIVE, is_read=False))
        (answer,) = await client.send(post(b"", "Expect: 100-continue\r\n", 3))
        assert answer.startswith(b"HTTP/1.1 401 ")

    run(test)


def test_pipelined_requests_are_answered_in_their_order_one_write_each() -> None:
    async def test() -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await answering(scope["query_string"], headers={"content-length": "1"})(
                scope, receive, send
            )

        client = Client(app)
        asked = b"".join(GET.replace(b"/ ", b"/?%d " % number) for number in range(5))
        answers = await client.send(asked)
        await rounds()
        answers = client.wire.writes
        assert [answer[-1:] for answer in answers] == [b"0", b"1", b"2", b"3", b"4"]

    run(test)


# Slow connections


BEGUN = {
    "nothing": [],
    "a part of a head": [GET[:-4]],
    "a part of a body": [post(b"abc", length=9)],
    "a part of the next head": [GET, GET[:9]],
    "an empty line after an answer": [GET, b"\r\n"],
    "a part of the next body": [GET, post(b"abc", length=9)],
}


@pytest.mark.parametrize("sent", BEGUN.values(), ids=BEGUN.keys())
def test_a_request_that_does_not_become_whole_ends_its_connection(sent: list[bytes]) -> None:
    async def test() -> None:
        client = Client(answering(b"12345", headers=FIVE))
        for data in sent:
            await client.send(data)
        assert not client.look(SLOW_LOOKS - 1)
        assert client.look(1)

    run(test)


def test_a_trickle_is_too_slow_and_a_slow_line_is_not() -> None:
    async def test() -> None:
        for pace, is_ended in ((SLOWEST_BYTES - 1, True), (SLOWEST_BYTES, False)):
            client = Client(answering(b"12345", headers=FIVE))
            await client.send(post(b"", length=1_000_000))
            client.protocol.look()
            for _ in range(2 * SLOW_LOOKS):
                await client.send(b" " * pace)
                client.protocol.look()
            assert client.wire.is_aborted == is_ended

    run(test)


def test_a_pause_that_ends_in_time_is_forgiven() -> None:
    async def test() -> None:
        client = Client(answering(b"12345", headers=FIVE))
        await client.send(post(b"", length=1_000_000))
        for _ in range(3):
            assert not client.look(SLOW_LOOKS - 1)
            await client.send(b" " * SLOWEST_BYTES)
            client.protocol.look()
        assert not client.wire.is_aborted

    run(test)


def test_who_waits_for_us_is_not_slow() -> None:
    async def test() -> None:
        go_on = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await go_on.wait()
            await answering(b"12345", headers=FIVE)(scope, receive, send)

        whole, large, pipelined = Client(app), Client(app), Client(app)
        await whole.send(GET)
        await large.send(post(b" " * 200_000, length=300_000))
        await pipelined.send(GET + post(b" ", length=300_000))
        assert large.wire.is_paused
        for client in (whole, large, pipelined):
            assert not client.look(3 * SLOW_LOOKS)
        go_on.set()
        await rounds()
        assert whole.wire.writes
        assert large.look(SLOW_LOOKS + 1)  # now we read, and nothing comes

    run(test)


def test_an_idle_connection_is_left_to_its_own_clock() -> None:
    async def test() -> None:
        client = Client(answering(b"12345", headers=FIVE))
        await client.send(GET)
        assert not client.look(3 * SLOW_LOOKS)

    run(test)


def test_who_does_not_read_its_answer_is_ended_and_who_reads_slowly_is_not() -> None:
    async def test() -> None:
        for pace, is_ended in ((0, True), (SLOWEST_BYTES - 1, True), (SLOWEST_BYTES, False)):
            client = Client(answering(b" " * 1_000_000, headers={"content-length": "1000000"}))
            await client.send(GET)
            client.wire.unread = 900_000
            client.protocol.pause_writing()
            client.protocol.look()
            for _ in range(2 * SLOW_LOOKS):
                client.wire.unread -= pace
                client.protocol.look()
            assert client.wire.is_aborted == is_ended

    run(test)


def test_a_closing_connection_is_not_kept_by_what_nobody_reads() -> None:
    async def test() -> None:
        client = Client(answering(b"12345", headers=FIVE))
        await client.send(GET)
        client.wire.unread = 5
        client.protocol.timeout_keep_alive_handler()
        client.protocol.look()
        assert client.look(SLOW_LOOKS)

    run(test)


def test_every_server_is_looked_at_while_it_has_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol_module, "LOOK_SECONDS", 0.0)

    async def test() -> None:
        for _ in range(2):  # the second server begins when the first has ended
            server = ServerState()
            clients = [Client(answering(b""), server) for _ in range(3)]
            while not all(client.wire.is_aborted for client in clients):
                await asyncio.sleep(0)
            for client in clients:
                client.protocol.connection_lost(None)
            late = Client(answering(b""), server)
            while not late.wire.is_aborted:
                await asyncio.sleep(0)
            late.protocol.connection_lost(None)
            await rounds()
            assert server not in protocol_module._WATCHED

    run(test)


# Over the network


@contextmanager
def serving(settings: Settings) -> Iterator[tuple[int, str]]:
    """Serve a home as `imo360 serve` does; yields port and key."""
    engine = open_journal_database(settings)
    with writing(engine) as connection:
        key = create_key(connection, "P", ["publish.estates"], None, None, datetime.now(UTC))
    engine.dispose()
    listener = socket.create_server(("127.0.0.1", 0), backlog=2_048)
    config = uvicorn.Config(
        create_app(settings), log_config=None, access_log=False, ws="none", http=HttpProtocol
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], key
    finally:
        server.should_exit = True
        thread.join(20)


def head(key: str, length: int) -> bytes:
    return (
        f"POST /api/integration/estates HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


HALF_OPEN = 300
POSTS = 200


def test_hundreds_of_half_open_connections_slow_nobody(settings: Settings) -> None:
    with serving(settings) as (port, key):
        slow = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(HALF_OPEN)]
        try:
            begun = (b"POST /api/integ", head(key, 9_999)[:-2], head(key, 9_999) + b'{"title":')
            for number, connection in enumerate(slow):
                connection.sendall(begun[number % 3])
            took = sorted(seconds for seconds in posted(port, key))
        finally:
            for connection in slow:
                connection.close()
    assert len(took) == POSTS
    assert took[-1] < 2.0, f"the slowest answer took {took[-1]:.2f} s"


def posted(port: int, key: str) -> Iterator[float]:
    """Post on one connection; yield how long each answer took, all of which came in one piece."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        for number in range(POSTS):
            body = json.dumps(document(f"a-{number}")).encode()
            began = time.monotonic()
            connection.sendall(head(key, len(body)) + body)
            answer = connection.recv(65_536)
            yield time.monotonic() - began
            answer_head, _, content = answer.partition(b"\r\n\r\n")
            assert answer_head.startswith(b"HTTP/1.1 201 ")
            assert json.loads(content)["created"]


def test_slow_connections_are_ended_over_the_network(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol_module, "LOOK_SECONDS", 0.01)
    with (
        serving(settings) as (port, key),
        socket.create_connection(("127.0.0.1", port), 20) as slow,
    ):
        slow.sendall(head(key, 9_999) + b"{")
        with suppress(ConnectionResetError):
            assert slow.recv(1) == b""
        assert len(list(posted(port, key))) == POSTS
