"""The API under check: requests to it, what was expected of it, and what has to be cleaned up."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from client.api import BULK, JSON, LISTINGS, listing_path
from client.bulks import encode
from client.transport import Answer, Headers, Transport

PROBLEM = "application/problem+json"
NDJSON = {"Content-Type": "application/x-ndjson"}
SHOWN = 300
"""Letters of an answer that a report shows."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What was expected, what came, and whether that was it."""

    expected: str
    came: str
    is_met: bool


class UnmetError(Exception):
    """An expectation was not met; it is the last of the subject's."""


class SkippedError(Exception):
    """The check cannot be made here; the message says why."""


@dataclass(slots=True)
class Admin:
    """Who may make keys, for the checks that need several."""

    email: str
    password: str
    token: str | None = None


@dataclass(slots=True)
class Subject:
    """One API, one key, and a provider that nobody else uses.

    may_claim: whether the key may use further providers, made up from this one's name.
    """

    transport: Transport
    key: str
    provider: str
    may_claim: bool = True
    admin: Admin | None = None
    expectations: list[Expectation] = field(default_factory=list)
    made: dict[str, None] = field(default_factory=dict)
    _count: int = 0

    def ask(
        self, method: str, path: str, body: Any = None, headers: Headers | None = None
    ) -> Answer:
        """Send bytes as they are, or anything else as JSON; return whatever is answered."""
        content = body if isinstance(body, bytes | None) else encode(body)
        sent = {**JSON, **(headers or {})} if content is not None else headers
        return self.transport.ask(method, path, content, sent)

    def listing(self, provider: str | None = None, **fields: Any) -> Document:
        """Return a complete listing that is new; it is deleted at the end."""
        self._count += 1
        listing = {
            "providerIdentifier": provider or self.provider,
            "externalId": f"check-{self._count}", "title": "Conformance check, no real home",
            "transaction": "SALE", "type": "APARTMENT", "price": 185000, "currency": "EUR",
            "rooms": 3, "totalArea": 85.5, **fields,
        }  # fmt: skip
        self.made[self.identifier(listing)] = None
        return listing

    def post(self, listing: Any, headers: Headers | None = None, query: str = "") -> Answer:
        """Post one listing."""
        return self.ask("POST", LISTINGS + query, listing, headers)

    def posted(self, listing: Document, headers: Headers | None = None) -> Document:
        """Post one listing that must be accepted; return the answer."""
        answer = self.post(listing, headers)
        self.expect("the post is accepted: 200 or 201", told(answer), answer.status in (200, 201))
        return self.object(answer)

    def bulk(self, items: list[Any], query: str = "") -> Document:
        """Post a bulk that must be answered; return the answer."""
        answer = self.ask("POST", BULK + query, {"items": items})
        self.expect_status(answer, 200)
        return self.object(answer)

    def read(self, listing: Document) -> Document:
        """Read a listing back that must be there."""
        answer = self.ask("GET", listing_path(self.identifier(listing)))
        self.expect_status(answer, 200)
        return self.object(answer)

    def get(self, path: str) -> Document:
        """Get a JSON object that must be there."""
        answer = self.ask("GET", path)
        self.expect_status(answer, 200)
        return self.object(answer)

    def expect_never_stored(self, listing: Document) -> None:
        """Expect that there is no such listing: it reads as 404, and a post creates it."""
        answer = self.ask("GET", listing_path(self.identifier(listing)))
        self.expect_problem(answer, 404, "not_found")
        self.expect_equal("created by a post afterwards", self.posted(listing)["created"], True)

    def object(self, answer: Answer) -> Document:
        """Return an answer's JSON object."""
        try:
            found = json.loads(answer.body)
        except ValueError:
            found = None
        self.expect("a JSON object", told(answer), isinstance(found, dict))
        assert isinstance(found, dict)
        return found

    def expect(self, expected: str, came: str, is_met: bool) -> None:
        """Note what was expected and what came. Raises UnmetError when that was not it."""
        self.expectations.append(Expectation(expected, came[:SHOWN], is_met))
        if not is_met:
            raise UnmetError

    def expect_equal(self, what: str, came: Any, wanted: Any) -> None:
        """Expect a value."""
        self.expect(f"{what} is {shown(wanted)}", shown(came), came == wanted)

    def expect_members(self, what: str, came: Mapping[str, Any], wanted: Collection[str]) -> None:
        """Expect an object to have members."""
        missing = [name for name in wanted if name not in came]
        lacks = f"lacks {', '.join(missing)}" if missing else "all of them"
        self.expect(f"{what} has {', '.join(wanted)}", lacks, not missing)

    def expect_status(self, answer: Answer, status: int) -> None:
        """Expect a status."""
        self.expect(f"status {status}", told(answer), answer.status == status)

    def expect_problem(self, answer: Answer, status: int, code: str) -> Document:
        """Expect a refusal as a problem of this code; return the problem."""
        self.expect_status(answer, status)
        media = answer.headers.get("content-type", "").partition(";")[0].strip()
        self.expect_equal("the media type", media, PROBLEM)
        problem = self.object(answer)
        self.expect_members("the problem", problem, ("type", "title", "status", "detail", "code"))
        self.expect_equal("code", problem["code"], code)
        self.expect_equal("status in the body", problem["status"], status)
        return problem

    def expect_violation(self, answer: Answer, code: str, *paths: str) -> Document:
        """Expect a 422 with a violation of this code at each path; return the problem."""
        problem = self.expect_problem(answer, 422, "validation_failed")
        came = [(v.get("propertyPath"), v.get("code")) for v in problem.get("violations", [])]
        expected = ", ".join(f"{code} at {path}" for path in paths)
        self.expect(f"violations: {expected}", shown(came), all((p, code) in came for p in paths))
        return problem

    def expect_warning(self, answer: Mapping[str, Any], code: str, path: str) -> Document:
        """Expect a warning of this code at a path; return it."""
        warnings = answer.get("warnings", [])
        found = [w for w in warnings if w.get("code") == code and w.get("propertyPath") == path]
        self.expect(f"a warning {code} at {path}", shown(warnings), bool(found))
        return dict(found[0])

    def identifier(self, listing: Document) -> str:
        """Return `provider:externalId`."""
        return f"{listing['providerIdentifier']}:{listing['externalId']}"


Run = Callable[[Subject], None]


@dataclass(frozen=True, slots=True)
class Check:
    """A named check: what it proves, and how."""

    name: str
    proves: str
    run: Run


def checks(*runs: Run) -> tuple[Check, ...]:
    """Return checks by functions: their names, and the first lines of their docstrings."""
    return tuple(
        Check(run.__name__.replace("_", "-"), (run.__doc__ or "").strip().partition("\n")[0], run)
        for run in runs
    )


def told(answer: Answer) -> str:
    """Say what was answered, in a line."""
    return f"{answer.status} {answer.body[:SHOWN].decode('utf-8', 'replace')}".strip()


def shown(value: Any) -> str:
    """Say a value, in a line."""
    try:
        return json.dumps(value, ensure_ascii=False)[:SHOWN]
    except (TypeError, ValueError):
        return repr(value)[:SHOWN]
