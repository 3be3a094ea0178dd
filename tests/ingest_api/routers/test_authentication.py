"""Logging in over HTTP: LexikJWT's shapes, throttled by account, and tokens that end."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from store.audit import COMMAND_LINE
from store.database import writing
from store.people import change_password, create_person, disable_person, find_person
from store.shapes.vocabulary import Role
from tests.ingest_api.conftest import PASSWORD, Api, People

NOW = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LOGIN = "/authentication_token"
BAD = {"code": 401, "message": "Invalid credentials."}


def log_in(api: Api, email: str, password: str = PASSWORD) -> Any:
    return api.client.post(LOGIN, json={"email": email, "password": password})


def make_person(api: Api, email: str, password_hash: str, role: Role = Role.ADMIN) -> None:
    with writing(api.engine) as connection:
        create_person(connection, email, password_hash, role, COMMAND_LINE, NOW)


def list_keys(people: People, token: str) -> Any:
    return people.ask("GET", "/api/keys?limit=1", token=token)


@pytest.mark.slow
def test_a_token_opens_the_keys(people: People) -> None:
    answer = log_in(people.api, "Admin@Example.com ")
    assert answer.status_code == 200
    assert list(answer.json()) == ["token"]
    assert answer.headers["cache-control"] == "no-store"
    assert list_keys(people, answer.json()["token"]).status_code == 200


@pytest.mark.parametrize(
    ("email", "password"),
    [("member@example.com", "wrong password"), ("nobody@example.com", PASSWORD),
     ("gone@example.com", PASSWORD), ("no address\x00", PASSWORD)],
    ids=["wrong password", "unknown", "disabled", "no address"],
)  # fmt: skip
def test_whoever_is_not_let_in_learns_nothing(people: People, email: str, password: str) -> None:
    answer = log_in(people.api, email, password)
    assert (answer.status_code, answer.json()) == (401, BAD)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"", 400, "JSON"),
        (b"{", 400, "JSON"),
        (b'{"email":"a","email":"b","password":"c"}', 400, "twice"),
        (b'{"email":"\\ud800","password":"c"}', 400, "JSON"),
        (b"[]", 400, "object"),
        (b"{}", 400, '"email" must be provided'),
        (b'{"email":"a@b"}', 400, '"password" must be provided'),
        (b'{"email":1,"password":"x"}', 400, '"email" must be a non-empty string'),
        (b'{"email":"a@b","password":null}', 400, '"password" must be a non-empty string'),
        (b'{"email":"' + b"a" * 5_000 + b'"}', 413, "bytes"),
    ],
)
def test_a_bad_body_is_told_in_the_same_shape(
    api: Api, body: bytes, status: int, told: str
) -> None:
    answer = api.client.post(LOGIN, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == answer.json()["code"] == status
    assert list(answer.json()) == ["code", "message"]
    assert told in answer.json()["message"]


def test_another_media_type_is_refused_in_the_same_shape(api: Api) -> None:
    answer = api.client.post(LOGIN, data={"email": "a@b", "password": "x"})
    assert answer.status_code == answer.json()["code"] == 415


@pytest.mark.slow
@pytest.mark.parametrize("email", ["throttled@example.com", "throttled-nobody@example.com"])
def test_the_sixth_attempt_of_a_minute_waits_for_the_first_to_age(
    people: People, password_hash: str, email: str
) -> None:
    api = people.api
    api.clock.stopped_at = NOW
    is_known = "nobody" not in email
    if is_known:
        make_person(api, email, password_hash)
    for second in range(5):
        api.clock.stopped_at = NOW + second * SECOND
        assert log_in(api, email, f"wrong {second}").json() == BAD
    answer = log_in(api, email)
    assert answer.status_code == 429
    assert answer.json() == {
        "code": 429,
        "message": "Too many failed login attempts, please try again in 1 minute.",
    }
    assert answer.headers["retry-after"] == "56"
    assert log_in(api, "admin@example.com").status_code == 200, "others are let in"
    api.clock.stopped_at = NOW + 59 * SECOND
    assert log_in(api, email).status_code == 429
    api.clock.stopped_at = NOW + 60 * SECOND
    assert log_in(api, email).status_code == (200 if is_known else 401)


@pytest.mark.slow
def test_a_success_forgets_the_failures_before_it(people: People, password_hash: str) -> None:
    people.api.clock.stopped_at = NOW
    email = "forgiven@example.com"
    make_person(people.api, email, password_hash)
    for _ in range(2):
        found = [log_in(people.api, email, "wrong").status_code for _ in range(4)]
        assert [*found, log_in(people.api, email).status_code] == [401, 401, 401, 401, 200]


def test_a_token_holds_an_hour_to_the_second(people: People) -> None:
    people.api.clock.stopped_at = NOW
    token = log_in(people.api, "admin@example.com").json()["token"]
    people.api.clock.stopped_at = NOW + timedelta(hours=1) - SECOND
    assert list_keys(people, token).status_code == 200
    people.api.clock.stopped_at = NOW + timedelta(hours=1)
    assert list_keys(people, token).json() == {"code": 401, "message": "Expired JWT Token"}


@pytest.mark.parametrize("change", ["disabled", "password", "role"])
def test_a_token_is_worth_what_the_account_is_now(
    people: People, password_hash: str, change: str
) -> None:
    email = f"{change}-later@example.com"
    make_person(people.api, email, password_hash)
    with writing(people.api.engine) as connection:
        person = find_person(connection, email)
    assert person is not None
    token = people.token(person)
    assert list_keys(people, token).status_code == 200
    with writing(people.api.engine) as connection:
        if change == "disabled":
            disable_person(connection, email, COMMAND_LINE, people.api.clock())
        elif change == "password":
            change_password(connection, email, password_hash[::-1], COMMAND_LINE, NOW)
        else:
            connection.exec_driver_sql(
                "UPDATE ingest_people SET role = 'member' WHERE id = ?", (person.id,)
            )
    answer = list_keys(people, token)
    if change == "role":
        assert (answer.status_code, answer.json()["code"]) == (403, "admin_required")
    else:
        assert answer.json() == {"code": 401, "message": "Invalid JWT Token"}


def end_of_audit(people: People) -> int:
    """Return the last entry's id: other tests of the session have filled many pages."""
    after, is_over = 0, False
    while not is_over:
        page = people.ask("GET", f"/api/audit?after={after}&limit=1000").json()
        after, is_over = page["next"], not page["entries"]
    return after


def test_log_ins_are_in_the_audit_log_without_the_address_tried(people: People) -> None:
    last = end_of_audit(people)
    log_in(people.api, "my-password-by-mistake")
    log_in(people.api, "admin@example.com")
    entries = people.ask("GET", f"/api/audit?after={last}").json()["entries"]
    assert [(each["actor"], each["action"], each["outcome"]) for each in entries] == [
        ("anonymous", "login", "invalid_credentials"), ("anonymous", "login", "done")
    ]  # fmt: skip
    assert entries[0]["subject"].startswith("account:")
    assert entries[1]["subject"] == f"person:{people.admin.id}"
    assert "mistake" not in json.dumps(entries)
