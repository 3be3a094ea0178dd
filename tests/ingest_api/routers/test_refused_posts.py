"""Posts that are refused: each names its reason, repeats nothing, and hinders no other."""

import http.client
import json
from typing import Any

import pytest

from store.shapes.wire import MAX_BULK_BYTES, MAX_BULK_ITEMS, MAX_LISTING_BYTES
from tests.ingest_api.conftest import LISTINGS, Api, problem_of

Listing = dict[str, Any]


# -- what is refused ------------------------------------------------------------------------

REFUSED: list[tuple[str, Any, str, str]] = [
    # field, value, code, path
    ("providerIdentifier", None, "not_nullable", "providerIdentifier"),
    ("providerIdentifier", "my:crm", "invalid_characters", "providerIdentifier"),
    ("providerIdentifier", " crm", "invalid_characters", "providerIdentifier"),
    ("providerIdentifier", "", "blank", "providerIdentifier"),
    ("externalId", 456, "wrong_type", "externalId"),
    ("externalId", "a\nb", "invalid_characters", "externalId"),
    ("externalId", "x" * 201, "too_long", "externalId"),
    ("title", None, "not_nullable", "title"),
    ("title", "   ", "blank", "title"),
    ("title", "x" * 501, "too_long", "title"),
    ("title", "a\x00b", "invalid_characters", "title"),
    ("transaction", "swap", "invalid_choice", "transaction"),
    ("type", "CASTLE", "invalid_choice", "type"),
    ("type", ["APARTMENT"], "wrong_type", "type"),
    ("price", "185.000", "wrong_type", "price"),
    ("price", "185000 EUR", "wrong_type", "price"),
    ("price", "-5", "out_of_range", "price"),
    ("price", True, "wrong_type", "price"),
    ("price", 0, "out_of_range", "price"),
    ("price", -5, "out_of_range", "price"),
    ("price", 1e12, "out_of_range", "price"),
    ("currency", "euros", "invalid_choice", "currency"),
    ("status", "gone", "invalid_choice", "status"),
    ("status", None, "not_nullable", "status"),
    ("description", "x" * 20_001, "too_long", "description"),
    ("rooms", 2.5, "wrong_type", "rooms"),
    ("rooms", -1, "out_of_range", "rooms"),
    ("totalArea", 0, "out_of_range", "totalArea"),
    ("latitude", 90.1, "out_of_range", "latitude"),
    ("longitude", "26.1E", "wrong_type", "longitude"),
    ("newBuild", "maybe", "wrong_type", "newBuild"),
    ("newBuild", 2, "wrong_type", "newBuild"),
    ("energyClass", "H", "invalid_choice", "energyClass"),
    ("ownershipDocuments", "CADASTRE", "wrong_type", "ownershipDocuments"),
    ("ownershipDocuments", ["CADASTRE", "x"], "invalid_choice", "ownershipDocuments[1]"),
    ("ownershipDocuments", [None], "not_nullable", "ownershipDocuments[0]"),
    ("ownershipDocuments", ["CADASTRE"] * 8, "too_many_items", "ownershipDocuments"),
    ("commissionPct", 101, "out_of_range", "commissionPct"),
    ("imageUrls", "https://example.com/a.jpg", "wrong_type", "imageUrls"),
    ("imageUrls", ["https://a.example/1", "ftp://b"], "invalid_url", "imageUrls[1]"),
    ("imageUrls", ["https://a.example/1", None], "not_nullable", "imageUrls[1]"),
    ("imageUrls", ["https://a.example/" + "x" * 2048], "too_long", "imageUrls[0]"),
    ("imageUrls", ["https://a.example/1"] * 51, "too_many_items", "imageUrls"),
    ("agency", "VIB", "wrong_type", "agency"),
    ("agency", {"name": "VIB", "phone": 40721}, "wrong_type", "agency.phone"),
    ("agency", {"name": None}, "not_nullable", "agency.name"),
    ("agent", {"name": ""}, "blank", "agent.name"),
    ("attributes", {"a": [1]}, "wrong_type", "attributes.a"),
    ("attributes", {"a": 2**60}, "out_of_range", "attributes.a"),
    ("attributes", {f"a{i}": i for i in range(101)}, "too_many_items", "attributes"),
    ("publishedAt", "2026-03-01", "invalid_instant", "publishedAt"),
    ("publishedAt", "2026-03-01T09:00:00", "invalid_instant", "publishedAt"),
    ("soldAt", "1700000000", "invalid_instant", "soldAt"),
    ("soldAt", 1700000000, "wrong_type", "soldAt"),
    ("sourceUpdatedAt", "2199-01-01T00:00:00Z", "in_the_future", "sourceUpdatedAt"),
    ("soldPrice", 0, "out_of_range", "soldPrice"),
]


