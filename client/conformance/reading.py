"""Checks of reading back: listings, hashes, pages, changes, reports, refusals, deletions."""

import hashlib
from itertools import pairwise
from typing import Any
from urllib.parse import quote, urlencode

from client.api import LISTINGS, ROOT, listing_path
from client.bulks import encode
from client.canonical import as_stored, content_hash
from client.conformance.subject import Subject, checks, shown

STAGES = (
    "received", "validated", "normalised", "geocoded", "images", "deduped", "scored", "published",
)  # fmt: skip
STATES = {"pending", "done", "failed", "skipped"}
FULL: dict[str, Any] = {
    "latitude": 44.4812, "longitude": 26.0766, "constructionYear": 2020, "floor": 4,
    "floorMax": 10, "partitioning": "DETACHED", "imageUrls": ["https://example.com/img1.jpg"],
    "agency": {"name": "VIB Imobiliare", "phone": "+40721000000"},
    "agent": {"name": "Ana Popescu", "phone": "+40721000001"},
}  # fmt: skip


def a_listing_reads_back_lossless(api: Subject) -> None:
    """Every field of the integration page's step 2 reads back as it was posted."""
    listing = api.listing(**FULL)
    posted = api.posted(listing)
    stored = api.read(listing)
    api.expect_members("the stored listing", stored, (
        "id", "identifier", "revision", "status", "contentHash", "eventId", "listing", "sources",
    ))  # fmt: skip
    api.expect_equal("id", stored["id"], posted["id"])
    api.expect_equal("eventId", stored["eventId"], posted["eventId"])
    came = {name: stored["listing"].get(name) for name in listing}
    api.expect_equal("the posted fields", came, listing)
    source = stored["sources"].get("price", {})
    api.expect_equal("source of price", source.get("eventId"), posted["eventId"])


def an_unchanged_listing_is_304(api: Subject) -> None:
    """A listing read with If-None-Match of its ETag is 304 without a body."""
    listing = api.listing()
    api.posted(listing)
    path = listing_path(api.identifier(listing))
    tag = api.ask("GET", path).headers.get("etag", "")
    api.expect_equal("ETag", tag, '"r1"')
    answer = api.ask("GET", path, headers={"If-None-Match": tag})
    api.expect_status(answer, 304)
    api.expect_equal("length of the body", len(answer.body), 0)


def the_content_hash_can_be_computed(api: Subject) -> None:
    """contentHash is the SHA-256 of the RFC 8785 JSON of what is read, and of one's own copy."""
    listing = api.listing(**FULL, publishedAt="2026-03-01T11:00:00+02:00", soldPrice=1e21 / 7e10,
                          attributes={"ș": 0.1, "\U0001f600": True, "a": 1e-7})  # fmt: skip
    api.posted(listing)
    stored = api.read(listing)
    api.expect_equal("hash of what is read", stored["contentHash"],
                     content_hash(stored["listing"]))  # fmt: skip
    api.expect_equal("hash of one's own copy", stored["contentHash"],
                     content_hash(as_stored(listing)))  # fmt: skip


def lists_come_in_pages(api: Subject) -> None:
    """The list gives every listing exactly once, page by page, with the asked fields."""
    listings = [api.listing() for _ in range(5)]
    api.bulk(listings)
    wanted = {listing["externalId"] for listing in listings}
    items = _listed(api, "externalId,status,contentHash", 2)
    seen = [item["externalId"] for item in items]
    api.expect("each of the five once", shown(seen),
               len(seen) == len(set(seen)) and wanted <= set(seen))  # fmt: skip
    api.expect_members("an item", items[0], ("externalId", "status", "contentHash"))
    hashes = {item["externalId"]: item["contentHash"] for item in items}
    first = listings[0]
    api.expect_equal("contentHash in the list", hashes[first["externalId"]],
                     api.read(first)["contentHash"])  # fmt: skip


def a_limit_beyond_the_largest_is_422(api: Subject) -> None:
    """A page of 10,001 and an unknown field are 422: limits are told, never silently cut."""
    for query in ("limit=10001", "fields=externalId,nonsense"):
        api.expect_problem(api.ask("GET", f"{LISTINGS}?{query}"), 422, "validation_failed")


def changes_grow_strictly(api: Subject) -> None:
    """The changes feed has one entry per revision, its seq grows, and it goes on where it ended."""
    listing = api.listing()
    posted = [api.posted({**listing, "price": price}) for price in (3, 2, 2, 1)]
    changes, end = _changes(api)
    numbers = [change["seq"] for change in changes]
    api.expect("seq strictly increasing", shown(numbers[-5:]),
               all(a < b for a, b in pairwise(numbers)))  # fmt: skip
    own = [change for change in changes if change["identifier"] == api.identifier(listing)]
    api.expect_equal("revisions", [change["revision"] for change in own], [1, 2, 3])
    changed = [each["eventId"] for each in posted if each["changed"]]
    api.expect_equal("eventIds", [change["eventId"] for change in own], changed)
    api.expect_equal("created", [change["created"] for change in own], [True, False, False])
    rest = api.get(f"{ROOT}/changes?{_asked(api, after=end)}")
    api.expect_equal("changes after the last", rest["changes"], [])


