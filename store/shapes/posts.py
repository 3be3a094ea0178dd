"""What passes between the door and the journal: works in, verdicts out. Pure."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

FINGERPRINT_BYTES = 16


class Post(msgspec.Struct, frozen=True, gc=False):
    """One valid item as the door understood it.

    patch: JSON object of wire names and canonical values; null clears, absent keeps.
    payload: the item's bytes verbatim.
    is_whole: the patch alone makes a listing: everything a first post needs, no null, no instant.
    status: as posted; only read of whole posts.
    if_match: the revision that must be stored; ANY_REVISION for any.
    deletion: why the listing is deleted; the patch then holds its last status alone.
    """

    provider_identifier: str
    external_id: str
    patch: bytes
    payload: bytes
    fingerprint: bytes | None = None
    is_whole: bool = False
    status: str | None = None
    if_match: int | None = None
    deletion: str | None = None


ANY_REVISION = 0
"""If-Match: * asks for a listing that exists, at whatever revision."""

_encode = msgspec.json.Encoder().encode


def fingerprint(payload: bytes) -> bytes:
    """Return the hash by which the same bytes are known again."""
    return hashlib.blake2b(payload, digest_size=FINGERPRINT_BYTES).digest()


def post_of(provider: str, external_id: str, patch: dict[str, Any], payload: bytes) -> Post:
    """Return a post of a patch as `checks.check` gives it."""
    return Post(provider, external_id, _encode(patch), payload, fingerprint(payload))


def deletion_of(provider: str, external_id: str, reason: str, if_match: int | None) -> Post:
    """Return the post that deletes a listing; reason is the status that it is left with."""
    named = {"providerIdentifier": provider, "externalId": external_id}
    patch = _encode({"status": reason})
    return Post(
        provider, external_id, patch, _encode(named | {"status": reason}), None,
        if_match=if_match, deletion=reason,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent it. providers None: any provider that is free or owned by the partner.

    address: where from, for the audit; None when not over the network.
    """

    key_id: int
    partner_id: int
    providers: frozenset[str] | None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class RefusedBody:
    """A body that an authenticated sender had refused, and what was answered.

    problem: JSON of code and violations. provider_identifier and external_id where they could be
    read.
    """

    codes: tuple[str, ...]
    problem: str
    body: bytes
    provider_identifier: str | None = None
    external_id: str | None = None


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """What became of a post; durable when the caller sees it.

    revived: it brought a deleted listing back. before and after are the documents' JSON, filled
    for dry runs alone; before is empty for a new listing.
    """

    id: int
    provider_identifier: str
    external_id: str
    created: bool
    changed: bool
    stale: bool
    status: str
    revision: int
    event_id: str
    event_offset: int
    received_at: str
    revived: bool = False
    before: bytes = b""
    after: bytes = b""


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """Why a post changed nothing, as only the stored state can tell.

    fields: the wire names at fault. revision: the stored one, of a failed precondition.
    """

    reason: Literal[
        "required_on_create", "provider_not_owned", "key_ended", "illegal_move",
        "precondition_failed", "not_found", "snapshot_closed", "snapshot_scope",
    ]  # fmt: skip
    fields: tuple[str, ...] = ()
    revision: int | None = None


class Failed(msgspec.Struct, frozen=True, gc=False):
    """A post that could not be committed, for a fault of ours; nothing of it is stored."""


Verdict = Accepted | Rejected | Failed


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as it is kept for an Idempotency-Key."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer that was kept for an Idempotency-Key. is_same: for the same request."""

    answer: Answer
    is_same: bool


@dataclass(frozen=True, slots=True)
class Keeping:
    """Asks to keep the answer under a key. answer: returns it, or None when it shall not be kept
    (nothing was done)."""

    idempotency_key: str
    request_sha256: str
    answer: Callable[[list[Verdict]], Answer | None]


@dataclass(slots=True)
class Work:
    """One caller's business with the journal, done in one transaction, whole or not at all.

    posts in their order; refused bodies to keep; snapshot: the snapshot that the posts are part
    of; act: anything else, called with the `register.Turn`.
    """

    sender: Sender
    posts: Sequence[Post] = ()
    refused: Sequence[RefusedBody] = ()
    snapshot: str | None = None
    keeping: Keeping | None = None
    act: Callable[[Any], Any] | None = None
    warned: int = 0
    """How many of the posts carry warnings, for the key's usage."""

    calls: int = 1
    """Requests that this is counted as: the later parts of one request count none."""


Done = list[Verdict] | Kept | Any
"""What a work came to: verdicts, a kept answer, or what its act returned."""
