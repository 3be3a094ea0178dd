"""Snapshots over HTTP: fed by bulks and lines, and only closing one withdraws what was not sent."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from store.database import reading
from store.tables.journal import ingest_changes
from tests.ingest_api.conftest import LISTINGS, Api, problem_of

Listing = dict[str, Any]
SNAPSHOTS = "/api/integration/snapshots"


def call(api: Api, key: str, method: str, path: str = "", body: Any = None) -> Any:
    headers = {"X-API-Key": key}
    if body is None:
        return api.client.request(method, f"{SNAPSHOTS}{path}", headers=headers)
    headers["Content-Type"] = "application/json"
    return api.client.request(
        method, f"{SNAPSHOTS}{path}", content=json.dumps(body).encode(), headers=headers
    )


def opened(api: Api, key: str, provider: str, **scope: str) -> str:
    answer = call(api, key, "POST", body={"providerIdentifier": provider, **scope})
    assert answer.status_code == 201, answer.text
    snapshot: str = answer.json()["id"]
    assert answer.headers["location"] == f"{SNAPSHOTS}/{snapshot}"
    return snapshot


def feed(api: Api, key: str, snapshot: str, items: list[Any]) -> list[str]:
    """Send items with a snapshot; return `ok` or the code of each."""
    path = f"{LISTINGS}/bulk?snapshot={snapshot}"
    told = api.post(key, {"items": items}, path).json()["results"]
    return ["ok" if each["success"] else each["error"]["code"] for each in told]


def close(api: Api, key: str, snapshot: str, expected: int) -> Any:
    return call(api, key, "POST", f"/{snapshot}/close", {"expectedCount": expected})


def inventory(listing: Listing, count: int, **fields: Any) -> list[Listing]:
    return [listing | {"externalId": f"x{n:02d}"} | fields for n in range(count)]


def statuses(api: Api, listing: Listing, count: int) -> str:
    """Return the first letter of each listing's status, x00 first."""
    stored = (api.stored(listing["providerIdentifier"], f"x{n:02d}") for n in range(count))
    return "".join((each or {"status": "-"})["status"][0] for each in stored)


@pytest.fixture
def key(api: Api) -> str:
    return api.make_key()


@pytest.fixture
def stored(api: Api, key: str, listing: Listing) -> list[Listing]:
    """Twelve listings on the market, x00 to x11."""
    items = inventory(listing, 12)
    assert api.bulk(key, items).json()["succeeded"] == 12
    return items


def test_closing_withdraws_what_was_not_sent(
    api: Api, key: str, listing: Listing, stored: list[Listing]
) -> None:
    snapshot = opened(api, key, listing["providerIdentifier"])
    new = listing | {"externalId": "x12"}
    assert feed(api, key, snapshot, [*stored[:9], stored[0], new]) == ["ok"] * 11
    told = call(api, key, "GET", f"/{snapshot}").json()
    assert (told["state"], told["sent"], told["missing"], told["closedAt"]) == (
        "open", None, None, None,
    )  # fmt: skip
    answer = close(api, key, snapshot, 10)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["state"], told["sent"], told["onMarket"], told["missing"]) == (
        "applied", 10, 13, 3,
    )  # fmt: skip
    assert told["closedAt"] >= told["openedAt"]
    assert statuses(api, listing, 13) == "aaaaaaaaawwwa"
    assert close(api, key, snapshot, 10).json() == told
    assert call(api, key, "GET", f"/{snapshot}").json() == told


def test_a_withdrawn_listing_comes_back_with_the_next_snapshot(
    api: Api, key: str, listing: Listing, stored: list[Listing]
) -> None:
    provider = listing["providerIdentifier"]
    first = opened(api, key, provider)
    feed(api, key, first, stored[:11])
    assert close(api, key, first, 11).json()["missing"] == 1
    second = opened(api, key, provider)
    feed(api, key, second, [each | {"status": "active"} for each in stored])
    assert close(api, key, second, 12).json()["missing"] == 0
    assert statuses(api, listing, 12) == "a" * 12


def test_another_count_than_announced_withdraws_nothing_and_takes_the_rest(
    api: Api, key: str, listing: Listing, stored: list[Listing]
) -> None:
    snapshot = opened(api, key, listing["providerIdentifier"])
    feed(api, key, snapshot, [*stored[:9], stored[9] | {"price": "x"}])
    answer = close(api, key, snapshot, 10)
    assert problem_of(answer) == (409, "snapshot_incomplete")
    assert "9 listings" in answer.json()["detail"]
    assert statuses(api, listing, 12) == "a" * 12
    assert feed(api, key, snapshot, [stored[9]]) == ["ok"]
    assert close(api, key, snapshot, 10).json()["missing"] == 2