@pytest.mark.parametrize(
    ("field", "value", "code", "path"),
    REFUSED,
    ids=[f"{field} {code} {number}" for number, (field, _, code, _) in enumerate(REFUSED)],
)
def test_a_broken_field_is_named_and_nothing_changes(
    api: Api, listing: Listing, field: str, value: Any, code: str, path: str
) -> None:
    key = api.make_key()
    answer = api.post(key, listing | {field: value})
    assert problem_of(answer) == (422, "validation_failed")
    violations = answer.json()["violations"]
    assert [(v["propertyPath"], v["code"]) for v in violations] == [(path, code)]
    assert api.stored(listing["providerIdentifier"], "a-1") is None
    assert api.payloads(listing["providerIdentifier"]) == []


def test_all_violations_come_at_once(api: Api, listing: Listing) -> None:
    answer = api.post(api.make_key(), listing | {"price": "x", "rooms": "y", "agent": 1})
    assert [v["propertyPath"] for v in answer.json()["violations"]] == ["price", "rooms", "agent"]


def test_a_first_post_needs_more_than_an_update(api: Api, listing: Listing) -> None:
    key = api.make_key()
    identity = {name: listing[name] for name in ("providerIdentifier", "externalId")}
    first = api.post(key, identity)
    assert problem_of(first) == (422, "validation_failed")
    assert [(v["propertyPath"], v["code"]) for v in first.json()["violations"]] == [
        (name, "required_on_create")
        for name in ("title", "transaction", "type", "price", "currency")
    ]
    assert api.post(key, listing).status_code == 201
    assert api.post(key, identity).json()["changed"] is False


def test_identifiers_are_needed_always(api: Api) -> None:
    answer = api.post(api.make_key(), {"title": "x"})
    assert [(v["propertyPath"], v["code"]) for v in answer.json()["violations"]] == [
        ("providerIdentifier", "required"),
        ("externalId", "required"),
    ]


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/xml",
        "",
        "application/json; charset=latin-1",
        "multipart/form-data",
    ],
)
def test_another_media_type_is_refused(api: Api, listing: Listing, media_type: str) -> None:
    answer = api.post(api.make_key(), listing, **{"Content-Type": media_type})
    assert problem_of(answer) == (415, "unsupported_media_type")


def test_utf8_may_be_said_and_compression_may_not(api: Api, listing: Listing) -> None:
    key = api.make_key()
    said = api.post(key, listing, **{"Content-Type": "application/json; charset=UTF-8"})
    assert said.status_code == 201
    assert api.post(key, listing, **{"Content-Encoding": "gzip"}).status_code == 415


@pytest.mark.parametrize(
    ("path", "limit"), [(LISTINGS, MAX_LISTING_BYTES), (f"{LISTINGS}/bulk", MAX_BULK_BYTES)]
)
def test_a_body_beyond_its_limit_is_refused_unread(api: Api, path: str, limit: int) -> None:
    key = api.make_key()
    connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=10)
    connection.putrequest("POST", path)
    for name, value in (("Content-Type", "application/json"), ("X-API-Key", key)):
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(limit + 1))
    connection.endheaders()
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    assert (answer.status, body["code"], body["limit"]) == (413, "too_large", limit)


def test_a_body_that_does_not_say_its_size_is_refused_while_it_streams(api: Api) -> None:
    key = api.make_key()
    pieces = (b" " * 65536 for _ in range(MAX_LISTING_BYTES // 65536 + 1))
    headers = {"Content-Type": "application/json", "X-API-Key": key}
    answer = api.client.post(LISTINGS, content=pieces, headers=headers)
    assert problem_of(answer) == (413, "too_large")


def test_too_many_items_are_refused_together(api: Api) -> None:
    answer = api.bulk(api.make_key(), [0] * (MAX_BULK_ITEMS + 1))
    assert problem_of(answer) == (413, "too_many_items")
    assert answer.json()["limit"] == MAX_BULK_ITEMS


def test_an_item_beyond_the_limit_of_a_listing_fails_alone(api: Api, listing: Listing) -> None:
    large = listing | {"externalId": "large", "x": "y" * MAX_LISTING_BYTES}
    body = api.bulk(api.make_key(), [large, listing]).json()
    assert body["results"][0]["error"]["code"] == "too_large"
    assert body["results"][1]["success"] is True


def test_a_broken_item_hinders_no_other(api: Api, listing: Listing) -> None:
    key = api.make_key()
    good = json.dumps(listing).encode()
    items = [b'{"a":1,"a":2}', good, b"7", b'"\xff"', b"1e400", good.replace(b"a-1", b"a-2")]
    answer = api.post(key, b'{"items":[' + b",".join(items) + b"]}", f"{LISTINGS}/bulk")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["count"], body["succeeded"], body["failed"]) == (6, 2, 4)
    assert [item["index"] for item in body["results"]] == list(range(6))
    errors = [item["error"]["status"] for item in body["results"] if not item["success"]]
    assert errors == [400, 422, 400, 400]


def test_a_bulk_answers_200_even_when_all_items_fail(api: Api) -> None:
    answer = api.bulk(api.make_key(), [{}, []])
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in ("count", "succeeded", "failed")} == {
        "count": 2,
        "succeeded": 0,
        "failed": 2,
    }


