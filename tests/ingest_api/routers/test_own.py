"""Reading back over HTTP: one's own listings, what became of posts, changes and refusals."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from flows.steps.reference import load_packaged
from flows.steps.worker import start_worker
from store.audit import COMMAND_LINE
from store.database import open_warehouse_reader, reading, writing
from store.keys import KeyWish, issue_key
from store.raw_lake import RawLake
from store.shapes.vocabulary import Environment
from store.tables.journal import ingest_batches, ingest_listings
from store.tables.warehouse import core_listing_places, core_listings
from tests.ingest_api.conftest import LISTINGS, Api, problem_of

Listing = dict[str, Any]
EVENTS = "/api/integration/events"
CHANGES = "/api/integration/changes"
REFUSALS = "/api/integration/refusals"


def get(api: Api, key: str | None, path: str, **sent: str) -> Any:
    headers = {} if key is None else {"X-API-Key": key}
    named = {name.replace("_", "-"): value for name, value in sent.items()}
    return api.client.get(path, headers=headers | named)


def page_of(api: Api, key: str, path: str, **asked: Any) -> Any:
    answer = api.client.get(path, headers={"X-API-Key": key}, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def listing_path(identifier: str) -> str:
    return f"{LISTINGS}/{quote(identifier, safe=':')}"


def pages(api: Api, key: str, **asked: Any) -> list[list[Listing]]:
    found, cursor = [], None
    while True:
        page = page_of(api, key, LISTINGS, **asked, **({"cursor": cursor} if cursor else {}))
        found.append(page["items"])
        cursor = page["nextCursor"]
        if cursor is None:
            return found


def delete(api: Api, key: str, listing: Listing, reason: str) -> None:
    path = listing_path(f"{listing['providerIdentifier']}:{listing['externalId']}")
    answer = api.client.delete(path, headers={"X-API-Key": key}, params={"reason": reason})
    assert answer.status_code == 204


def sandbox_key(api: Api, partner: str) -> str:
    wish = KeyWish(
        partner=partner, permissions=("publish.estates",), environment=Environment.SANDBOX
    )
    with writing(api.engine) as connection:
        return issue_key(connection, wish, COMMAND_LINE, datetime.now(UTC)).key


def refresh(api: Api) -> None:
    worker = start_worker(api.settings, "test", lambda: datetime.now(UTC))
    assert worker is not None
    worker.drain()
    worker.close()


@pytest.fixture(scope="module")
def market(running_api: Api) -> Api:
    """The running API with zones and rates, so that a refresh knows places."""
    load_packaged(running_api.settings, datetime.now(UTC))
    return running_api


def client_side_hash(listing: Listing) -> str:
    """Hash as a partner's own system would: sorted names, no white space, plain numbers."""
    whole = {name: int(v) if isinstance(v, float) and v.is_integer() else v
             for name, v in listing.items()}  # fmt: skip
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


# -- one listing ----------------------------------------------------------------------------


def test_one_reads_ones_own_write_at_once(api: Api, listing: Listing) -> None:
    key = api.make_key()
    posted = api.post(key, listing)
    stored = get(api, key, posted.headers["location"])
    assert stored.status_code == 200
    assert stored.headers["etag"] == posted.headers["etag"] == '"r1"'
    told, answered = stored.json(), posted.json()
    assert told["listing"] == listing | {"status": "active"}
    assert {name: told[name] for name in ("id", "identifier", "eventId", "status")} == {
        name: answered[name] for name in ("id", "identifier", "eventId", "status")
    }
    assert told["revision"] == 1
    assert told["statusSince"] == answered["receivedAt"]
    assert "deletedAt" not in told
    assert told["stages"]["received"] == {"state": "done", "at": answered["receivedAt"]}
    assert told["sources"]["price"] == {
        "eventId": answered["eventId"], "recordedAt": answered["receivedAt"],
    }  # fmt: skip