@pytest.mark.parametrize(
    ("on_market", "sent", "is_held"),
    [(50, 40, False), (49, 39, True), (9, 0, False), (10, 0, True), (11, 2, False)],
    ids=["20 % are not too much", "10 of 49 are", "9 never are", "10 of 10 are", "9 of 11 never"],
)
def test_the_brake_holds_what_looks_like_a_broken_feed(
    api: Api, key: str, listing: Listing, on_market: int, sent: int, is_held: bool
) -> None:
    items = inventory(listing, on_market)
    api.bulk(key, items)
    snapshot = opened(api, key, listing["providerIdentifier"])
    if sent:
        feed(api, key, snapshot, items[:sent])
    answer = close(api, key, snapshot, sent)
    if is_held:
        assert problem_of(answer) == (409, "snapshot_held")
        assert statuses(api, listing, on_market) == "a" * on_market
        told = call(api, key, "GET", f"/{snapshot}").json()
        assert (told["state"], told["missing"]) == ("held", on_market - sent)
        assert feed(api, key, snapshot, items[:1]) == ["snapshot_closed"]
        assert problem_of(close(api, key, snapshot, sent)) == (409, "snapshot_held")
        answer = call(api, key, "POST", f"/{snapshot}/confirm")
    assert answer.json()["state"] == "applied"
    assert statuses(api, listing, on_market) == "a" * sent + "w" * (on_market - sent)
    assert call(api, key, "POST", f"/{snapshot}/confirm").json()["state"] == "applied"


def test_a_held_one_can_be_abandoned(
    api: Api, key: str, listing: Listing, stored: list[Listing]
) -> None:
    snapshot = opened(api, key, listing["providerIdentifier"])
    assert problem_of(close(api, key, snapshot, 0)) == (409, "snapshot_held")
    for _ in range(2):
        assert call(api, key, "DELETE", f"/{snapshot}").status_code == 204
    assert call(api, key, "GET", f"/{snapshot}").json()["state"] == "abandoned"
    for path, body in (("/close", {"expectedCount": 0}), ("/confirm", None)):
        answer = call(api, key, "POST", f"/{snapshot}{path}", body)
        assert problem_of(answer) == (409, "snapshot_closed")
    assert feed(api, key, snapshot, stored[:1]) == ["snapshot_closed"]
    assert statuses(api, listing, 12) == "a" * 12


def test_an_open_one_cannot_be_confirmed_and_an_applied_one_not_abandoned(
    api: Api, key: str, listing: Listing
) -> None:
    snapshot = opened(api, key, listing["providerIdentifier"])
    assert problem_of(call(api, key, "POST", f"/{snapshot}/confirm")) == (409, "snapshot_closed")
    assert close(api, key, snapshot, 0).json()["state"] == "applied"
    assert problem_of(call(api, key, "DELETE", f"/{snapshot}")) == (409, "snapshot_closed")
    assert feed(api, key, snapshot, [listing]) == ["snapshot_closed"]


SCOPED = """
x00 SALE APARTMENT
x01 SALE HOUSE
x02 RENT APARTMENT
x03 RENT HOUSE
"""


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({}, "wwww"),
        ({"transaction": "SALE"}, "wwaa"),
        ({"type": "HOUSE"}, "awaw"),
        ({"transaction": "RENT", "type": "HOUSE"}, "aaaw"),
    ],
    ids=["all", "sales", "houses", "houses to let"],
)
def test_only_what_is_in_its_scope_is_withdrawn(
    api: Api, key: str, listing: Listing, scope: dict[str, str], expected: str
) -> None:
    rows = [line.split() for line in SCOPED.strip().splitlines()]
    api.bulk(key, [
        listing | {"externalId": name, "transaction": transaction, "type": type_}
        for name, transaction, type_ in rows
    ])  # fmt: skip
    snapshot = opened(api, key, listing["providerIdentifier"], **scope)
    assert close(api, key, snapshot, 0).json()["onMarket"] == expected.count("w")
    assert statuses(api, listing, 4) == expected


def test_what_was_posted_or_changed_beside_it_stays_and_what_is_off_the_market_too(
    api: Api, key: str, listing: Listing, stored: list[Listing]
) -> None:
    for number, status in ((4, "sold"), (5, "rented"), (6, "draft"), (7, "expired")):
        api.post(key, stored[number] | {"status": status})
    api.post(key, stored[8] | {"status": "reserved"})
    snapshot = opened(api, key, listing["providerIdentifier"])
    api.post(key, stored[0] | {"price": 1})
    api.post(key, listing | {"externalId": "x12"})
    feed(api, key, snapshot, stored[1:3])
    told = close(api, key, snapshot, 2).json()
    assert (told["onMarket"], told["missing"]) == (9, 5)
    assert statuses(api, listing, 13) == "aaawsrdewwww" + "a"


