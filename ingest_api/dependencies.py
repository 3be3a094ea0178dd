"""What a request needs before its use case: a live key with the permission, and the body's bytes.

Key and permission are judged before a byte of the body is read.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from fastapi import Request
from sqlalchemy.engine import Engine
from starlette.types import Message

from ingest_api.place import Place
from ingest_api.rate_limits import Exceeding, RateLimits, Refused, rate_headers
from ingest_api.raw_route import CALLER, RATE_HEADERS, RELEASE
from ingest_api.reading import Refusal, RefusedError, too_large
from ingest_api.sandboxes import Sandboxes
from store.keys import KeyReader, KeyRecord
from store.shapes.posts import Sender
from store.shapes.vocabulary import Environment, Permission

LOOK_AGAIN = timedelta(milliseconds=50)
"""How long a key counts as seen: at thousands of posts a second, a look per some hundred posts."""

BODIES_BYTES = 256 * 1024 * 1024
"""Most bytes of large bodies that are received or worked on at one time, in this process."""


class RecentKeys:
    """Keys as they stood at most LOOK_AGAIN ago. For posts only, which are judged again: accepted
    ones in the journal's transaction, refused ones by `live_key` before the answer.

    Not for SQLite's 10 microseconds alone: parsing what it answers costs as much again.
    """

    def __init__(self, keys: KeyReader) -> None:
        self._keys = keys
        self._seen: dict[str, KeyRecord | None] = {}
        self._since = datetime.min.replace(tzinfo=UTC)

    def find(self, presented: str, now: datetime) -> KeyRecord | None:
        """Like `KeyReader.find`."""
        if not timedelta(0) <= now - self._since < LOOK_AGAIN:
            self._seen.clear()
            self._since = now
        if presented not in self._seen:
            self._seen[presented] = self._keys.find(presented, now)
        record = self._seen[presented]
        # A look cannot see an end that has come since.
        if record is not None and record.state == "live" and now >= record.ends_at:
            record = self._seen[presented] = self._keys.find(presented, now)
        return record

    def forget(self) -> None:
        """Look anew for the next post: a key was changed here."""
        self._seen.clear()


class Inbox:
    """Counts the bytes of bodies from their coming to their answers, so that memory is bounded."""

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes

    def take(self, count: int) -> None:
        """Note that so many bytes came in. Raises RefusedError when the inbox is full."""
        if count > self._left:
            detail = "Too many large bodies are under way: send it again."
            raise RefusedError(Refusal("not_ready", detail, headers={"Retry-After": "1"}))
        self._left -= count

    def give_back(self, count: int) -> None:
        """Note that so many bytes are done with."""
        self._left += count


@dataclass(frozen=True, slots=True)
class Door:
    """What the running API holds: the way into the journal, the keys, the clock."""

    main: Place
    engine: Engine
    sandboxes: Sandboxes
    keys: KeyReader
    recent_keys: RecentKeys
    clock: Callable[[], datetime]
    inbox: Inbox
    limits: RateLimits


@dataclass(frozen=True, slots=True)
class Visit:
    """Who calls, with which key, and the place that it is about."""

    key: KeyRecord
    sender: Sender
    place: Place


def door_of(request: Request) -> Door:
    """Return the running API's door."""
    return cast(Door, request.app.state.door)


def live_key(request: Request) -> KeyRecord:
    """Return the key that the request shows. Raises RefusedError unless it is live."""
    return _live(request, door_of(request).keys)


def _live(request: Request, keys: KeyReader | RecentKeys) -> KeyRecord:
    presented = header(request, b"x-api-key")
    if presented is None:
        raise RefusedError(Refusal("missing_api_key", "Send your key in the X-API-Key header."))
    record = keys.find(presented, door_of(request).clock())
    if record is None:
        raise RefusedError(Refusal("invalid_api_key", "No such key: is it complete?"))
    if record.state == "live":
        if record.rate_per_minute is not None:
            take_items(request, record, 0)
        return record
    if record.state == "expired":
        raise RefusedError(Refusal("expired_api_key", "Ask for a new key."))
    raise RefusedError(Refusal("revoked_api_key", "Ask for a new key."))


def take_items(request: Request, key: KeyRecord, count: int) -> None:
    """Take so many items of a key's rate, or raise RefusedError and take none.

    Every answer to such a key tells how it stands; RawRoute adds the headers.
    """
    if key.rate_per_minute is None:
        return
    burst = key.rate_burst or key.rate_per_minute
    door = door_of(request)
    verdict = door.limits.take(key.key_id, key.rate_per_minute, burst, count, door.clock())
    request.scope[RATE_HEADERS] = headers = rate_headers(verdict)
    if isinstance(verdict, Refused):
        detail = "Nothing was taken: send it again after Retry-After seconds."
        raise RefusedError(Refusal("rate_limited", detail, headers=headers))
    if isinstance(verdict, Exceeding):
        detail = f"The key may send {burst} items at once: send it in parts."
        raise RefusedError(Refusal("bulk_exceeds_rate", detail, limit=burst, headers=headers))


