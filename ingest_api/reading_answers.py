"""What was stored, reported, changed and refused, as JSON: the answers of the reading calls."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ingest_api.problems import ViolationAnswer
from store.change_reader import Change
from store.provenance import Source
from store.refusal_reader import RefusalRow
from store.reports import EventReport, Message, Stage, StageState
from store.tables.columns import instant_text

WireListing = Annotated[
    dict[str, Any],
    Meta(
        description="The fields as merged.",
        extra_json_schema={"$ref": "#/components/schemas/Listing"},
    ),
]
ListingPart = Annotated[
    dict[str, Any],
    Meta(
        description="The fields that were asked for, as far as the listing has them.",
        extra_json_schema={"$ref": "#/components/schemas/ListingPart"},
    ),
]


class StageAnswer(msgspec.Struct, rename="camel"):
    """How far a stage is. stored, of: pictures. publication: the number it is published under."""

    state: StageState
    at: str | UnsetType = UNSET
    stored: int | UnsetType = UNSET
    of: int | UnsetType = UNSET
    publication: int | UnsetType = UNSET


class StagesAnswer(msgspec.Struct, rename="camel"):
    """Every stage between the post and the market, in their order."""

    received: StageAnswer
    validated: StageAnswer
    normalised: StageAnswer
    geocoded: StageAnswer
    images: StageAnswer
    deduped: StageAnswer
    scored: StageAnswer
    published: StageAnswer


class MessageAnswer(msgspec.Struct, rename="camel"):
    """Something the sender should know; an error keeps the event out of the market."""

    severity: Annotated[str, Meta(extra_json_schema={"enum": ["info", "warning", "error"]})]
    code: str
    message: str
    property_path: str | UnsetType = UNSET


class EventAnswer(msgspec.Struct, rename="camel"):
    """What became of one post. qualityScore is null until it is known."""

    event_id: str
    identifier: str
    id: int
    revision: int
    changed: bool
    received_at: str
    stages: StagesAnswer
    messages: list[MessageAnswer]
    quality_score: Annotated[float, Meta(ge=0, le=100)] | None
    quality_reasons: list[str]


class SourceAnswer(msgspec.Struct, rename="camel"):
    """The event that last changed a field."""

    event_id: str
    recorded_at: str


class StoredListing(msgspec.Struct, rename="camel"):
    """A listing as it is stored.

    sources: by field, as far as the market has read; stages: those of the newest revision's event.
    deletedAt and deletionReason come with a deleted listing alone, statusSince not with one that
    has not moved since before it was kept.
    """

    id: int
    identifier: str
    revision: int
    status: str
    content_hash: str
    event_id: str
    listing: WireListing
    sources: dict[str, SourceAnswer]
    stages: StagesAnswer
    status_since: str | UnsetType = UNSET
    deleted_at: str | UnsetType = UNSET
    deletion_reason: str | UnsetType = UNSET


class ListingPage(msgspec.Struct, rename="camel"):
    """Listings in the order of provider and external id; nextCursor is null on the last page."""

    items: list[ListingPart]
    next_cursor: str | None


class ChangeAnswer(msgspec.Struct, rename="camel"):
    """One revision of one listing. seq grows strictly and is never given anew."""

    seq: int
    id: int
    identifier: str
    revision: int
    status: str
    event_id: str
    changed_at: str
    created: bool
    deleted: bool


class ChangePage(msgspec.Struct, rename="camel"):
    """Changes after a number. next: go on after this one; more: there are more now."""

    changes: list[ChangeAnswer]
    next: int
    more: bool


class RefusalAnswer(msgspec.Struct, rename="camel"):
    """A refused body. payloadSha256 is that of its first 64 KiB; bytes counts all of it."""

    refusal: int
    received_at: str
    code: str
    violations: list[ViolationAnswer]
    payload_sha256: str = msgspec.field(name="payloadSha256")
    bytes: int
    provider_identifier: str | UnsetType = UNSET
    external_id: str | UnsetType = UNSET


class RefusalsPage(msgspec.Struct, rename="camel"):
    """Refusals after a number. next: go on after this one; more: there may be more now."""

    refusals: list[RefusalAnswer]
    next: int
    more: bool


READING_ANSWERS = (StoredListing, ListingPage, EventAnswer, ChangePage, RefusalsPage)
"""The answers of all reading calls, for OpenAPI."""

encode = msgspec.json.Encoder().encode


def identifier(provider: str, external_id: str) -> str:
    """Return a listing's name in paths and answers."""
    return f"{provider}:{external_id}"


def stages_answer(report: EventReport) -> StagesAnswer:
    """Return the stages of a report."""
    return StagesAnswer(**{name: _stage(stage) for name, stage in report.stages.items()})


def message_answer(message: Message) -> MessageAnswer:
    """Return a report's message."""
    path = UNSET if message.property_path is None else message.property_path
    return MessageAnswer(message.severity.value, message.code, message.message, path)


def source_answer(source: Source) -> SourceAnswer:
    """Return the source of a field."""
    return SourceAnswer(source.event_id, instant_text(source.recorded_at))


def change_answer(change: Change, event_id: str) -> ChangeAnswer:
    """Return a change."""
    return ChangeAnswer(
        seq=change.event_offset,
        id=change.listing_id,
        identifier=identifier(change.provider_identifier, change.external_id),
        revision=change.revision,
        status=change.status,
        event_id=event_id,
        changed_at=change.received_at,
        created=change.revision == 1,
        deleted=change.is_deleted,
    )


def refusal_answer(row: RefusalRow) -> RefusalAnswer:
    """Return a refusal."""
    violations = row.problem["violations"]
    return RefusalAnswer(
        refusal=row.refusal_offset,
        received_at=row.received_at,
        code=row.problem["code"],
        violations=[
            ViolationAnswer(each["propertyPath"], each["message"], each["code"])
            for each in violations
        ],
        payload_sha256=row.payload_sha256,
        bytes=row.payload_bytes,
        provider_identifier=_known(row.provider_identifier),
        external_id=_known(row.external_id),
    )


def _stage(stage: Stage) -> StageAnswer:
    return StageAnswer(
        state=stage.state,
        at=UNSET if stage.at is None else instant_text(stage.at),
        stored=_number(stage.stored),
        of=_number(stage.of),
        publication=_number(stage.publication),
    )


def _known(text: str | None) -> str | UnsetType:
    return UNSET if text is None else text


def _number(number: int | None) -> int | UnsetType:
    return UNSET if number is None else number
