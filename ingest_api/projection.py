"""Projections of listings: which fields a list shows, and the places at which its pages begin."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from store.listing_reader import ListingRow, Place
from store.shapes.content_hash import content_hash
from store.shapes.wire import FIELDS

EVENT_ID = "eventId"
DEFAULT_FIELDS = ("id", "externalId", "revision", "status", "contentHash")

Document = dict[str, Any]

_ROW: dict[str, Callable[[ListingRow], Any]] = {
    "id": lambda row: row.id,
    "identifier": lambda row: f"{row.provider_identifier}:{row.external_id}",
    "revision": lambda row: row.revision,
    "providerIdentifier": lambda row: row.provider_identifier,
    "externalId": lambda row: row.external_id,
    "status": lambda row: row.status,
}
"""Fields that the register answers without opening the document."""

_PLATFORM = ("statusSince", "deletedAt")
_CONTENT_HASH = "contentHash"

LIST_FIELDS = tuple(
    dict.fromkeys([*_ROW, _CONTENT_HASH, EVENT_ID, *_PLATFORM, *(field.name for field in FIELDS)])
)
"""Everything that a list may show."""

CURSOR_PATTERN = "([0-9a-f]{2})+"
CURSOR = re.compile(CURSOR_PATTERN)
MOST_CURSOR = 2 * 4 * 301
"""Two digits for each byte of a provider of 100 and an external id of 200 letters."""


class Projection:
    """Turns rows into list items of the fields asked for. One per page."""

    def __init__(self, fields: Sequence[str]) -> None:
        self.wants_event_id = EVENT_ID in fields
        self._of_row = [(name, _ROW[name]) for name in fields if name in _ROW]
        self._of_document = [
            name for name in fields if name not in _ROW and name not in (EVENT_ID, _CONTENT_HASH)
        ]
        self._wants_hash = _CONTENT_HASH in fields
        self._decode = msgspec.json.Decoder(dict[str, Any]).decode

    def item(self, row: ListingRow) -> Document:
        """Return a row's item; the event id is the caller's to add."""
        item = {name: value(row) for name, value in self._of_row}
        if self._of_document or self._wants_hash:
            document = self._decode(row.document)
            item |= {name: document[name] for name in self._of_document if name in document}
            if self._wants_hash:
                item[_CONTENT_HASH] = content_hash(document)
        return item


def cursor_of(row: ListingRow) -> str:
    """Return the cursor of the page that begins after a row."""
    return f"{row.provider_identifier}\0{row.external_id}".encode().hex()


def place_of(cursor: str) -> Place:
    """Return the place a cursor names. Every text of CURSOR names one."""
    provider, _, external_id = bytes.fromhex(cursor).decode(errors="replace").partition("\0")
    return provider, external_id
