"""Checks of posting one listing: identity, merging, order, warnings and refusals."""

from client.api import LISTINGS, listing_path
from client.conformance.subject import Subject, checks, shown, told
from client.transport import Answer

TIMES = 100
ANSWER = ("id", "identifier", "created", "changed", "status", "eventId", "receivedAt", "warnings")


def a_first_post_answers_201(api: Subject) -> None:
    """A first post is 201 with an integer id, the identifier, Location, ETag and no warnings."""
    listing = api.listing()
    answer = api.post(listing)
    api.expect_status(answer, 201)
    body = api.object(answer)
    api.expect_members("the answer", body, ANSWER)
    api.expect("an integer id", shown(body["id"]), type(body["id"]) is int)
    api.expect_equal("identifier", body["identifier"], api.identifier(listing))
    api.expect_equal("created", body["created"], True)
    api.expect_equal("changed", body["changed"], True)
    api.expect_equal("status", body["status"], "active")
    api.expect_equal("warnings", body["warnings"], [])
    location = answer.headers.get("location", "")
    api.expect_equal("Location", location, listing_path(api.identifier(listing)))
    api.expect_equal("ETag", answer.headers.get("etag"), '"r1"')


def a_replay_changes_nothing(api: Subject) -> None:
    """The same body again is 200, the same id, created false and changed false."""
    listing = api.listing()
    first = api.posted(listing)
    answer = api.post(listing)
    api.expect_status(answer, 200)
    again = api.object(answer)
    api.expect_equal("id", again["id"], first["id"])
    api.expect_equal("created", again["created"], False)
    api.expect_equal("changed", again["changed"], False)


def a_hundred_posts_are_one_listing(api: Subject) -> None:
    """The same body a hundred times is one id and one revision."""
    listing = api.listing()
    first = api.posted(listing)
    answers = [api.post(listing) for _ in range(TIMES - 1)]
    bodies = [api.object(answer) for answer in answers]
    del api.expectations[1 - TIMES :]
    api.expect_equal("ids of the other 99", sorted({b["id"] for b in bodies}), [first["id"]])
    api.expect_equal("changed of the other 99", sorted({b["changed"] for b in bodies}), [False])
    api.expect_equal("their ETags", sorted({a.headers.get("etag") or "" for a in answers}),
                     ['"r1"'])  # fmt: skip


def absent_fields_keep_their_values(api: Subject) -> None:
    """An update of one field leaves every other as it was."""
    listing = api.listing(description="Kept", imageUrls=["https://example.com/1.jpg"])
    api.posted(listing)
    update = api.posted(_update(listing, price=179000))
    api.expect_equal("created", update["created"], False)
    api.expect_equal("changed", update["changed"], True)
    _expect_fields(api, listing, {**listing, "price": 179000})


def null_clears_a_field(api: Subject) -> None:
    """null clears a field, and that counts as a change."""
    listing = api.listing(description="Cleared")
    api.posted(listing)
    api.expect_equal("changed", api.posted(_update(listing, description=None))["changed"], True)
    stored = api.read(listing)["listing"]
    api.expect("no description", shown(stored.get("description")), "description" not in stored)


def an_empty_list_empties(api: Subject) -> None:
    """[] removes all pictures."""
    listing = api.listing(imageUrls=["https://example.com/1.jpg"])
    api.posted(listing)
    api.expect_equal("changed", api.posted(_update(listing, imageUrls=[]))["changed"], True)
    api.expect_equal("imageUrls", api.read(listing)["listing"].get("imageUrls", []), [])


def null_on_a_required_field_is_refused(api: Subject) -> None:
    """null on price is 422 not_nullable, and the price stays."""
    listing = api.listing()
    api.posted(listing)
    api.expect_violation(api.post(_update(listing, price=None)), "not_nullable", "price")
    api.expect_equal("price", api.read(listing)["listing"]["price"], 185000)


def a_first_post_needs_more(api: Subject) -> None:
    """A first post without type and price is 422 required_on_create at both; nothing is stored."""
    listing = api.listing()
    part = {name: value for name, value in listing.items() if name not in ("type", "price")}
    api.expect_violation(api.post(part), "required_on_create", "type", "price")
    api.expect_never_stored(listing)


