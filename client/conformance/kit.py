"""The kit: every check in its order, one run over an API, and what came of it."""

import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Literal

from client.api import listing_path
from client.conformance import access, bulk, posting, reading, snapshots, strict_json
from client.conformance.subject import (
    Check,
    Expectation,
    SkippedError,
    Subject,
    UnmetError,
)
from client.errors import Imo360Error

CHECKS: tuple[Check, ...] = (
    *posting.CHECKS,
    *strict_json.CHECKS,
    *bulk.CHECKS,
    *reading.CHECKS,
    *snapshots.CHECKS,
    *access.CHECKS,
)

State = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Result:
    """What a check came to. reason: why it was skipped."""

    check: Check
    state: State
    expectations: tuple[Expectation, ...]
    reason: str | None
    seconds: float

    @property
    def unmet(self) -> Expectation | None:
        """The expectation that was not met."""
        return next((each for each in self.expectations if not each.is_met), None)


@dataclass(frozen=True, slots=True)
class Report:
    """What a run came to. left: identifiers that could not be deleted afterwards."""

    base_url: str
    provider: str
    results: tuple[Result, ...]
    left: tuple[str, ...]

    def count(self, state: State) -> int:
        """Return how many checks came to this."""
        return sum(result.state == state for result in self.results)

    @property
    def is_conformant(self) -> bool:
        """Whether no check failed."""
        return self.count("failed") == 0


def own_provider() -> str:
    """Return a provider identifier that nobody else has."""
    return f"conformance-{secrets.token_hex(6)}"


def run(
    subject: Subject, checks: Iterable[Check] = CHECKS,
    on_result: Callable[[Result], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> Report:  # fmt: skip
    """Run checks one after the other and delete what they made. Raises UnreachableError when the
    API is away while that is done."""
    results = []
    try:
        for check in checks:
            results.append(_result(subject, check, clock))
            on_result(results[-1])
    finally:
        left = tuple(_clean_up(subject))
    return Report(subject.transport.base_url, subject.provider, tuple(results), left)


def as_json(report: Report) -> str:
    """Return the report for programs."""
    states: tuple[State, ...] = ("passed", "failed", "skipped")
    document: dict[str, Any] = {
        "base": report.base_url,
        "provider": report.provider,
        **{state: report.count(state) for state in states},
        "checks": [_told(result) for result in report.results],
        "left": report.left,
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def as_text(report: Report) -> Iterator[str]:
    """Yield the report's lines for people: one a check, and below a failed one why."""
    for result in report.results:
        yield f"{result.state:<8} {result.check.name}"
        if result.unmet is not None:
            yield f"{'':<8}   proves:   {result.check.proves}"
            yield f"{'':<8}   expected: {result.unmet.expected}"
            yield f"{'':<8}   came:     {result.unmet.came}"
        if result.reason is not None:
            yield f"{'':<8}   {result.reason}"
    counts = [report.count("passed"), report.count("failed"), report.count("skipped")]
    yield "{} passed, {} failed, {} skipped".format(*counts)
    if report.left:
        yield f"could not be deleted: {', '.join(report.left)}"


def _result(subject: Subject, check: Check, clock: Callable[[], float]) -> Result:
    subject.expectations.clear()
    start = clock()
    state, reason = _outcome(subject, check)
    return Result(check, state, tuple(subject.expectations), reason, clock() - start)


def _outcome(subject: Subject, check: Check) -> tuple[State, str | None]:
    try:
        check.run(subject)
    except UnmetError:
        return "failed", None
    except SkippedError as skipped:
        return "skipped", str(skipped)
    except (Imo360Error, OSError, HTTPException, LookupError, TypeError, ValueError) as error:
        # An answer of another form than the check could read.
        came = Expectation("an answer of the documented form", repr(error), False)
        subject.expectations.append(came)
        return "failed", None
    return "passed", None


def _clean_up(subject: Subject) -> Iterator[str]:
    """Delete everything made; yield what is still there."""
    statuses = {
        identifier: subject.ask("DELETE", listing_path(identifier)).status
        for identifier in subject.made
    }
    subject.made.clear()
    # 403: a provider that was never claimed; 404: a listing that was refused. But an API that
    # says so of every listing does not know DELETE.
    gone = {204, 403, 404} if 204 in statuses.values() else {204, 403}
    yield from (identifier for identifier, status in statuses.items() if status not in gone)


def _told(result: Result) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": result.check.name,
        "proves": result.check.proves,
        "state": result.state,
        "seconds": round(result.seconds, 3),
        "expectations": [
            {"expected": each.expected, "came": each.came, "met": each.is_met}
            for each in result.expectations
        ],
    }
    return told | ({"reason": result.reason} if result.reason is not None else {})