def test_an_update_is_read_back_merged_under_its_own_revision(api: Api, listing: Listing) -> None:
    key = api.make_key()
    api.post(key, listing | {"rooms": 2})
    update = {name: listing[name] for name in ("providerIdentifier", "externalId")}
    second = api.post(key, update | {"rooms": None, "price": 90000.5, "status": "reserved"})
    told = get(api, key, second.headers["location"]).json()
    assert told["revision"] == 2
    assert told["eventId"] == second.json()["eventId"]
    assert told["listing"] == listing | {"price": 90000.5, "status": "reserved"}


@pytest.mark.parametrize("external_id", ["a/b", "a:b", "casă 1?x=%2F#y", "..", "bulk", "a//b/"])
def test_any_external_id_is_read_by_its_percent_encoded_name(
    api: Api, listing: Listing, external_id: str
) -> None:
    key = api.make_key()
    posted = api.post(key, listing | {"externalId": external_id})
    assert posted.status_code == 201
    name = quote(f"{listing['providerIdentifier']}:{external_id}", safe="")
    told = get(api, key, f"{LISTINGS}/{name}").json()
    assert told["listing"]["externalId"] == external_id
    assert told["id"] == posted.json()["id"]


def test_foreign_and_unknown_listings_have_the_same_answer(api: Api, listing: Listing) -> None:
    key, stranger = api.make_key(), api.make_key()
    provider = listing["providerIdentifier"]
    path = api.post(key, listing).headers["location"]
    foreign = get(api, stranger, path)
    assert problem_of(foreign) == (404, "not_found")
    for unknown in (f"{provider}:other", "no-such:a-1", "no-colon", "", ":", f"{provider}:"):
        answer = get(api, stranger, f"{LISTINGS}/{unknown}")
        assert (answer.status_code, answer.json()) == (404, foreign.json())
    assert problem_of(get(api, key, f"{LISTINGS}/{provider}:other")) == (404, "not_found")


def test_a_bound_key_sees_its_own_providers_only(api: Api, listing: Listing) -> None:
    whole = api.make_key("bound partner")
    other = listing | {"providerIdentifier": f"{listing['providerIdentifier']}-b"}
    posted = [api.post(whole, each) for each in (listing, other)]
    bound = api.make_key("bound partner", providers=[other["providerIdentifier"]])
    assert problem_of(get(api, bound, posted[0].headers["location"])) == (404, "not_found")
    assert get(api, bound, posted[1].headers["location"]).status_code == 200
    assert problem_of(get(api, bound, f"{EVENTS}/{posted[0].json()['eventId']}"))[0] == 404
    assert get(api, bound, f"{EVENTS}/{posted[1].json()['eventId']}").status_code == 200
    for path, shown in ((LISTINGS, "items"), (CHANGES, "changes")):
        assert [each["id"] for each in page_of(api, bound, path)[shown]] == [posted[1].json()["id"]]
        assert len(page_of(api, whole, path)[shown]) == 2
        foreign = page_of(api, bound, path, providerIdentifier=listing["providerIdentifier"])
        assert foreign[shown] == []


def test_what_is_known_already_is_not_sent_again(api: Api, listing: Listing) -> None:
    key = api.make_key()
    path = api.post(key, listing).headers["location"]
    for tags in ('"r1"', 'W/"r1"', '"r7", "r1"', "*"):
        known = get(api, key, path, If_None_Match=tags)
        assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", '"r1"')
    api.post(key, listing | {"price": 1})
    assert get(api, key, path, If_None_Match='"r1"').headers["etag"] == '"r2"'
    assert get(api, key, f"{path}-x", If_None_Match="*").status_code == 404


