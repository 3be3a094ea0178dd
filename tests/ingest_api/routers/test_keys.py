"""Keys over HTTP: who may, what is refused, and what a change does to the next request."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ingest_api.tokens import Signer
from store.database import reading, writing
from store.tables.journal import ingest_audit_entries, ingest_providers, ingest_usage_counts
from tests.ingest_api.conftest import Api, People, problem_of

NOW = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
REFERENCE = "/api/integration/reference"

OPERATIONS: dict[str, tuple[str, str, Any, int]] = {
    # name: method, path, body, status of an admin's call
    "create": ("POST", "/api/keys", {"partner": "Matrix", "permissions": []}, 201),
    "list": ("GET", "/api/keys", None, 200),
    "read": ("GET", "/api/keys/{id}", None, 200),
    "change": ("PATCH", "/api/keys/{id}", {"name": "other"}, 200),
    "rotate": ("POST", "/api/keys/{id}/rotate", None, 201),
    "usage": ("GET", "/api/keys/{id}/usage", None, 200),
    "audit": ("GET", "/api/audit", None, 200),
    "revoke": ("DELETE", "/api/keys/{id}", None, 204),
}

NOT_FOUND = {"code": 401, "message": "JWT Token not found"}
INVALID = {"code": 401, "message": "Invalid JWT Token"}
EXPIRED = {"code": 401, "message": "Expired JWT Token"}

CALLERS: dict[str, dict[str, Any] | None] = {
    "no token": NOT_FOUND,
    "another scheme": NOT_FOUND,
    "garbage": INVALID,
    "nested too deeply": INVALID,
    "wrong signature": INVALID,
    "alg none": INVALID,
    "an API key": INVALID,
    "disabled person": INVALID,
    "person unknown": INVALID,
    "old password": INVALID,
    "expired": EXPIRED,
    "member": None,
    "admin": None,
}
"""Who calls, and the body of the 401; None for those who are known."""


def part(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def headers_of(caller: str, people: People) -> dict[str, str]:
    good = people.token(people.admin)
    _, claims, _ = good.split(".")
    other = Signer(b"another secret of enough bytes....", timedelta(hours=1))
    unknown, rehashed = clone(people.admin, id=10**6), clone(people.admin, password_hash="other")
    tokens = {
        "garbage": "x.y.z",
        "nested too deeply": f"{part(deep(900))}.{claims}.x",
        "wrong signature": other.sign(people.admin, datetime.now(UTC)),
        "alg none": f"{part({'alg': 'none', 'typ': 'JWT'})}.{claims}.",
        "an API key": "imo360_ak_" + "a" * 51,
        "disabled person": people.token(people.disabled),
        "person unknown": people.token(unknown),
        "old password": people.token(rehashed),
        "expired": people.token(people.admin, datetime.now(UTC) - timedelta(hours=1, seconds=1)),
        "member": people.token(people.member),
        "admin": good,
    }
    if caller == "no token":
        return {}
    if caller == "another scheme":
        return {"Authorization": f"Basic {good}"}
    return {"Authorization": f"Bearer {tokens[caller]}"}


def clone(person: Any, **changes: Any) -> Any:
    return replace(person, **changes)


def deep(levels: int) -> list[Any]:
    nested: list[Any] = []
    for _ in range(levels):
        nested = [nested]
    return nested


@pytest.fixture
def key(people: People) -> dict[str, Any]:
    return people.make_key()


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("caller", CALLERS)
def test_who_may_do_what(people: People, key: dict[str, Any], operation: str, caller: str) -> None:
    method, path, body, status = OPERATIONS[operation]
    sent = {} if body is None else {"json": body}
    before = people.api.client.get(REFERENCE, headers={"X-API-Key": key["key"]}).status_code
    answer = people.api.client.request(
        method, path.format(id=key["id"]), headers=headers_of(caller, people), **sent
    )
    if CALLERS[caller] is not None:
        assert (answer.status_code, answer.json()) == (401, CALLERS[caller])
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["www-authenticate"] == "Bearer"
    elif caller == "member":
        assert problem_of(answer) == (403, "admin_required")
    else:
        assert answer.status_code == status
    if caller != "admin":
        after = people.api.client.get(REFERENCE, headers={"X-API-Key": key["key"]}).status_code
        assert (before, after) == (200, 200), "a refused call changes nothing"


def test_the_token_is_judged_before_the_body_is_read(people: People) -> None:
    answer = people.ask("POST", "/api/keys", b"{", token=None)
    assert answer.json() == NOT_FOUND
    assert problem_of(people.ask("POST", "/api/keys", b"{"))[0] == 400


def test_a_new_key_is_shown_once_with_all_it_was_asked_for(people: People) -> None:
    made = people.make_key(
        name="Sync", permissions=["read.leads", "publish.estates"], providers=["crm-b", "crm-a"],
        expiresAt="2099-01-01T00:00:00Z", rateLimit={"perMinute": 60}, environment="sandbox",
    )  # fmt: skip
    assert made.pop("key").startswith("imo360_ak_test_" + made["lookup"])
    assert made["name"] == "Sync"
    assert made["permissions"] == ["publish.estates", "read.leads"]
    assert made["providers"] == ["crm-a", "crm-b"]
    assert made["expiresAt"] == "2099-01-01T00:00:00.000000Z"
    assert made["rateLimit"] == {"perMinute": 60, "burst": 60}
    assert (made["environment"], made["state"]) == ("sandbox", "live")
    assert made["createdBy"] == f"person:{people.admin.id}"
    assert people.ask("GET", f"/api/keys/{made['id']}").json() == made


def test_a_key_without_more_than_it_needs(people: People) -> None:
    made = people.make_key(partner="Plain partner")
    assert made["key"].startswith("imo360_ak_")
    assert not made["key"].startswith("imo360_ak_test_")
    assert made["name"] == "Plain partner"
    assert [made[name] for name in ("providers", "rateLimit", "expiresAt", "revokedAt")] == [
        None
    ] * 4
    answer = people.api.client.get(REFERENCE, headers={"X-API-Key": made["key"]})
    assert answer.status_code == 200


REFUSED: list[tuple[str, Any, str, str]] = [
    ("permissions", ["publish.everything"], "permissions[0]", "invalid_choice"),
    ("permissions", ["admin.*"], "permissions[0]", "invalid_choice"),
    ("permissions", "publish.estates", "permissions", "wrong_type"),
    ("permissions", [1], "permissions[0]", "wrong_type"),
    ("permissions", None, "permissions", "wrong_type"),
    ("partner", " ", "partner", "blank"),
    ("partner", "x" * 201, "partner", "too_long"),
    ("partner", "a\nb", "partner", "invalid_characters"),
    ("partner", None, "partner", "wrong_type"),
    ("name", "", "name", "blank"),
    ("name", 7, "name", "wrong_type"),
    ("providers", [], "providers", "blank"),
    ("providers", ["a", "b:c"], "providers[1]", "invalid_characters"),
    ("providers", "a", "providers", "wrong_type"),
    ("providers", ["x"] * 1001, "providers", "too_many_items"),
    ("expiresAt", "2020-01-01T00:00:00Z", "expiresAt", "in_the_past"),
    ("expiresAt", "2099-01-01T00:00:00", "expiresAt", "invalid_instant"),
    ("expiresAt", 4070908800, "expiresAt", "invalid_instant"),
    ("environment", "test", "environment", "invalid_choice"),
    ("environment", ["live"], "environment", "invalid_choice"),
    ("rateLimit", 60, "rateLimit", "wrong_type"),
    ("rateLimit", {}, "rateLimit.perMinute", "required"),
    ("rateLimit", {"burst": 5}, "rateLimit.perMinute", "required"),
    ("rateLimit", {"perMinute": 0}, "rateLimit.perMinute", "out_of_range"),
    ("rateLimit", {"perMinute": 1.5}, "rateLimit.perMinute", "wrong_type"),
    ("rateLimit", {"perMinute": True}, "rateLimit.perMinute", "wrong_type"),
    ("rateLimit", {"perMinute": 5, "burst": 2**40}, "rateLimit.burst", "out_of_range"),
    ("rateLimit", {"perMinute": 5, "day": 1}, "rateLimit.day", "unknown_field"),
    ("expires_at", "2099-01-01T00:00:00Z", "expires_at", "unknown_field"),
    ("s3cr3t value!", 1, "?", "unknown_field"),
]


@pytest.mark.parametrize(
    ("member", "value", "path", "code"),
    REFUSED,
    ids=[f"{r[2]} {r[3]} {i}" for i, r in enumerate(REFUSED)],
)
def test_a_bad_member_is_named_and_makes_no_key(
    people: People, member: str, value: Any, path: str, code: str
) -> None:
    wish = {"partner": "Nobody's", "permissions": ["publish.estates"], member: value}
    answer = people.ask("POST", "/api/keys", wish)
    assert problem_of(answer) == (422, "validation_failed")
    assert [(v["propertyPath"], v["code"]) for v in answer.json()["violations"]] == [(path, code)]
    assert "s3cr3t" not in answer.text
    assert "Nobody's" not in people.ask("GET", "/api/keys?limit=1000").text


def test_all_violations_come_at_once(people: People) -> None:
    answer = people.ask("POST", "/api/keys", {"permissions": ["x"], "name": 1, "y": 2})
    assert [v["propertyPath"] for v in answer.json()["violations"]] == [
        "name", "y", "partner", "permissions[0]"
    ]  # fmt: skip


def test_a_provider_of_another_partner_is_refused(people: People, provider: str) -> None:
    owner, other = people.make_key(partner="Owner"), people.make_key(partner="Other one")
    with writing(people.api.engine) as connection:
        partner_id = connection.exec_driver_sql(
            "SELECT partner_id FROM ingest_keys WHERE id = ?", (owner["id"],)
        ).scalar_one()
        connection.execute(
            sa.insert(ingest_providers).values(
                identifier=provider, partner_id=partner_id, claimed_at=NOW
            )
        )
    assert people.make_key(partner="Owner", providers=[provider])["providers"] == [provider]
    wish = {"partner": "Other one", "permissions": [], "providers": ["free", provider]}
    for answer in (
        people.ask("POST", "/api/keys", wish),
        people.ask("PATCH", f"/api/keys/{other['id']}", {"providers": ["free", provider]}),
    ):
        assert [(v["propertyPath"], v["code"]) for v in answer.json()["violations"]] == [
            ("providers[1]", "provider_not_owned")
        ]


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"7"])
def test_a_body_that_is_no_object_is_refused(people: People, body: bytes) -> None:
    assert problem_of(people.ask("POST", "/api/keys", body)) == (422, "validation_failed")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"partner":"a","partner":"b"}', b'{"x":NaN}', b'{"x":"\xff"}', b"[" * 5000],
)
def test_json_is_read_strictly(people: People, body: bytes) -> None:
    assert problem_of(people.ask("POST", "/api/keys", body)) == (400, "invalid_json")


def test_bodies_have_limits_and_a_media_type(people: People) -> None:
    large = b'{"partner":"' + b"x" * 70_000 + b'"}'
    assert problem_of(people.ask("POST", "/api/keys", large)) == (413, "too_large")
    token = people.token(people.admin)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}
    answer = people.api.client.post("/api/keys", content=b"{}", headers=headers)
    assert problem_of(answer) == (415, "unsupported_media_type")


@pytest.mark.parametrize("name", ["999999999", "0", "x", "-1", "1e3", "９", "9" * 30, "1%2F2"])
@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [("GET", "", None), ("PATCH", "", {}), ("DELETE", "", None), ("POST", "/rotate", None),
     ("GET", "/usage", None)],
)  # fmt: skip
def test_an_unknown_key_is_not_found(
    people: People, name: str, method: str, rest: str, body: Any
) -> None:
    assert problem_of(people.ask(method, f"/api/keys/{name}{rest}", body)) == (404, "not_found")


def test_lists_are_paged_in_order(people: People) -> None:
    made = [people.make_key()["id"] for _ in range(3)]
    page = people.ask("GET", f"/api/keys?cursor={made[0] - 1}&limit=2").json()
    assert [each["id"] for each in page["items"]] == made[:2]
    rest = people.ask("GET", f"/api/keys?cursor={page['nextCursor']}&limit=2").json()
    assert [each["id"] for each in rest["items"]] == made[2:]
    assert rest["nextCursor"] is None
    assert all("key" not in each for each in page["items"])


@pytest.mark.parametrize(
    ("path", "name"),
    [("/api/keys?limit=0", "limit"), ("/api/keys?limit=1001", "limit"),
     ("/api/keys?cursor=x", "cursor"), ("/api/audit?after=-1", "after"),
     ("/api/audit?limit=٣", "limit")],
)  # fmt: skip
def test_a_bad_parameter_is_named(people: People, path: str, name: str) -> None:
    answer = people.ask("GET", path)
    assert problem_of(answer) == (422, "validation_failed")
    assert [v["propertyPath"] for v in answer.json()["violations"]] == [name]


def use(api: Api, key: str) -> tuple[int, str | None]:
    answer = api.client.get(REFERENCE, headers={"X-API-Key": key})
    return answer.status_code, answer.json().get("code")


def test_a_revoked_key_ends_with_the_next_request(people: People, key: dict[str, Any]) -> None:
    assert use(people.api, key["key"])[0] == 200
    assert people.ask("DELETE", f"/api/keys/{key['id']}").status_code == 204
    assert use(people.api, key["key"]) == (401, "revoked_api_key")
    ended = people.ask("GET", f"/api/keys/{key['id']}").json()
    assert people.ask("DELETE", f"/api/keys/{key['id']}").status_code == 204
    assert people.ask("GET", f"/api/keys/{key['id']}").json() == ended
    assert ended["state"] == "revoked"
    for method, rest, body in (("PATCH", "", {"name": "x"}), ("POST", "/rotate", None)):
        answer = people.ask(method, f"/api/keys/{key['id']}{rest}", body)
        assert problem_of(answer) == (409, "key_ended")


def test_a_key_expires_to_the_second_and_may_live_again(people: People) -> None:
    people.api.clock.stopped_at = NOW
    key = people.make_key(expiresAt=(NOW + SECOND).isoformat())
    assert use(people.api, key["key"])[0] == 200
    people.api.clock.stopped_at = NOW + SECOND
    assert use(people.api, key["key"]) == (401, "expired_api_key")
    assert problem_of(people.ask("POST", f"/api/keys/{key['id']}/rotate")) == (409, "key_ended")
    changed = people.ask("PATCH", f"/api/keys/{key['id']}", {"expiresAt": None})
    assert (changed.json()["state"], changed.json()["expiresAt"]) == ("live", None)
    assert use(people.api, key["key"])[0] == 200


@pytest.mark.parametrize(
    ("body", "seconds"), [(None, 86_400), ({}, 86_400), ({"overlapSeconds": 60}, 60),
                          ({"overlapSeconds": 604_800}, 604_800), ({"overlapSeconds": 0}, 0)]
)  # fmt: skip
def test_a_rotated_secret_holds_for_its_overlap_to_the_second(
    people: People, body: Any, seconds: int
) -> None:
    people.api.clock.stopped_at = NOW
    before = people.make_key()
    answer = people.ask("POST", f"/api/keys/{before['id']}/rotate", body)
    assert answer.status_code == 201
    after = answer.json()
    assert after["id"] == before["id"]
    assert after["key"] != before["key"]
    ends = NOW + timedelta(seconds=seconds)
    assert datetime.fromisoformat(after["previousEndsAt"]) == ends
    for moment, expected in ((ends - SECOND, (200, None)), (ends, (401, "expired_api_key"))):
        if moment >= NOW:
            people.api.clock.stopped_at = moment
            assert use(people.api, before["key"]) == expected
            assert use(people.api, after["key"]) == (200, None)


def test_a_second_rotation_leaves_two_secrets_and_a_revocation_none(people: People) -> None:
    first = people.make_key()
    second = people.ask("POST", f"/api/keys/{first['id']}/rotate").json()
    third = people.ask("POST", f"/api/keys/{first['id']}/rotate").json()
    found = [use(people.api, each["key"]) for each in (first, second, third)]
    assert found == [(401, "invalid_api_key"), (200, None), (200, None)]
    people.ask("DELETE", f"/api/keys/{first['id']}")
    found = [use(people.api, each["key"]) for each in (second, third)]
    assert found == [(401, "revoked_api_key")] * 2


@pytest.mark.parametrize(
    ("body", "code"),
    [({"overlapSeconds": -1}, "out_of_range"), ({"overlapSeconds": 604_801}, "out_of_range"),
     ({"overlapSeconds": "60"}, "wrong_type"), ({"overlapSeconds": True}, "wrong_type"),
     ({"hours": 1}, "unknown_field")],
)  # fmt: skip
def test_a_bad_overlap_rotates_nothing(
    people: People, key: dict[str, Any], body: Any, code: str
) -> None:
    answer = people.ask("POST", f"/api/keys/{key['id']}/rotate", body)
    assert [v["code"] for v in answer.json()["violations"]] == [code]
    assert people.ask("GET", f"/api/keys/{key['id']}").json()["previousEndsAt"] is None


def test_changes_hold_from_the_next_request_and_keep_what_is_absent(
    people: People, listing: dict[str, Any]
) -> None:
    made = people.make_key(permissions=["read.market"], rateLimit={"perMinute": 9, "burst": 3})
    assert problem_of(people.api.post(made["key"], listing)) == (403, "missing_permission")
    answer = people.ask(
        "PATCH", f"/api/keys/{made['id']}", {"permissions": ["publish.estates"], "name": "New"}
    )
    changed = answer.json()
    assert changed == {k: v for k, v in made.items() if k != "key"} | {
        "permissions": ["publish.estates"], "name": "New"
    }  # fmt: skip
    cleared = people.ask("PATCH", f"/api/keys/{made['id']}", {"rateLimit": None}).json()
    assert cleared == changed | {"rateLimit": None}
    assert people.ask("PATCH", f"/api/keys/{made['id']}", {}).json() == cleared


@pytest.mark.parametrize("member", ["partner", "environment", "id", "key"])
def test_what_a_key_is_cannot_be_changed(people: People, key: dict[str, Any], member: str) -> None:
    answer = people.ask("PATCH", f"/api/keys/{key['id']}", {member: "live"})
    assert [v["code"] for v in answer.json()["violations"]] == ["unknown_field"]


def test_a_key_bound_to_providers_is_refused_others(
    people: People, listing: dict[str, Any]
) -> None:
    made = people.make_key(providers=["another-crm"])
    assert problem_of(people.api.post(made["key"], listing)) == (403, "provider_not_owned")
    people.ask("PATCH", f"/api/keys/{made['id']}", {"providers": None})
    assert people.api.post(made["key"], listing).status_code == 201


def test_usage_is_told_by_day(people: People, key: dict[str, Any]) -> None:
    people.api.clock.stopped_at = NOW
    unused = people.ask("GET", f"/api/keys/{key['id']}/usage").json()
    assert unused == {"keyId": key["id"], "lastUsedAt": None, "days": [], "topErrors": []}
    counts = {"calls": 5, "accepted": 4, "refused": 1, "code:too_long": 1, "ms:5": 4, "ms:20": 1}
    with writing(people.api.engine) as connection:
        connection.execute(
            sa.insert(ingest_usage_counts),
            [
                {"key_id": key["id"], "usage_date": NOW.date(), "measure": measure,
                 "count": count, "last_used_at": NOW - SECOND}
                for measure, count in counts.items()
            ],
        )  # fmt: skip
    used = people.ask("GET", f"/api/keys/{key['id']}/usage?days=1").json()
    assert used["lastUsedAt"] == "2026-06-15T08:59:59.000000Z"
    assert used["days"] == [
        {"day": "2026-06-15", "calls": 5, "accepted": 4, "warned": 0, "refused": 1, "p95Ms": 20.0}
    ]
    assert used["topErrors"] == [{"code": "too_long", "count": 1}]


def test_every_change_is_in_the_audit_log(people: People) -> None:
    with reading(people.api.engine) as connection:
        last = connection.execute(sa.select(sa.func.max(ingest_audit_entries.c.id))).scalar() or 0
    key_id = people.make_key(partner="Audited")["id"]
    people.ask("PATCH", f"/api/keys/{key_id}", {"name": "x"})
    people.ask("POST", f"/api/keys/{key_id}/rotate", {"overlapSeconds": 60})
    people.ask("DELETE", f"/api/keys/{key_id}")
    people.ask("GET", "/api/keys", token=people.token(people.member))
    page = people.ask("GET", f"/api/audit?after={last}&limit=4").json()
    rest = people.ask("GET", f"/api/audit?after={page['next']}").json()
    assert (page["more"], rest["more"]) == (True, False)
    told = [
        (each["actor"], each["action"], each["subject"], each["outcome"], each["details"])
        for each in [*page["entries"], *rest["entries"]]
    ]
    admin, subject = f"person:{people.admin.id}", f"key:{key_id}"
    assert told == [
        (admin, "keys.create", subject, "done", {"partner": "Audited", "environment": "live"}),
        (admin, "keys.change", subject, "done", {"fields": ["name"]}),
        (admin, "keys.rotate", subject, "done", {"overlapSeconds": 60}),
        (admin, "keys.revoke", subject, "done", None),
        (f"person:{people.member.id}", "GET /api/keys", None, "admin_required", None),
    ]
    assert {each["address"] for each in page["entries"]} == {"127.0.0.1"}


def test_other_methods_are_refused(people: People) -> None:
    assert problem_of(people.ask("PUT", "/api/keys")) == (405, "method_not_allowed")
    assert problem_of(people.ask("DELETE", "/api/audit")) == (405, "method_not_allowed")
