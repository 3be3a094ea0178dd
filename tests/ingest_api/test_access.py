"""Who may call what: every operation of the OpenAPI document, by every kind of caller.

A cell is the status and the code of the answer. No cell changes anything unless CHANGES says so.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
import sqlalchemy as sa

from store.database import reading
from store.key_finding import new_key, new_lookup
from store.shapes.vocabulary import Environment
from store.tables.journal import (
    ingest_batches,
    ingest_changes,
    ingest_counters,
    ingest_idempotency_keys,
    ingest_keys,
    ingest_listings,
    ingest_partners,
    ingest_people,
    ingest_providers,
    ingest_refusals,
    ingest_snapshot_items,
    ingest_snapshots,
)
from tests.ingest_api.conftest import LISTINGS, PASSWORD, Api, People

SNAPSHOTS = "/api/integration/snapshots"
MARK = "Seen by the owner alone: "
"""Begins the titles of the owner's listings, before the provider: in nobody else's answers."""

TRIES = "somebody who tries"
"""The partner of all sandbox keys: a sandbox takes a while to make."""

Outcome = str
Table = dict[str, dict[str, Outcome]]


def table(text: str) -> Table:
    """Read a table: its first column names the row, its first line the columns."""
    head, *rows = ([cell.strip() for cell in line.split("|")] for line in text.strip().split("\n"))
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


# What no operation with a key lets in, before anything else is looked at.
NOT_LET_IN_BY_KEY = {
    "no key": "401 missing_api_key",
    "malformed key": "401 invalid_api_key",
    "unknown key": "401 invalid_api_key",
    "expired key": "401 expired_api_key",
    "revoked key": "401 revoked_api_key",
    "admin's JWT alone": "401 missing_api_key",
}

# 403 p: missing_permission. 403 o: provider_not_owned. 403 s: sandbox_key_required.
# "bound": of the same partner, bound to another provider. In a sandbox everything is its own.
BY_KEY = table("""
operation        | without | read.market | other partner | bound | sandbox | owner
post_listing     | 403 p   | 403 p       | 403 o         | 403 o | 201     | 200
post_listings    | 403 p   | 403 p       | 200 403 o     | 200 403 o | 200 | 200
list_listings    | 403 p   | 403 p       | 200           | 200   | 200     | 200
get_listing      | 403 p   | 403 p       | 404           | 404   | 404     | 200
delete_listing   | 403 p   | 403 p       | 404           | 404   | 404     | 204
get_event        | 403 p   | 403 p       | 404           | 404   | 404     | 200
list_changes     | 403 p   | 403 p       | 200           | 200   | 200     | 200
list_refusals    | 403 p   | 403 p       | 200           | 200   | 200     | 200
get_usage        | 200     | 200         | 200           | 200   | 200     | 200
open_snapshot    | 403 p   | 403 p       | 403 o         | 403 o | 201     | 201
get_snapshot     | 403 p   | 403 p       | 404           | 404   | 404     | 200
abandon_snapshot | 403 p   | 403 p       | 404           | 404   | 404     | 204
close_snapshot   | 403 p   | 403 p       | 404           | 404   | 404     | 200
confirm_snapshot | 403 p   | 403 p       | 404           | 404   | 404     | 200
wipe_sandbox     | 403 s   | 403 s       | 403 s         | 403 s | 204     | 403 s
get_reference    | 200     | 200         | 200           | 200   | 200     | 200
""")

NOT_LET_IN_BY_JWT = {
    "no JWT": "401 JWT Token not found",
    "garbage JWT": "401 Invalid JWT Token",
    "expired JWT": "401 Expired JWT Token",
    "disabled admin": "401 Invalid JWT Token",
    "owner's key alone": "401 JWT Token not found",
    "member": "403 admin_required",
}

BY_JWT = table("""
operation     | admin
create_key    | 201
list_keys     | 200
get_key       | 200
change_key    | 200
revoke_key    | 204
rotate_key    | 201
get_key_usage | 200
get_audit     | 200
""")

BY_NOBODY = table("""
operation                 | whoever
post_authentication_token | 400
get_health                | 200
get_readiness             | 200
get_metrics               | 200
get_status                | 200
""")
"""A log-in without e-mail and password: the same to all. With them: routers/test_authentication."""

CHANGES = {
    "post_listing", "post_listings", "delete_listing", "open_snapshot", "abandon_snapshot",
    "close_snapshot", "confirm_snapshot", "create_key", "change_key", "revoke_key", "rotate_key",
}  # fmt: skip
"""What the owner, or an admin, changes by a call that succeeds."""

SHORT = {
    "403 p": "403 missing_permission", "403 o": "403 provider_not_owned",
    "200 403 o": "200 403 provider_not_owned", "403 s": "403 sandbox_key_required",
    "404": "404 not_found",
}  # fmt: skip


@dataclass(frozen=True)
class World:
    """Something of one owner's to be called about, and everybody who may try."""

    api: Api
    people: People
    keys: dict[str, str | None]
    tokens: dict[str, str | None]
    names: dict[str, str]

    def call(self, operation: str, caller: str, **replaced: str) -> Any:
        """Make an operation's call as a caller; replaced: other values of the path."""
        method, path, body = CALLS[operation](self.names | replaced)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if self.keys.get(caller) is not None:
            headers["X-API-Key"] = str(self.keys[caller])
        if self.tokens.get(caller) is not None:
            headers["Authorization"] = f"Bearer {self.tokens[caller]}"
        content = None if body is None else json.dumps(body).encode()
        return self.api.client.request(method, path, content=content, headers=headers)


