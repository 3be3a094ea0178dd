"""Posts a stream of listings over HTTP as a partner's software would: single and in bulk.

It stands before the line, as a client of the API: it knows addresses and answers, nothing of
what is behind them. A post may always be sent again, so whatever the network or a restarting
server does, posting goes on until patience ends.
"""

import asyncio
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import aiohttp

SINGLE_PATH = "/api/integration/estates"
BULK_PATH = "/api/integration/estates/bulk"

BULK_ITEMS = 500
CONCURRENCY = 8
PATIENCE_S = 60.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0
REQUEST_TIMEOUT_S = 120.0
TRY_AGAIN = frozenset({429, 502, 503, 504})
"""Statuses that speak of the server's moment, not of the body."""

Payload = Mapping[str, Any]
Event = tuple[object, Payload]
Key = tuple[str, str]
Progress = Callable[[int, int], None]


class PostingError(Exception):
    """The server refused the request as a whole, or was away for longer than our patience."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class RefusedItem:
    """A post the API refused: whose, by which codes, in which fields. It changed nothing."""

    provider_identifier: str
    external_id: str
    codes: tuple[str, ...]
    paths: tuple[str, ...]


@dataclass(slots=True)
class PostingSummary:
    """What became of the posts.

    created counts listings, the others posts; unchanged includes stale. A bulk that was sent
    again after a lost answer finds its own work done: its posts count as unchanged then.
    ids: (providerIdentifier, externalId) -> the id answered.
    """

    posts: int = 0
    accepted: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    stale: int = 0
    requests: int = 0
    retries: int = 0
    refused: list[RefusedItem] = field(default_factory=list)
    ids: dict[Key, int] = field(default_factory=dict)

    @property
    def has_changed_nothing(self) -> bool:
        """Whether every accepted post answered `changed: false`, as on a second run."""
        return self.created == 0 and self.changed == 0

    def note_accepted(self, payload: Payload, answer: Mapping[str, Any]) -> None:
        """Count one accepted post by its answer."""
        self.accepted += 1
        self.created += bool(answer["created"])
        self.changed += bool(answer["changed"])
        self.unchanged += not answer["changed"]
        self.stale += bool(answer.get("stale", False))
        self.ids[_key(payload)] = int(answer["id"])

    def note_refused(self, payload: Payload, problem: Mapping[str, Any]) -> None:
        """Keep one refused post with the codes of its problem."""
        violations = problem.get("violations") or []
        codes = tuple(str(v["code"]) for v in violations) or (str(problem.get("code", "")),)
        paths = tuple(str(v["propertyPath"]) for v in violations)
        self.refused.append(RefusedItem(*_key(payload), codes, paths))


@dataclass(frozen=True, slots=True)
class _Request:
    """One request of a lane: a bulk, or a single listing when `is_bulk` is false."""

    api_key: str
    payloads: Sequence[Payload]
    is_bulk: bool


def post_market(
    base_url: str, api_key: str | Mapping[str, str], events: Iterable[Event], *,
    single_share: float = 0.05, concurrency: int = CONCURRENCY, bulk_items: int = BULK_ITEMS,
    patience_s: float = PATIENCE_S, on_progress: Progress | None = None,
) -> PostingSummary:  # fmt: skip
    """Post (instant, payload) events in their order and say what became of them.

    api_key: one key, or one per providerIdentifier. single_share of the listings is posted one
    request at a time, the rest in bulks of at most bulk_items. A listing's posts keep their
    order: they share a lane, and a lane awaits each answer; up to `concurrency` lanes wait at
    once. on_progress is told (posts answered, posts in all) after each answer. Raises
    PostingError when a request as a whole is refused (a bad key, say) or the server stays away
    for patience_s.
    """
    payloads = [payload for _, payload in events]
    lanes = _lanes(payloads, api_key, single_share, concurrency, bulk_items)
    run = _Run(base_url.rstrip("/"), len(payloads), concurrency, patience_s, on_progress)
    return asyncio.run(run.post(lanes))


def _key(payload: Payload) -> Key:
    return str(payload["providerIdentifier"]), str(payload["externalId"])


def _lanes(
    payloads: Iterable[Payload], api_key: str | Mapping[str, str], single_share: float,
    width: int, bulk_items: int,
) -> list[list[_Request]]:  # fmt: skip
    """Deal the posts out: each listing to one lane, each lane to one key and one manner."""
    dealt: dict[tuple[str, bool, int], list[Payload]] = {}
    for payload in payloads:
        provider, external_id = _key(payload)
        draw = zlib.crc32(f"{provider}\x1f{external_id}".encode())
        is_bulk = draw % 10_000 >= single_share * 10_000
        key = api_key if isinstance(api_key, str) else api_key[provider]
        dealt.setdefault((key, is_bulk, draw // 10_000 % width), []).append(payload)
    return [
        _requests(key, lane, bulk_items if is_bulk else 1, is_bulk)
        for (key, is_bulk, _), lane in dealt.items()
    ]


def _requests(key: str, lane: list[Payload], size: int, is_bulk: bool) -> list[_Request]:
    starts = range(0, len(lane), size)
    return [_Request(key, lane[start : start + size], is_bulk) for start in starts]


class _Run:
    """One posting: the session, the places for requests at work, and the counts so far."""

    def __init__(
        self, base_url: str, total: int, concurrency: int, patience_s: float,
        on_progress: Progress | None,
    ) -> None:  # fmt: skip
        self._base_url = base_url
        self._total = total
        self._places = asyncio.Semaphore(concurrency)
        self._patience_s = patience_s
        self._on_progress = on_progress
        self._summary = PostingSummary()

    async def post(self, lanes: Sequence[Sequence[_Request]]) -> PostingSummary:
        """Run all lanes; the first failure ends the others."""
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            try:
                async with asyncio.TaskGroup() as group:
                    for lane in lanes:
                        group.create_task(self._post_lane(session, lane))
            except* PostingError as failed:
                raise failed.exceptions[0] from None
        return self._summary

    async def _post_lane(self, session: "aiohttp.ClientSession", lane: Sequence[_Request]) -> None:
        for request in lane:
            async with self._places:
                status, answer = await self._send(session, request)
            self._note(request, status, answer)

    async def _send(
        self, session: "aiohttp.ClientSession", request: _Request
    ) -> tuple[int, dict[str, Any]]:
        """Return status and answer, trying again while the server is away or busy."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_s
        pause = FIRST_PAUSE_S
        while True:
            status, answer, wanted = await self._try(session, request)
            if status is not None and status not in TRY_AGAIN:
                return status, answer
            if loop.time() + pause > deadline:
                seen = f"answered {status}" if status else "did not answer"
                raise PostingError(
                    f"{self._base_url} {seen} for {self._patience_s:g} s: is the API up?", status
                )
            self._summary.retries += 1
            await asyncio.sleep(min(max(pause, wanted), LONGEST_PAUSE_S))
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _try(
        self, session: "aiohttp.ClientSession", request: _Request
    ) -> tuple[int | None, dict[str, Any], float]:
        """Return status (None: no answer), answer, and the pause in s the server asks for."""
        import aiohttp

        body: Any = {"items": request.payloads} if request.is_bulk else request.payloads[0]
        path = BULK_PATH if request.is_bulk else SINGLE_PATH
        headers = {"X-API-Key": request.api_key, "Content-Type": "application/json"}
        self._summary.requests += 1
        try:
            async with session.post(
                self._base_url + path, data=msgspec.json.encode(body), headers=headers
            ) as response:
                wanted = response.headers.get("Retry-After", "")
                content = await response.read()
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError):
            return None, {}, 0.0
        return response.status, _decoded(content), float(wanted) if wanted.isdigit() else 0.0

    def _note(self, request: _Request, status: int, answer: dict[str, Any]) -> None:
        summary = self._summary
        if status == 200 and request.is_bulk:
            self._note_bulk(request, answer)
        elif status in (200, 201):
            summary.note_accepted(request.payloads[0], answer)
        elif status == 422 and not request.is_bulk:
            summary.note_refused(request.payloads[0], answer)
        else:
            said = answer.get("detail") or answer.get("title") or "no reason given"
            raise PostingError(f"{self._base_url} refused the request: {status}, {said}", status)
        summary.posts += len(request.payloads)
        if self._on_progress is not None:
            self._on_progress(summary.posts, self._total)

    def _note_bulk(self, request: _Request, answer: dict[str, Any]) -> None:
        for payload, result in zip(request.payloads, answer["results"], strict=True):
            if result["success"]:
                self._summary.note_accepted(payload, result["data"])
            else:
                self._summary.note_refused(payload, result["error"])


def _decoded(content: bytes) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}