def test_a_deleted_listing_stays_readable(api: Api, listing: Listing) -> None:
    key = api.make_key()
    path = api.post(key, listing).headers["location"]
    before = get(api, key, path).json()
    delete(api, key, listing, "sold")
    told = get(api, key, path).json()
    assert told["deletedAt"] > before["statusSince"]
    assert (told["status"], told["deletionReason"], told["revision"]) == ("sold", "sold", 2)
    assert told["listing"] == listing | {"status": "sold"}
    (item,) = page_of(api, key, LISTINGS, fields="status,deletedAt")["items"]
    assert item == {"status": "sold", "deletedAt": told["deletedAt"]}
    assert [each["deleted"] for each in page_of(api, key, CHANGES)["changes"]] == [False, True]


# -- lists ----------------------------------------------------------------------------------


def test_pages_hold_every_listing_once_as_the_register_has_it(api: Api, provider: str) -> None:
    key = api.make_key()
    items = [
        {
            "providerIdentifier": f"{provider}-{number % 3}",
            "externalId": f"n-{number * 7919 % 2600}",
            "title": f"Casă {number}", "transaction": "SALE", "type": "HOUSE",
            "price": 1000 + number, "currency": "EUR",
        }
        for number in range(2600)
    ]  # fmt: skip
    for start in range(0, len(items), 1000):
        assert api.bulk(key, items[start : start + 1000]).json()["failed"] == 0
    found = pages(api, key, limit=700, fields="id,providerIdentifier,externalId,price,status")
    assert [len(page) for page in found] == [700, 700, 700, 500]
    listed = [each for page in found for each in page]
    with reading(api.engine) as connection:
        table = ingest_listings.c
        rows = connection.execute(
            sa.select(table.id, table.provider_identifier, table.external_id)
            .where(table.provider_identifier.like(f"{provider}-%"))
            .order_by(table.provider_identifier, table.external_id)
        ).all()
    assert [(e["id"], e["providerIdentifier"], e["externalId"]) for e in listed] == list(rows)
    prices = {(e["providerIdentifier"], e["externalId"]): e["price"] for e in items}
    assert {(e["providerIdentifier"], e["externalId"]): e["price"] for e in listed} == prices
    one = pages(api, key, limit=10_000, providerIdentifier=f"{provider}-1", fields="externalId")
    assert [len(page) for page in one] == [len(items) // 3 + 1]


def test_a_page_that_ends_with_the_last_listing_is_the_last(api: Api, listing: Listing) -> None:
    key = api.make_key()
    assert page_of(api, key, LISTINGS) == {"items": [], "nextCursor": None}
    api.bulk(key, [listing | {"externalId": name} for name in ("a", "b")])
    assert [len(page) for page in pages(api, key, limit=2)] == [2]
    assert [len(page) for page in pages(api, key, limit=1)] == [1, 1]


def test_fields_choose_what_items_hold(api: Api, listing: Listing) -> None:
    key = api.make_key()
    posted = api.post(key, listing | {"rooms": 2}).json()
    chosen = "externalId,identifier,eventId,statusSince,rooms,address,deletedAt"
    (item,) = page_of(api, key, LISTINGS, fields=chosen)["items"]
    assert item == {
        "externalId": "a-1", "identifier": posted["identifier"], "eventId": posted["eventId"],
        "statusSince": posted["receivedAt"], "rooms": 2,
    }  # fmt: skip
    (item,) = page_of(api, key, LISTINGS)["items"]
    assert item.keys() == {"id", "externalId", "revision", "status", "contentHash"}


def test_the_hash_is_what_a_partner_computes_and_changes_with_the_content_only(
    api: Api, listing: Listing
) -> None:
    key = api.make_key()
    content = listing | {"description": "Casă cu grădină", "totalArea": 85.5, "rooms": 3}

    def posted(fields: Listing) -> str:
        path = api.post(key, fields).headers["location"]
        told = get(api, key, path).json()
        (item,) = page_of(api, key, LISTINGS, fields="contentHash")["items"]
        assert item["contentHash"] == told["contentHash"] == client_side_hash(told["listing"])
        return str(told["contentHash"])

    first = posted(content)
    assert first == client_side_hash(content | {"status": "active"})
    assert posted(content) == first
    assert posted(content | {"price": 92000.0}) == first
    changed = posted(content | {"price": 92001})
    assert changed != first
    assert posted(content | {"status": "reserved"}) not in (first, changed)
    assert posted(content | {"status": "active"}) == first


# -- changes --------------------------------------------------------------------------------


def test_changes_grow_strictly_and_are_read_again_from_any_point(
    api: Api, provider: str, listing: Listing
) -> None:
    key = api.make_key()
    names = [(f"{provider}-{n % 2}", f"x-{n}") for n in range(6)]
    events = []
    for price in (1, 1, 2):
        for owner, name in names:
            sent = listing | {"providerIdentifier": owner, "externalId": name, "price": price}
            events.append(api.post(key, sent).json())
    made = [each for each in events if each["changed"]]
    whole = page_of(api, key, CHANGES)
    changes = whole["changes"]
    assert [each["eventId"] for each in changes] == [each["eventId"] for each in made]
    assert [each["seq"] for each in changes] == [int(each["eventId"][:12], 16) for each in made]
    assert all(one["seq"] < next_["seq"] for one, next_ in pairwise(changes))
    assert (whole["next"], whole["more"]) == (changes[-1]["seq"], False)
    assert changes[-1] == {
        "seq": changes[-1]["seq"], "id": made[-1]["id"], "identifier": f"{provider}-1:x-5",
        "revision": 2, "status": "active", "eventId": made[-1]["eventId"],
        "changedAt": made[-1]["receivedAt"], "created": False, "deleted": False,
    }  # fmt: skip
    assert [each["created"] for each in changes] == [True] * 6 + [False] * 6
    for limit in (1, 5, 12):
        replayed, after, more = [], changes[2]["seq"], True
        while more:
            page = page_of(api, key, CHANGES, after=after, limit=limit)
            replayed += page["changes"]
            after, more = page["next"], page["more"]
        assert replayed == changes[3:]
    one = page_of(api, key, CHANGES, providerIdentifier=f"{provider}-0")["changes"]
    assert one == [each for each in changes if each["identifier"].startswith(f"{provider}-0:")]
    assert page_of(api, key, CHANGES, after=2**63 - 1)["next"] == 2**63 - 1


# -- refusals -------------------------------------------------------------------------------


def test_what_was_refused_is_listed_with_its_reasons(api: Api, listing: Listing) -> None:
    key, stranger = api.make_key(), api.make_key()
    bad = json.dumps(listing | {"price": -1}).encode()
    answer = api.post(key, bad)
    assert problem_of(answer) == (422, "validation_failed")
    broken = b'{"providerIdentifier": '
    api.post(key, broken)
    whole = page_of(api, key, REFUSALS)
    first, second = whole["refusals"]
    assert first.pop("receivedAt") <= second.pop("receivedAt")
    assert first == {
        "refusal": first["refusal"], "providerIdentifier": listing["providerIdentifier"],
        "externalId": "a-1", "code": "validation_failed",
        "violations": answer.json()["violations"], "bytes": len(bad),
        "payloadSha256": hashlib.sha256(bad).hexdigest(),
    }  # fmt: skip
    assert second == {
        "refusal": second["refusal"], "code": "invalid_json", "violations": [],
        "bytes": len(broken), "payloadSha256": hashlib.sha256(broken).hexdigest(),
    }  # fmt: skip
    assert first["refusal"] < second["refusal"] == whole["next"]
    assert page_of(api, stranger, REFUSALS)["refusals"] == []
    page = page_of(api, key, REFUSALS, limit=1)
    assert (page["refusals"][0]["refusal"], page["more"]) == (first["refusal"], True)
    page = page_of(api, key, REFUSALS, after=page["next"])
    assert [each["refusal"] for each in page["refusals"]] == [second["refusal"]]
    named = page_of(api, key, REFUSALS, providerIdentifier=listing["providerIdentifier"])
    assert [each["refusal"] for each in named["refusals"]] == [first["refusal"]]


def test_a_bound_key_sees_refusals_of_its_providers_and_its_own(api: Api, provider: str) -> None:
    partner = f"partner of {provider}"
    whole = api.make_key(partner)
    bound = api.make_key(partner, providers=[provider])
    for number, (key, owner) in enumerate(
        [(whole, provider), (whole, f"{provider}-b"), (bound, provider)]
    ):
        api.post(key, {"providerIdentifier": owner, "externalId": f"n-{number}"})
    api.post(whole, b"[")
    api.post(bound, b"{")
    seen = page_of(api, bound, REFUSALS)["refusals"]
    assert [each.get("externalId") for each in seen] == ["n-0", "n-2", None]
    assert seen[-1]["payloadSha256"] == hashlib.sha256(b"{").hexdigest()
    assert len(page_of(api, whole, REFUSALS)["refusals"]) == 5


# -- event reports --------------------------------------------------------------------------


@pytest.mark.slow
def test_a_report_tells_the_stages_before_and_after_a_refresh(
    market: Api, api: Api, listing: Listing
) -> None:
    key = api.make_key()
    first = api.post(key, listing | {"latitude": 44.4812, "longitude": 26.0766, "colour": 1}).json()
    path = f"{EVENTS}/{first['eventId']}"
    before = get(api, key, path).json()
    states = {name: stage["state"] for name, stage in before["stages"].items()}
    assert list(states) == [
        "received", "validated", "normalised", "geocoded", "images", "deduped", "scored",
        "published",
    ]  # fmt: skip
    assert {name for name, state in states.items() if state == "done"} == {"received", "validated"}
    assert set(states.values()) == {"done", "pending"}
    assert before["qualityScore"] is None
    assert [each["code"] for each in before["messages"]] == ["unknown_field"]
    assert before["messages"][0]["propertyPath"] == "colour"
    refresh(api)
    after = get(api, key, path).json()
    assert after["stages"]["geocoded"]["state"] == "done"
    assert after["stages"]["images"] == {"state": "skipped", "stored": 0, "of": 0}
    assert after["stages"]["published"]["publication"] >= 1
    assert after["stages"]["published"]["at"] > first["receivedAt"]
    assert 0 <= after["qualityScore"] <= 100
    assert after["qualityReasons"]
    told = {name: after[name] for name in ("eventId", "identifier", "id", "receivedAt")}
    assert told == {name: first[name] for name in told}
    assert (after["revision"], after["changed"]) == (1, True)
    again = api.post(key, listing | {"price": 93000}).json()
    refresh(api)
    stored = get(api, key, listing_path(first["identifier"])).json()
    assert stored["sources"]["price"]["eventId"] == again["eventId"]
    assert stored["sources"]["latitude"]["eventId"] == first["eventId"]
    assert stored["stages"]["published"]["state"] == "done"
    superseded = get(api, key, path).json()
    assert "superseded" in {each["code"] for each in superseded["messages"]}


def test_foreign_and_unknown_events_have_the_same_answer(api: Api, listing: Listing) -> None:
    key, stranger = api.make_key(), api.make_key()
    event_id = api.post(key, listing).json()["eventId"]
    foreign = get(api, stranger, f"{EVENTS}/{event_id}")
    assert problem_of(foreign) == (404, "not_found")
    guessed = event_id[:-1] + ("0" if event_id[-1] != "0" else "1")
    for unknown in (guessed, event_id[:12], "f" * 28, "x" * 28, "1", event_id.upper()):
        if unknown != event_id:
            answer = get(api, key, f"{EVENTS}/{unknown}")
            assert (answer.status_code, answer.json()) == (404, foreign.json())


def test_events_older_than_the_journal_are_found_in_the_lake(api: Api, listing: Listing) -> None:
    key = api.make_key()
    posts = [listing | {"externalId": f"l-{n}"} for n in range(5)]
    results = api.bulk(key, posts).json()["results"]
    ids = [each["data"]["eventId"] for each in results]
    reports = [get(api, key, f"{EVENTS}/{each}").json() for each in ids]
    changes = page_of(api, key, CHANGES)
    now = datetime.now(UTC)
    lake = RawLake(api.settings)
    lake.seal(now)
    lake.verify_new()
    assert lake.prune(now + timedelta(days=30)) > 0
    with reading(api.engine) as connection:
        left = connection.execute(sa.select(sa.func.count()).select_from(ingest_batches)).scalar()
    assert left == 0
    assert [get(api, key, f"{EVENTS}/{each}").json() for each in ids] == reports
    assert page_of(api, key, CHANGES) == changes
    listed = page_of(api, key, LISTINGS, fields="eventId")["items"]
    assert [each["eventId"] for each in listed] == ids


@pytest.mark.slow
def test_changes_of_a_zone_go_as_far_as_the_market_has_read(
    market: Api, api: Api, listing: Listing
) -> None:
    key = api.make_key()
    here = listing | {"latitude": 44.4812, "longitude": 26.0766}
    there = listing | {"externalId": "b", "latitude": 46.77, "longitude": 23.59, "title": "Cluj"}
    api.bulk(key, [here, there])
    refresh(api)
    zones = zones_of(api, key, "a-1")
    assert len(zones) >= 3
    api.post(key, here | {"price": 5})
    every = page_of(api, key, CHANGES)["changes"]
    for zone in zones[:-1]:
        page = page_of(api, key, CHANGES, zone=zone)
        assert [each["identifier"] for each in page["changes"]] == [every[0]["identifier"]]
        assert every[1]["seq"] <= page["next"] < every[2]["seq"]
        assert page["more"] is False
    country = page_of(api, key, CHANGES, zone=zones[-1], limit=1)
    assert (country["changes"], country["more"]) == (every[:1], True)
    refresh(api)
    page = page_of(api, key, CHANGES, zone=zones[0], after=every[1]["seq"])
    assert page["changes"] == every[2:]
    assert problem_of(get(api, key, f"{CHANGES}?zone=nowhere")) == (404, "not_found")


def zones_of(api: Api, key: str, external_id: str) -> list[str]:
    """Return the zones of the key's only listing of this reference, the country last."""
    place, core = core_listing_places.c, core_listings.c
    changes = page_of(api, key, CHANGES)["changes"]
    (provider,) = {each["identifier"].split(":")[0] for each in changes}
    levels = ("neighbourhood_id", "sector_id", "city_id", "county_id", "country_id")
    with reading(open_warehouse_reader(api.settings)) as connection:
        row = connection.execute(
            sa.select(*(place[level] for level in levels))
            .join_from(core_listing_places, core_listings, core.id == place.id)
            .where(core.provider_identifier == provider, core.external_id == external_id)
        ).one()
    return [zone for zone in row if zone is not None]


# -- sandboxes ------------------------------------------------------------------------------


def test_a_sandbox_is_read_back_apart_and_plays_what_may_happen(api: Api, listing: Listing) -> None:
    partner = f"sandbox of {listing['providerIdentifier']}"
    live, sandbox = api.make_key(partner), sandbox_key(api, partner)
    api.post(live, listing)
    posted = api.post(sandbox, listing | {"externalId": "test-fail-geocode", "imageUrls": []})
    path, event = posted.headers["location"], f"{EVENTS}/{posted.json()['eventId']}"
    report = get(api, sandbox, event).json()
    assert report["stages"]["geocoded"]["state"] == "failed"
    assert report["stages"]["published"]["state"] == "done"
    assert [each["code"] for each in report["messages"]] == ["place_unknown"]
    assert get(api, sandbox, path).json()["stages"] == report["stages"]
    assert get(api, live, path).status_code == 404
    assert get(api, live, event).status_code == 404
    api.post(sandbox, b"{")
    for key, count in ((sandbox, 1), (live, 0)):
        assert len(page_of(api, key, REFUSALS)["refusals"]) == count
        (shown,) = page_of(api, key, LISTINGS, fields="externalId")["items"]
        assert (shown["externalId"] == "test-fail-geocode") is bool(count)
        assert len(page_of(api, key, CHANGES)["changes"]) == 1


# -- who may, and how it is asked -----------------------------------------------------------

ALL = [LISTINGS, f"{LISTINGS}/p:x", f"{EVENTS}/{'0' * 28}", CHANGES, REFUSALS]


@pytest.mark.parametrize("path", ALL)
def test_a_key_that_may_neither_read_nor_write_is_told_what_it_lacks(api: Api, path: str) -> None:
    answer = get(api, api.make_key(permissions=("read.market",)), path)
    assert problem_of(answer) == (403, "missing_permission")
    assert "read.estates" in answer.json()["detail"]
    assert problem_of(get(api, None, path)) == (401, "missing_api_key")
    for permission in ("read.estates", "publish.estates"):
        key = api.make_key(permissions=(permission,))
        assert get(api, key, path).status_code in (200, 404)


@pytest.mark.parametrize("path", ALL)
def test_unknown_parameters_are_refused_by_name(api: Api, path: str) -> None:
    answer = get(api, api.make_key(), f"{path}?colour=SECRET&%3Cb%3E=1")
    assert problem_of(answer) == (422, "validation_failed")
    found = [(each["propertyPath"], each["code"]) for each in answer.json()["violations"]]
    assert found == [("colour", "unknown_parameter"), ("query", "unknown_parameter")]
    assert "SECRET" not in answer.text
    assert "<b>" not in answer.text


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (f"{LISTINGS}?limit=0", "out_of_range"),
        (f"{LISTINGS}?limit=10001", "out_of_range"),
        (f"{LISTINGS}?limit=", "wrong_type"),
        (f"{LISTINGS}?limit=1e3", "wrong_type"),
        (f"{LISTINGS}?limit=%D9%A1", "wrong_type"),
        (f"{LISTINGS}?limit=1&limit=1", "repeated_parameter"),
        (f"{LISTINGS}?cursor=", "wrong_type"),
        (f"{LISTINGS}?cursor=abc", "wrong_type"),
        (f"{LISTINGS}?cursor=zz", "wrong_type"),
        (f"{LISTINGS}?cursor={'ab' * 5000}", "wrong_type"),
        (f"{LISTINGS}?fields=", "invalid_choice"),
        (f"{LISTINGS}?fields=price,colour", "invalid_choice"),
        (f"{LISTINGS}?limit=%FF", "invalid_characters"),
        (f"{CHANGES}?after=-1", "wrong_type"),
        (f"{CHANGES}?after={2**63}", "out_of_range"),
        (f"{CHANGES}?after={'9' * 5000}", "wrong_type"),
        (f"{REFUSALS}?limit=1001", "out_of_range"),
        (f"{REFUSALS}?zone=x", "unknown_parameter"),
    ],
)
def test_wrong_parameters_are_refused(api: Api, asked: str, code: str) -> None:
    answer = get(api, api.make_key(), asked)
    assert problem_of(answer) == (422, "validation_failed")
    assert [each["code"] for each in answer.json()["violations"]] == [code]


@pytest.mark.parametrize("cursor", ["ff", "00", "6100", "00ff00", "c3a9"])
def test_any_cursor_of_the_documented_form_begins_a_page(
    api: Api, listing: Listing, cursor: str
) -> None:
    key = api.make_key()
    api.post(key, listing)
    assert page_of(api, key, LISTINGS, cursor=cursor)["nextCursor"] is None


def test_reading_does_not_change_which_methods_a_path_answers(api: Api) -> None:
    key = api.make_key()
    answer = api.client.put(f"{LISTINGS}/bulk", headers={"X-API-Key": key})
    assert problem_of(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE, GET, POST"
    answer = api.client.put(LISTINGS, headers={"X-API-Key": key})
    assert answer.headers["allow"] == "GET, POST"
