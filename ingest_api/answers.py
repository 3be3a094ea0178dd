"""What became of posts, as JSON: the single answer and the bulk's envelope."""

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ingest_api.accept import Outcome, Taken
from ingest_api.dry_run import Tried
from ingest_api.problems import LISTINGS_PATH, Problem, problem, problem_answer
from ingest_api.reading import Refusal
from store.shapes.checks import Warned
from store.shapes.posts import Answer


class WarningAnswer(msgspec.Struct, rename="camel", gc=False):
    """What an accepted post does that its sender may not expect.

    from and to come with `coerced`: the value as posted (when short and printable) and as read.
    """

    property_path: str
    message: str
    code: str
    from_value: str | float | bool | UnsetType = msgspec.field(default=UNSET, name="from")
    to_value: str | float | bool | UnsetType = msgspec.field(default=UNSET, name="to")


class ListingAnswer(msgspec.Struct, rename="camel", gc=False):
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


class DifferenceAnswer(msgspec.Struct, rename={"before": "from", "after": "to"}):
    """One field that a dry run would change; null where it is absent."""

    field: str
    before: Any
    after: Any


class DryRunAnswer(msgspec.Struct, rename="camel"):
    """What a post would come to; nothing was stored.

    id is null for a listing that would be new. record, refusals and zone are what the market would
    make of it; null when that could not be asked.
    """

    dry_run: Annotated[bool, Meta(extra_json_schema={"const": True})]
    id: int | None
    identifier: str
    created: bool
    changed: bool
    stale: bool
    status: str
    diff: list[DifferenceAnswer]
    record: dict[str, Any] | None
    refusals: list[dict[str, Any]] | None
    zone: dict[str, Any] | None
    warnings: list[WarningAnswer]
    supersedes_index: int | UnsetType = UNSET


class ItemAnswer(msgspec.Struct, gc=False):
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


def listing_reply(outcome: Outcome) -> Answer:
    """Return the HTTP answer of one post."""
    if not isinstance(outcome, Taken):
        return problem_answer(outcome)
    answer = listing_answer(outcome)
    headers = {
        "Location": f"{LISTINGS_PATH}/{quote(answer.identifier, safe=':')}",
        "ETag": revision_tag(outcome.accepted.revision),
    }
    return Answer(201 if answer.created else 200, headers, encode(answer))


def _warnings(taken: Taken) -> list[WarningAnswer]:
    return [_warning(warned) for warned in taken.warnings]


def _warning(warned: Warned) -> WarningAnswer:
    return WarningAnswer(
        warned.path,
        warned.message,
        warned.code,
        UNSET if warned.from_value is None else warned.from_value,
        UNSET if warned.to_value is None else warned.to_value,
    )


def bulk_reply(outcomes: Sequence[Outcome]) -> Answer:
    """Return the HTTP answer of a bulk."""
    results = [item_answer(index, outcome) for index, outcome in enumerate(outcomes)]
    succeeded = sum(result.success for result in results)
    answer = BulkAnswer(len(results), succeeded, len(results) - succeeded, results)
    return Answer(200, {}, encode(answer))


def dry_run_bulk_reply(outcomes: Sequence[Tried | Outcome]) -> Answer:
    """Return the HTTP answer of a bulk's dry run."""
    results = [dry_run_item(index, outcome) for index, outcome in enumerate(outcomes)]
    succeeded = sum(result.success for result in results)
    answer = DryRunBulk(len(results), succeeded, len(results) - succeeded, results)
    return Answer(200, {}, encode(answer))


def dry_run_reply(outcome: Tried | Outcome) -> Answer:
    """Return the HTTP answer of a single dry run."""
    if isinstance(outcome, Refusal):
        return problem_answer(outcome)
    assert isinstance(outcome, Tried)  # what was taken was tried
    return Answer(200, {}, encode(dry_run_answer(outcome)))


def dry_run_answer(tried: Tried) -> DryRunAnswer:
    """Return the answer of a post that was tried."""
    taken = tried.taken
    accepted, shown = taken.accepted, tried.preview or {}
    return DryRunAnswer(
        dry_run=True,
        id=None if accepted.created else accepted.id,
        identifier=f"{accepted.provider_identifier}:{accepted.external_id}",
        created=accepted.created,
        changed=accepted.changed,
        stale=accepted.stale,
        status=accepted.status,
        diff=[DifferenceAnswer(each.field, each.before, each.after) for each in tried.changes],
        record=shown.get("record"),
        refusals=shown.get("refusals"),
        zone=shown.get("zone"),
        warnings=_warnings(taken),
        supersedes_index=UNSET if taken.supersedes is None else taken.supersedes,
    )


def revision_tag(revision: int) -> str:
    """Return the ETag of a listing's revision."""
    return f'"r{revision}"'


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
