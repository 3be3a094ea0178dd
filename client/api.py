"""The integration API as a class: one method per call, typed answers, typed errors.

    with Imo360("http://127.0.0.1:8360", key) as api:
        posted = api.post({"providerIdentifier": "my-crm", "externalId": "listing-456", ...})
        for item in api.post_many(listings):
            print(item.identifier, item.problem or item.posted.id)

Everything raised is a client.errors.Imo360Error. A call waits and tries again while the server is
away or busy (see client.transport). One object is for one thread.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode

from client.answers import (
    Change,
    DryItem,
    DryRun,
    EventReport,
    Item,
    Posted,
    Refused,
    Snapshot,
    Stored,
)
from client.bulks import Encoded, body_of, bulks, dealt, encode, pair_of
from client.errors import (
    ConflictError,
    Problem,
    TooLargeError,
    UnexpectedAnswerError,
    UnreachableError,
)
from client.transport import PATIENCE_S, TIMEOUT_S, Answer, Transport

ROOT = "/api/integration"
LISTINGS = f"{ROOT}/estates"
BULK = f"{LISTINGS}/bulk"
SNAPSHOTS = f"{ROOT}/snapshots"
JSON = {"Content-Type": "application/json"}
PAGE = 1_000
HELD = "snapshot_held"

Listing = Mapping[str, Any]
Told = Mapping[str, Any]
Value = TypeVar("Value")


def listing_path(identifier: str) -> str:
    """Return a listing's path; an external id may hold '/'."""
    return f"{LISTINGS}/{quote(identifier, safe=':')}"


def identifier_of(listing: Listing) -> str:
    """Return `provider:externalId` of a listing."""
    return ":".join(pair_of(listing))


