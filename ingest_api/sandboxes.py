"""The sandboxes of one serving process: opened when a sandbox key first asks.

The same code takes the posts as on the platform itself; a few references force what a partner
wants to have seen once (`test-429` here, the others in the event report).
"""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from ingest_api.dry_run import Previewer
from ingest_api.place import Place, open_place
from ingest_api.reading import Refusal, Understood, read_listing
from store.database import open_journal_database
from store.keys import KeyReader
from store.sandbox import make_sandbox, sandbox_settings, sandbox_stamp, wipe_sandbox
from store.settings import Settings

FORCED_429 = "test-429"


@dataclass(frozen=True, slots=True)
class _Open:
    place: Place
    stamp: int | None
    opened: ExitStack


class Sandboxes:
    """Made inside the running loop; used by it alone."""

    def __init__(
        self, settings: Settings, clock: Callable[[], datetime], previewer: Previewer | None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._previewer = previewer
        self._open: dict[int, _Open] = {}
        self._lock = asyncio.Lock()

    async def place(self, partner_id: int) -> Place:
        """Return a partner's sandbox, made when it is not there."""
        sandbox = sandbox_settings(self._settings, partner_id)
        opened = self._open.get(partner_id)
        if opened is not None and opened.stamp == sandbox_stamp(sandbox):
            return opened.place
        async with self._lock:
            opened = self._open.get(partner_id)
            if opened is None or opened.stamp != sandbox_stamp(sandbox):
                await self._shut(partner_id)
                opened = self._open[partner_id] = await self._opened(partner_id)
            return opened.place

    async def wipe(self, partner_id: int) -> None:
        """Delete everything in a partner's sandbox."""
        async with self._lock:
            await self._shut(partner_id)
            await asyncio.to_thread(wipe_sandbox, self._settings, partner_id)

    async def close(self) -> None:
        """Close them all."""
        for partner_id in list(self._open):
            await self._shut(partner_id)

    async def _opened(self, partner_id: int) -> _Open:
        now = self._clock()
        sandbox = await asyncio.to_thread(make_sandbox, self._settings, partner_id, now)
        with ExitStack() as opened:
            engine = open_journal_database(sandbox)
            opened.callback(engine.dispose)
            owners = KeyReader(engine)
            opened.callback(owners.close)
            place = open_place(
                sandbox, engine, owners, self._clock, self._previewer, opened,
                reader=read_in_sandbox, is_sandbox=True,
            )  # fmt: skip
            return _Open(place, sandbox_stamp(sandbox), opened.pop_all())

    async def _shut(self, partner_id: int) -> None:
        opened = self._open.pop(partner_id, None)
        if opened is not None:
            try:
                await opened.place.close()
            finally:
                opened.opened.close()


def read_in_sandbox(payload: bytes, now: datetime) -> Understood | Refusal:
    """Read a post; one reference is answered as if the key had spent its rate."""
    read = read_listing(payload, now)
    if isinstance(read, Understood) and read.post.external_id == FORCED_429:
        return Refusal("rate_limited", FORCED, headers={"Retry-After": "1"})
    return read


FORCED = "This reference is always told so in the sandbox."
