"""The kit itself: no check passes on a server that is wrong, and what was made is deleted."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from client.conformance.kit import CHECKS, Report, as_json, as_text, run
from client.conformance.subject import SkippedError, Subject, checks
from client.errors import UnreachableError
from client.transport import Transport
from tests.client.stand_in import StandIn

KEY = "imo360_ak_secret"


def subject(server: StandIn, **options: Any) -> Subject:
    transport = Transport(server.base, KEY, patience_s=0, pause=lambda _: None)
    server.callers.callback(transport.close)
    return Subject(transport, KEY, "conformance-x", **options)


class Always(list[Any]):
    """Answers that never end: the same one each time."""

    def pop(self, _index: Any = 0) -> Any:
        return self[0]


def always(server: StandIn, status: int, answer: Any) -> Subject:
    server.answers = Always([(status, {}, answer)])
    return subject(server)


@pytest.mark.parametrize(
    ("status", "answer"),
    [(200, {}), (200, []), (201, {"warnings": []}), (404, {}), (500, b"<html>"),
     (401, {"code": "missing_api_key", "status": 401})],
    ids=["yes to all", "a list", "created", "not found", "a page", "no key"],
)  # fmt: skip
def test_no_check_passes_on_a_server_that_is_wrong(
    stand_in: StandIn, status: int, answer: Any
) -> None:
    report = run(always(stand_in, status, answer))
    assert [result.check.name for result in report.results if result.state == "passed"] == []
    assert report.count("failed") > 50
    assert not report.is_conformant


def test_no_check_passes_on_a_server_that_is_away(stand_in: StandIn) -> None:
    stand_in.answers = Always([(0, {}, None)])
    results = []
    with pytest.raises(UnreachableError):
        run(subject(stand_in), on_result=results.append)
    assert {result.state for result in results} <= {"failed", "skipped"}
    assert len(results) == len(CHECKS)


def ran(server: StandIn, *runs: Callable[[Subject], None]) -> Report:
    return run(always(server, 204, b""), checks(*runs), clock=lambda: 0.0)


def it_holds(api: Subject) -> None:
    """It holds."""
    api.expect("one", "one", True)


def it_does_not(api: Subject) -> None:
    """It does not."""
    api.expect("one", "one", True)
    api.expect("two", "three", False)
    api.expect("never looked at", "", True)


def it_cannot_be_told(_api: Subject) -> None:
    """It cannot be told."""
    raise SkippedError("no admin here")


def it_stumbles(_api: Subject) -> None:
    """It stumbles."""
    raise KeyError("results")


def test_a_report_says_what_was_expected_and_what_came(stand_in: StandIn) -> None:
    report = ran(stand_in, it_holds, it_does_not, it_cannot_be_told, it_stumbles)
    assert list(as_text(report)) == [
        "passed   it-holds",
        "failed   it-does-not",
        "           proves:   It does not.",
        "           expected: two",
        "           came:     three",
        "skipped  it-cannot-be-told",
        "           no admin here",
        "failed   it-stumbles",
        "           proves:   It stumbles.",
        "           expected: an answer of the documented form",
        "           came:     KeyError('results')",
        "1 passed, 2 failed, 1 skipped",
    ]
    document = json.loads(as_json(report))
    assert [document[state] for state in ("passed", "failed", "skipped")] == [1, 2, 1]
    assert document["checks"][1] == {
        "name": "it-does-not", "proves": "It does not.", "state": "failed", "seconds": 0.0,
        "expectations": [
            {"expected": "one", "came": "one", "met": True},
            {"expected": "two", "came": "three", "met": False},
        ],
    }  # fmt: skip
    assert document["checks"][2]["reason"] == "no admin here"


def test_a_failure_of_the_kits_own_is_raised(stand_in: StandIn) -> None:
    def it_is_broken(_api: Subject) -> None:
        """It is broken."""
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ran(stand_in, it_is_broken)


def it_makes_listings(api: Subject) -> None:
    """It makes listings."""
    api.listing()
    api.listing(externalId="a/b")
    api.expect("nothing more", "", False)


def test_what_was_made_is_deleted_even_after_a_failure(stand_in: StandIn) -> None:
    report = ran(stand_in, it_makes_listings)
    deleted = [seen.path for seen in stand_in.seen if seen.method == "DELETE"]
    assert deleted == [
        "/api/integration/estates/conformance-x:check-1",
        "/api/integration/estates/conformance-x:a%2Fb",
    ]
    assert report.left == ()


def test_what_cannot_be_deleted_is_told(stand_in: StandIn) -> None:
    report = run(always(stand_in, 405, {}), checks(it_makes_listings))
    assert report.left == ("conformance-x:check-1", "conformance-x:a/b")
    assert "could not be deleted: conformance-x:check-1, conformance-x:a/b" in as_text(report)


def test_checks_have_names_of_their_own_and_say_what_they_prove() -> None:
    assert len(CHECKS) >= 30
    assert len({each.name for each in CHECKS}) == len(CHECKS)
    assert all(each.proves.endswith(".") and "\n" not in each.proves for each in CHECKS)


def test_a_report_holds_no_key(stand_in: StandIn) -> None:
    report = run(always(stand_in, 200, {}), CHECKS)
    assert KEY not in as_json(report)
    assert KEY not in "\n".join(as_text(report))
