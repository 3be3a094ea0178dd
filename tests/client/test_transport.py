"""Patience: what is tried again, how long, and what is raised in the end."""

import socket
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from client.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    PreconditionFailedError,
    ProblemError,
    RateLimitedError,
    ServerError,
    TooLargeError,
    UnauthorisedError,
    UnexpectedAnswerError,
    UnreachableError,
)
from client.transport import Answer, Transport, retry_after_s
from tests.client.stand_in import StandIn


def transport(server: StandIn, pauses: list[float], patience_s: float = 30) -> Transport:
    made = Transport(server.base, "the-key", patience_s=patience_s, pause=pauses.append)
    server.callers.callback(made.close)
    return made


@pytest.mark.parametrize("status", [0, 429, 502, 503, 504])
def test_what_speaks_of_the_moment_is_tried_again(stand_in: StandIn, status: int) -> None:
    stand_in.lay(status, {})
    stand_in.lay(200, {"id": 1})
    pauses: list[float] = []
    assert transport(stand_in, pauses).send("POST", "/x", b"body").json() == {"id": 1}
    assert [seen.body for seen in stand_in.seen] == [b"body", b"body"]
    assert pauses == [0.1]


def test_pauses_grow_and_retry_after_is_obeyed(stand_in: StandIn) -> None:
    for headers in ({}, {}, {"Retry_After": "7"}, {}):
        stand_in.lay(503, {}, **headers)
    stand_in.lay(204, b"")
    pauses: list[float] = []
    transport(stand_in, pauses).send("DELETE", "/x")
    assert pauses == [0.1, 0.2, 7.0, 0.8]


def test_patience_ends_with_the_last_answer(stand_in: StandIn) -> None:
    problem = {"status": 429, "code": "rate_limited", "detail": "Too fast."}
    stand_in.lay(429, problem, Retry_After="20")
    stand_in.lay(429, problem, Retry_After="20")
    pauses: list[float] = []
    with pytest.raises(RateLimitedError, match="429 rate_limited: Too fast") as refused:
        transport(stand_in, pauses).send("POST", "/x", b"")
    assert refused.value.retry_after_s == 20
    assert pauses == [20.0]


def test_patience_ends_with_a_server_that_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    pauses: list[float] = []
    away = Transport(f"http://127.0.0.1:{port}", "k", patience_s=1, pause=pauses.append)
    with pytest.raises(UnreachableError, match="did not answer within 1 s"):
        away.send("GET", "/x")
    assert pauses == [0.1, 0.2, 0.4]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidError), (401, UnauthorisedError), (403, ForbiddenError),
        (404, NotFoundError), (409, ConflictError), (412, PreconditionFailedError),
        (413, TooLargeError), (415, InvalidError), (422, InvalidError), (500, ServerError),
    ],
)  # fmt: skip
def test_a_refusal_is_an_error_of_its_kind(
    stand_in: StandIn, status: int, kind: type[ProblemError]
) -> None:
    violation = {"propertyPath": "price", "message": "must be a number", "code": "wrong_type"}
    stand_in.lay(status, {"code": "c", "title": "t", "detail": "d", "limit": 3,
                          "violations": [violation]})  # fmt: skip
    with pytest.raises(kind) as refused:
        transport(stand_in, []).send("GET", "/x")
    error = refused.value
    assert (error.status, error.code, error.problem.limit) == (status, "c", 3)
    assert [(v.property_path, v.code) for v in error.violations] == [("price", "wrong_type")]


@pytest.mark.parametrize("page", [b"<html>", b"[]", b'{"violations":[{}]}'])
def test_a_proxys_error_page_is_told_by_its_status(stand_in: StandIn, page: bytes) -> None:
    stand_in.lay(404, page)
    with pytest.raises(NotFoundError, match="404 : no reason given"):
        transport(stand_in, []).send("GET", "/x")


def test_an_answer_that_is_no_json_is_told() -> None:
    with pytest.raises(UnexpectedAnswerError, match="200"):
        Answer(200, {}, b"<html>").json()


def test_the_connection_is_kept_and_opened_again(stand_in: StandIn) -> None:
    for _ in range(3):
        stand_in.lay(200, {})
    sender = transport(stand_in, [])
    sender.send("GET", "/x")
    sender.send("GET", "/x")
    sender.close()
    sender.send("GET", "/x")
    first, second, third = (seen.peer for seen in stand_in.seen)
    assert first == second != third


def test_headers_and_prefix_are_sent(stand_in: StandIn) -> None:
    stand_in.lay(200, {})
    sender = Transport(f"{stand_in.base}/behind/", "the-key")
    stand_in.callers.callback(sender.close)
    sender.send("GET", "/x", headers={"If-Match": None, "X-More": "1"})
    seen = stand_in.seen[0]
    assert seen.path == "/behind/x"
    assert (seen.headers["x-api-key"], seen.headers["x-more"]) == ("the-key", "1")
    assert "if-match" not in seen.headers


def test_a_body_that_is_refused_before_it_is_read_has_its_answer() -> None:
    refusal = b'{"status": 413, "code": "too_large", "detail": "Send less.", "limit": 9}'
    head = f"HTTP/1.1 413 Too Large\r\nContent-Length: {len(refusal)}\r\n\r\n".encode()

    def refuse(door: socket.socket) -> None:
        connection, _ = door.accept()
        with connection:
            connection.recv(1_000)
            connection.sendall(head + refusal)

    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=refuse, args=(door,))
        thread.start()
        sender = Transport(f"http://127.0.0.1:{door.getsockname()[1]}", "k", patience_s=0)
        with pytest.raises(TooLargeError) as refused:
            sender.send("POST", "/x", b"x" * 16 * 2**20)
        sender.close()
        thread.join()
    assert refused.value.problem.limit == 9


def test_an_address_that_is_none_is_refused() -> None:
    for text in ("api.example.com", "ftp://x", "http://"):
        with pytest.raises(ValueError, match="no address"):
            Transport(text, "k")


def test_retry_after_may_be_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=50), usegmt=True)
    waits = [retry_after_s(Answer(429, {"retry-after": told}, b"")) for told in (soon, "x", "3")]
    assert waits[0] is not None
    assert 40 < waits[0] <= 50
    assert waits[1:] == [None, 3.0]
