"""The API's answers as typed values. Members that a newer server adds are passed over."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from client.errors import Problem, Violation

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Warned:
    """Something in an accepted post that had no effect, or another than written."""

    property_path: str
    message: str
    code: str


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of an accepted post.

    stale: the body was older than what is stored, so nothing was taken from it. revision is None
    where the answer does not name it (in bulks).
    """

    id: int
    identifier: str
    created: bool
    changed: bool
    stale: bool
    status: str
    event_id: str
    received_at: str
    warnings: tuple[Warned, ...]
    revision: int | None = None

    @classmethod
    def of(cls, told: Json, revision: int | None = None) -> "Posted":
        """Read the answer of a post."""
        return cls(
            int(told["id"]), str(told["identifier"]), bool(told["created"]),
            bool(told["changed"]), bool(told.get("stale", False)), str(told["status"]),
            str(told["eventId"]), str(told["receivedAt"]), warnings_of(told), revision,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """What became of one listing of many: posted when it was accepted, else problem.

    index counts from 0 over all listings that were given.
    """

    index: int
    identifier: tuple[str, str]
    posted: Posted | None
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a post would do: warnings as a post's, all of the answer in `told`."""

    warnings: tuple[Warned, ...]
    told: Json

    @classmethod
    def of(cls, told: Json) -> "DryRun":
        """Read the answer of a dry run."""
        return cls(warnings_of(told), told)


@dataclass(frozen=True, slots=True)
class DryItem:
    """What one listing of many would come to: a dry run, or the problem of its refusal."""

    index: int
    identifier: tuple[str, str]
    dry_run: DryRun | None
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class Stored:
    """A listing as it is stored: its wire fields, and which event each of them came with."""

    id: int
    identifier: str
    revision: int
    status: str
    status_since: str | None
    deleted_at: str | None
    content_hash: str
    event_id: str
    listing: Json
    sources: Json
    stages: Json

    @classmethod
    def of(cls, told: Json) -> "Stored":
        """Read a stored listing."""
        return cls(
            int(told["id"]), str(told["identifier"]), int(told["revision"]), str(told["status"]),
            told.get("statusSince"), told.get("deletedAt"), str(told["contentHash"]),
            str(told["eventId"]), told["listing"], told.get("sources", {}),
            told.get("stages", {}),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Message:
    """Something an event report tells. severity: info, warning or error."""

    severity: str
    code: str
    message: str
    property_path: str | None


@dataclass(frozen=True, slots=True)
class EventReport:
    """What became of an event, stage by stage (pending, done, failed, skipped)."""

    event_id: str
    identifier: str
    id: int
    revision: int
    changed: bool
    received_at: str
    stages: Mapping[str, Json]
    messages: tuple[Message, ...]
    quality_score: float | None
    quality_reasons: tuple[Any, ...]

    @classmethod
    def of(cls, told: Json) -> "EventReport":
        """Read an event report."""
        messages = tuple(
            Message(str(m["severity"]), str(m["code"]), str(m["message"]), m.get("propertyPath"))
            for m in told.get("messages", ())
        )
        return cls(
            str(told["eventId"]), str(told["identifier"]), int(told["id"]),
            int(told["revision"]), bool(told["changed"]), str(told["receivedAt"]),
            told["stages"], messages, told.get("qualityScore"),
            tuple(told.get("qualityReasons") or ()),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One revision of one of the partner's listings. seq grows strictly and never changes."""

    seq: int
    id: int
    identifier: str
    revision: int
    status: str
    event_id: str
    changed_at: str
    created: bool
    deleted: bool

    @classmethod
    def of(cls, told: Json) -> "Change":
        """Read a change."""
        return cls(
            int(told["seq"]), int(told["id"]), str(told["identifier"]), int(told["revision"]),
            str(told["status"]), str(told["eventId"]), str(told["changedAt"]),
            bool(told["created"]), bool(told["deleted"]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refused:
    """A body the server refused and keeps: why, and enough to find it in one's own log."""

    refusal: int
    received_at: str
    provider_identifier: str | None
    external_id: str | None
    code: str
    violations: tuple[Violation, ...]
    payload_sha256: str
    payload_bytes: int

    @classmethod
    def of(cls, told: Json) -> "Refused":
        """Read a refusal."""
        return cls(
            int(told["refusal"]), str(told["receivedAt"]), told.get("providerIdentifier"),
            told.get("externalId"), str(told["code"]), Problem.of(told).violations,
            str(told["payloadSha256"]), int(told["bytes"]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot. state: open, held (by its brake), confirmed, applied or abandoned."""

    id: str
    state: str
    provider_identifier: str
    told: Json

    @classmethod
    def of(cls, told: Json) -> "Snapshot":
        """Read a snapshot."""
        return cls(str(told["id"]), str(told["state"]), str(told["providerIdentifier"]), told)


def warnings_of(told: Json) -> tuple[Warned, ...]:
    """Return the warnings of an answer."""
    return tuple(
        Warned(str(w["propertyPath"]), str(w["message"]), str(w["code"]))
        for w in told.get("warnings", ())
    )
