"""Checks of snapshots: only closing withdraws, and a brake holds what looks like an accident.

Each uses a provider of its own, so that nothing but its own listings can be withdrawn.
"""

from typing import Any

from client.api import BULK, SNAPSHOTS
from client.conformance.subject import SkippedError, Subject, checks

BOUND = "needs a key that may claim a further provider: a snapshot withdraws what it does not hold"
MANY = 12
"""Above the brake's least number (10), and far above its share when all but one go."""


def a_closed_snapshot_withdraws_the_rest(api: Subject) -> None:
    """Of three listings two are sent with a snapshot: closing it withdraws the third alone."""
    listings, snapshot = _opened(api, "rest", 3)
    _feed(api, snapshot, listings[:2])
    api.expect_equal("status before", api.read(listings[2])["status"], "active")
    _close(api, snapshot, 2, 200)
    statuses = [api.read(listing)["status"] for listing in listings]
    api.expect_equal("statuses after", statuses, ["active", "active", "withdrawn"])


def a_wrong_count_closes_no_snapshot(api: Subject) -> None:
    """A snapshot closed with another count than was sent is 409 and withdraws nothing."""
    listings, snapshot = _opened(api, "count", 2)
    _feed(api, snapshot, listings[:1])
    answer = api.ask("POST", f"{SNAPSHOTS}/{snapshot}/close", {"expectedCount": 2})
    api.expect_problem(answer, 409, "snapshot_incomplete")
    api.expect_equal("status", api.read(listings[1])["status"], "active")
    api.expect_status(api.ask("DELETE", f"{SNAPSHOTS}/{snapshot}"), 204)


def an_abandoned_snapshot_withdraws_nothing(api: Subject) -> None:
    """A snapshot that is given up withdraws nothing, and takes nothing more."""
    listings, snapshot = _opened(api, "abandoned", 2)
    _feed(api, snapshot, listings[:1])
    api.expect_status(api.ask("DELETE", f"{SNAPSHOTS}/{snapshot}"), 204)
    api.expect_equal("status", api.read(listings[1])["status"], "active")
    answer = api.ask("POST", f"{SNAPSHOTS}/{snapshot}/close", {"expectedCount": 1})
    api.expect("a 4xx", str(answer.status), answer.status in (404, 409))


def the_brake_holds_until_confirmed(api: Subject) -> None:
    """A snapshot that would withdraw 11 of 12 is 409 snapshot_held; confirmed, it does."""
    listings, snapshot = _opened(api, "brake", MANY)
    _feed(api, snapshot, listings[:1])
    answer = api.ask("POST", f"{SNAPSHOTS}/{snapshot}/close", {"expectedCount": 1})
    api.expect_problem(answer, 409, "snapshot_held")
    api.expect_equal("status while held", api.read(listings[1])["status"], "active")
    confirmed = api.ask("POST", f"{SNAPSHOTS}/{snapshot}/confirm")
    api.expect_status(confirmed, 200)
    statuses = {api.read(listing)["status"] for listing in listings[1:]}
    api.expect_equal("statuses after", sorted(statuses), ["withdrawn"])
    api.expect_equal("what was sent", api.read(listings[0])["status"], "active")


def _opened(api: Subject, name: str, count: int) -> tuple[list[dict[str, Any]], str]:
    """Post listings of a provider of its own and open a snapshot of it."""
    if not api.may_claim:
        raise SkippedError(BOUND)
    provider = f"{api.provider}-{name}"
    listings = [api.listing(provider) for _ in range(count)]
    api.expect_equal("accepted", api.bulk(listings)["succeeded"], count)
    answer = api.ask("POST", SNAPSHOTS, {"providerIdentifier": provider})
    api.expect_status(answer, 201)
    snapshot = api.object(answer)
    api.expect_members("the snapshot", snapshot, ("id", "state", "providerIdentifier"))
    api.expect_equal("state", snapshot["state"], "open")
    return listings, str(snapshot["id"])


def _feed(api: Subject, snapshot: str, listings: list[dict[str, Any]]) -> None:
    answer = api.ask("POST", f"{BULK}?snapshot={snapshot}", {"items": listings})
    api.expect_status(answer, 200)
    api.expect_equal("succeeded", api.object(answer)["succeeded"], len(listings))


def _close(api: Subject, snapshot: str, count: int, status: int) -> None:
    answer = api.ask("POST", f"{SNAPSHOTS}/{snapshot}/close", {"expectedCount": count})
    api.expect_status(answer, status)


CHECKS = checks(
    a_closed_snapshot_withdraws_the_rest,
    a_wrong_count_closes_no_snapshot,
    an_abandoned_snapshot_withdraws_nothing,
    the_brake_holds_until_confirmed,
)
