"""Checks of keys, permissions and what the API says of itself. Those that need several keys need an
admin, and revoke the keys they make.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from client.api import BULK, JSON, LISTINGS, ROOT, listing_path
from client.bulks import encode
from client.conformance.subject import Admin, SkippedError, Subject, checks, shown, told
from client.transport import Answer

KEYS = "/api/keys"
NO_ADMIN = "needs an admin: --admin-email, and IMO360_ADMIN_PASSWORD"
POLICY = re.compile(r'"items";q=\d+;w=60')
REMAINING = re.compile(r'"items";r=\d+;t=\d+')


def a_missing_key_is_401(api: Subject) -> None:
    """Without X-API-Key every call is 401 missing_api_key, with WWW-Authenticate."""
    for method, path in _calls(api):
        answer = api.ask(method, path, b"{}" if method == "POST" else None, {"X-API-Key": None})
        api.expect_problem(answer, 401, "missing_api_key")
        api.expect("WWW-Authenticate", shown(answer.headers.get("www-authenticate")),
                   "www-authenticate" in answer.headers)  # fmt: skip


def an_unknown_key_is_401(api: Subject) -> None:
    """A key that is none, or mistyped by a letter, is 401 invalid_api_key."""
    last = "a" if api.key[-1:] != "a" else "b"
    for key in ("imo360_ak_nonsense", api.key[:-1] + last):
        answer = api.ask("GET", f"{ROOT}/reference", headers={"X-API-Key": key})
        api.expect_problem(answer, 401, "invalid_api_key")


def another_method_is_405(api: Subject) -> None:
    """A method that a path does not know is 405 with Allow."""
    answer = api.ask("PATCH", LISTINGS, {})
    api.expect_problem(answer, 405, "method_not_allowed")
    allowed = answer.headers.get("allow", "")
    api.expect("Allow names POST", allowed, "POST" in allowed)


def a_wrong_log_in_is_401(api: Subject) -> None:
    """A wrong log-in has the JWT endpoints' own shape."""
    wrong = {"email": f"{api.provider}@example.com", "password": "wrong"}
    answer = api.ask("POST", "/authentication_token", wrong, {"X-API-Key": None})
    api.expect_status(answer, 401)
    api.expect_equal(
        "the body", api.object(answer), {"code": 401, "message": "Invalid credentials."}
    )


def keys_are_for_admins(api: Subject) -> None:
    """/api/keys without a token, and with one that is none, is 401 in the JWT's own shape."""
    for token, message in ((None, "JWT Token not found"), ("Bearer x", "Invalid JWT Token")):
        answer = api.ask("GET", KEYS, headers={"X-API-Key": None, "Authorization": token})
        api.expect_status(answer, 401)
        api.expect_equal("the body", api.object(answer), {"code": 401, "message": message})


def a_permission_is_needed(api: Subject) -> None:
    """A key without publish.estates is 403 and the problem names it; the reference it may read."""
    with _second_key(api, permissions=["read.market"]) as key:
        answer = api.post(api.listing(), {"X-API-Key": key})
        problem = api.expect_problem(answer, 403, "missing_permission")
        named = problem["detail"]
        api.expect("the detail names publish.estates", named, "publish.estates" in named)
        path = listing_path(f"{api.provider}:check-1")
        problem = api.expect_problem(api.ask("GET", path, headers={"X-API-Key": key}), 403,
                                     "missing_permission")  # fmt: skip
        named = problem["detail"]
        api.expect("the detail names read.estates", named, "read.estates" in named)
        api.expect_status(api.ask("GET", f"{ROOT}/reference", headers={"X-API-Key": key}), 200)


def a_provider_belongs_to_its_partner(api: Subject) -> None:
    """Another partner's provider is 403 provider_not_owned, whether the listing is there or not."""
    listing = api.listing()
    api.posted(listing)
    new = {**listing, "externalId": "never-posted"}
    with _second_key(api) as key:
        known, unknown = (api.post(each, {"X-API-Key": key}) for each in (listing, new))
        api.expect_problem(known, 403, "provider_not_owned")
        api.expect("the same body for both", told(unknown), known.body == unknown.body)
        item = api.ask("POST", BULK, {"items": [listing]}, {"X-API-Key": key})
        error = api.object(item)["results"][0]["error"]
        api.expect_equal("error of a bulk's item", error["code"], "provider_not_owned")
    api.expect_equal("revision", api.read(listing)["revision"], 1)


