"""What became of posts, as JSON: the single answer and the bulk's envelope."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from ingest_api.accept import Outcome, Taken
from ingest_api.dry_run import Tried
from ingest_api.problems import Problem, problem
from ingest_api.reading import Refusal


class WarningAnswer(msgspec.Struct, rename="camel"):
    """Something in an accepted post that had no effect."""

    property_path: str
    message: str
    code: str


class ListingAnswer(msgspec.Struct, rename="camel"):
    """What became of one post.

    stale comes only when the body was older than what is stored, supersedesIndex only in a bulk
    that holds an earlier post of the same listing: the position of that one.
    """

    id: int
    identifier: str
    created: bool
    changed: bool
    status: str
    event_id: str
    received_at: str
    warnings: list[WarningAnswer]
    stale: bool | UnsetType = UNSET
    supersedes_index: int | UnsetType = UNSET


class ChangeAnswer(msgspec.Struct, rename={"before": "from", "after": "to"}):
    """One field that a dry run would change; null where it is absent."""

    field: str
    before: Any
    after: Any


class DryRunAnswer(msgspec.Struct, rename="camel"):
    """What a post would come to; nothing was stored.

    id is null for a listing that would be new. record, refusals and zone are what the market would
    make of it; null when that could not be asked.
    """

    dry_run: bool
    id: int | None
    identifier: str
    created: bool
    changed: bool
    stale: bool
    status: str
    diff: list[ChangeAnswer]
    record: dict[str, Any] | None
    refusals: list[dict[str, Any]] | None
    zone: dict[str, Any] | None
    warnings: list[WarningAnswer]
    supersedes_index: int | UnsetType = UNSET


class ItemAnswer(msgspec.Struct):
    """What became of one item of a bulk: data when it succeeded, else error."""

    index: int
    success: bool
    data: ListingAnswer | UnsetType = UNSET
    error: Problem | UnsetType = UNSET


class BulkAnswer(msgspec.Struct):
    """What became of a bulk, item by item in the order sent."""

    count: int
    succeeded: int
    failed: int
    results: list[ItemAnswer]


class DryRunItem(msgspec.Struct):
    """What one item of a bulk would come to: data when it would succeed, else error."""

    index: int
    success: bool
    data: DryRunAnswer | UnsetType = UNSET
    error: Problem | UnsetType = UNSET


class DryRunBulk(msgspec.Struct):
    """What a bulk would come to, item by item in the order sent."""

    count: int
    succeeded: int
    failed: int
    results: list[DryRunItem]


encode = msgspec.json.Encoder().encode


def listing_answer(taken: Taken) -> ListingAnswer:
    """Return the answer of an accepted post."""
    accepted = taken.accepted
    return ListingAnswer(
        id=accepted.id,
        identifier=f"{accepted.provider_identifier}:{accepted.external_id}",
        created=accepted.created,
        changed=accepted.changed,
        status=accepted.status,
        event_id=accepted.event_id,
        received_at=accepted.received_at,
        warnings=_warnings(taken),
        stale=True if accepted.stale else UNSET,
        supersedes_index=UNSET if taken.supersedes is None else taken.supersedes,
    )


def item_answer(index: int, outcome: Outcome) -> ItemAnswer:
    """Return the answer of one item of a bulk."""
    if isinstance(outcome, Taken):
        return ItemAnswer(index, True, data=listing_answer(outcome))
    return ItemAnswer(index, False, error=problem(outcome))


def dry_run_item(index: int, outcome: Tried | Outcome) -> DryRunItem:
    """Return the answer of one item of a bulk's dry run."""
    if isinstance(outcome, Refusal):
        return DryRunItem(index, False, error=problem(outcome))
    assert isinstance(outcome, Tried)  # what was taken was tried
    return DryRunItem(index, True, data=dry_run_answer(outcome))
