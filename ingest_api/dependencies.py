"""What a request needs before its use case: a live key with the permission, and the body's bytes.

Key and permission are judged before a byte of the body is read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, cast

from fastapi import Depends, Request

from ingest_api.desk import Desk
from ingest_api.reading import Refusal, RefusedError, too_large
from store.keys import KeyReader, KeyRecord
from store.shapes.posts import Sender
from store.shapes.vocabulary import Permission

LOOK_AGAIN = timedelta(milliseconds=50)
"""How long a key counts as seen: at thousands of posts a second, a look per some hundred posts."""


class RecentKeys:
    """Keys as they stood at most LOOK_AGAIN ago. For posts only, which are judged again: accepted
    ones in the journal's transaction, refused ones by `live_key` before the answer.

    Not for SQLite's 10 microseconds: each look lets the committer take the interpreter away in
    the middle of a request, which took a third of the throughput.
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


@dataclass(frozen=True, slots=True)
class Door:
    """What the running API holds: the way into the journal, the keys, the clock."""

    desk: Desk
    keys: KeyReader
    recent_keys: RecentKeys
    clock: Callable[[], datetime]


def door_of(request: Request) -> Door:
    """Return the running API's door."""
    return cast(Door, request.app.state.door)


def live_key(request: Request) -> KeyRecord:
    """Return the key that the request shows. Raises RefusedError unless it is live."""
    return _live(request, door_of(request).keys)


def _live(request: Request, keys: KeyReader | RecentKeys) -> KeyRecord:
    presented = _header(request, b"x-api-key")
    if presented is None:
        raise RefusedError(Refusal("missing_api_key", "Send your key in the X-API-Key header."))
    record = keys.find(presented, door_of(request).clock())
    if record is None:
        raise RefusedError(Refusal("invalid_api_key", "No such key: is it complete?"))
    if record.state == "live":
        return record
    if record.state == "expired":
        raise RefusedError(Refusal("expired_api_key", "Ask for a new key."))
    raise RefusedError(Refusal("revoked_api_key", "Ask for a new key."))


async def _live_key(request: Request) -> KeyRecord:
    # Async, because FastAPI would run a plain function in a thread, and KeyReader has one.
    return live_key(request)


LiveKey = Annotated[KeyRecord, Depends(_live_key)]


def sender_with(request: Request, permission: Permission) -> Sender:
    """Return who posts. Raises RefusedError unless the key is live and has the permission.

    By a recent look: whoever refuses the post afterwards calls `live_key` before answering.
    """
    key = _live(request, door_of(request).recent_keys)
    if permission.value not in key.permissions:
        detail = f"The key needs the permission {permission.value}."
        raise RefusedError(Refusal("missing_permission", detail))
    return Sender(key.key_id, key.partner_id, key.providers)


async def receive_json(request: Request, limit: int, what: str) -> bytes:
    """Return the body's bytes. Raises RefusedError for another media type or beyond the limit."""
    _expect_json(request)
    declared = _header(request, b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise RefusedError(too_large(limit, what))
    chunks: list[bytes] = []
    size, is_more = 0, True
    while is_more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(Refusal("incomplete_body", "The connection was closed."))
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise RefusedError(too_large(limit, what))
        is_more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _expect_json(request: Request) -> None:
    media_type = _header(request, b"content-type")
    if media_type != "application/json" and not _is_utf8_json(media_type or ""):
        detail = "Send JSON in UTF-8 with Content-Type: application/json."
        raise RefusedError(Refusal("unsupported_media_type", detail))
    if (_header(request, b"content-encoding") or "identity").strip().lower() != "identity":
        detail = "Send the body without Content-Encoding."
        raise RefusedError(Refusal("unsupported_media_type", detail))


def _is_utf8_json(media_type: str) -> bool:
    essence, *parameters = (part.strip().lower() for part in media_type.split(";"))
    charsets = [part[8:].strip('"') for part in parameters if part.startswith("charset=")]
    return essence == "application/json" and all(name in ("utf-8", "utf8") for name in charsets)


def _header(request: Request, name: bytes) -> str | None:
    """Return a header's value. Reads the raw list: Starlette's mapping costs some microseconds."""
    for key, value in request.scope["headers"]:
        if key == name:
            return cast(bytes, value).decode("latin-1")
    return None