class Imo360:
    """The API of one server, spoken to with one key."""

    def __init__(
        self, base_url: str, key: str, *, timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S, pause: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        """timeout_s bounds each wait for the server, patience_s all pauses of one call together;
        pause is what waits. Raises ValueError for a base_url that is none.
        """
        self.transport = Transport(
            base_url, key, timeout_s=timeout_s, patience_s=patience_s, pause=pause
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self.transport.close()

    def post(
        self, listing: Listing, *, idempotency_key: str | None = None,
        if_match: int | None = None,
    ) -> Posted:  # fmt: skip
        """Create or update a listing; it is on the server's disk when this returns.

        idempotency_key: a second call with the same key and body within a day is answered from
        memory. if_match: refuse (PreconditionFailedError) unless the listing is at this revision.
        """
        headers = {**JSON, "Idempotency-Key": idempotency_key, "If-Match": _tag(if_match)}
        answer = self.transport.send("POST", LISTINGS, encode(listing), headers)
        revision = _revision(answer)
        return _read(answer, lambda told: Posted.of(told, revision))

    def dry_run(self, listing: Listing) -> DryRun:
        """Say what posting would do, and do nothing."""
        answer = self.transport.send("POST", f"{LISTINGS}?dryRun=true", encode(listing), JSON)
        return _read(answer, DryRun.of)

    def post_many(
        self, listings: Iterable[Listing], *, snapshot: str | None = None
    ) -> Iterator[Item]:
        """Post listings in bulks, in their order; yield what became of each.

        Reads listings only as bulks need them, so any number may be given. A bulk whose answer
        was lost is sent again: its listings then come as not changed.
        """
        query = urlencode({"snapshot": snapshot}) if snapshot is not None else ""
        for each, result in self._bulk_results(listings, query):
            yield Item(each.index, each.identifier, *_outcome(result, Posted.of))

    def dry_run_many(self, listings: Iterable[Listing]) -> Iterator[DryItem]:
        """Say what posting listings would do, and do nothing."""
        for each, result in self._bulk_results(listings, "dryRun=true"):
            yield DryItem(each.index, each.identifier, *_outcome(result, DryRun.of))

    def read(self, identifier: str) -> Stored:
        """Return a listing as it is stored; identifier is `provider:externalId`."""
        return _read(self.transport.send("GET", listing_path(identifier)), Stored.of)

    def read_if_changed(self, identifier: str, revision: int) -> Stored | None:
        """Return a listing as it is stored, None while it is still at this revision."""
        headers = {"If-None-Match": _tag(revision)}
        answer = self.transport.send("GET", listing_path(identifier), headers=headers)
        return None if answer.status == 304 else _read(answer, Stored.of)

    def list(
        self, fields: Sequence[str] = ("externalId", "status", "contentHash"), *,
        provider_identifier: str | None = None, page_size: int = PAGE,
    ) -> Iterator[Told]:  # fmt: skip
        """Yield these fields of all of one's listings, page by page."""
        asked = {
            "fields": ",".join(fields), "limit": page_size,
            "providerIdentifier": provider_identifier,
        }  # fmt: skip
        cursor: str | None = None
        while True:
            page = self._get(LISTINGS, cursor=cursor, **asked)
            yield from page["items"]
            cursor = page["nextCursor"]
            if cursor is None:
                return

    def delete(
        self, identifier: str, reason: str = "withdrawn", *, if_match: int | None = None
    ) -> None:
        """Take a listing away; reason: withdrawn, sold, rented or expired. Twice is as once."""
        path = f"{listing_path(identifier)}?{urlencode({'reason': reason})}"
        self.transport.send("DELETE", path, headers={"If-Match": _tag(if_match)})

    def event(self, event_id: str) -> EventReport:
        """Return what became of a post, stage by stage."""
        return _read(self.transport.send("GET", f"{ROOT}/events/{quote(event_id)}"), EventReport.of)

    def changes(
        self, after: int = 0, *, provider_identifier: str | None = None, zone: str | None = None,
        page_size: int = PAGE,
    ) -> Iterator[Change]:  # fmt: skip
        """Yield all changes after a sequence number, until there are no more for now.

        Keep the last `seq` and go on from there the next time.
        """
        asked = {"limit": page_size, "providerIdentifier": provider_identifier, "zone": zone}
        for page in self._pages(f"{ROOT}/changes", after, asked):
            yield from (Change.of(told) for told in page["changes"])

    def refusals(
        self, after: int = 0, *, provider_identifier: str | None = None, page_size: int = PAGE
    ) -> Iterator[Refused]:
        """Yield the refused bodies after a number, with the reasons."""
        asked = {"limit": page_size, "providerIdentifier": provider_identifier}
        for page in self._pages(f"{ROOT}/refusals", after, asked):
            yield from (Refused.of(told) for told in page["refusals"])

    def snapshot(
        self, provider_identifier: str, *, transaction: str | None = None, type: str | None = None
    ) -> "SnapshotFeed":
        """Return a snapshot to feed, for all of a provider's listings or these kinds alone."""
        scope = {
            "providerIdentifier": provider_identifier, "transaction": transaction, "type": type,
        }  # fmt: skip
        return SnapshotFeed(self, {name: told for name, told in scope.items() if told is not None})

    def read_snapshot(self, snapshot_id: str) -> Snapshot:
        """Return a snapshot as it stands."""
        path = f"{SNAPSHOTS}/{quote(snapshot_id)}"
        return _read(self.transport.send("GET", path), Snapshot.of)

    def confirm_snapshot(self, snapshot_id: str) -> Snapshot:
        """Let a snapshot close that its brake holds: what it did not name is withdrawn."""
        path = f"{SNAPSHOTS}/{quote(snapshot_id)}/confirm"
        return _read(self.transport.send("POST", path), Snapshot.of)

    def reference(self) -> Told:
        """Return the reference: fields, codes, limits."""
        return self._get(f"{ROOT}/reference")

    def usage(self) -> Told:
        """Return what this key was used for, by day."""
        return self._get(f"{ROOT}/usage")

    def wipe_sandbox(self) -> None:
        """Empty the sandbox of a sandbox key's partner."""
        self.transport.send("DELETE", f"{ROOT}/sandbox")

    def _get(self, path: str, **asked: Any) -> Told:
        query = urlencode({name: told for name, told in asked.items() if told is not None})
        return _object(self.transport.send("GET", f"{path}?{query}" if query else path))

    def _pages(self, path: str, after: int, asked: Told) -> Iterator[Told]:
        is_more = True
        while is_more:
            page = self._get(path, after=after, **asked)
            yield page
            after, is_more = page["next"], page["more"]

    def _bulk_results(
        self, listings: Iterable[Listing], query: str
    ) -> Iterator[tuple[Encoded, Told]]:
        path = f"{BULK}?{query}" if query else BULK
        for bulk in bulks(listings):
            yield from self._post_bulk(path, bulk)

    def _post_bulk(self, path: str, bulk: Sequence[Encoded]) -> Iterator[tuple[Encoded, Told]]:
        try:
            answer = self.transport.send("POST", path, body_of(bulk), JSON)
        except TooLargeError as refused:
            limit = refused.problem.limit
            if refused.code != "bulk_exceeds_rate" or not limit or limit >= len(bulk):
                raise
            for smaller in dealt(bulk, limit):
                yield from self._post_bulk(path, smaller)
            return
        results = _object(answer).get("results", ())
        if len(results) != len(bulk):
            raise UnexpectedAnswerError(f"{len(results)} results for {len(bulk)} listings")
        yield from zip(bulk, results, strict=True)


class SnapshotFeed:
    """A snapshot at work: everything that is on offer is fed, then what was not fed is withdrawn.

        with api.snapshot("my-crm") as snapshot:
            for item in snapshot.feed(listings):
                ...

    Leaving the block closes the snapshot with the number of listings fed; an error inside it
    abandons the snapshot, which withdraws nothing. ConflictError with the code `snapshot_held`
    means that unusually many would be withdrawn: look, then `confirm` or `abandon`. With
    `snapshot_incomplete` a listing was refused: it may still be on offer, so mend it and feed it
    again, or `close` with the number that was accepted.
    """

    def __init__(self, api: Imo360, scope: Told) -> None:
        self._api = api
        self._scope = scope
        self._fed: set[tuple[str, str]] = set()
        self.id = ""
        self.snapshot: Snapshot | None = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        if self.snapshot is None or self.snapshot.state != "open":
            return
        if error is None:
            self.close()
        elif not isinstance(error, UnreachableError):
            self.abandon()

    def open(self) -> Snapshot:
        """Open it; the context manager does."""
        answer = self._api.transport.send("POST", SNAPSHOTS, encode(self._scope), JSON)
        self.snapshot = _read(answer, Snapshot.of)
        self.id = self.snapshot.id
        return self.snapshot

    def feed(self, listings: Iterable[Listing]) -> Iterator[Item]:
        """Post listings as part of the snapshot; yield what became of each. Must be used up."""
        for item in self._api.post_many(listings, snapshot=self.id):
            self._fed.add(item.identifier)
            yield item

    def close(self, expected_count: int | None = None) -> Snapshot:
        """Withdraw what was not fed. expected_count: by default how many were fed here."""
        count = len(self._fed) if expected_count is None else expected_count
        path = f"{SNAPSHOTS}/{quote(self.id)}/close"
        try:
            answer = self._api.transport.send("POST", path, encode({"expectedCount": count}), JSON)
        except ConflictError as refused:
            if refused.code == HELD and self.snapshot is not None:
                self.snapshot = replace(self.snapshot, state="held")
            raise
        self.snapshot = _read(answer, Snapshot.of)
        return self.snapshot

    def confirm(self) -> Snapshot:
        """Close although the brake holds it."""
        self.snapshot = self._api.confirm_snapshot(self.id)
        return self.snapshot

    def abandon(self) -> None:
        """Give it up; nothing is withdrawn."""
        self._api.transport.send("DELETE", f"{SNAPSHOTS}/{quote(self.id)}")
        self.snapshot = None


def _object(answer: Answer) -> dict[str, Any]:
    told = answer.json()
    if not isinstance(told, dict):
        raise UnexpectedAnswerError("the answer is no JSON object")
    return told


def _read(answer: Answer, of: Callable[[dict[str, Any]], Value]) -> Value:
    try:
        return of(_object(answer))
    except (KeyError, TypeError, ValueError) as missing:
        raise UnexpectedAnswerError(f"an answer of another form: {missing!r}") from missing


def _outcome(
    result: Told, of: Callable[[dict[str, Any]], Value]
) -> tuple[Value | None, Problem | None]:
    """Return (what was done, None) or (None, why it was refused) of a bulk's item."""
    try:
        if result["success"]:
            return of(result["data"]), None
        return None, Problem.of(result["error"])
    except (KeyError, TypeError, ValueError) as missing:
        raise UnexpectedAnswerError(f"a result of another form: {missing!r}") from missing


def _tag(revision: int | None) -> str | None:
    return None if revision is None else f'"r{revision}"'


def _revision(answer: Answer) -> int | None:
    tag = answer.headers.get("etag", "").strip('"')
    return int(tag[1:]) if tag.startswith("r") and tag[1:].isdigit() else None
