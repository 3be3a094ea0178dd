"""What became of posts, as JSON: the single answer and the bulk's envelope."""

from collections.abc import Sequence
from urllib.parse import quote

import msgspec
from msgspec import UNSET, UnsetType

from ingest_api.accept import Outcome, Taken
from ingest_api.problems import Problem, problem
from store.shapes.checks import Warned, wire_instant


class WarningAnswer(msgspec.Struct, rename="camel"):
    """What an accepted post does that its sender may not expect.

    from and to come with `coerced`: the value as posted (when short and printable) and as read.
    """

    property_path: str
    message: str
    code: str
    from_value: str | float | UnsetType = msgspec.field(default=UNSET, name="from")
    to_value: str | float | UnsetType = msgspec.field(default=UNSET, name="to")


class ListingAnswer(msgspec.Struct, rename="camel"):
    """What became of one post. stale comes only when the body was older than what is stored."""

    id: int
    identifier: str
    created: bool
    changed: bool
    status: str
    event_id: str
    received_at: str
    warnings: list[WarningAnswer]
    stale: bool | UnsetType = UNSET


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
        received_at=wire_instant(accepted.received_at),
        warnings=[warning_answer(warned) for warned in taken.warnings],
        stale=True if accepted.stale else UNSET,
    )


def warning_answer(warned: Warned) -> WarningAnswer:
    """Return a warning as the answers tell it."""
    return WarningAnswer(
        warned.path,
        warned.message,
        warned.code,
        UNSET if warned.from_value is None else warned.from_value,
        UNSET if warned.to_value is None else warned.to_value,
    )


def bulk_answer(outcomes: Sequence[Outcome]) -> BulkAnswer:
    """Return the answer of a bulk."""
    results = [_item_answer(index, outcome) for index, outcome in enumerate(outcomes)]
    succeeded = sum(result.success for result in results)
    return BulkAnswer(len(results), succeeded, len(results) - succeeded, results)


def listing_location(path: str, answer: ListingAnswer) -> str:
    """Return the listing's address below path; '/' in the identifier is percent-encoded."""
    return f"{path}/{quote(answer.identifier, safe=':')}"


def _item_answer(index: int, outcome: Outcome) -> ItemAnswer:
    if isinstance(outcome, Taken):
        return ItemAnswer(index, True, data=listing_answer(outcome))
    return ItemAnswer(index, False, error=problem(outcome))
