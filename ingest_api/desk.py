"""Hands posts from the event loop to the journal's committer and verdicts back.

One wake-up of the loop serves every verdict of a committed group; a future per post from
`concurrent.futures` would wake it once each.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from store.journal import Journal, JournalClosedError
from store.shapes.posts import Post, Sender, Verdict

Outcome = list[Verdict] | BaseException


class Desk:
    """The event loop's side of the journal. Made inside the running loop; used by it alone."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._settled: deque[tuple[asyncio.Future[list[Verdict]], Outcome]] = deque()
        self._is_woken = False

    def submit(self, sender: Sender, posts: Sequence[Post]) -> asyncio.Future[list[Verdict]]:
        """Queue posts in their order; the future holds one verdict each once they are durable."""
        future: asyncio.Future[list[Verdict]] = self._loop.create_future()
        try:
            self._journal.deliver(sender, posts, lambda outcome: self._settle(future, outcome))
        except JournalClosedError as problem:
            future.set_exception(problem)
        return future

    async def keep_refused(self, sender: Sender, codes: Sequence[str], body: bytes) -> None:
        """Return once the refused body is durable."""
        await asyncio.wrap_future(self._journal.refuse(sender, codes, body))

    def _settle(self, future: asyncio.Future[list[Verdict]], outcome: Outcome) -> None:
        # On the committer's thread. The flag is lowered before the queue is emptied, so a verdict
        # queued meanwhile is either taken in that round or wakes the loop again.
        self._settled.append((future, outcome))
        if not self._is_woken:
            self._is_woken = True
            self._wake()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._hand_out)
        except RuntimeError:
            # The loop is closed: nobody is waiting for an answer any more.
            self._settled.clear()

    def _hand_out(self) -> None:
        self._is_woken = False
        while self._settled:
            future, outcome = self._settled.popleft()
            if future.done():
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