Call = tuple[str, str, Any]
CALLS: dict[str, Callable[[dict[str, str]], Call]] = {
    "post_listing": lambda of: ("POST", LISTINGS, listing_of(of, 93_000)),
    "post_listings": lambda of: ("POST", f"{LISTINGS}/bulk", {"items": [listing_of(of, 94_000)]}),
    "list_listings": lambda of: ("GET", f"{LISTINGS}?fields=title,externalId", None),
    "get_listing": lambda of: ("GET", f"{LISTINGS}/{of['identifier']}", None),
    "delete_listing": lambda of: ("DELETE", f"{LISTINGS}/{of['identifier']}", None),
    "get_event": lambda of: ("GET", f"/api/integration/events/{of['event']}", None),
    "list_changes": lambda of: ("GET", "/api/integration/changes", None),
    "list_refusals": lambda of: ("GET", "/api/integration/refusals", None),
    "get_usage": lambda of: ("GET", "/api/integration/usage", None),
    "open_snapshot": lambda of: ("POST", SNAPSHOTS, {"providerIdentifier": of["provider"]}),
    "get_snapshot": lambda of: ("GET", f"{SNAPSHOTS}/{of['snapshot']}", None),
    "abandon_snapshot": lambda of: ("DELETE", f"{SNAPSHOTS}/{of['snapshot']}", None),
    "close_snapshot": lambda of: (
        "POST", f"{SNAPSHOTS}/{of['snapshot']}/close", {"expectedCount": 0}
    ),
    "confirm_snapshot": lambda of: ("POST", f"{SNAPSHOTS}/{of['held']}/confirm", None),
    "wipe_sandbox": lambda of: ("DELETE", "/api/integration/sandbox", None),
    "get_reference": lambda of: ("GET", "/api/integration/reference", None),
    "create_key": lambda of: ("POST", "/api/keys", {"partner": "P", "permissions": []}),
    "list_keys": lambda of: ("GET", "/api/keys", None),
    "get_key": lambda of: ("GET", f"/api/keys/{of['key']}", None),
    "change_key": lambda of: ("PATCH", f"/api/keys/{of['key']}", {"name": "Another"}),
    "revoke_key": lambda of: ("DELETE", f"/api/keys/{of['key']}", None),
    "rotate_key": lambda of: ("POST", f"/api/keys/{of['key']}/rotate", None),
    "get_key_usage": lambda of: ("GET", f"/api/keys/{of['key']}/usage", None),
    "get_audit": lambda of: ("GET", "/api/audit", None),
    "post_authentication_token": lambda of: ("POST", "/authentication_token", {}),
    "get_health": lambda of: ("GET", "/healthz", None),
    "get_readiness": lambda of: ("GET", "/readyz", None),
    "get_metrics": lambda of: ("GET", "/metrics", None),
    "get_status": lambda of: ("GET", "/status", None),
}  # fmt: skip


def listing_of(names: dict[str, str], price: int) -> dict[str, Any]:
    provider, _, external_id = names["identifier"].partition(":")
    return {
        "providerIdentifier": provider, "externalId": external_id, "title": MARK + provider,
        "transaction": "SALE", "type": "APARTMENT", "price": price, "currency": "EUR",
    }  # fmt: skip