def identifiers_are_always_needed(api: Subject) -> None:
    """A post without providerIdentifier and externalId is 422 required at both."""
    api.expect_violation(api.post({"title": "x"}), "required", "providerIdentifier", "externalId")


def a_colon_in_the_provider_is_refused(api: Subject) -> None:
    """':' in providerIdentifier is 422: provider:externalId stays unambiguous."""
    listing = {**api.listing(), "providerIdentifier": f"{api.provider}:x"}
    api.expect_violation(api.post(listing), "invalid_characters", "providerIdentifier")


def any_letter_may_stand_in_an_external_id(api: Subject) -> None:
    """An externalId with '/', ':', spaces and diacritics is posted and read back by its address."""
    listing = api.listing(externalId="ref/2026: ș %2F #1")
    api.posted(listing)
    api.expect_equal("externalId", api.read(listing)["listing"]["externalId"],
                     listing["externalId"])  # fmt: skip
    api.made[api.identifier(listing)] = None


def sold_and_active_again(api: Subject) -> None:
    """status sold, then active: the same id, each told in the answer."""
    listing = api.listing()
    first = api.posted(listing)
    for status in ("sold", "active"):
        answer = api.posted(_update(listing, status=status))
        api.expect_equal("status", answer["status"], status)
        api.expect_equal("changed", answer["changed"], True)
        api.expect_equal("id", answer["id"], first["id"])


def marking_as_sold_changes_the_status_alone(api: Subject) -> None:
    """The body of the integration page's step 4 leaves type, rooms and area as they were."""
    listing = api.listing(latitude=44.4812, longitude=26.0766)
    api.posted(listing)
    kept = ("title", "transaction", "price", "currency")
    api.posted(_update(listing, status="sold", **{name: listing[name] for name in kept}))
    _expect_fields(api, listing, {**listing, "status": "sold"})


def a_misspelt_field_is_told(api: Subject) -> None:
    """An unknown field is accepted with a warning that names the nearest one."""
    answer = api.posted(api.listing(totalAera=85.5))
    warning = api.expect_warning(answer, "unknown_field", "totalAera")
    api.expect("the message names totalArea", warning["message"], "totalArea" in warning["message"])


def a_coerced_value_is_told(api: Subject) -> None:
    """ "185000" and "85,5" are accepted as numbers, each with a warning."""
    listing = api.listing(price="185000", totalArea="85,5")
    answer = api.posted(listing)
    api.expect_warning(answer, "coerced", "price")
    api.expect_warning(answer, "coerced", "totalArea")
    stored = api.read(listing)["listing"]
    api.expect_equal("price and totalArea", [stored["price"], stored["totalArea"]], [185000, 85.5])


def all_violations_come_at_once(api: Subject) -> None:
    """Three wrong fields are three violations of one 422, with their paths."""
    answer = api.post(api.listing(price=-1, rooms=[], imageUrls=["https://example.com/1", "x"]))
    problem = api.expect_problem(answer, 422, "validation_failed")
    paths = sorted(v["propertyPath"] for v in problem["violations"])
    api.expect_equal("propertyPaths", paths, ["imageUrls[1]", "price", "rooms"])
    for violation in problem["violations"]:
        api.expect_members("a violation", violation, ("propertyPath", "message", "code"))


def nothing_is_echoed(api: Subject) -> None:
    """A refusal repeats nothing of what was posted."""
    marker = "zq8echo"
    wrong = api.listing(title=[marker], currency=marker, imageUrls=[marker])
    for status, body in ((422, wrong), (400, b'{"' + marker.encode() + b'": ')):
        answer = api.post(body)
        api.expect_status(answer, status)
        api.expect("no word of the body", told(answer), marker.encode() not in answer.body)


def an_older_body_is_stale(api: Subject) -> None:
    """A body older by sourceUpdatedAt than the stored one is 200 stale, and changes nothing."""
    listing = api.listing(sourceUpdatedAt="2026-03-02T10:00:00Z")
    api.posted(listing)
    older = _update(listing, sourceUpdatedAt="2026-03-01T10:00:00Z", price=1)
    answer = api.post(older)
    api.expect_status(answer, 200)
    body = api.object(answer)
    api.expect_equal("stale", body.get("stale"), True)
    api.expect_equal("changed", body["changed"], False)
    api.expect_equal("price", api.read(listing)["listing"]["price"], 185000)


