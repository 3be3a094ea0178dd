"""Reports: what became of an event, stage by stage, and everything that lowers what it shows.

Reads the warehouse inside the caller's snapshot, a handful of rows by key each time; writes and
computes nothing. The door's own words (warnings, refusals) are the API's to add.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.shapes.vocabulary import ON_MARKET, PlacePrecision, Transaction
from store.shapes.wire import FIELDS
from store.tables.warehouse import (
    core_batches,
    core_listing_images,
    core_listing_places,
    core_listing_versions,
    core_listings,
    core_refusals,
    market_listings,
    market_runs,
    market_scores,
    market_valuations,
)
from store.warehouse import read_progress

Row = Mapping[str, Any]

MOST_SIBLINGS = 20
"""Adverts of the same home that are named; a report is no list of the market."""


class StageState(StrEnum):
    """How far a stage is. Skipped: it has nothing to do, or a later revision took its place."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


class Severity(StrEnum):
    """How much a message matters: an error keeps the event out of the market."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Received:
    """An event as the journal knows it."""

    event_offset: int
    listing_id: int
    revision: int
    is_changed: bool
    received_at: datetime


@dataclass(frozen=True)
class Stage:
    """Where an event stands in one stage; `at` None: not yet, or not recorded.

    stored, of: pictures, in stage images. publication: in stage published.
    """

    state: StageState
    at: datetime | None = None
    stored: int | None = None
    of: int | None = None
    publication: int | None = None


@dataclass(frozen=True)
class Message:
    """Something the sender should know; property_path under wire names, where there is one."""

    severity: Severity
    code: str
    message: str
    property_path: str | None = None


@dataclass(frozen=True)
class EventReport:
    """Everything known of an event downstream of the door. stages in the order they are passed.

    quality_score None: not judged (not published yet, superseded, deleted or refused).
    """

    stages: dict[str, Stage]
    messages: tuple[Message, ...]
    quality_score: float | None = None
    quality_reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Known:
    """What is stored of an event's revision and of its listing now."""

    version: Row | None
    refusals: list[Row]
    listing: Row | None
    loaded_at: datetime | None
    run: Row | None
    watermark: int
    next_offset: int | None = None
    images: list[Row] = field(default_factory=list)
    siblings: list[Row] = field(default_factory=list)

    @property
    def is_refused(self) -> bool:
        return any(row["severity"] == "refused" for row in self.refusals)

    @property
    def is_superseded(self) -> bool:
        return self.next_offset is not None


STAGES = (
    "received", "validated", "normalised", "geocoded", "images", "deduped", "scored", "published",
)  # fmt: skip


def event_report(
    connection: Connection, event: Received, own_providers: Collection[str] = ()
) -> EventReport:
    """Report on an event, in the caller's snapshot of the warehouse.

    An event that changed nothing is reported as the revision it confirmed. own_providers: those
    whose listings may be named to the reader; other partners' adverts are only counted.
    """
    known = _read(connection, event)
    stages = {
        "received": Stage(StageState.DONE, event.received_at),
        "validated": Stage(StageState.DONE, event.received_at),
        **_stages(known, event),
    }
    messages = tuple(_messages(known, event, frozenset(own_providers)))
    listing = known.listing
    if listing is None or known.version is None or known.is_superseded or known.run is None:
        return EventReport(stages, messages)
    return EventReport(
        stages,
        messages,
        listing["quality_score"],
        tuple(msgspec.json.decode(listing["quality_reasons"] or "[]")),
    )


def property_path(column: str) -> str | None:
    """Return the wire name of what a column of core_listings was made from; None for none."""
    return _PATHS.get(column)


def _paths() -> Iterator[tuple[str, str]]:
    for wire in FIELDS:
        for landed in wire.lands:
            table, _, column = landed.partition(".")
            if table == "core_listings":
                yield column, wire.name
        for inner in wire.fields:
            yield f"{wire.name}_{inner.name}", f"{wire.name}.{inner.name}"
    yield "price_eur", "currency"


_PATHS = dict(_paths())


