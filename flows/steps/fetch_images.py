"""Fetch pictures: the step between an address in a listing and renditions in the object store.

Downloads from allowed hosts, has the bytes rendered by processes of their own, keeps the
renditions and gives one verdict per address. What to fetch and what a verdict changes is left
to the flow and to load. May run twice: equal bytes are kept once, under one address.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

import aiohttp
from yarl import URL

from flows.steps.render_pictures import Renderers
from store.objects import ObjectStore
from store.pictures import MAX_BYTES, PictureProblem, PictureReason, Rendered

PAUSES_SECONDS = (0.2, 0.4)
"""Pauses before the second and the third try: one lost connection is normal, three are not.
More tries are the flow's, hours later."""

_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = {
    "User-Agent": "imo360 (pictures of listings)",
    "Accept": "image/webp,image/jpeg,image/png,image/gif",
    # Pictures are compressed already, and a size limit must count the bytes that arrive.
    "Accept-Encoding": "identity",
}


class FetchReason(StrEnum):
    """Why no bytes arrived; beside `http_<status>`, and PictureReason for bytes that did."""

    BAD_URL = "bad_url"
    SCHEME_NOT_ALLOWED = "scheme_not_allowed"  # only http and https
    CREDENTIALS_IN_URL = "credentials_in_url"
    HOST_NOT_ALLOWED = "host_not_allowed"  # nothing was sent to it
    REDIRECT_REFUSED = "redirect_refused"
    CONNECTION_FAILED = "connection_failed"
    TIMEOUT = "timeout"
    RENDERER_DIED = "renderer_died"  # the picture killed the process that decoded it


@dataclass(frozen=True)
class Verdict:
    """What became of one address. All figures are null unless the picture is stored.

    `sha256` is the checksum of the original, under which `store.objects.picture_path` finds the
    renditions; `renditions` maps each width made to the checksum of its bytes. `width_px` and
    `height_px` are the original's as seen (after orientation), `bytes` its size as it arrived.
    """

    url: str
    ok: bool
    state: Literal["stored", "failed"]
    reason: str | None = None
    sha256: str | None = None
    width_px: int | None = None
    height_px: int | None = None
    bytes: int | None = None
    renditions: Mapping[int, str] = field(default_factory=dict)
    phash: str | None = None


@dataclass(frozen=True)
class Limits:
    """How long a picture may take and how many are under way at once.

    `timeout_seconds` bounds one picture's arrival, all tries included; waiting for a turn does
    not count. `concurrency` also bounds memory: that many originals of 10 MiB.
    """

    timeout_seconds: float
    concurrency: int = 8
    per_host: int = 4