def if_match_guards_a_revision(api: Subject) -> None:
    """If-Match of the stored revision is obeyed; of another one it is 412, and nothing changes."""
    listing = api.listing()
    tag = api.post(listing).headers.get("etag", "")
    update = _update(listing, price=180000)
    good = api.post(update, {"If-Match": tag})
    api.expect_status(good, 200)
    api.expect("another ETag", good.headers.get("etag", ""), good.headers.get("etag") != tag)
    late = api.post(_update(listing, price=1), {"If-Match": tag})
    api.expect_problem(late, 412, "precondition_failed")
    api.expect_equal("price", api.read(listing)["listing"]["price"], 180000)


def an_idempotency_key_replays_the_answer(api: Subject) -> None:
    """The same Idempotency-Key and body are answered byte for byte as before, and say so."""
    listing = api.listing()
    headers = {"Idempotency-Key": api.identifier(listing)}
    first, again = api.post(listing, headers), api.post(listing, headers)
    api.expect_status(first, 201)
    api.expect_status(again, 201)
    api.expect("the same bytes", told(again), first.body == again.body)
    api.expect_equal("Idempotency-Replayed", again.headers.get("idempotency-replayed"), "true")
    came = first.headers.get("idempotency-replayed")
    api.expect("no such header on the first", shown(came), came is None)


def an_idempotency_key_is_for_one_body(api: Subject) -> None:
    """The same Idempotency-Key with another body is 422 idempotency_key_reused."""
    listing = api.listing()
    headers = {"Idempotency-Key": api.identifier(listing)}
    api.posted(listing, headers)
    other = api.post({**listing, "price": 1}, headers)
    api.expect_problem(other, 422, "idempotency_key_reused")


def a_dry_run_writes_nothing(api: Subject) -> None:
    """?dryRun=true judges a new listing and stores nothing; a wrong one is refused as a post."""
    listing = api.listing()
    answer = api.post(listing, query="?dryRun=true")
    api.expect_status(answer, 200)
    api.expect_members("the answer", api.object(answer), ("warnings",))
    api.expect_violation(
        api.post({**listing, "price": -1}, query="?dryRun=true"), "out_of_range", "price"
    )
    api.expect_never_stored(listing)


def another_media_type_is_415(api: Subject) -> None:
    """A body that is not application/json is 415."""
    answer = api.post(b"title=x", {"Content-Type": "application/x-www-form-urlencoded"})
    api.expect_problem(answer, 415, "unsupported_media_type")


def a_large_listing_is_413(api: Subject) -> None:
    """A listing beyond the limit is 413, and the problem tells the limit of the reference."""
    limit = int(api.get("/api/integration/reference")["limits"]["listingBytes"])
    listing = api.listing(description="x" * limit)
    _expect_limit(api, api.ask("POST", LISTINGS, listing), "too_large", limit)


def _expect_limit(api: Subject, answer: Answer, code: str, limit: int) -> None:
    problem = api.expect_problem(answer, 413, code)
    api.expect_equal("limit", problem.get("limit"), limit)


def _update(listing: dict[str, object], **fields: object) -> dict[str, object]:
    return {name: listing[name] for name in ("providerIdentifier", "externalId")} | fields


def _expect_fields(api: Subject, listing: dict[str, object], wanted: dict[str, object]) -> None:
    stored = api.read(listing)["listing"]
    came = {name: stored.get(name) for name in wanted}
    api.expect_equal("what is read back", came, wanted)


CHECKS = checks(
    a_first_post_answers_201,
    a_replay_changes_nothing,
    a_hundred_posts_are_one_listing,
    absent_fields_keep_their_values,
    null_clears_a_field,
    an_empty_list_empties,
    null_on_a_required_field_is_refused,
    a_first_post_needs_more,
    identifiers_are_always_needed,
    a_colon_in_the_provider_is_refused,
    any_letter_may_stand_in_an_external_id,
    sold_and_active_again,
    marking_as_sold_changes_the_status_alone,
    a_misspelt_field_is_told,
    a_coerced_value_is_told,
    all_violations_come_at_once,
    nothing_is_echoed,
    an_older_body_is_stale,
    if_match_guards_a_revision,
    an_idempotency_key_replays_the_answer,
    an_idempotency_key_is_for_one_body,
    a_dry_run_writes_nothing,
    another_media_type_is_415,
    a_large_listing_is_413,
)
