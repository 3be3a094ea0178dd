"""Hostile posts by the thousand: bytes that break parsers, limits and patience.

Every case has a name, a category (what its answer may be) and the bytes. A case holds MARK in its
values: an answer that refuses must not hold it. Seeded; the same cases on every run.
"""

import gzip
import json
import random
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from store.shapes.wire import (
    FIELDS,
    MAX_BULK_BYTES,
    MAX_BULK_ITEMS,
    MAX_LISTING_BYTES,
    Kind,
)

MARK = "mq7Zk2Xw9"
"""Stands in the values of every case and must stand in no refusal."""

PROVIDER = "hostile"
SEED = 20_260_615
SHARE_IN_BULKS = 0.6
SHARE_IN_LINES = 0.15

TAKEN = frozenset({200, 201})
BROKEN = frozenset({400})
AGAINST_CONTRACT = frozenset({422})

CATEGORIES: dict[str, frozenset[int]] = {
    "control": TAKEN,  # proves that the others are refused for their hostile part
    "broken": BROKEN,  # no JSON, or JSON that readers understand differently
    "not a double": BROKEN | AGAINST_CONTRACT,
    "refused value": AGAINST_CONTRACT,
    "sound": TAKEN | AGAINST_CONTRACT,  # legal JSON: the contract decides
    "deep": TAKEN | BROKEN | AGAINST_CONTRACT,  # as deep as the parser likes
    "too deep": BROKEN | AGAINST_CONTRACT,
    "large": TAKEN | AGAINST_CONTRACT,
    "too large": frozenset({413}),
    "media type": frozenset({415}),
    "sound or media type": TAKEN | AGAINST_CONTRACT | {415},
    "any stream": TAKEN | BROKEN | AGAINST_CONTRACT | {413},
    "line by line": TAKEN | BROKEN | AGAINST_CONTRACT | {415},
}


@dataclass(frozen=True, slots=True)
class Case:
    """One hostile post. is_bulk: where it goes; headers replace the ordinary ones."""

    name: str
    category: str
    body: bytes
    is_bulk: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def allowed(self) -> frozenset[int]:
        """The statuses of a single answer, or of a bulk's item."""
        return CATEGORIES[self.category]


@cache
def cases() -> tuple[Case, ...]:
    """Return all cases: singles, a share of them as items of bulks, and bulks of their own."""
    singles = list(_singles())
    chance = random.Random(SEED)
    fitting = [case for case in singles if _fits_a_bulk(case)]
    items = [_as_item(case) for case in fitting if chance.random() < SHARE_IN_BULKS]
    lines = [_as_line(case) for case in fitting
             if b"\n" not in case.body and chance.random() < SHARE_IN_LINES]  # fmt: skip
    found = (*singles, *items, *lines, *_bulks(), *_streams(), *_media_types())
    assert len({case.name for case in found}) == len(found), "two cases of one name"
    return found


# -- the sound parts ------------------------------------------------------------------------

_RAW = "@raw@"


def full_example() -> dict[str, Any]:
    """Return a post of every field that goes with the others."""
    named = {each.name: each.example for each in FIELDS if each.name != "media"}
    return named | {"providerIdentifier": PROVIDER, "title": MARK, "description": MARK}


def sound(external_id: str, **fields: Any) -> dict[str, Any]:
    """Return a small sound post."""
    needed = {each.name: each.example for each in FIELDS if each.is_required_on_create}
    return needed | {
        "providerIdentifier": PROVIDER, "externalId": external_id, "title": MARK, **fields,
    }  # fmt: skip


def encoded(document: Any) -> bytes:
    """Return the JSON of a document."""
    return json.dumps(document, ensure_ascii=False).encode()