def _read(connection: Connection, event: Received) -> _Known:
    key, revision = event.listing_id, event.revision
    version = _first(connection, _version(key, revision))
    refusals = _all(connection, _refusals(event))
    listing = _first(connection, _listing(key))
    offset = version["event_offset"] if version else event.event_offset
    known = _Known(
        version=version,
        refusals=refusals,
        listing=listing,
        loaded_at=connection.execute(_loaded_at(offset)).scalar(),
        run=_first(connection, _first_run(offset)),
        watermark=read_progress(connection).watermark,
        next_offset=connection.execute(_next_offset(key, revision)).scalar(),
    )
    if version is None or listing is None or known.is_superseded:
        return known
    return replace(
        known,
        images=_all(connection, _images(key)),
        siblings=_all(connection, _siblings(key, listing["unit_id"])),
    )


def _version(listing_id: int, revision: int) -> sa.Select[Any]:
    table = core_listing_versions.c
    return sa.select(table.event_offset, table.image_count).where(
        table.id == listing_id, table.revision == revision
    )


def _next_offset(listing_id: int, revision: int) -> sa.Select[Any]:
    """The offset of the next revision that was loaded."""
    table = core_listing_versions.c
    return (
        sa.select(table.event_offset)
        .where(table.id == listing_id, table.revision > revision)
        .order_by(table.revision)
        .limit(1)
    )


def _refusals(event: Received) -> sa.Select[Any]:
    table = core_refusals.c
    is_of_event = table.event_offset == event.event_offset
    return (
        sa.select(table.rule_code, table.column_name, table.severity, table.message)
        .where(
            table.listing_id == event.listing_id,
            is_of_event | (table.revision == event.revision),
        )
        .order_by(table.event_offset, table.rule_code)
    )


def _loaded_at(offset: int) -> sa.Select[Any]:
    table = core_batches.c
    batch = (
        sa.select(table.first_offset, table.loaded_at)
        .where(table.last_offset >= offset)
        .order_by(table.last_offset)
        .limit(1)
        .subquery()
    )
    return sa.select(batch.c.loaded_at).where(batch.c.first_offset <= offset)


def _first_run(offset: int) -> sa.Select[Any]:
    table = market_runs.c
    return (
        sa.select(table.publication, table.published_at, table.watermark)
        .where(table.watermark >= offset)
        .order_by(table.watermark, table.publication)
        .limit(1)
    )


def _listing(listing_id: int) -> sa.Select[Any]:
    core, place, market = core_listings.c, core_listing_places.c, market_listings.c
    value, score = market_valuations.c, market_scores.c
    joined = (
        core_listings.outerjoin(core_listing_places, place.id == core.id)
        .outerjoin(market_listings, market.id == core.id)
        .outerjoin(market_valuations, value.id == core.id)
        .outerjoin(market_scores, score.id == core.id)
    )
    return (
        sa.select(
            core.revision, core.status, core.deleted_at, core.unit_id, core.transaction,
            core.latitude, core.longitude, core.price, core.price_eur, core.deletion_reason,
            place.precision, place.matched_name,
            market.id.label("market_id"), market.quality_score, market.quality_reasons,
            value.value, value.reason.label("value_reason"),
            score.score, score.reason.label("score_reason"),
        )
        .select_from(joined)
        .where(core.id == listing_id)
    )  # fmt: skip


def _images(listing_id: int) -> sa.Select[Any]:
    table = core_listing_images.c
    return (
        sa.select(table.position, table.state, table.reason)
        .where(table.listing_id == listing_id)
        .order_by(table.position)
    )


def _siblings(listing_id: int, unit_id: str) -> sa.Select[Any]:
    """Other adverts of the same home that are on the market, the leading one first."""
    core, market = core_listings.c, market_listings.c
    return (
        sa.select(core.provider_identifier, core.external_id, market.is_unit_lead.label("is_lead"))
        .select_from(core_listings.outerjoin(market_listings, market.id == core.id))
        .where(
            core.unit_id == unit_id,
            core.id != listing_id,
            core.deleted_at.is_(None),
            core.status.in_([status.value for status in ON_MARKET]),
        )
        .order_by(market.is_unit_lead.desc().nulls_last(), core.id)
        .limit(MOST_SIBLINGS)
    )


def _first(connection: Connection, statement: sa.Select[Any]) -> Row | None:
    row = connection.execute(statement).mappings().first()
    return None if row is None else dict(row)


def _all(connection: Connection, statement: sa.Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(statement).mappings()]