@pytest.fixture
def world(people: People, provider: str) -> World:
    """An owner with a dozen listings, an open snapshot and a held one; and all the others."""
    api, partner = people.api, f"owner of {provider}"
    may = ["publish.estates", "read.estates"]
    keys: dict[str, str | None] = {
        "no key": None,
        "malformed key": "imo360_ak_typo",
        "unknown key": new_key(new_lookup(), Environment.LIVE),
        "expired key": expired_key(api, partner),
        "revoked key": revoked_key(people, partner),
        "without": api.make_key(partner, ()),
        "read.market": api.make_key(partner, ("read.market",)),
        "other partner": api.make_key(f"another than {provider}", tuple(may)),
        "bound": api.make_key(partner, tuple(may), [f"{provider}-b"]),
        "sandbox": people.make_key(partner=TRIES, permissions=may, environment="sandbox")["key"],
        "owner": api.make_key(partner, tuple(may)),
    }
    keys["owner's key alone"] = keys["owner"]
    names = {"provider": provider, "identifier": f"{provider}:a-0"}
    names |= owned(api, str(keys["owner"]), provider)
    names["key"] = str(people.make_key(partner=partner)["id"])
    return World(api, people, keys, tokens_of(people), names)


def tokens_of(people: People) -> dict[str, str | None]:
    admin = people.token(people.admin)
    head, claims, signature = admin.split(".")
    return {
        "no JWT": None,
        "garbage JWT": f"{head}.{claims}.{signature[::-1]}",
        "expired JWT": people.token(people.admin, datetime.now(UTC) - timedelta(hours=2)),
        "disabled admin": people.token(people.disabled),
        "member": people.token(people.member),
        "admin": admin,
        "admin's JWT alone": admin,
    }


def expired_key(api: Api, partner: str) -> str:
    ends = datetime.now(UTC) - timedelta(seconds=1)
    key = api.make_key(partner)
    with api.engine.begin() as connection:
        newest = sa.select(sa.func.max(ingest_keys.c.id)).scalar_subquery()
        change = sa.update(ingest_keys).where(ingest_keys.c.id == newest).values(expires_at=ends)
        connection.execute(change)
    return key


def revoked_key(people: People, partner: str) -> str:
    made = people.make_key(partner=partner)
    assert people.ask("DELETE", f"/api/keys/{made['id']}").status_code == 204
    return str(made["key"])


def owned(api: Api, key: str, provider: str) -> dict[str, str]:
    """Post a dozen listings and a refused one; return what to ask for."""
    items = [listing_of({"identifier": f"{provider}:a-{number}"}, 92_000) for number in range(12)]
    posted = api.bulk(key, [*items, items[0] | {"price": -1}]).json()["results"]
    held, snapshot = (open_snapshot(api, key, provider, type) for type in ("APARTMENT", "HOUSE"))
    closed = api.post(key, {"expectedCount": 0}, f"{SNAPSHOTS}/{held}/close")
    assert closed.json()["code"] == "snapshot_held"
    return {"event": posted[0]["data"]["eventId"], "held": held, "snapshot": snapshot}


def open_snapshot(api: Api, key: str, provider: str, type: str) -> str:
    body = {"providerIdentifier": provider, "type": type}
    return str(api.post(key, body, SNAPSHOTS).json()["id"])


KEPT = (
    ingest_batches, ingest_changes, ingest_counters, ingest_idempotency_keys, ingest_listings,
    ingest_partners, ingest_providers, ingest_refusals, ingest_snapshot_items,
)  # fmt: skip
READ_WHOLE = (ingest_keys, ingest_people, ingest_snapshots)


def state_of(api: Api) -> dict[str, Any]:
    """Return how many rows there are of what grows, and a digest of what is changed in place."""
    with reading(api.engine) as connection:
        state: dict[str, Any] = {
            each.name: connection.execute(sa.select(sa.func.count()).select_from(each)).scalar()
            for each in KEPT
        }
        for each in READ_WHOLE:
            rows = connection.execute(sa.select(each).order_by(*each.primary_key)).all()
            state[each.name] = hashlib.sha256(repr(rows).encode()).hexdigest()
    return state


def outcome_of(answer: Any) -> Outcome:
    """Return status and code of an answer; of a bulk, those of its one item too."""
    if not answer.content or "json" not in answer.headers["content-type"]:
        return str(answer.status_code)
    if not isinstance(body := answer.json(), dict):
        return str(answer.status_code)
    if answer.status_code == 200 and "results" in body:
        (item,) = body["results"]
        error = item.get("error")
        return "200" if error is None else f"200 {error['status']} {error['code']}"
    if answer.status_code < 400:
        return str(answer.status_code)
    said = body["message"] if "message" in body else body["code"]
    return f"{answer.status_code} {said}"


