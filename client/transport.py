"""One kept-alive connection to the API: requests out, answers in, patience between.

Every call of the integration API may be sent again (posts are idempotent), so a lost answer, 429,
502, 503 and 504 are tried again, with growing pauses or the one that Retry-After names. The
standard library's http.client does it: what a faster library saves is little beside the
server's fsync, and nothing has to be installed.
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from client.errors import (
    Problem,
    UnexpectedAnswerError,
    UnreachableError,
    problem_error,
)

TRY_AGAIN = frozenset({429, 502, 503, 504})
"""Statuses that speak of the server's moment, not of the request."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0
TIMEOUT_S, PATIENCE_S = 60.0, 120.0

Headers = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's JSON. Raises UnexpectedAnswerError when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise UnexpectedAnswerError(f"an answer {self.status} that is no JSON") from None

    def is_good(self) -> bool:
        """Whether the request was done, or 304: nothing is new."""
        return self.status < 300 or self.status == 304


class Transport:
    """Sends requests over one connection, opened when needed. Not for several threads at once."""

    def __init__(
        self, base_url: str, key: str | None, *, timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S, pause: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        """key goes into X-API-Key. timeout_s bounds each wait for the server, patience_s the
        pauses of one request in all. Raises ValueError for a base_url that is none.
        """
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{base_url!r} is no address such as https://api.example.com")
        self.base_url = base_url.rstrip("/")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=timeout_s)
        self._prefix = parts.path.rstrip("/")
        self._headers = {"X-API-Key": key, "User-Agent": "imo360-client"}
        self._patience_s = patience_s
        self._pause = pause

    def close(self) -> None:
        """Close the connection; the next request opens it again."""
        self._connection.close()

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Headers | None = None
    ) -> Answer:
        """Return the answer, tried again while the server is away or busy.

        headers: beside X-API-Key; None leaves one out. Raises UnreachableError, and ProblemError
        for a refusal.
        """
        answer = self.ask(method, path, body, headers)
        if answer.is_good():
            return answer
        raise problem_error(problem_of(answer), retry_after_s(answer))

    def send_once(
        self, method: str, path: str, body: bytes | None = None, headers: Headers | None = None
    ) -> Answer:
        """Return whatever is answered to one request. Raises OSError or HTTPException."""
        sent = {**self._headers, **(headers or {})}
        chosen = {name: value for name, value in sent.items() if value is not None}
        try:
            # A server that refuses a body early may stop reading it: its answer is there.
            with suppress(BrokenPipeError, ConnectionResetError):
                self._connection.request(method, self._prefix + path, body, chosen)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, HTTPException):
            self._connection.close()
            raise
        return Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, content
        )

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Headers | None = None
    ) -> Answer:
        """Return the answer whatever it says, tried again while the server is away or busy.

        Raises UnreachableError.
        """
        spent, pause = 0.0, FIRST_PAUSE_S
        while True:
            seen = self._try(method, path, body, headers or {})
            if isinstance(seen, Answer) and seen.status not in TRY_AGAIN:
                return seen
            wanted = retry_after_s(seen) if isinstance(seen, Answer) else None
            wait = pause if wanted is None else wanted
            if spent + wait > self._patience_s:
                return self._given_up(seen)
            self._pause(wait)
            spent, pause = spent + wait, min(2 * pause, LONGEST_PAUSE_S)

    def _try(
        self, method: str, path: str, body: bytes | None, headers: Headers
    ) -> Answer | OSError | HTTPException:
        try:
            return self.send_once(method, path, body, headers)
        except (OSError, HTTPException) as lost:
            return lost

    def _given_up(self, seen: Answer | OSError | HTTPException) -> Answer:
        if isinstance(seen, Answer):
            return seen
        raise UnreachableError(
            f"{self.base_url} did not answer within {self._patience_s:g} s: {seen}"
        ) from seen


def problem_of(answer: Answer) -> Problem:
    """Return the problem an answer tells, or what its status says when it tells none."""
    try:
        told = json.loads(answer.body)
        if isinstance(told, dict):
            return Problem.of(told, answer.status)
    except (ValueError, KeyError, TypeError):
        pass  # a proxy's page: the status is all there is
    return Problem(answer.status, "", "", "")


def retry_after_s(answer: Answer) -> float | None:
    """Return the pause that Retry-After asks for, in seconds, if it does."""
    told = answer.headers.get("retry-after", "").strip()
    if told.isdigit():
        return float(told)
    try:
        return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