def test_refused_bodies_are_kept_with_their_codes(api: Api, listing: Listing) -> None:
    key = api.make_key()
    marks = [b'{"mark": 1, "mark": 2}', json.dumps(listing | {"price": 0}).encode()]
    for body in marks:
        api.post(key, body)
    api.post(key, b'{"items":[' + b",".join(marks) + b"]}", f"{LISTINGS}/bulk")
    assert (
        api.refused()[-4:]
        == [
            (["invalid_json"], marks[0]),
            (["out_of_range"], marks[1]),
        ]
        * 2
    )


def test_bodies_of_strangers_are_not_kept(api: Api) -> None:
    before = len(api.refused())
    api.post(None, b"{")
    api.post(api.make_key(permissions=("read.market",)), b"{")
    assert len(api.refused()) == before


# -- what nobody sent well ------------------------------------------------------------------


def test_unknown_paths_and_methods_are_problems(api: Api) -> None:
    assert problem_of(api.client.get("/api/nothing")) == (404, "not_found")
    wrong = api.client.put(LISTINGS)
    assert problem_of(wrong) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET, POST"
    below = api.client.post(f"{LISTINGS}/my-crm:a")
    assert problem_of(below) == (405, "method_not_allowed")
    assert below.headers["allow"] == "DELETE, GET"


MARK = "s3cr3t-m4rk"

HOSTILE: list[Any] = [
    b"", b"\x00", b"\xff\xfe", b"[", b"{", b"nul", b'{"a":NaN}', b"1e400", b'"\\ud800"',
    b'{"price":' + b"9" * 4000 + b"}", b"[" * 100_000, b'{"a":' * 20_000, b'{"items":' * 10_000,
    b'{"items":[' * 500, b'{"items":[[[[1e400]]]]}', b'{"items":[{"title":"\\udfff"}]}',
    {"providerIdentifier": [], "externalId": {}}, {"items": [None, 1, "x", [], {}, True]},
    {"providerIdentifier": MARK + ":", "externalId": MARK}, {MARK: {MARK: [MARK]}},
    {"providerIdentifier": "p", "externalId": "e", "title": MARK, "type": MARK, "price": MARK,
     "imageUrls": [MARK], "agency": {"phone": [MARK]}, "soldAt": MARK, "attributes": {"a": [MARK]}},
    {"providerIdentifier": "p", "externalId": "e", "soldAt": "2026-02-30T25:61:61+99:99"},
    {"providerIdentifier": "p", "externalId": "e", "soldAt": "0000-01-01T00:00:00Z"},
    {"providerIdentifier": "p", "externalId": "e", "soldAt": "9999-12-31T23:59:59-14:00"},
    {"providerIdentifier": "p", "externalId": "e", "rooms": 1e300, "floor": -1e300},
    {"providerIdentifier": "p", "externalId": "e", "attributes": {"a": 10**400}, "price": 10**400},
    {"providerIdentifier": "\u202e", "externalId": "\u0085", "title": "\u0000"},
    {"providerIdentifier": "p", "externalId": "e", "imageUrls": ["http://[", "http://", "//x"]},
    {"providerIdentifier": "p", "externalId": "e", "attributes": {"": 1, "\0": 2, "x" * 999: 3}},
]  # fmt: skip


@pytest.mark.parametrize("path", [LISTINGS, f"{LISTINGS}/bulk"])
@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_bodies_are_answered_with_a_problem_that_repeats_nothing(
    api: Api, path: str, body: Any
) -> None:
    for sent in (body, {"items": [body]}) if not isinstance(body, bytes) else (body,):
        answer = api.post(api.make_key("Hostile"), sent, path)
        assert answer.status_code in (200, 400, 422)
        assert MARK not in answer.text
        if answer.status_code != 200:
            problem_of(answer)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "\xff" * 61},
        {"X-API-Key": "imo360_ak_" + "a" * 5000},
        {"Content-Type": "application/json; charset"},
        {"Content-Type": ";;;"},
        {"Content-Encoding": "\xff"},
    ],
)
def test_hostile_headers_are_answered_with_a_problem(
    api: Api, listing: Listing, headers: dict[str, str]
) -> None:
    sent = {"X-API-Key": api.make_key("Hostile"), "Content-Type": "application/json", **headers}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]
    answer = api.client.post(LISTINGS, content=json.dumps(listing), headers=raw)
    assert answer.status_code in (201, 401, 403, 415)