class Documented:
    """The OpenAPI document, as something to hold answers against."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._components = document["components"]
        self.operations = {
            told["operationId"]: (method.upper(), path, told)
            for path, methods in document["paths"].items()
            for method, told in methods.items()
        }

    def expect(self, operation: str, answer: Any) -> None:
        """Hold status, media type and body of an answer against what its operation says."""
        _, _, told = self.operations[operation]
        response = told["responses"].get(str(answer.status_code))
        assert response is not None, f"{operation} documents no {answer.status_code}"
        if "content" not in response:
            assert answer.content == b""
            return
        media_type = answer.headers["content-type"].partition(";")[0]
        content = response["content"][media_type]
        schema = content["schema"] | {"components": self._components}
        jsonschema.Draft202012Validator(schema).validate(
            answer.text if media_type.startswith("text/") else answer.json()
        )
        for name, header in response.get("headers", {}).items():
            assert name in answer.headers or not header.get("required"), f"{operation}: no {name}"


@pytest.fixture(scope="session")
def documented(running_api: Api) -> Documented:
    return Documented(running_api.client.get("/openapi.json").json())


def expected_of(operation: str) -> dict[str, Outcome]:
    """Return an operation's row: caller -> outcome, those who may change something last."""
    if operation in BY_KEY:
        return NOT_LET_IN_BY_KEY | {c: SHORT.get(o, o) for c, o in BY_KEY[operation].items()}
    if operation in BY_JWT:
        return NOT_LET_IN_BY_JWT | BY_JWT[operation]
    callers = ("no key", "unknown key", "owner", "no JWT", "garbage JWT", "member", "admin")
    return dict.fromkeys(callers, OPEN.get(operation, BY_NOBODY[operation]["whoever"]))


OPEN = {"post_authentication_token": '400 The key "email" must be provided.'}

OPERATIONS = [*BY_KEY, *BY_JWT, *BY_NOBODY]


def test_the_tables_have_every_operation_of_the_document(documented: Documented) -> None:
    assert sorted(OPERATIONS) == sorted(documented.operations)
    assert CALLS.keys() == documented.operations.keys()
    names = dict.fromkeys(("provider", "identifier", "event", "snapshot", "held", "key"), "x")
    for operation, (method, path, told) in documented.operations.items():
        called, target, body = CALLS[operation](names)
        assert (called, target.partition("?")[0].count("/")) == (method, path.count("/"))
        assert body is None or "requestBody" in told
        scheme = [name for each in told["security"] for name in each]
        assert scheme == (["ApiKey"] * (operation in BY_KEY) + ["Jwt"] * (operation in BY_JWT))


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_cell_is_as_documented(world: World, documented: Documented, operation: str) -> None:
    expected = expected_of(operation)
    seen: dict[str, Outcome] = {}
    after = state_of(world.api)
    for caller in expected:
        before = after
        answer = world.call(operation, caller)
        seen[caller] = outcome_of(answer)
        documented.expect(operation, answer)
        after = state_of(world.api)
        if caller in ("owner", "admin") and operation in CHANGES:
            assert after != before, f"{operation}: {caller} changed nothing"
        else:
            assert after == refused_item(before, operation, caller), f"{operation}: {caller}"
        if caller != "owner":
            assert MARK + world.names["provider"] not in answer.text, (
                f"{operation}: {caller} saw what is another's"
            )
    assert seen == expected


def refused_item(before: dict[str, Any], operation: str, caller: str) -> dict[str, Any]:
    """Return the state after a refusal: a post of somebody who may post is kept as refused."""
    is_kept = operation in ("post_listing", "post_listings") and caller in (
        "other partner", "bound"
    )  # fmt: skip
    return before | {"ingest_refusals": before["ingest_refusals"] + is_kept}


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("get_listing", "identifier"), ("delete_listing", "identifier"), ("get_event", "event"),
        ("get_snapshot", "snapshot"), ("abandon_snapshot", "snapshot"),
        ("close_snapshot", "snapshot"), ("confirm_snapshot", "held"),
    ],
)  # fmt: skip
def test_what_is_anothers_looks_as_if_it_were_not_there(
    world: World, operation: str, name: str
) -> None:
    known = world.names[name]
    unknown = {
        "identifier": f"{world.names['provider']}-x:a-0",
        "event": known[:-1] + ("1" if known[-1] == "0" else "0"),
    }.get(name, known[::-1])
    assert unknown != known
    for caller in ("other partner", "bound", "sandbox"):
        foreign = world.call(operation, caller)
        absent = world.call(operation, caller, **{name: unknown})
        assert foreign.status_code == absent.status_code == 404
        assert foreign.content == absent.content
        assert comparable(foreign.headers) == comparable(absent.headers)


def comparable(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "date"}


