"""The plain post: taken only when the full check would take it as it is."""

import json
from typing import Any

import pytest

from store.shapes.plain import read_plain
from store.shapes.wire import FIELDS, Field, Kind
from tests.listings import document

SAID = [
    (*outer, field)
    for outer, fields in [((), FIELDS), *(((f,), f.fields) for f in FIELDS if f.fields)]
    for field in fields
    if field.kind in (Kind.IDENTIFIER, Kind.TEXT) and not field.may_be_blank
]
"""Every text that must say something, with the object it is in."""


def with_text(path: tuple[Field, ...], text: str) -> bytes:
    value: Any = text
    for field in reversed(path[1:]):
        value = {"name": "VIB", field.name: value}
    return json.dumps(document("a") | {path[0].name: value}).encode()


@pytest.mark.parametrize("path", SAID, ids=[".".join(f.name for f in path) for path in SAID])
@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u2003", "\u00a0"])
def test_a_text_that_must_say_something_is_never_blank(path: tuple[Field, ...], blank: str) -> None:
    assert read_plain(with_text(path, "x")) is not None
    assert read_plain(with_text(path, blank)) is None


def test_a_plain_post_keeps_its_bytes_and_says_whether_it_is_whole() -> None:
    payload = json.dumps(document("a", rooms=2, status="reserved")).encode()
    post = read_plain(payload)
    assert post is not None
    assert (post.payload, post.is_whole, post.status) == (payload, True, "reserved")
    assert json.loads(post.patch) == json.loads(payload)
    part = read_plain(b'{"providerIdentifier":"my-crm","externalId":"a","rooms":2}')
    assert part is not None
    assert not part.is_whole
