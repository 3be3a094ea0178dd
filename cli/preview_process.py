"""The preview process: runs `flows.steps.preview` beside the serving process, which stays light.

Started at the first question, because frames, maps and zones take seconds and 300 MiB to load;
it ends by itself when nobody asks for a while, or with the process that started it. A question
that takes too long costs the process its life; the next question starts another.
"""

import asyncio
import contextlib
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from store.settings import Settings

Json = dict[str, Any]

ANSWER_SECONDS = 10.0
"""Longest wait for an answer, the start of the process included."""

IDLE_SECONDS = 60.0
"""Partners try out a handful of posts, then stop for the day."""


class PreviewError(Exception):
    """The preview could not be made; the post itself may be fine."""


@dataclass(frozen=True)
class Question:
    """A merged document under its identifiers, and when it would be received."""

    document: Json
    provider_identifier: str
    external_id: str
    now: datetime


@dataclass(frozen=True)
class _Child:
    process: BaseProcess
    connection: Connection


class PreviewProcess:
    """One child process, one question at a time. Close it with the process that serves."""

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        answer_seconds: float = ANSWER_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._answer_seconds = answer_seconds
        self._idle_seconds = idle_seconds
        # One thread: questions wait for each other, also those whose asker went away.
        self._turns = ThreadPoolExecutor(1, thread_name_prefix="preview")
        self._child: _Child | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is none."""
        child = self._child
        return child.process.pid if child and child.process.is_alive() else None

    async def preview(self, document: Json) -> Json:
        """Return what a merged document (its identifiers in it) would become.

        See `flows.steps.preview.preview`. Raises PreviewError when there is no answer in time.
        """
        question = Question(
            document, document["providerIdentifier"], document["externalId"], self._clock()
        )
        return await asyncio.get_running_loop().run_in_executor(self._turns, self._ask, question)

    def close(self) -> None:
        """End the child, whatever it does, and take no more questions."""
        self._turns.shutdown(wait=False, cancel_futures=True)
        self._end()

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.connection.close()
            child.process.kill()
            child.process.join()

    def _ask(self, question: Question) -> Json:
        try:
            return self._answer(question)
        except (EOFError, OSError):
            # It had just ended, idle: the next one hears the question.
            self._end()
        try:
            return self._answer(question)
        except (EOFError, OSError) as problem:
            self._end()
            raise PreviewError("the preview process ended without an answer") from problem

    def _answer(self, question: Question) -> Json:
        connection = self._living().connection
        connection.send(question)
        if not connection.poll(self._answer_seconds):
            self._end()
            raise PreviewError(f"no preview within {self._answer_seconds:g} seconds")
        answer = connection.recv()
        if isinstance(answer, BaseException):
            raise PreviewError(f"the preview failed: {answer}") from answer
        return dict(answer)

    def _living(self) -> _Child:
        if self.pid is None:
            self._end()
            self._child = _start(self._settings, self._idle_seconds)
        assert self._child is not None
        return self._child


def _start(settings: Settings, idle_seconds: float) -> _Child:
    # Spawned, not forked: the serving process has threads and open databases.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=answer_questions, args=(settings, theirs, idle_seconds), name="preview", daemon=True
    )
    process.start()
    theirs.close()
    return _Child(process, ours)


def answer_questions(settings: Settings, connection: Connection, idle_seconds: float) -> None:
    """Answer until nobody asks for a while or the asker is gone (the child's whole life)."""
    from flows.steps.preview import ground_version, preview, read_ground

    ground = None
    # An asker that is gone, or one that leaves while it is answered.
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        while connection.poll(idle_seconds):
            asked: Question = connection.recv()
            try:
                if ground is None or ground.version != ground_version(settings):
                    ground = read_ground(settings)
                connection.send(
                    preview(
                        ground,
                        asked.document,
                        asked.provider_identifier,
                        asked.external_id,
                        asked.now,
                    )
                )
            except Exception as problem:
                connection.send(RuntimeError(f"{type(problem).__name__}: {problem}"))