class _RefusedError(Exception):
    """No picture here, and asking again in this call would not change it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = str(reason)


class _UnsettledError(_RefusedError):
    """No picture yet: the next try may bring it."""


@dataclass(frozen=True)
class _Desk:
    """What every picture of one call shares."""

    session: aiohttp.ClientSession
    renderers: Renderers
    objects: ObjectStore
    timeout_seconds: float
    turns: asyncio.Semaphore
    host_turns: defaultdict[str | None, asyncio.Semaphore]


def fetch_pending(
    urls: Sequence[str],
    objects: ObjectStore,
    allowed_hosts: frozenset[str],
    *,
    timeout_seconds: float,
    concurrency: int = 8,
    per_host: int = 4,
    on_progress: Callable[[int, int], None] | None = None,
    renderers: Renderers | None = None,
) -> list[Verdict]:
    """Fetch, render and keep each distinct address once; return a verdict for each, in order.

    For code without an event loop; otherwise as `fetch_all`.
    """
    limits = Limits(timeout_seconds, concurrency, per_host)
    return asyncio.run(fetch_all(urls, objects, allowed_hosts, limits, on_progress, renderers))


async def fetch_all(
    urls: Sequence[str],
    objects: ObjectStore,
    allowed_hosts: frozenset[str],
    limits: Limits,
    on_progress: Callable[[int, int], None] | None = None,
    renderers: Renderers | None = None,
) -> list[Verdict]:
    """Fetch, render and keep each distinct address once; return a verdict for each, in order.

    `allowed_hosts` holds `host` (any port) or `host:port`, lower-case, IPv6 in brackets; no
    other host is contacted. `on_progress` is called with (done, total) after each verdict.
    `renderers` given are used and left open. Each address is a task: give thousands, not
    millions. Raises OSError when the objects cannot be written.
    """
    verdicts: dict[str, Verdict] = {}
    distinct = list(dict.fromkeys(urls))

    async def settle(url: str, desk: _Desk) -> None:
        verdicts[url] = await _verdict(url, allowed_hosts, desk)
        if on_progress is not None:
            on_progress(len(verdicts), len(distinct))

    try:
        async with _open_desk(objects, limits, renderers) as desk, asyncio.TaskGroup() as group:
            for url in distinct:
                group.create_task(settle(url, desk))
    except ExceptionGroup as problems:
        raise problems.exceptions[0] from problems
    return [verdicts[url] for url in distinct]


@asynccontextmanager
async def _open_desk(
    objects: ObjectStore, limits: Limits, renderers: Renderers | None
) -> AsyncIterator[_Desk]:
    shared = renderers or Renderers()
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=limits.concurrency),
        timeout=aiohttp.ClientTimeout(total=None),  # ours covers all tries of a picture
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        auto_decompress=False,
    )
    try:
        async with session:
            yield _Desk(
                session=session,
                renderers=shared,
                objects=objects,
                timeout_seconds=limits.timeout_seconds,
                turns=asyncio.Semaphore(limits.concurrency),
                host_turns=defaultdict(lambda: asyncio.Semaphore(limits.per_host)),
            )
    finally:
        if renderers is None:
            await asyncio.to_thread(shared.close)


async def _verdict(text: str, allowed_hosts: frozenset[str], desk: _Desk) -> Verdict:
    try:
        url = _checked(text, allowed_hosts)
        # First the host's turn, then everybody's: a slow host must not hold all turns.
        async with desk.host_turns[url.raw_host], desk.turns:
            original = await _arrived(url, desk)
            return await _kept(text, original, desk)
    except _RefusedError as refusal:
        return Verdict(text, ok=False, state="failed", reason=refusal.reason)


def is_host_allowed(text: str, allowed_hosts: frozenset[str]) -> bool:
    """Tell whether an address is one that would be contacted."""
    try:
        _checked(text, allowed_hosts)
    except _RefusedError:
        return False
    return True


def _checked(text: str, allowed_hosts: frozenset[str]) -> URL:
    """Return the address as it will be contacted: judged by the parser that aiohttp uses."""
    try:
        url = URL(text)
        port = url.port
    except ValueError:
        raise _RefusedError(FetchReason.BAD_URL) from None
    if url.scheme and url.scheme not in ("http", "https"):
        raise _RefusedError(FetchReason.SCHEME_NOT_ALLOWED)
    if url.raw_host is None or port is None:
        raise _RefusedError(FetchReason.BAD_URL)
    if url.raw_user is not None or url.raw_password is not None:
        raise _RefusedError(FetchReason.CREDENTIALS_IN_URL)
    host = f"[{url.raw_host}]" if ":" in url.raw_host else url.raw_host
    if not allowed_hosts & {host, f"{host}:{port}"}:
        raise _RefusedError(FetchReason.HOST_NOT_ALLOWED)
    return url


async def _arrived(url: URL, desk: _Desk) -> bytes:
    try:
        async with asyncio.timeout(desk.timeout_seconds):
            return await _tried(url, desk.session)
    except TimeoutError:
        raise _RefusedError(FetchReason.TIMEOUT) from None


async def _tried(url: URL, session: aiohttp.ClientSession) -> bytes:
    for pause in PAUSES_SECONDS:
        with suppress(_UnsettledError):
            return await _downloaded(url, session)
        await asyncio.sleep(pause)
    return await _downloaded(url, session)


async def _downloaded(url: URL, session: aiohttp.ClientSession) -> bytes:
    try:
        async with session.get(url, allow_redirects=False) as answer:
            _judge(answer)
            return await _body(answer)
    except aiohttp.InvalidURL:
        raise _RefusedError(FetchReason.BAD_URL) from None
    except (aiohttp.ClientError, OSError) as problem:
        raise _UnsettledError(FetchReason.CONNECTION_FAILED) from problem


def _judge(answer: aiohttp.ClientResponse) -> None:
    if answer.status in _REDIRECTS:
        raise _RefusedError(FetchReason.REDIRECT_REFUSED)
    if answer.status >= 500:
        raise _UnsettledError(f"http_{answer.status}")
    if answer.status != 200:
        raise _RefusedError(f"http_{answer.status}")
    if (answer.content_length or 0) > MAX_BYTES:
        raise _RefusedError(PictureReason.TOO_MANY_BYTES)


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MAX_BYTES:
            raise _RefusedError(PictureReason.TOO_MANY_BYTES)
    return bytes(body)


async def _kept(url: str, original: bytes, desk: _Desk) -> Verdict:
    result = await desk.renderers.render(original)
    if result is None:
        raise _RefusedError(FetchReason.RENDERER_DIED)
    if isinstance(result, PictureProblem):
        raise _RefusedError(result.reason)
    await asyncio.to_thread(_keep, result, desk.objects)
    return Verdict(
        url,
        ok=True,
        state="stored",
        sha256=result.sha256,
        width_px=result.width_px,
        height_px=result.height_px,
        bytes=result.bytes_read,
        renditions={
            width: hashlib.sha256(content).hexdigest()
            for width, content in result.renditions.items()
        },
        phash=result.phash,
    )


def _keep(result: Rendered, objects: ObjectStore) -> None:
    for width, content in result.renditions.items():
        objects.put_picture(result.sha256, width, content)