def an_event_has_a_report(api: Subject) -> None:
    """The report of a post's event names every stage; received is done."""
    posted = api.posted(api.listing())
    report = api.get(f"{ROOT}/events/{posted['eventId']}")
    api.expect_members("the report", report, (
        "eventId", "identifier", "id", "revision", "changed", "receivedAt", "stages", "messages",
    ))  # fmt: skip
    api.expect_members("stages", report["stages"], STAGES)
    states = {name: report["stages"][name].get("state") for name in STAGES}
    api.expect("known states", shown(states), set(states.values()) <= STATES)
    api.expect_equal("received", states["received"], "done")
    answer = api.ask("GET", f"{ROOT}/events/no-such-event")
    api.expect_problem(answer, 404, "not_found")


def a_refused_body_is_listed(api: Subject) -> None:
    """A refused listing stands in the list of refusals with its reason and the body's SHA-256."""
    listing = api.listing(price=-1)
    body = encode(listing)
    api.expect_violation(api.post(body), "out_of_range", "price")
    refusals, after, is_more = [], 0, True
    while is_more:
        page = api.get(f"{ROOT}/refusals?{_asked(api, after=after, limit=1000)}")
        refusals += page["refusals"]
        after, is_more = page["next"], page["more"]
    digest = hashlib.sha256(body).hexdigest()
    own = [each for each in refusals if each.get("payloadSha256") == digest]
    api.expect("one with the body's SHA-256", shown(refusals[-1:]), len(own) == 1)
    api.expect_equal("externalId", own[0].get("externalId"), listing["externalId"])
    api.expect_equal("bytes", own[0]["bytes"], len(body))
    codes = [violation["code"] for violation in own[0]["violations"]]
    api.expect_equal("codes", codes, ["out_of_range"])


def a_deletion_can_be_repeated_and_revived(api: Subject) -> None:
    """DELETE is 204, twice; the listing reads as deleted; a post revives the same id, told."""
    listing = api.listing()
    first = api.posted(listing)
    path = f"{listing_path(api.identifier(listing))}?reason=withdrawn"
    for _ in range(2):
        api.expect_status(api.ask("DELETE", path), 204)
    stored = api.read(listing)
    api.expect_equal("status", stored["status"], "withdrawn")
    api.expect("deletedAt", shown(stored.get("deletedAt")), bool(stored.get("deletedAt")))
    answer = api.post(listing)
    api.expect_status(answer, 200)
    again = api.object(answer)
    api.expect_equal("id", again["id"], first["id"])
    api.expect_equal("created", again["created"], False)
    codes = [warning["code"] for warning in again["warnings"]]
    api.expect("a warning revived", shown(codes), "revived" in codes)


def an_unknown_reason_is_refused(api: Subject) -> None:
    """DELETE for a reason that is none is 422, and the listing stays."""
    listing = api.listing()
    api.posted(listing)
    path = listing_path(api.identifier(listing))
    answer = api.ask("DELETE", f"{path}?reason=boredom")
    api.expect_problem(answer, 422, "validation_failed")
    api.expect_equal("status", api.read(listing)["status"], "active")


def what_is_not_there_is_404(api: Subject) -> None:
    """Reading and deleting an unknown listing, and an unknown path, are 404 as problems."""
    listing = api.listing()
    api.posted(listing)
    api.expect_equal("what is there", api.read(listing)["status"], "active")
    path = listing_path(f"{api.provider}:never-posted")
    for method, where in (("GET", path), ("DELETE", path), ("GET", f"{ROOT}/nowhere")):
        api.expect_problem(api.ask(method, where), 404, "not_found")


def a_usage_page_is_there(api: Subject) -> None:
    """A key may see what it was used for, by day, and its commonest errors."""
    usage = api.get(f"{ROOT}/usage")
    api.expect_members("the usage", usage, ("lastUsedAt", "days", "topErrors"))


def _asked(api: Subject, **asked: Any) -> str:
    return urlencode({**asked, "providerIdentifier": api.provider})


def _listed(api: Subject, fields: str, limit: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        query = _asked(api, fields=fields, limit=limit) + cursor
        page = api.get(f"{LISTINGS}?{query}")
        size = len(page["items"])
        api.expect(f"at most {limit} items a page", str(size), size <= limit)
        items += page["items"]
        if page["nextCursor"] is None:
            return items
        cursor = f"&cursor={quote(page['nextCursor'], safe='')}"


def _changes(api: Subject) -> tuple[list[dict[str, Any]], int]:
    changes: list[dict[str, Any]] = []
    after, is_more = 0, True
    while is_more:
        page = api.get(f"{ROOT}/changes?{_asked(api, after=after, limit=1000)}")
        changes += page["changes"]
        after, is_more = page["next"], page["more"]
    return changes, after


CHECKS = checks(
    a_listing_reads_back_lossless,
    an_unchanged_listing_is_304,
    the_content_hash_can_be_computed,
    lists_come_in_pages,
    a_limit_beyond_the_largest_is_422,
    changes_grow_strictly,
    an_event_has_a_report,
    a_refused_body_is_listed,
    a_deletion_can_be_repeated_and_revived,
    an_unknown_reason_is_refused,
    what_is_not_there_is_404,
    a_usage_page_is_there,
)
