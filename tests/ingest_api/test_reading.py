"""Posted bytes mean one thing only, or are refused."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_api.reading import Refusal, Understood, read_listing, split_bulk
from store.shapes.wire import MAX_BULK_ITEMS, MAX_LISTING_BYTES

NOW = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)

AMBIGUOUS = {
    "empty body": b"",
    "not a number": b'{"price": NaN}',
    "infinity": b'{"price": Infinity}',
    "negative infinity": b'{"price": -Infinity}',
    "a number no double holds": b'{"price": 1e400}',
    "an integer of 5,000 digits": b'{"price": 1' + b"0" * 5000 + b"}",
    "leading zero": b'{"price": 01}',
    "trailing bytes": b'{"price": 1} x',
    "two documents": b"{}{}",
    "trailing comma": b'{"price": 1,}',
    "single quotes": b"{'price': 1}",
    "comment": b'{"price": 1 /* cheap */}',
    "cut off": b'{"price": 1',
    "a name twice": b'{"price": 1, "price": 2}',
    "a name twice, once escaped": b'{"price": 1, "pric\\u0065": 2}',
    "a name twice, deep in an unknown field": b'{"x": {"y": [{"a": 1, "a": 2}]}}',
    "a name twice, hidden by escaped quotes": b'{"a": 1, "a": "\\u0022\\u0022"}',
    "a lone high surrogate": b'{"title": "\\ud800"}',
    "a lone low surrogate": b'{"title": "\\udc00"}',
    "surrogates in the wrong order": b'{"title": "\\udc00\\ud800"}',
    "a lone surrogate in a name": b'{"a\\ud800": 1}',
    "a surrogate as UTF-8": b'{"title": "\xed\xa0\x80"}',
    "Latin-1": b'{"title": "Bucure\xbati"}',
    "UTF-16": '{"title": "x"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a raw control character": b'{"title": "a\x01b"}',
    "NUL": b"\x00",
    "deep arrays": b"[" * 5000 + b"]" * 5000,
    "deep objects": b'{"a":' * 5000 + b"1" + b"}" * 5000,
}


@pytest.mark.parametrize("payload", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_json_that_readers_could_understand_differently_is_refused(payload: bytes) -> None:
    read = read_listing(payload, NOW)
    assert isinstance(read, Refusal)
    assert read.code == "invalid_json"


@pytest.mark.parametrize("payload", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_an_ambiguous_item_is_refused_alone_or_with_its_bulk(payload: bytes) -> None:
    items = split_bulk(b'{"items": [' + payload + b"]}")
    if isinstance(items, Refusal):
        assert items.code == "invalid_json"
        return
    for item in items:
        assert isinstance(read_listing(item, NOW), Refusal)


@pytest.mark.parametrize(
    ("payload", "offset"),
    [(b'{"price": NaN}', 10), (b'{"a": 1} x', 9), (b'{"t": "\xff"}', 7), (b'{"a": 1', 7)],
)
def test_the_refusal_tells_the_byte(payload: bytes, offset: int) -> None:
    read = read_listing(payload, NOW)
    assert isinstance(read, Refusal)
    assert f"at byte {offset}:" in read.detail


@pytest.mark.parametrize("payload", [b"null", b"1", b'"x"', b"[]", b"[{}]", b"true"])
def test_a_document_that_is_no_object_breaks_the_contract(payload: bytes) -> None:
    read = read_listing(payload, NOW)
    assert isinstance(read, Refusal)
    assert [(v.path, v.code) for v in read.violations] == [("", "wrong_type")]


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        (b"[]", "", "wrong_type"),
        (b"{}", "items", "required"),
        (b'{"items": null}', "items", "wrong_type"),
        (b'{"items": {}}', "items", "wrong_type"),
    ],
)
def test_a_bulk_without_a_list_of_items_breaks_the_contract(
    body: bytes, path: str, code: str
) -> None:
    refused = split_bulk(body)
    assert isinstance(refused, Refusal)
    assert [(v.path, v.code) for v in refused.violations] == [(path, code)]


@pytest.mark.parametrize(
    "body",
    [b'{"items": [1], "items": [2]}', b'{"items": [1], "items": [2], "\\u0022\\u0022": 0}'],
)
def test_a_bulk_that_names_items_twice_is_refused(body: bytes) -> None:
    refused = split_bulk(body)
    assert isinstance(refused, Refusal)
    assert refused.code == "invalid_json"


def test_items_keep_their_bytes_verbatim() -> None:
    assert split_bulk(b'{"items": [ {"a" : 1.50 } ,\n{"b":"\\u00e9"}]}') == [
        b'{"a" : 1.50 }',
        b'{"b":"\\u00e9"}',
    ]


def test_limits_are_named() -> None:
    bulk = split_bulk(b'{"items": [' + b"1," * MAX_BULK_ITEMS + b"1]}")
    listing = read_listing(b" " * (MAX_LISTING_BYTES + 1), NOW)
    assert isinstance(bulk, Refusal)
    assert (bulk.code, bulk.limit) == ("too_many_items", MAX_BULK_ITEMS)
    assert isinstance(listing, Refusal)
    assert (listing.code, listing.limit) == ("too_large", MAX_LISTING_BYTES)


def test_escaped_quotes_alone_are_no_reason_to_refuse() -> None:
    read = read_listing(b'{"providerIdentifier":"p","externalId":"e","title":"\\u0022A\\""}', NOW)
    assert isinstance(read, Understood)
    assert json.loads(read.post.patch)["title"] == '"A"'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)  # fmt: skip


@given(JSON, st.booleans())
def test_sound_json_is_never_called_ambiguous(document: object, is_ascii: bool) -> None:
    payload = json.dumps(document, ensure_ascii=is_ascii).encode(errors="surrogatepass")
    read = read_listing(payload, NOW)
    assert isinstance(read, Refusal)
    is_sound = "\\ud" not in json.dumps(document) or is_paired(document)
    assert (read.code == "validation_failed") is is_sound


def is_paired(document: object) -> bool:
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


@given(st.dictionaries(st.text(max_size=4), st.text(max_size=4), min_size=1), st.data())
def test_a_doubled_name_is_always_found(document: dict[str, str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(document)))
    member = f"{json.dumps(name)}: {json.dumps(data.draw(st.text(max_size=4)))}"
    doubled = json.dumps(document)[:-1] + f", {member}}}"
    read = read_listing(doubled.encode(), NOW)
    assert isinstance(read, Refusal)
    assert read.code == "invalid_json"