def anothers_listing_is_404(api: Subject) -> None:
    """Another partner's listing and event are 404, as if they were not there."""
    listing = api.listing()
    event = api.posted(listing)["eventId"]
    path = listing_path(api.identifier(listing))
    with _second_key(api) as key:
        for method, where in (("GET", path), ("DELETE", path), ("GET", f"{ROOT}/events/{event}")):
            answer = api.ask(method, where, headers={"X-API-Key": key})
            api.expect_problem(answer, 404, "not_found")
    api.expect_equal("status", api.read(listing)["status"], "active")


def a_revoked_key_ends_at_once(api: Subject) -> None:
    """A revoked key is 401 revoked_api_key with the next request."""
    with _second_key(api) as key:
        headers = {"X-API-Key": key}
        api.expect_status(api.ask("GET", f"{ROOT}/reference", headers=headers), 200)
    answer = api.ask("GET", f"{ROOT}/reference", headers=headers)
    api.expect_problem(answer, 401, "revoked_api_key")


def the_reference_is_complete(api: Subject) -> None:
    """The reference has fields, codes, statuses, limits and every registry of codes."""
    reference = api.get(f"{ROOT}/reference")
    api.expect_members("the reference", reference, (
        "version", "enums", "estateTypes", "statuses", "fields", "limits", "problems",
        "violations", "warnings",
    ))  # fmt: skip
    names = {field["name"] for field in reference["fields"]}
    wanted = set(api.listing())
    api.expect("the fields of the quick start", shown(sorted(names)), wanted <= names)
    codes = {problem["code"] for problem in reference["problems"]}
    met = {"validation_failed", "invalid_json", "missing_api_key", "not_found"}
    api.expect("the codes met here", shown(sorted(codes)), met <= codes)


def a_known_reference_is_304(api: Subject) -> None:
    """The reference has an ETag, and is 304 for who has it."""
    tag = api.ask("GET", f"{ROOT}/reference").headers.get("etag", "")
    api.expect("an ETag", tag, bool(tag))
    answer = api.ask("GET", f"{ROOT}/reference", headers={"If-None-Match": tag})
    api.expect_status(answer, 304)
    answer = api.ask("GET", f"{ROOT}/reference", headers={"If-None-Match": '"another"'})
    api.expect_status(answer, 200)


def the_openapi_document_is_there(api: Subject) -> None:
    """/openapi.json is OpenAPI 3.1 and names the calls of the integration."""
    document = api.get("/openapi.json")
    api.expect("OpenAPI 3.1", str(document.get("openapi")),
               str(document.get("openapi")).startswith("3.1"))  # fmt: skip
    paths = document.get("paths", {})
    api.expect_members("paths", paths, (LISTINGS, BULK, f"{ROOT}/reference", f"{ROOT}/changes"))


def the_rate_is_told_in_advance(api: Subject) -> None:
    """An answer to a key with a rate says what is left of it."""
    answer = api.post(api.listing())
    if "ratelimit-policy" not in answer.headers:
        raise SkippedError("this key has no rate limit")
    policy, left = answer.headers["ratelimit-policy"], answer.headers.get("ratelimit", "")
    api.expect(f"RateLimit-Policy as {POLICY.pattern}", policy, bool(POLICY.fullmatch(policy)))
    api.expect(f"RateLimit as {REMAINING.pattern}", left, bool(REMAINING.fullmatch(left)))


def a_used_up_rate_is_429(api: Subject) -> None:
    """Beyond its rate a key gets 429 with Retry-After, and 413 for a bulk beyond its burst."""
    items = [api.listing(f"{api.provider}-rate") for _ in range(3)]
    with _second_key(api) as unlimited:
        try:
            with _second_key(api, rateLimit={"perMinute": 1, "burst": 2}) as key:
                _expect_rate(api, items, key)
        finally:
            _delete(api, items, unlimited)


