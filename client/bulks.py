"""Many listings as bulks within the API's limits. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_ITEMS = 1_000
MAX_BYTES = 32 * 1024 * 1024

_HEAD, _TAIL = b'{"items":[', b"]}"


@dataclass(frozen=True, slots=True)
class Encoded:
    """A listing's place among all, whose it is, and its JSON."""

    index: int
    identifier: tuple[str, str]
    content: bytes


def encode(document: Any) -> bytes:
    """Return compact JSON. Raises ValueError for NaN and infinities, which are none."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode()


def bulks(
    listings: Iterable[Mapping[str, Any]], max_items: int = MAX_ITEMS, max_bytes: int = MAX_BYTES
) -> Iterator[list[Encoded]]:
    """Deal listings out to bulks in their order; reads only as far ahead as a bulk needs."""
    bulk: list[Encoded] = []
    size = len(_HEAD) + len(_TAIL)
    for index, listing in enumerate(listings):
        encoded = Encoded(index, pair_of(listing), encode(listing))
        more = len(encoded.content) + 1
        if bulk and (len(bulk) == max_items or size + more > max_bytes):
            yield bulk
            bulk, size = [], len(_HEAD) + len(_TAIL)
        bulk.append(encoded)
        size += more
    if bulk:
        yield bulk


def dealt(bulk: Sequence[Encoded], max_items: int) -> Iterator[Sequence[Encoded]]:
    """Deal a bulk out again to smaller ones."""
    return (bulk[start : start + max_items] for start in range(0, len(bulk), max_items))


def body_of(bulk: Sequence[Encoded]) -> bytes:
    """Return the bulk's JSON."""
    return _HEAD + b",".join(each.content for each in bulk) + _TAIL


def pair_of(listing: Mapping[str, Any]) -> tuple[str, str]:
    """Return whose listing it is: providerIdentifier and externalId."""
    return str(listing.get("providerIdentifier", "")), str(listing.get("externalId", ""))
