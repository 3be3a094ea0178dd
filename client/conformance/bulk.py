"""Checks of many listings at once: bulks and NDJSON."""

import json
from typing import Any

from client.api import BULK
from client.conformance.subject import NDJSON, Subject, checks, shown


def a_bulk_answers_item_by_item(api: Subject) -> None:
    """One wrong item of three fails alone: 200, counts, results in the order sent."""
    good, wrong, other = api.listing(), api.listing(price=-1), api.listing()
    answer = api.bulk([good, wrong, other])
    counts = [answer.get(name) for name in ("count", "succeeded", "failed")]
    api.expect_equal("count, succeeded, failed", counts, [3, 2, 1])
    results = answer["results"]
    api.expect_equal("indexes", [r["index"] for r in results], [0, 1, 2])
    api.expect_equal("success", [r["success"] for r in results], [True, False, True])
    identifiers = [results[0]["data"]["identifier"], results[2]["data"]["identifier"]]
    api.expect_equal("identifiers", identifiers, [api.identifier(good), api.identifier(other)])
    api.expect_equal("price read back", api.read(other)["listing"]["price"], other["price"])


def an_items_error_is_the_single_problem(api: Subject) -> None:
    """The error of an item is the problem that posting it alone would answer."""
    wrong = api.listing(imageUrls=["https://example.com/1", "x"], agency={"name": "A", "phone": 1})
    single = api.object(api.post(wrong))
    error = api.bulk([wrong])["results"][0]["error"]
    for name in ("status", "code", "violations"):
        api.expect_equal(name, error.get(name), single.get(name))


def a_bulk_that_fails_is_still_200(api: Subject) -> None:
    """A bulk in which every item fails is 200 with failed equal to count."""
    answer = api.bulk([api.listing(price=-1), 7, None])
    api.expect_equal("failed", answer["failed"], 3)
    codes = [result["error"]["code"] for result in answer["results"]]
    api.expect_equal("codes", codes, ["validation_failed"] * 3)


def duplicates_in_a_bulk_apply_in_order(api: Subject) -> None:
    """The same listing twice: both succeed, the later wins and names the earlier's index."""
    listing = api.listing()
    results = api.bulk([listing, {**listing, "price": 170000}])["results"]
    api.expect_equal("success", [r["success"] for r in results], [True, True])
    api.expect_equal("ids", results[1]["data"]["id"], results[0]["data"]["id"])
    api.expect_equal("supersedesIndex", results[1]["data"].get("supersedesIndex"), 0)
    api.expect_equal("price read back", api.read(listing)["listing"]["price"], 170000)


def too_many_items_are_413(api: Subject) -> None:
    """A bulk beyond the limit of items is 413 with that limit, and nothing of it is taken."""
    limit = int(api.get("/api/integration/reference")["limits"]["bulkItems"])
    first = api.listing()
    items = [first] + [{**first, "externalId": f"many-{n}"} for n in range(limit)]
    problem = api.expect_problem(api.ask("POST", BULK, {"items": items}), 413, "too_many_items")
    api.expect_equal("limit", problem.get("limit"), limit)
    api.expect_never_stored(first)


def a_bulk_dry_run_writes_nothing(api: Subject) -> None:
    """A bulk with ?dryRun=true has a verdict per item and stores none of them."""
    good, wrong = api.listing(), api.listing(price=-1)
    results = api.bulk([good, wrong], "?dryRun=true")["results"]
    api.expect_equal("success", [r["success"] for r in results], [True, False])
    api.expect_never_stored(good)


def ndjson_answers_line_by_line(api: Subject) -> None:
    """NDJSON: one result line per line sent, in order; a broken line fails alone."""
    listings = [api.listing(), api.listing(price=-1), api.listing()]
    lines = [json.dumps(listings[0]), json.dumps(listings[1]), "{broken", json.dumps(listings[2])]
    answer = api.ask("POST", BULK, "\n".join(lines).encode() + b"\n", NDJSON)
    api.expect_status(answer, 200)
    media = answer.headers.get("content-type", "").partition(";")[0]
    api.expect_equal("the media type", media, "application/x-ndjson")
    results = _lines(api, answer.body)
    api.expect_equal("indexes", [r.get("index") for r in results], [0, 1, 2, 3])
    api.expect_equal("success", [r.get("success") for r in results], [True, False, False, True])
    codes = [results[n]["error"]["code"] for n in (1, 2)]
    api.expect_equal("codes", codes, ["validation_failed", "invalid_json"])
    api.expect_equal("price read back", api.read(listings[2])["listing"]["price"], 185000)


def _lines(api: Subject, body: bytes) -> list[dict[str, Any]]:
    try:
        found = [json.loads(line) for line in body.splitlines() if line]
    except ValueError:
        found = None
    api.expect("a JSON object a line", shown(body[:200].decode("utf-8", "replace")),
               found is not None and all(isinstance(each, dict) for each in found))  # fmt: skip
    return found or []


CHECKS = checks(
    a_bulk_answers_item_by_item,
    an_items_error_is_the_single_problem,
    a_bulk_that_fails_is_still_200,
    duplicates_in_a_bulk_apply_in_order,
    too_many_items_are_413,
    a_bulk_dry_run_writes_nothing,
    ndjson_answers_line_by_line,
)