def _expect_rate(api: Subject, items: list[dict[str, Any]], key: str) -> None:
    headers = {"X-API-Key": key}
    large = api.ask("POST", BULK, {"items": items}, headers)
    problem = api.expect_problem(large, 413, "bulk_exceeds_rate")
    api.expect_equal("limit", problem.get("limit"), 2)
    both = api.object(api.ask("POST", BULK, {"items": items[:2]}, headers))
    created = [result["data"]["created"] for result in both["results"]]
    api.expect_equal("created of the two that fit", created, [True, True])
    answer = _once(api, items[2], key)
    api.expect_problem(answer, 429, "rate_limited")
    wait = answer.headers.get("retry-after", "")
    api.expect("Retry-After in seconds", wait, wait.isdigit() and int(wait) > 0)


def _calls(api: Subject) -> tuple[tuple[str, str], ...]:
    return (
        ("POST", LISTINGS), ("POST", BULK), ("GET", LISTINGS), ("GET", f"{ROOT}/reference"),
        ("GET", listing_path(f"{api.provider}:x")), ("DELETE", listing_path(f"{api.provider}:x")),
        ("GET", f"{ROOT}/changes"), ("GET", f"{ROOT}/refusals"), ("POST", f"{ROOT}/snapshots"),
    )  # fmt: skip


def _once(api: Subject, listing: dict[str, Any], key: str) -> Answer:
    """Post without patience: 429 is what is wanted."""
    return api.transport.send_once("POST", LISTINGS, encode(listing), {**JSON, "X-API-Key": key})


def _delete(api: Subject, listings: list[dict[str, Any]], key: str) -> None:
    """Delete what another partner's key made: the key under check may not."""
    for listing in listings:
        path = listing_path(api.identifier(listing))
        api.ask("DELETE", path, headers={"X-API-Key": key})
        api.made.pop(api.identifier(listing))


@contextmanager
def _second_key(
    api: Subject, permissions: list[str] | None = None, **members: Any
) -> Iterator[str]:  # fmt: skip
    """Make a key of another partner, and revoke it afterwards."""
    headers = _admin_headers(api)
    wish = {
        "name": api.provider, "partner": f"Conformance {api.provider}",
        "permissions": permissions or ["publish.estates", "read.estates"], **members,
    }  # fmt: skip
    answer = api.ask("POST", KEYS, wish, headers)
    made = _without_key(api, answer)
    try:
        yield made["key"]
    finally:
        api.ask("DELETE", f"{KEYS}/{made['id']}", headers=headers)


def _without_key(api: Subject, answer: Answer) -> dict[str, Any]:
    """Read a new key's answer, noting nothing of it: a secret stands in no report."""
    is_made = answer.status == 201
    api.expect("a key is made: 201", str(answer.status), is_made)
    made: dict[str, Any] = answer.json()
    api.expect_members("the answer", made, ("id", "key"))
    return made


def _admin_headers(api: Subject) -> dict[str, str | None]:
    if api.admin is None:
        raise SkippedError(NO_ADMIN)
    api.admin.token = api.admin.token or _log_in(api, api.admin)
    return {"X-API-Key": None, "Authorization": f"Bearer {api.admin.token}"}


def _log_in(api: Subject, admin: Admin) -> str:
    body = {"email": admin.email, "password": admin.password}
    answer = api.ask("POST", "/authentication_token", body, {"X-API-Key": None})
    api.expect("the admin may log in: 200", str(answer.status), answer.status == 200)
    return str(answer.json()["token"])


CHECKS = checks(
    a_missing_key_is_401,
    an_unknown_key_is_401,
    another_method_is_405,
    a_wrong_log_in_is_401,
    keys_are_for_admins,
    a_permission_is_needed,
    a_provider_belongs_to_its_partner,
    anothers_listing_is_404,
    a_revoked_key_ends_at_once,
    the_reference_is_complete,
    a_known_reference_is_304,
    the_openapi_document_is_there,
    the_rate_is_told_in_advance,
    a_used_up_rate_is_429,
)