def _stages(known: _Known, event: Received) -> dict[str, Stage]:
    names = STAGES[2:]
    if known.version is None and not known.is_refused:
        is_taken = known.watermark >= event.event_offset
        # Taken and neither loaded nor refused: a newer one was loaded by a warehouse rebuilt.
        state = StageState.SKIPPED if is_taken else StageState.PENDING
        return dict.fromkeys(names, Stage(state))
    if known.version is None:
        return {
            **dict.fromkeys(names, Stage(StageState.SKIPPED)),
            "normalised": Stage(StageState.FAILED, known.loaded_at),
        }
    if known.is_superseded:
        return _superseded_stages(known)
    return {
        "normalised": Stage(StageState.DONE, known.loaded_at),
        "geocoded": _geocoded(known),
        "images": _image_stage(known),
        "deduped": _at_publication(known),
        "scored": _scored(known),
        "published": _published(known),
    }


def _superseded_stages(known: _Known) -> dict[str, Stage]:
    """Return the stages of a revision that a later one replaced: published before that or never."""
    skipped = Stage(StageState.SKIPPED)
    was_shown = known.run is not None and known.run["watermark"] < (known.next_offset or 0)
    market = _at_publication(known) if was_shown else skipped
    return {
        "normalised": Stage(StageState.DONE, known.loaded_at),
        "geocoded": Stage(StageState.DONE, known.loaded_at),
        "images": skipped,
        "deduped": market,
        "scored": market,
        "published": _published(known) if was_shown else skipped,
    }


def _geocoded(known: _Known) -> Stage:
    is_placed = known.listing is not None and _is_placed(known.listing)
    return Stage(StageState.DONE if is_placed else StageState.FAILED, known.loaded_at)


def _is_placed(listing: Row) -> bool:
    return listing["precision"] not in (None, PlacePrecision.UNKNOWN.value)


def _image_stage(known: _Known) -> Stage:
    states = [row["state"] for row in known.images]
    stored, of = states.count("stored"), len(states)
    if not states:
        state = StageState.SKIPPED
    elif "pending" in states:
        state = StageState.PENDING
    else:
        state = StageState.DONE if stored else StageState.FAILED
    return Stage(state, stored=stored, of=of)


def _at_publication(known: _Known) -> Stage:
    if known.run is None:
        return Stage(StageState.PENDING)
    return Stage(StageState.DONE, known.run["published_at"])


def _scored(known: _Known) -> Stage:
    listing = known.listing
    if known.run is None or listing is None:
        return Stage(StageState.PENDING)
    if listing["market_id"] is None:
        return Stage(StageState.SKIPPED)
    is_for_sale = listing["transaction"] == Transaction.SALE and _is_on_market(listing)
    wanted = listing["score"] if is_for_sale else listing["value"]
    state = StageState.FAILED if wanted is None else StageState.DONE
    return Stage(state, known.run["published_at"])


def _published(known: _Known) -> Stage:
    if known.run is None:
        return Stage(StageState.PENDING)
    return Stage(StageState.DONE, known.run["published_at"], publication=known.run["publication"])


def _is_on_market(listing: Row) -> bool:
    return listing["status"] in ON_MARKET and listing["deleted_at"] is None


def _messages(known: _Known, event: Received, own: frozenset[str]) -> Iterator[Message]:
    if not event.is_changed:
        yield Message(
            Severity.INFO, "unchanged",
            f"it changed nothing: this is the report of revision {event.revision}",
        )  # fmt: skip
    yield from _rule_messages(known)
    if known.is_superseded:
        yield Message(
            Severity.INFO, "superseded",
            "a later revision took its place; what is said of places, pictures and figures stands "
            "in the report of that one's event",
        )  # fmt: skip
        return
    if known.version is None and known.is_refused:
        yield _kept_message(known)
    if known.version is not None and known.listing is not None:
        yield from _state_messages(known.listing)
        yield from _image_messages(known.images)
        if _is_on_market(known.listing):
            yield from _duplicate_messages(known, own)
        if known.run is not None:
            yield from _figure_messages(known.listing)


_SEVERITIES = {
    "refused": Severity.ERROR,
    "blanked": Severity.WARNING,
    "warned": Severity.WARNING,
}


def _rule_messages(known: _Known) -> Iterator[Message]:
    for row in known.refusals:
        yield Message(
            _SEVERITIES[row["severity"]],
            row["rule_code"],
            row["message"],
            property_path(row["column_name"]),
        )


