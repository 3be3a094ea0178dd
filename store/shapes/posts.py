"""What passes between the door and the journal: posts in, verdicts out. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Post:
    """One valid item as the door understood it.

    patch: wire names to canonical JSON values; None clears, absent keeps.
    payload: the item's bytes verbatim.
    """

    provider_identifier: str
    external_id: str
    patch: dict[str, Any]
    payload: bytes


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent it. providers None: any provider that is free or owned by the partner."""

    key_id: int
    partner_id: int
    providers: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a post; durable when the caller sees it."""

    id: int
    provider_identifier: str
    external_id: str
    created: bool
    changed: bool
    stale: bool
    status: str
    event_id: str
    event_offset: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a post changed nothing, as only the stored state can tell."""

    reason: Literal["required_on_create", "provider_not_owned", "key_ended"]
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """A post that could not be committed, for a fault of ours; nothing of it is stored."""


Verdict = Accepted | Rejected | Failed