async def poster(request: Request) -> Visit:
    """Return who posts, and where to. Raises RefusedError unless the key may.

    By a recent look: whoever refuses the post afterwards calls `live_key` before answering.
    """
    key = _live(request, door_of(request).recent_keys)
    visit = await visit_of(request, key)
    if Permission.PUBLISH_ESTATES.value not in key.permissions:
        live_key(request)
        raise RefusedError(_missing(Permission.PUBLISH_ESTATES))
    return visit


async def own_reader(request: Request) -> Visit:
    """Return who reads its own back. Raises RefusedError unless the key may: whoever may write
    may see what became of it."""
    key = live_key(request)
    visit = await visit_of(request, key)
    if not key.permissions & MAY_READ_OWN:
        raise RefusedError(_missing(Permission.READ_ESTATES))
    return visit


MAY_READ_OWN = frozenset({Permission.READ_ESTATES.value, Permission.PUBLISH_ESTATES.value})


async def visit_of(request: Request, key: KeyRecord) -> Visit:
    """Return a live key's visit."""
    door = door_of(request)
    sender = Sender(key.key_id, key.partner_id, key.providers, address_of(request))
    if key.environment is Environment.LIVE:
        place = door.main
    else:
        live_key(request)  # a sandbox's journal does not judge the key again
        place = await door.sandboxes.place(key.partner_id)
    request.scope[CALLER] = (key.key_id, place.desk.tally)
    return Visit(key, sender, place)


def _missing(permission: Permission) -> Refusal:
    return Refusal("missing_permission", f"The key needs the permission {permission.value}.")


def address_of(request: Request) -> str | None:
    """Return where a request comes from, as the server sees it."""
    client = request.scope.get("client")
    return None if client is None else cast(str, client[0])


async def receive_json(request: Request, limit: int, what: str) -> bytes:
    """Return the body's bytes. Raises RefusedError for another media type or beyond the limit."""
    expect_media_type(request, JSON)
    declared = header(request, b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise RefusedError(too_large(limit, what))
    message = await _next_message(request)
    if not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise RefusedError(too_large(limit, what))
        return body
    return await _receive_rest(request, message.get("body", b""), limit, what)


async def _receive_rest(request: Request, first: bytes, limit: int, what: str) -> bytes:
    """Receive a body that comes in several pieces; the inbox counts it until it is answered."""
    inbox, chunks, size = door_of(request).inbox, [first], 0

    def give_back() -> None:
        inbox.give_back(size)

    request.scope[RELEASE] = give_back
    inbox.take(len(first))
    size, is_more = len(first), True
    while is_more:
        message = await _next_message(request)
        chunk = message.get("body", b"")
        inbox.take(len(chunk))
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise RefusedError(too_large(limit, what))
        is_more = message.get("more_body", False)
    return b"".join(chunks)


async def pieces(request: Request, limit: int, what: str) -> AsyncIterator[bytes]:
    """Yield a body piece by piece. Raises RefusedError beyond the limit."""
    size, is_more = 0, True
    while is_more:
        message = await _next_message(request)
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise RefusedError(too_large(limit, what))
        yield piece
        is_more = message.get("more_body", False)


async def _next_message(request: Request) -> Message:
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise RefusedError(Refusal("incomplete_body", "The connection was closed."))
    return message


JSON, NDJSON = "application/json", "application/x-ndjson"


def is_ndjson(request: Request) -> bool:
    """Whether the body is said to be lines of JSON."""
    return (header(request, b"content-type") or "").partition(";")[0].strip().lower() == NDJSON


def expect_media_type(request: Request, wanted: str) -> None:
    """Raise RefusedError unless the body is said to be of this type, in UTF-8, uncompressed."""
    media_type = header(request, b"content-type")
    if media_type != wanted and not _is_utf8(media_type or "", wanted):
        detail = f"Send it in UTF-8 with Content-Type: {wanted}."
        raise RefusedError(Refusal("unsupported_media_type", detail))
    if (header(request, b"content-encoding") or "identity").strip().lower() != "identity":
        detail = "Send the body without Content-Encoding."
        raise RefusedError(Refusal("unsupported_media_type", detail))


def _is_utf8(media_type: str, wanted: str) -> bool:
    essence, *parameters = (part.strip().lower() for part in media_type.split(";"))
    charsets = [part[8:].strip('"') for part in parameters if part.startswith("charset=")]
    return essence == wanted and all(name in ("utf-8", "utf8") for name in charsets)


def header(request: Request, name: bytes) -> str | None:
    """Return a header's value. Reads the raw list: Starlette's mapping costs some microseconds."""
    for key, value in request.scope["headers"]:
        if key == name:
            return cast(bytes, value).decode("latin-1")
    return None