BODIES = {"broken": b"{", "empty": b"", "deep": b"[" * 10_000}


@pytest.mark.slow
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("media_type", ["application/json", "text/plain"])
def test_keys_and_tokens_are_judged_before_the_body(
    world: World, documented: Documented, body: bytes, media_type: str
) -> None:
    for operation in (*BY_KEY, *BY_JWT):
        method, path, _ = CALLS[operation](world.names)
        for shown in ({}, {"X-API-Key": "imo360_ak_typo", "Authorization": "Bearer x"}):
            headers = {**shown, "Content-Type": media_type}
            answer = world.api.client.request(method, path, content=body, headers=headers)
            assert answer.status_code == 401
            documented.expect(operation, answer)


def test_permissions_and_roles_are_judged_before_the_body(world: World) -> None:
    headers = {
        "X-API-Key": str(world.keys["without"]), "Content-Type": "text/plain",
        "Authorization": f"Bearer {world.tokens['member']}",
    }  # fmt: skip
    for operation in (*BY_KEY, *BY_JWT):
        method, path, body = CALLS[operation](world.names)
        if body is not None:
            answer = world.api.client.request(method, path, content=b"{", headers=headers)
            code = "missing_permission" if operation in BY_KEY else "admin_required"
            assert outcome_of(answer) == f"403 {code}"


def test_a_refusal_names_the_permission_that_is_missing(world: World) -> None:
    for operation, named in (
        ("get_listing", "read.estates"),
        ("delete_listing", "publish.estates"),
    ):
        assert named in world.call(operation, "without").json()["detail"]
    sandbox = world.people.make_key(
        partner=TRIES, permissions=["read.estates"],
        environment="sandbox",
    )  # fmt: skip
    headers = {"X-API-Key": sandbox["key"]}
    wiped = world.api.client.delete("/api/integration/sandbox", headers=headers)
    assert outcome_of(wiped) == "403 missing_permission"


def test_who_may_write_may_read_its_own_and_the_other_way_round_not(world: World) -> None:
    partner = f"owner of {world.names['provider']}"
    world.keys["owner"] = world.api.make_key(partner, ("publish.estates",))
    assert outcome_of(world.call("get_listing", "owner")) == "200"
    world.keys["owner"] = world.api.make_key(partner, ("read.estates",))
    assert outcome_of(world.call("get_listing", "owner")) == "200"
    for operation in ("post_listing", "post_listings", "delete_listing", "open_snapshot"):
        assert outcome_of(world.call(operation, "owner")) == "403 missing_permission"


def paths(documented: Documented) -> Iterator[tuple[str, set[str]]]:
    """Yield the paths of the document, with the methods that they answer."""
    by_path: dict[str, set[str]] = {}
    for method, path, _ in documented.operations.values():
        by_path.setdefault(path, set()).add(method)
    yield from by_path.items()


METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE")
OTHER_PATHS = {f"{LISTINGS}/bulk": {"GET", "DELETE"}}
"""To these methods the path is that of a listing, of which there is none."""


def test_other_methods_are_405_tell_which_are_and_do_no_harm(
    world: World, documented: Documented
) -> None:
    headers = {
        "X-API-Key": str(world.keys["owner"]), "Content-Type": "application/json",
        "Authorization": f"Bearer {world.tokens['admin']}",
    }  # fmt: skip
    values = {"id": "key", "snapshot_id": "snapshot", "identifier": "identifier",
              "eventId": "event"}  # fmt: skip
    before = state_of(world.api)
    for path, methods in paths(documented):
        target = path
        for name, value in values.items():
            target = target.replace(f"{{{name}}}", world.names[value])
        for method in METHODS:
            if method in methods | OTHER_PATHS.get(path, set()):
                continue
            answer = world.api.client.request(method, target, content=b"{}", headers=headers)
            assert answer.status_code == 405, f"{method} {path}"
            allowed = {each.strip() for each in answer.headers["allow"].split(",")}
            assert methods <= allowed, f"{method} {path}: {allowed}"
            assert method not in allowed
            assert answer.headers["content-type"] == "application/problem+json"
    assert state_of(world.api) == before


def test_a_log_in_that_succeeds_is_as_documented(world: World, documented: Documented) -> None:
    credentials = {"email": "admin@example.com", "password": PASSWORD}
    answer = world.api.client.post("/authentication_token", json=credentials)
    assert answer.status_code == 200
    documented.expect("post_authentication_token", answer)
    wrong = world.api.client.post("/authentication_token", json=credentials | {"password": "x"})
    assert outcome_of(wrong) == "401 Invalid credentials."
    documented.expect("post_authentication_token", wrong)