def test_other_providers_are_not_taken_and_not_touched(
    api: Api, key: str, listing: Listing, stored: list[Listing]
) -> None:
    other = listing | {"providerIdentifier": listing["providerIdentifier"] + "-2"}
    api.post(key, other)
    snapshot = opened(api, key, listing["providerIdentifier"])
    path = f"{LISTINGS}/bulk?snapshot={snapshot}"
    told = api.post(key, {"items": [stored[0], other | {"price": 2}]}, path).json()["results"]
    violations = [each["error"]["violations"][0] for each in told if not each["success"]]
    assert {each["code"] for each in violations} == {"snapshot_scope"}
    assert not told[1]["success"]
    feed(api, key, snapshot, stored)
    close(api, key, snapshot, 12)
    assert (api.stored(other["providerIdentifier"], "a-1") or {})["status"] == "active"


def test_another_partners_snapshot_is_as_one_that_is_not(
    api: Api, key: str, listing: Listing
) -> None:
    snapshot = opened(api, key, listing["providerIdentifier"])
    stranger = api.make_key()
    for method, path, body in (("GET", "", None), ("DELETE", "", None), ("POST", "/confirm", None),
                               ("POST", "/close", {"expectedCount": 0})):  # fmt: skip
        theirs = call(api, stranger, method, f"/{snapshot}{path}", body)
        none = call(api, stranger, method, f"/{'A' * 22}{path}", body)
        assert problem_of(theirs) == (404, "not_found")
        assert theirs.content == none.content
    mine = listing | {"providerIdentifier": listing["providerIdentifier"] + "-s"}
    assert feed(api, stranger, snapshot, [mine]) == ["snapshot_closed"]
    assert call(api, key, "GET", f"/{snapshot}").json()["state"] == "open"


def test_a_foreign_provider_cannot_be_opened(api: Api, key: str, stored: list[Listing]) -> None:
    body = {"providerIdentifier": stored[0]["providerIdentifier"]}
    answer = call(api, api.make_key(), "POST", body=body)
    assert problem_of(answer) == (403, "provider_not_owned")


def test_a_bound_key_has_the_snapshots_of_its_providers_alone(api: Api, provider: str) -> None:
    bound = api.make_key("Bound snaps", providers=[provider])
    free = api.make_key("Bound snaps")
    other = opened(api, free, f"{provider}-2")
    assert problem_of(call(api, bound, "GET", f"/{other}")) == (404, "not_found")
    answer = call(api, bound, "POST", body={"providerIdentifier": f"{provider}-2"})
    assert problem_of(answer) == (403, "provider_not_owned")
    mine = opened(api, bound, provider)
    assert call(api, free, "GET", f"/{mine}").json()["state"] == "open"


def test_closed_by_many_at_once_it_withdraws_each_listing_once(
    api: Api, key: str, listing: Listing, stored: list[Listing]
) -> None:
    snapshot = opened(api, key, listing["providerIdentifier"])
    feed(api, key, snapshot, stored[:4])
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: close(api, key, snapshot, 4 if n % 2 else 5), range(12)))
    right = [answer for answer in answers[1::2] if answer.status_code == 200]
    assert right
    assert {answer.status_code for answer in answers} <= {200, 409}
    told = call(api, key, "GET", f"/{snapshot}").json()
    assert (told["state"], told["sent"], told["missing"]) == ("applied", 4, 8)
    assert statuses(api, listing, 12) == "aaaawwwwwwww"
    with reading(api.engine) as connection:
        revisions = connection.execute(
            sa.select(sa.func.max(ingest_changes.c.revision)).where(
                ingest_changes.c.provider_identifier == listing["providerIdentifier"]
            )
        ).scalar()
    assert revisions == 2


def test_a_stream_that_is_cut_withdraws_nothing(
    api: Api, key: str, listing: Listing, stored: list[Listing]
) -> None:
    snapshot = opened(api, key, listing["providerIdentifier"])
    lines = b"".join(json.dumps(each).encode() + b"\n" for each in stored)
    head = (
        f"POST {LISTINGS}/bulk?snapshot={snapshot} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n"
        f"Content-Type: application/x-ndjson\r\nContent-Length: {len(lines)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", api.port)) as connection:
        connection.sendall(head.encode() + lines[: len(lines) // 2])
    assert problem_of(close(api, key, snapshot, 12)) == (409, "snapshot_incomplete")
    assert statuses(api, listing, 12) == "a" * 12
    headers = {"X-API-Key": key, "Content-Type": "application/x-ndjson"}
    path = f"{LISTINGS}/bulk?snapshot={snapshot}"
    assert api.client.post(path, content=lines, headers=headers).status_code == 200
    told = close(api, key, snapshot, 12).json()
    assert (told["state"], told["sent"], told["missing"]) == ("applied", 12, 0)


def test_a_single_post_takes_no_snapshot(api: Api, key: str, listing: Listing) -> None:
    answer = api.post(key, listing, f"{LISTINGS}?snapshot=x")
    assert problem_of(answer) == (422, "validation_failed")
