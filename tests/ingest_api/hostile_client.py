"""Sends hostile posts to a served API over kept connections, and measures what comes back."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from tests.ingest_api.hostile_bodies import Case, RawCase

LISTINGS = "/api/integration/estates"
SLOW_SECONDS = 1.0
THREADS = 4
PATIENCE_SECONDS = 0.3
"""Wait for an answer to a request that may never be whole."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. status 0: nothing came, or no HTTP. first: to the same, asked before."""

    name: str
    status: int
    media_type: str
    content: bytes
    seconds: float
    first: "Answer | None" = None

    def json(self) -> Any:
        """Return the document of the answer."""
        return json.loads(self.content)

    def results(self) -> list[Any]:
        """Return the items' answers of a bulk, sent as one document or as lines."""
        if self.media_type.startswith("application/x-ndjson"):
            return [json.loads(line) for line in self.content.splitlines()]
        results: list[Any] = self.json()["results"]
        return results


def ask_all(port: int, key: str, cases: Sequence[Case]) -> list[Answer]:
    """Send every case over a few connections; the answers come in the order of the cases."""
    waiting = iter(enumerate(cases))
    turn = threading.Lock()
    answers: dict[int, Answer] = {}

    def work() -> None:
        speaker = Speaker(port, key)
        while True:
            with turn:
                position, case = next(waiting, (-1, None))
            if case is None:
                return speaker.close()
            answers[position] = speaker.ask(case)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [_again_if_slow(port, key, case, answers[place]) for place, case in enumerate(cases)]


def _again_if_slow(port: int, key: str, case: Case, answer: Answer) -> Answer:
    """Ask once more, alone: the first time may have waited behind others."""
    if answer.status > 0 and answer.seconds <= SLOW_SECONDS:
        return answer
    speaker = Speaker(port, key)
    try:
        return replace(speaker.ask(case), first=answer)
    finally:
        speaker.close()


class Speaker:
    """One kept connection."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self._key = key

    def ask(self, case: Case) -> Answer:
        """Send one case."""
        begun = time.perf_counter()
        status, media_type, content = self._exchange(case)
        return Answer(case.name, status, media_type, content, time.perf_counter() - begun)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _exchange(self, case: Case) -> tuple[int, str, bytes]:
        path = f"{LISTINGS}/bulk" if case.is_bulk else LISTINGS
        sent = {"X-API-Key": self._key, "Content-Type": "application/json"} | case.headers
        headers = {name: value.encode("latin-1") for name, value in sent.items()}
        try:
            self._send(path, case.body, headers)
            with self._connection.getresponse() as response:
                content = response.read()
                return response.status, response.headers.get("Content-Type", ""), content
        except (OSError, http.client.HTTPException) as problem:
            self._connection.close()
            return 0, type(problem).__name__, b""

    def _send(self, path: str, body: bytes, headers: dict[str, bytes]) -> None:
        self._connection.putrequest("POST", path)
        for name, value in headers.items():
            self._connection.putheader(name, value)
        self._connection.putheader("Content-Length", str(len(body)))
        # Refused by its length alone: the answer is there already.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._connection.endheaders(body)


def ask_raw_all(port: int, key: str, cases: Sequence[RawCase]) -> list[Answer]:
    """Send requests that are no requests, several at a time: most wait for nothing."""
    with ThreadPoolExecutor(2 * THREADS) as pool:
        return list(pool.map(lambda case: _ask_raw(port, key, case), cases))


def _ask_raw(port: int, key: str, case: RawCase) -> Answer:
    """Send a request as it is, read until all is silent, close our side, read to the end."""
    begun = time.perf_counter()
    received = bytearray()
    answered = 0.0
    with (
        socket.create_connection(("127.0.0.1", port)) as connection,
        suppress(BrokenPipeError, ConnectionResetError),  # the server had enough
    ):
        connection.sendall(case.request.replace(b"KEY", key.encode()))
        connection.settimeout(PATIENCE_SECONDS)
        with suppress(TimeoutError):
            while piece := connection.recv(65536):
                received += piece
                answered = time.perf_counter() - begun
        connection.settimeout(20)
        connection.shutdown(socket.SHUT_WR)
        while piece := connection.recv(65536):
            received += piece
    return _first_answer(case.name, bytes(received), answered)


def _first_answer(name: str, received: bytes, seconds: float) -> Answer:
    """Read the first answer; a body that was longer than told may have earned a second one."""
    head, _, content = received.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100 "):
        head, _, content = content.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    status = int(first.split(b" ", 2)[1]) if first.startswith(b"HTTP/1") else 0
    headers = {name.lower(): value.strip() for name, _, value in
               (line.partition(b":") for line in lines)}  # fmt: skip
    length = int(headers.get(b"content-length", len(content)))
    media_type = headers.get(b"content-type", b"").decode("latin-1")
    return Answer(name, status, media_type, content[:length], seconds)