def _kept_message(known: _Known) -> Message:
    if known.listing is None:
        return Message(
            Severity.ERROR, "not_listed",
            "nothing of this listing is on the market: no revision of it could be used",
        )  # fmt: skip
    return Message(
        Severity.ERROR, "earlier_revision_kept",
        f"the market shows revision {known.listing['revision']} of this listing instead",
    )  # fmt: skip


def _state_messages(listing: Row) -> Iterator[Message]:
    if listing["deleted_at"] is not None:
        yield Message(
            Severity.INFO, "deleted",
            f"the listing is deleted ({listing['deletion_reason']}): it is in no list and no stock",
        )  # fmt: skip
        return
    if not _is_on_market(listing):
        yield Message(
            Severity.INFO, "not_on_market",
            f"status is {listing['status']}: only active and reserved listings are ranked, "
            "scored and counted as stock",
            "status",
        )  # fmt: skip
    if listing["price"] is None:
        yield Message(
            Severity.WARNING, "price_missing",
            "without a price it is in no price figure and has no score", "price",
        )  # fmt: skip
    yield from _place_messages(listing)


def _place_messages(listing: Row) -> Iterator[Message]:
    precision = listing["precision"]
    has_point = listing["latitude"] is not None and listing["longitude"] is not None
    if has_point and precision != PlacePrecision.EXACT.value:
        yield Message(
            Severity.WARNING, "point_in_no_zone",
            "latitude and longitude lie in no known zone: the point is not used", "latitude",
        )  # fmt: skip
    if not _is_placed(listing):
        yield Message(
            Severity.WARNING, "place_unknown",
            "no zone is known for it, from neither a point nor a name in its words: it is in no "
            "zone's figures and not on the map",
            "address",
        )  # fmt: skip
    elif precision != PlacePrecision.EXACT.value:
        yield Message(
            Severity.INFO, "place_from_words",
            f"placed by the name {listing['matched_name']!r}, at the level {precision}: it is not "
            "on the map as a point",
            "address",
        )  # fmt: skip


def _image_messages(images: list[Row]) -> Iterator[Message]:
    for row in images:
        if row["state"] == "failed":
            yield Message(
                Severity.WARNING, "image_failed",
                f"the picture is not stored: {row['reason']}", f"imageUrls[{row['position']}]",
            )  # fmt: skip


def _duplicate_messages(known: _Known, own: frozenset[str]) -> Iterator[Message]:
    mine = [row for row in known.siblings if row["provider_identifier"] in own]
    names = ", ".join(f"{row['provider_identifier']}:{row['external_id']}" for row in mine)
    if mine:
        yield Message(
            Severity.WARNING, "duplicate_suspected",
            f"the same home as {names} of your own: one home is counted once",
        )  # fmt: skip
    if len(known.siblings) > len(mine):
        yield Message(
            Severity.INFO, "advertised_elsewhere",
            "other partners advertise the same home: one home is counted once",
        )  # fmt: skip
    is_led = known.run is not None and any(row["is_lead"] for row in known.siblings)
    if is_led:
        yield Message(
            Severity.WARNING, "not_leading",
            "another advert leads this home: this one is neither ranked nor counted by itself",
        )  # fmt: skip


_VALUE_REASONS = {
    "no_area": ("the area is unknown", "totalArea"),
    "no_place": ("the place is unknown", "address"),
    "no_comparables": ("too few homes like it are known around it", None),
}
_SCORE_REASONS = {
    "below_n_min": ("too few homes like it are for sale to rank it among", None),
    "price_out_of_line": ("the price is too far from the value to be meant", "price"),
}


def _figure_messages(listing: Row) -> Iterator[Message]:
    value_reason, score_reason = listing["value_reason"], listing["score_reason"]
    if value_reason is not None:
        why, path = _VALUE_REASONS.get(value_reason, (value_reason, None))
        yield Message(Severity.WARNING, f"no_value_{value_reason.removeprefix('no_')}",
                      f"it has no value: {why}", path)  # fmt: skip
    if score_reason is not None and score_reason != value_reason:
        why, path = _SCORE_REASONS.get(score_reason, (score_reason, None))
        yield Message(Severity.WARNING, f"no_score_{score_reason}",
                      f"it has no score: {why}", path)  # fmt: skip
    if listing["transaction"] == Transaction.RENT and listing["market_id"] is not None:
        yield Message(Severity.INFO, "no_score_for_rent",
                      "only homes for sale have a score", "transaction")  # fmt: skip