class _Names:
    """Gives every case a listing of its own, so that no case is judged by another's remains."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self) -> str:
        self._count += 1
        return f"h-{self._count}"


_name = _Names()


def _with_raw(document: dict[str, Any], raw: bytes) -> bytes:
    """Put raw bytes where the document says _RAW."""
    return encoded(document).replace(f'"{_RAW}"'.encode(), raw)


def _at(place: str, value: Any) -> dict[str, Any]:
    """Return a sound post with a value at a place: `field`, or `field.member` of an object."""
    outer, _, inner = place.partition(".")
    if not inner:
        return sound(_name()) | {outer: value}
    party = {"name": MARK} if outer in ("agency", "agent") else {}
    return sound(_name()) | {outer: party | {inner: value}}


def _singles() -> Iterator[Case]:
    yield Case("control: the full example", "control", encoded(full_example()))
    yield Case("control: a small post", "control", encoded(sound(_name())))
    yield from _numbers()
    yield from _number_texts()
    yield from _types()
    yield from _letters()
    yield from _encodings()
    yield from _doubled_names()
    yield from _broken_syntax()
    yield from _cut_off()
    yield from _deep()
    yield from _absurd_sizes()
    yield from _hostile_names()
    yield from _slow_patterns()
    yield from _identifiers()
    yield from _random_damage()


# -- numbers --------------------------------------------------------------------------------

NUMBERS: dict[str, tuple[str, bytes]] = {
    "NaN": ("broken", b"NaN"),
    "nan": ("broken", b"nan"),
    "Infinity": ("broken", b"Infinity"),
    "-Infinity": ("broken", b"-Infinity"),
    "inf": ("broken", b"inf"),
    "a leading zero": ("broken", b"01"),
    "a minus and a leading zero": ("broken", b"-01"),
    "a plus": ("broken", b"+1"),
    "a bare point": ("broken", b".5"),
    "a trailing point": ("broken", b"1."),
    "a bare exponent": ("broken", b"1e"),
    "a bare minus": ("broken", b"-"),
    "two minuses": ("broken", b"--1"),
    "hexadecimal": ("broken", b"0x10"),
    "underscores": ("broken", b"1_000"),
    "a comma": ("broken", b"1,5"),
    "full-width digits": ("broken", "１２".encode()),
    "1e400": ("not a double", b"1e400"),
    "-1e400": ("not a double", b"-1e400"),
    "an exponent of nine digits": ("not a double", b"1e999999999"),
    "an exponent of 5,000 digits": ("not a double", b"1e" + b"9" * 5000),
    "an integer of 400 digits": ("not a double", b"1" + b"0" * 400),
    "an integer of 5,000 digits": ("not a double", b"7" * 5000),
    "a negative integer of 5,000 digits": ("not a double", b"-" + b"7" * 5000),
    "-0": ("sound", b"-0"),
    "-0.0": ("sound", b"-0.0"),
    "-0e0": ("sound", b"-0e0"),
    "1e-400": ("deep", b"1e-400"),
    "2^53 + 1": ("sound", b"9007199254740993"),
    "2^63": ("sound", b"9223372036854775808"),
    "2^64": ("sound", b"18446744073709551616"),
    "-2^63 - 1": ("sound", b"-9223372036854775809"),
    "10^30": ("sound", b"1" + b"0" * 30),
    "1e308": ("sound", b"1e308"),
    "5e-324": ("sound", b"5e-324"),
    "a hundred decimals": ("sound", b"0." + b"1" * 100),
    "5,000 decimals": ("deep", b"0." + b"1" * 5000),
    "a large exponent sign": ("sound", b"1E+2"),
}

NUMBER_FIELDS = tuple(f.name for f in FIELDS if f.kind in (Kind.DECIMAL, Kind.INTEGER))
OTHER_PLACES = ("title", "status", "imageUrls", "agency.phone", "attributes.x", "unknown.deep")


def _numbers() -> Iterator[Case]:
    for place in (*NUMBER_FIELDS, *OTHER_PLACES):
        for told, (category, raw) in NUMBERS.items():
            body = _with_raw(_at(place, _RAW), raw)
            yield Case(f"number: {told} at {place}", category, body)


NUMBER_TEXTS: dict[str, str] = {
    "5,000 digits": "9" * 5000,
    "400 digits": "9" * 400,
    "an exponent": "1e400",
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "hexadecimal": "0x10",
    "an underscore": "1_0",
    "Arabic digits": "\u0661\u0662",
    "superscript digits": "\u00b2\u00b3",
    "two separators": "1.234,56",
    "a zero-width space": "1\u200b2",
    "NUL": "12\x00",
    "separators only": ",.,.,." * 500,
    "100,000 spaces": " " * 100_000 + "1",
}


def _number_texts() -> Iterator[Case]:
    for name in NUMBER_FIELDS:
        for told, text in NUMBER_TEXTS.items():
            yield Case(f"number as text: {told} at {name}", "sound", encoded(_at(name, text)))


# -- types ----------------------------------------------------------------------------------

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, "", " ", MARK, "true", "0", "null", [], [None], [[]], [{}],
    [0, MARK], {}, {"": None}, {"name": None}, {"name": [MARK]}, {"a": {"b": [MARK]}},
)  # fmt: skip


def _types() -> Iterator[Case]:
    inner = [f"{outer.name}.{each.name}" for outer in FIELDS for each in outer.fields]
    for place in (*(each.name for each in FIELDS), *inner, "attributes.x", "unknown"):
        for value in VALUES:
            shown = json.dumps(value)
            body = encoded(_at(place, value))
            yield Case(f"type: {shown} at {place}", "sound", body)
    for value in ("null", "true", "0", '"x"', "[]", f'["{MARK}"]', "[[]]", '[{"a":1}]'):
        yield Case(f"type: {value} alone", "refused value", value.encode())
    yield Case("type: an empty object", "refused value", b"{}")


# -- letters and encodings ------------------------------------------------------------------

LETTERS: dict[str, tuple[str, bytes]] = {
    "an escaped lone high surrogate": ("broken", rb"\ud800"),
    "an escaped lone low surrogate": ("broken", rb"\udc00"),
    "escaped surrogates in the wrong order": ("broken", rb"\udc00\ud800"),
    "two escaped high surrogates": ("broken", rb"\ud800\ud800"),
    "an escaped high surrogate and a letter": ("broken", rb"\ud800x"),
    "an escaped high surrogate and a newline": ("broken", rb"\ud800\n"),
    "a surrogate as UTF-8": ("broken", b"\xed\xa0\x80"),
    "a surrogate pair as UTF-8": ("broken", b"\xed\xa0\xbd\xed\xb8\x80"),
    "an overlong slash in two bytes": ("broken", b"\xc0\xaf"),
    "an overlong slash in three bytes": ("broken", b"\xe0\x80\xaf"),
    "an overlong slash in four bytes": ("broken", b"\xf0\x80\x80\xaf"),
    "an overlong NUL": ("broken", b"\xc0\x80"),
    "an overlong quote": ("broken", b"\xc0\xa2"),
    "beyond U+10FFFF": ("broken", b"\xf4\x90\x80\x80"),
    "five bytes of UTF-8": ("broken", b"\xf8\x88\x80\x80\x80"),
    "a stray continuation": ("broken", b"\x80"),
    "half a letter": ("broken", b"\xc8"),
    "two thirds of a letter": ("broken", b"\xe2\x82"),
    "the byte FF": ("broken", b"\xff"),
    "a letter of Latin-1": ("broken", "ş".encode("iso8859-2")),
    "an escape cut short": ("broken", rb"\u12"),
    "an escape that is none": ("broken", rb"\x41"),
    "an escape of a letter that is none": ("broken", rb"\q"),
    "an escape in braces": ("broken", rb"\u{41}"),
    "an escape of no hexadecimal": ("broken", rb"\u00g0"),
    "a raw NUL": ("broken", b"\x00"),
    "a raw newline": ("broken", b"\n"),
    "a raw tab": ("broken", b"\t"),
    "a raw escape character": ("broken", b"\x1b[31m"),
    "an escaped NUL": ("deep", rb"\u0000"),
    "an escaped control character": ("sound", rb"\u0001\u001b"),
    "an escaped pair": ("sound", rb"\ud83d\ude00"),
    "an emoji": ("sound", "😀".encode()),
    "a non-character": ("sound", rb"\uffff"),
    "U+FFFE": ("sound", "\ufffe".encode()),
    "DEL": ("sound", b"\x7f"),
    "a byte order mark within": ("sound", b"\xef\xbb\xbf"),
    "right to left": ("sound", "\u202e".encode()),
    "a line separator": ("sound", "\u2028".encode()),
    "a thousand combining marks": ("sound", ("a" + "\u0301" * 400).encode()),
}

TEXT_PLACES = (
    "title", "description", "address", "currency", "publishedAt", "agency.name", "agent.email",
    "attributes.x", "unknown",
)  # fmt: skip


def _letters() -> Iterator[Case]:
    for told, (category, raw) in LETTERS.items():
        value = b'"' + MARK.encode() + raw + b'"'
        for place in TEXT_PLACES:
            body = _with_raw(_at(place, _RAW), value)
            yield Case(f"letter: {told} at {place}", category, body)
        for outer in ("", "attributes", "agency", "unknown"):
            member = {_RAW: MARK}
            document = sound(_name()) | ({outer: {"name": MARK} | member} if outer else member)
            body = _with_raw(document, b'"' + raw + b'"')
            yield Case(f"letter: {told} in a name of {outer or 'the post'}", category, body)


def _encodings() -> Iterator[Case]:
    text = json.dumps(sound(_name(), address="Piața Romană"), ensure_ascii=False)
    for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"):
        yield Case(f"encoding: {name}", "broken", text.encode(name))
    for name in ("utf-8-sig", "iso8859-2", "cp1250", "cp500"):
        yield Case(f"encoding: {name}", "broken", text.encode(name, "replace"))
    yield Case("encoding: utf-7", "deep", text.encode("utf-7"))
    yield Case("encoding: two byte order marks", "broken", b"\xef\xbb\xbf" * 2 + text.encode())
    yield Case("encoding: gzip without saying so", "broken", gzip.compress(text.encode(), mtime=0))
    yield Case("encoding: zlib without saying so", "broken", zlib.compress(text.encode()))
    yield Case("encoding: NULs at the end", "broken", text.encode() + b"\x00" * 8)
    yield Case("encoding: NULs at the start", "broken", b"\x00" + text.encode())


# -- names twice ----------------------------------------------------------------------------


def _escape(name: str, position: int) -> str:
    return f"{name[:position]}\\u{ord(name[position]):04x}{name[position + 1 :]}"


def _doubled_names() -> Iterator[Case]:
    for each in FIELDS:
        again = {
            "twice": each.name,
            "twice, once escaped": _escape(each.name, len(each.name) // 2),
            "twice, all escaped": "".join(f"\\u{ord(letter):04X}" for letter in each.name),
        }
        for told, spelled in again.items():
            member = f', "{spelled}": {json.dumps(each.example)}}}'
            document = full_example() | {"externalId": _name()}
            body = encoded(document)[:-1] + member.encode()
            yield Case(f"name {told}: {each.name}", "broken", body)
    for told, raw in DOUBLED_INSIDE.items():
        body = _with_raw(sound(_name(), unknown=_RAW), raw)
        yield Case(f"name twice: {told} of an unknown field", "broken", body)
        if raw.startswith(b"{"):
            for outer in ("agency", "agent", "attributes"):
                body = _with_raw(sound(_name()) | {outer: _RAW}, raw)
                yield Case(f"name twice: {told} of {outer}", "broken", body)
    yield Case("name in other case", "sound", encoded(sound(_name()) | {"Price": 1, "PRICE": 2}))
    other = sound(_name()) | {"pric\u0435": 1}
    yield Case("name with a letter of another script", "sound", encoded(other))


DOUBLED_INSIDE: dict[str, bytes] = {
    "a member": b'{"name": "a", "name": "b"}',
    "a member, escaped": b'{"name": "a", "n\\u0061me": "b"}',
    "a member of a member": b'{"name": "a", "x": {"a": 1, "a": 1}}',
    "a member in a list": b'[{"a": 1, "a": 1}]',
    "a member in a list of lists": b'[[[{"b": 1}, {"a": 1, "a": 1}]]]',
    "the empty name": b'{"name": "a", "": 1, "": 2}',
    "a name of quotes": b'{"name": "a", "\\"": 1, "\\u0022": 2}',
    "a member beside escaped quotes": b'{"name": "\\u0022\\u0022", "a": 1, "a": 2}',
    "a name escaped as a solidus": b'{"name": "a", "a/b": 1, "a\\/b": 2}',
    "a name of an emoji": b'{"name": "a", "\xf0\x9f\x98\x80": 1, "\\ud83d\\ude00": 2}',
    "hundred members": b'{"name": "a"' + b', "x": 1' * 100 + b"}",
}

# -- syntax ---------------------------------------------------------------------------------

AFTER = (
    b"x", b"{", b"}", b"]", b",", b",{}", b"{}", b"[]", b"null", b"0", b'""', b"\x00", b"\xff",
    b"//", b"/**/", b"#", b";", b"\\", b"\x1a", b"\x0b", b"\x0c", b"\xc2\xa0", b"\xef\xbb\xbf",
    b"\xe2\x80\xa8", b"\n{}", b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", b"\x1e{}", b"--", b"x" * 100_000,
)  # fmt: skip

SYNTAX: dict[str, bytes] = {
    "empty": b"",
    "a space": b" ",
    "white space": b" \t\r\n" * 1000,
    "a megabyte of white space": b" " * 1_000_000,
    "a quote": b'"',
    "a brace": b"{",
    "a bracket": b"[",
    "closing only": b"}",
    "crossed brackets": b'{"a": [1}]',
    "no colon": b'{"a" 1}',
    "two colons": b'{"a":: 1}',
    "no value": b'{"a":}',
    "no name": b"{:1}",
    "no comma": b'{"a": 1 "b": 2}',
    "a comma at the end": b'{"a": 1,}',
    "a comma at the start": b'{,"a": 1}',
    "two commas": b'{"a": 1,, "b": 2}',
    "a comma at a list's end": b'{"a": [1,]}',
    "two commas in a list": b'{"a": [1,,2]}',
    "single quotes": b"{'a': 1}",
    "single quotes around a value": b"{\"a\": 'b'}",
    "back quotes": b'{"a": `b`}',
    "curly quotes": "{“a”: 1}".encode(),
    "names without quotes": b"{a: 1}",
    "a number as a name": b"{1: 1}",
    "null as a name": b"{null: 1}",
    "a comment to the line's end": b'{"a": 1 // cheap\n}',
    "a comment within": b'{"a": 1 /* cheap */}',
    "a comment of a hash": b'{"a": 1 # cheap\n}',
    "a comment before": b'/* cheap */ {"a": 1}',
    "undefined": b'{"a": undefined}',
    "None": b'{"a": None}',
    "True": b'{"a": True}',
    "TRUE": b'{"a": TRUE}',
    "half a truth": b'{"a": tru}',
    "a truth too long": b'{"a": truex}',
    "half a null": b'{"a": nul}',
    "a string without end": b'{"a": "b}',
    "an escaped end": b'{"a": "b\\"}',
    "a string over two lines": b'{"a": "b\\\nc"}',
    "joined strings": b'{"a": "b" + "c"}',
    "a constructor": b'{"a": new Date()}',
    "parentheses": b'({"a": 1})',
    "a callback": b'f({"a": 1})',
    "an anti-hijacking prefix": b")]}',\n{}",
    "a form": b"title=" + MARK.encode(),
    "XML": b"<listing/>",
    "XML that laughs": b'<!DOCTYPE a [<!ENTITY b "' + MARK.encode() + b'">]><a>&b;&b;</a>',
    "XML that reads files": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "YAML": b"title: " + MARK.encode(),
    "a pickle": b"\x80\x04\x95\x0c\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",
    "MessagePack": b"\x81\xa5title\xa3abc",
    "BSON": b"\x16\x00\x00\x00\x02title\x00\x04\x00\x00\x00abc\x00\x00",
    "a zip": b"PK\x03\x04" + b"\x00" * 100,
}


def _broken_syntax() -> Iterator[Case]:
    for told, raw in SYNTAX.items():
        yield Case(f"syntax: {told}", "broken", raw)
    for raw in AFTER:
        body = encoded(sound(_name())) + raw
        yield Case(f"syntax: then {len(raw)} bytes {raw[:8]!r}", "broken", body)
    for raw in (b"\xc2\xa0", b"\x0b", b"\x0c", b"\xe2\x80\xa8", b"\x00", b","):
        body = raw + encoded(sound(_name()))
        yield Case(f"syntax: first {raw!r}", "broken", body)


def _cut_off() -> Iterator[Case]:
    whole = encoded(full_example() | {"address": "Piața Romană 😀"})
    chosen = sorted(random.Random(SEED).sample(range(1, len(whole)), 150))
    for length in chosen:
        yield Case(f"cut off after {length} bytes", "broken", whole[:length])


def _random_damage() -> Iterator[Case]:
    """One byte of the full example replaced, doubled or lost: only sound JSON may be taken."""
    whole = encoded(full_example())
    chance = random.Random(SEED)
    for number in range(200):
        position, letter = chance.randrange(len(whole)), chance.randbytes(1)
        head, tail = whole[:position], whole[position + 1 :]
        damaged = chance.choice([head + letter + tail, head + letter * 2 + tail, head + tail])
        if PROVIDER.encode() in damaged:
            yield Case(f"damaged: {number} at byte {position}", "deep", damaged)


# -- depth and size -------------------------------------------------------------------------

DEPTHS = (10, 50, 100, 500, 900, 1000, 1023, 1024, 1025, 2000, 5000, 10_000, 50_000, 100_000)
NESTS = {"lists": (b"[", b"]"), "objects": (b'{"a":', b"}"), "both": (b'[{"a":', b"}]")}


def _deep() -> Iterator[Case]:
    for depth in DEPTHS:
        for told, (opens, closes) in NESTS.items():
            nest = opens * depth + b"1" + closes * depth
            for place in ("title", "price", "imageUrls", "attributes.x"):
                body = _with_raw(_at(place, _RAW), nest)
                yield Case(f"depth: {depth} {told} at {place}", "too deep", body)
            for place in ("unknown", "agency", "agency.unknown"):
                body = _with_raw(_at(place, _RAW), nest)
                category = "deep" if depth < 100_000 else "too deep"
                yield Case(f"depth: {depth} {told} at {place}", category, body)
            yield Case(f"depth: {depth} {told} alone", "too deep", nest)
            yield Case(f"depth: {depth} {told} never closed", "broken", opens * depth)


def _absurd_sizes() -> Iterator[Case]:
    million = "x" * 1_000_000
    for place in ("title", "description", "currency", "status", "soldAt", "agent.email"):
        yield Case(f"size: a megabyte at {place}", "refused value", encoded(_at(place, million)))
    yield Case("size: a megabyte at unknown", "sound", encoded(_at("unknown", million)))
    for place in ("price", "rooms", "attributes.x"):
        yield Case(f"size: a megabyte at {place}", "refused value", encoded(_at(place, million)))
    for outer in ("", "agency", "attributes"):
        member = {million: MARK}
        document = sound(_name()) | ({outer: {"name": MARK} | member} if outer else member)
        category = "refused value" if outer == "attributes" else "sound"
        yield Case(f"size: a name of a megabyte in {outer or 'the post'}", category,
                   encoded(document))  # fmt: skip
    many = {f"u{number}": 0 for number in range(100_000)}
    yield Case("size: 100,000 unknown fields", "sound", encoded(sound(_name()) | many))
    yield Case("size: 100,000 unknown members", "sound", encoded(_at("unknown", many)))
    yield Case("size: 100,000 attributes", "refused value", encoded(_at("attributes", many)))
    party = {"name": MARK} | many
    yield Case("size: 100,000 members of the agent", "sound", encoded(_at("agent", party)))
    for told, item in (("addresses", "http://a.ro"), ("truths", True), ("lists", []), ("", "")):
        body = encoded(_at("imageUrls", [item] * 100_000))
        yield Case(f"size: 100,000 imageUrls of {told or 'nothing'}", "refused value", body)
    yield Case("size: 100,000 escapes", "refused value",
               _with_raw(_at("title", _RAW), b'"' + rb"\u0041" * 100_000 + b'"'))  # fmt: skip
    yield Case("size: 100,000 quotes", "refused value",
               _with_raw(_at("title", _RAW), b'"' + rb"\u0022" * 100_000 + b'"'))  # fmt: skip
    quotes = b'{"name":"a",' + rb'"\u0022":1,' + b'"x":1,"x":2}'
    yield Case("size: a name twice behind quotes", "broken",
               _with_raw(_at("unknown", _RAW), quotes))  # fmt: skip
    small = encoded(sound(_name()))
    spaces = b" " * (MAX_LISTING_BYTES - len(small))
    yield Case("size: the largest listing", "large", small[:-1] + spaces + b"}")
    yield Case("size: a byte too many", "too large", small[:-1] + spaces + b" }")
    yield Case("size: too many NULs", "too large", b"\x00" * (MAX_LISTING_BYTES + 1))
    yield Case("size: twice too many", "too large", b"[" * (2 * MAX_LISTING_BYTES))


# -- names, patterns, identifiers -----------------------------------------------------------

NAMES = (
    "__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "__class__", "__init__",
    "__dict__", "__len__", "$where", "$ne", "$ref", "@type", "@class", "../../etc/passwd",
    "'; DROP TABLE ingest_listings; --", "${jndi:ldap://x/a}", "{{7*7}}", "%s%s%n", "{0.__class__}",
    "", " ", ".", "..", "a.b", "a[0]", "\r\nX-Evil: 1", "<script>alert(1)</script>", "\x7f",
    "id", "identifier", "revision", "contentHash", "deletedAt", "deletionReason", "statusSince",
    "eventId", "items", "listing_id", "provider_identifier", "x" * 101, "é" * 60, "😀",
)  # fmt: skip


def _hostile_names() -> Iterator[Case]:
    for name in NAMES:
        for value in (MARK, {name: {name: MARK}}, {"constructor": {"prototype": {"x": MARK}}}):
            shown = f"{name[:20]!r} as {type(value).__name__} {len(str(value))}"
            body = encoded(sound(_name()) | {name: value})
            yield Case(f"name: {shown} in the post", "sound", body)
        for outer in ("agency", "attributes", "unknown"):
            body = encoded(_at(f"{outer}.{name}" if name else outer, MARK))
            yield Case(f"name: {name[:20]!r} in {outer}", "sound", body)


LONG = 50_000
PATTERNS: dict[str, str] = {
    "one letter": "a" * LONG,
    "http and one letter": "http://" + "a" * LONG,
    "http and points": "http://" + "a." * LONG + "!",
    "http and slashes": "http://" + "/" * LONG,
    "http many times": "http://" * (LONG // 7),
    "http and at signs": "http://" + "@" * LONG,
    "http and brackets": "http://" + "[" * LONG,
    "http and percent signs": "http://a/" + "%" * LONG,
    "https and spaces": "https://a" + " " * LONG,
    "a mail of at signs": "a@" * LONG,
    "a mail of points": "a@" + "a." * LONG,
    "a mail and spaces": "a@b.ro" + " " * LONG,
    "digits": "1" * LONG,
    "digits and a letter": "1" * LONG + "x",
    "pluses": "+" * LONG,
    "a phone of zeros": "+4" + "0" * LONG,
    "a phone of brackets": "(" * LONG + "0721",
    "a phone of extensions": "0721 ext. " * (LONG // 10),
    "hyphens": "-" * LONG,
    "an instant of digits": "2026-03-01T09:00:00." + "9" * LONG + "Z",
    "an instant of zones": "2026-03-01T09:00:00" + "+00:00" * (LONG // 6),
    "an instant and zeros": "2026-03-01T09:00:00Z" + "0" * LONG,
    "an instant in Arabic digits": "٢٠٢٦-٠٣-٠١T٠٩:٠٠:٠٠Z",
    "the last instant": "9999-12-31T23:59:59.999999-14:00",
    "before the first instant": "0001-01-01T00:00:00+14:00",
    "year zero": "0000-00-00T00:00:00Z",
    "a leap second": "2016-12-31T23:59:60Z",
    "a zone of a hundred hours": "2026-03-01T09:00:00+99:99",
    "white space": "\t\n\u00a0\u2003" * (LONG // 4),
    "combining marks": "e" + "\u0301" * LONG,
    "backslashes": "\\" * LONG,
    "nested groups": "(((((((((a+)+)+)+)+)+)+)+)+)+" * 1000,
    "tags": "<b>" * (LONG // 3),
    "opened tags": "<" * LONG,
    "entities": "&amp;" * (LONG // 5),
    "a format": "{}" * LONG,
    "zero-width joiners": "\u200d" * LONG,
    "a case that grows": "\u0130" * LONG,
    "ligatures that grow": "\ufdfa" * LONG,
}
PATTERN_PLACES = (
    "imageUrls", "publishedAt", "sourceUpdatedAt", "agency.phone", "agent.email", "agency.name",
    "status", "title", "price", "attributes.x",
)  # fmt: skip


def _slow_patterns() -> Iterator[Case]:
    for told, text in PATTERNS.items():
        for place in PATTERN_PLACES:
            value = [text] if place == "imageUrls" else text
            yield Case(f"pattern: {told} at {place}", "sound", encoded(_at(place, value)))


CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
ODD_LETTERS = (
    0xAD, 0x200B, 0x200D, 0x200E, 0x202E, 0x2028, 0x2029, 0x2060, 0xFEFF, 0xFFF9, 0xE000, 0x3000,
    0xFFFE, 0x10FFFF, 0xE0001,
)  # fmt: skip


def _identifiers() -> Iterator[Case]:
    for code in CONTROLS:
        for name in ("providerIdentifier", "externalId"):
            for told, text in _placed(chr(code)):
                body = json.dumps(sound(_name()) | {name: text}).encode()
                shown = f"identifier: U+{code:04X} {told} of {name}"
                yield Case(shown, "refused value" if code else "deep", body)
    for code in ODD_LETTERS:
        for told, text in _placed(chr(code)):
            body = json.dumps(sound(_name()) | {"externalId": text}).encode()
            yield Case(f"identifier: U+{code:04X} {told} of externalId", "sound", body)
    for text in (":", "a:b", ":a", "a:", " a", "a ", "", " ", "x" * 101, "x" * 100_000):
        body = encoded(sound(_name()) | {"providerIdentifier": text})
        shown = f"identifier: {text[:8]!r} of {len(text)} as provider"
        yield Case(shown, "refused value", body)


def _placed(letter: str) -> Iterator[tuple[str, str]]:
    yield "at the start", f"{letter}{_name()}"
    yield "in the middle", f"h{letter}{_name()}"
    yield "at the end", f"{_name()}{letter}"


# -- bulks ----------------------------------------------------------------------------------


def _fits_a_bulk(case: Case) -> bool:
    return len(case.body) <= 300_000


def _as_item(case: Case) -> Case:
    """Put a sound neighbour on both sides: it must be taken whenever the bulk is."""
    first, last = encoded(sound(_name())), encoded(sound(_name()))
    body = b'{"items":[' + first + b"," + case.body + b"," + last + b"]}"
    return Case(f"in a bulk: {case.name}", case.category, body, is_bulk=True)


LINES = {"Content-Type": "application/x-ndjson"}


def _as_line(case: Case) -> Case:
    """Put a sound neighbour on both sides, each on a line of its own."""
    first, last = encoded(sound(_name())), encoded(sound(_name()))
    body = b"\n".join((first, case.body, last))
    return Case(f"in lines: {case.name}", case.category, body, is_bulk=True, headers=LINES)


def _streams() -> Iterator[Case]:
    good = encoded(sound(_name()))
    streams = {
        "nothing": b"",
        "an empty line": b"\n",
        "a thousand empty lines": b"\n" * 1000,
        "a carriage return": b"\r",
        "lines of Windows": good + b"\r\n" + good + b"\r\n",
        "lines of an old Mac": good + b"\r" + good,
        "a line separator": good + "\u2028".encode() + good,
        "records of RFC 7464": b"\x1e" + good + b"\n",
        "a listing over two lines": good.replace(b", ", b",\n"),
        "a list": b"[" + good + b"]",
        "a bulk": b'{"items":[' + good + b"]}",
        "a byte order mark": b"\xef\xbb\xbf" + good,
        "UTF-16": (good.decode() + "\n").encode("utf-16"),
        "NULs": b"\x00" * 100_000,
        "a line of a byte too many": b'{"x":"' + b"x" * (MAX_LISTING_BYTES - 7) + b'"}',
        "a line of many bytes too many": b"x" * (2 * MAX_LISTING_BYTES) + b"\n" + good,
        "10,000 broken lines": b"{\n" * 10_000,
    }
    for told, body in streams.items():
        yield Case(f"lines: {told}", "any stream", body, is_bulk=True, headers=LINES)


def _bulks() -> Iterator[Case]:
    good = encoded(sound(_name()))
    for value in VALUES:
        body = encoded({"items": value})
        shown = f"bulk: items is {json.dumps(value)}"
        yield Case(shown, "sound", body, is_bulk=True)
    for value in ("null", "true", "0", '"x"', "[]", f"[{good.decode()}]", "{}", '{"Items":[]}'):
        yield Case(f"bulk: {value[:20]} alone", "refused value", value.encode(), is_bulk=True)
    for told, body in _broken_envelopes(good).items():
        yield Case(f"bulk: {told}", "broken", body, is_bulk=True)
    most = b"1," * (MAX_BULK_ITEMS - 1) + b"1"
    yield Case("bulk: the most items", "sound", b'{"items":[' + most + b"]}", is_bulk=True)
    yield Case("bulk: one item too many", "too large", b'{"items":[' + most + b",1]}", is_bulk=True)
    yield Case("bulk: a million items", "too large",
               b'{"items":[' + b"1," * 999_999 + b"1]}", is_bulk=True)  # fmt: skip
    yield Case("bulk: one good item too many", "too large",
               b'{"items":[' + b",".join([good] * (MAX_BULK_ITEMS + 1)) + b"]}",
               is_bulk=True)  # fmt: skip
    large = b'{"x":"' + b"x" * (MAX_LISTING_BYTES - 7) + b'"}'
    yield Case("bulk: an item of a byte too many", "too large",
               b'{"items":[' + large + b"]}", is_bulk=True)  # fmt: skip
    yield Case("bulk: a bulk in a bulk", "refused value",
               b'{"items":[{"items":[' + good + b"]}]}", is_bulk=True)  # fmt: skip
    yield Case("bulk: 100,000 other members", "sound",
               encoded({"items": []} | {f"m{n}": n for n in range(100_000)}),
               is_bulk=True)  # fmt: skip
    for depth in DEPTHS:
        nest = b"[" * depth + b"]" * depth
        yield Case(f"bulk: {depth} lists as items", "deep", b'{"items":' + nest + b"}",
                   is_bulk=True)  # fmt: skip
        yield Case(f"bulk: {depth} lists as another member", "deep",
                   b'{"items":[],"x":' + nest + b"}", is_bulk=True)  # fmt: skip


def _broken_envelopes(good: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "cut off in its items": b'{"items":[' + good,
        "cut off after its items": b'{"items":[' + good + b"]",
        "cut off in an item": b'{"items":[' + good[:-9],
        "no comma between items": b'{"items":[' + good + good + b"]}",
        "a comma at the end": b'{"items":[' + good + b",]}",
        "trailing bytes": b'{"items":[' + good + b"]}x",
        "two bulks": b'{"items":[' + good + b"]}" * 2,
        "items twice": b'{"items":[' + good + b'],"items":[]}',
        "items twice, once escaped": b'{"items":[' + good + b'],"it\\u0065ms":[]}',
        "another member twice": b'{"items":[],"a":1,"a":2}',
        "another member NaN": b'{"items":[],"a":NaN}',
        "another member of a lone surrogate": b'{"items":[],"a":"\\ud800"}',
        "a name of a lone surrogate": b'{"items":[],"\\ud800":1}',
        "UTF-16": ('{"items":[' + good.decode() + "]}").encode("utf-16"),
        "a byte order mark": b'\xef\xbb\xbf{"items":[' + good + b"]}",
        "bytes that are not UTF-8": b'{"items":["\xff"]}',
    }


# -- media types ----------------------------------------------------------------------------

MEDIA_TYPES = (
    "", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data",
    "multipart/form-data; boundary=x", "application/xml", "application/octet-stream", "json",
    "application/jsonp", "application/json+x", "application/", "/json", "*/*", "application/*",
    "application/json,application/json", "application/json/json", "application/json x",
    "application/json; charset=utf-16", "application/json; charset=latin-1",
    "application/json; charset=", 'application/json; charset="utf-32"', "application/msgpack",
    "application/json; charset=utf-8; charset=utf-16", "application/vnd.imo360+json",
    "application/problem+json", "\xe9", "x" * 8000,
)  # fmt: skip
SOUND_MEDIA_TYPES = (
    "application/json", "APPLICATION/JSON", "application/json; charset=utf-8",
    'application/json;charset="UTF-8"', "application/json; boundary=x", " application/json ",
    "application/json;", "application/json;;",
)  # fmt: skip
CODINGS = ("gzip", "deflate", "br", "zstd", "x-gzip", "gzip, gzip", "identity, gzip", "\xe9", "x")


def _media_types() -> Iterator[Case]:
    for is_bulk in (False, True):
        where = "a bulk" if is_bulk else "a post"
        for name in MEDIA_TYPES:
            yield _typed(f"media type: {name[:60]!r} of {where}", "media type", is_bulk,
                         {"Content-Type": name})  # fmt: skip
        for name in SOUND_MEDIA_TYPES:
            yield _typed(f"media type: {name!r} of {where}", "sound or media type", is_bulk,
                         {"Content-Type": name})  # fmt: skip
        for name in ("application/x-ndjson", "application/jsonl", "application/json-seq"):
            category = "line by line" if is_bulk else "media type"
            yield _typed(f"media type: {name} of {where}", category, is_bulk,
                         {"Content-Type": name})  # fmt: skip
        for name in CODINGS:
            yield _typed(f"coding: {name!r} of {where}", "media type", is_bulk,
                         {"Content-Encoding": name})  # fmt: skip
        bomb = gzip.compress(b"[" * 10_000_000, mtime=0)
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        yield Case(f"coding: a bomb of {where}", "media type", bomb, is_bulk, headers)


def _typed(name: str, category: str, is_bulk: bool, headers: dict[str, str]) -> Case:
    document = sound(_name())
    body = encoded({"items": [document]} if is_bulk else document)
    return Case(name, category, body, is_bulk, {"Content-Type": "application/json"} | headers)


# -- requests that are no requests ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RawCase:
    """Bytes of a whole request; KEY stands for the key. The client then closes its side."""

    name: str
    request: bytes


def raw_cases() -> list[RawCase]:
    """Return requests that lie about their bodies."""
    good = encoded(sound("raw"))
    return [
        *(RawCase(f"raw: {told}", _request(headers, body))
          for told, (headers, body) in _framings(good).items()),
        RawCase("raw: no request", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        RawCase("raw: nothing", b""),
        RawCase("raw: half a head", b"POST /api/integration/estates HTTP/1.1\r\nHost: x\r\nX-Api"),
        RawCase("raw: a head without end", b"POST / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000),
        RawCase("raw: a header of a megabyte", b"POST / HTTP/1.1\r\na: " + b"b" * 1_000_000),
        RawCase("raw: HTTP/0.9", b"POST /api/integration/estates\r\n\r\n"),
        RawCase("raw: HTTP/9.9", b"POST /api/integration/estates HTTP/9.9\r\nHost: x\r\n\r\n"),
        RawCase("raw: a path of NUL", b"POST /api/\x00 HTTP/1.1\r\nHost: x\r\n\r\n"),
    ]  # fmt: skip


def _framings(good: bytes) -> dict[str, tuple[list[bytes], bytes]]:
    length = b"Content-Length: %d"
    chunked = b"Transfer-Encoding: chunked"
    whole = b"%x\r\n%b\r\n0\r\n\r\n" % (len(good), good)
    limit = MAX_LISTING_BYTES
    piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    return {
        "a length too long, then closed": ([length % (len(good) + 50)], good),
        "a length of a gigabyte": ([length % 2**30], good),
        "a length of 2^64": ([length % 2**64], good),
        "a length of 5,000 digits": ([b"Content-Length: " + b"9" * 5000], good),
        "a length just beyond a bulk's": ([length % (MAX_BULK_BYTES + 1)], b""),
        "a length too short": ([length % (len(good) - 9)], good),
        "no length": ([], good),
        "a length of zero": ([length % 0], good),
        "a negative length": ([b"Content-Length: -1"], good),
        "a length with a plus": ([b"Content-Length: +5"], good),
        "a length in hexadecimal": ([b"Content-Length: 0x10"], good),
        "a length that is no number": ([b"Content-Length: many"], good),
        "two lengths": ([length % len(good), length % 3], good),
        "the same length twice": ([length % len(good)] * 2, good),
        "a length and chunks": ([length % len(good), chunked], whole),
        "chunks": ([chunked], whole),
        "one byte a chunk": ([chunked], b"".join(b"1\r\n%c\r\n" % c for c in good)
                             + b"0\r\n\r\n"),
        "chunks beyond the limit": ([chunked], piece * (limit // 0x10000 + 2)),
        "chunks cut off": ([chunked], b"%x\r\n%b" % (len(good), good)),
        "chunks without the last": ([chunked], whole[:-5]),
        "a chunk's size that is none": ([chunked], b"zz\r\n" + good),
        "a chunk of 2^64": ([chunked], b"ffffffffffffffffff\r\n" + good),
        "a chunk too long": ([chunked], b"ffff\r\n" + good + b"\r\n0\r\n\r\n"),
        "a chunk too short": ([chunked], b"5\r\n" + good + b"\r\n0\r\n\r\n"),
        "chunks with a trailer": ([chunked], whole[:-2] + b"X-Evil: 1\r\n\r\n"),
        "chunks of gzip": ([b"Transfer-Encoding: gzip, chunked"], whole),
        "an unknown coding": ([b"Transfer-Encoding: x"], good),
        "a promise of 100": ([b"Expect: 100-continue", length % len(good)], good),
        "an unknown promise": ([b"Expect: x", length % len(good)], good),
        "an upgrade": ([b"Upgrade: h2c", b"Connection: Upgrade", length % len(good)], good),
        "a smuggled request": ([length % 6, chunked], b"0\r\n\r\nG"),
        "a second key": ([b"X-API-Key: x", length % len(good)], good),
        "headers folded": ([b"X-A: b\r\n c", length % len(good)], good),
        "two types": ([b"Content-Type: text/plain", length % len(good)], good),
    }  # fmt: skip


def _request(headers: list[bytes], body: bytes) -> bytes:
    lines = [
        b"POST /api/integration/estates HTTP/1.1", b"Host: localhost", b"X-API-Key: KEY",
        b"Content-Type: application/json", *headers,
    ]  # fmt: skip
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


# -- an opinion of its own ------------------------------------------------------------------


def is_sound_json(body: bytes) -> bool:
    """Whether bytes are JSON that means one thing only, as Python's parser sees it."""
    try:
        text = body.decode("utf-8")
        if text.startswith("\ufeff"):
            return False
        document = json.loads(
            text, parse_constant=_refuse, parse_float=_finite, parse_int=_whole,
            object_pairs_hook=_unique,
        )  # fmt: skip
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        return True  # as deep as the parser likes
    except ValueError:
        return False
    return True


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("no double holds it")
    return number


def _whole(text: str) -> int:
    _finite(text)
    return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name twice")
    return dict(pairs)


PLACE = re.compile(
    r"byte \d+|too (deep|large|early|long)|nested|number|twice|UTF-8|surrogate|empty", re.ASCII
)
"""What the detail of a refused body must tell: where, or why."""
