"""Checks of bodies that JSON readers disagree about: refused, and a server that goes on."""

from dataclasses import dataclass

from client.conformance.subject import Check, Subject, told

DEPTH = 100_000


@dataclass(frozen=True, slots=True)
class _Hostile:
    """A body, told to be refused with 400 (or any 4xx, where a reader may call it invalid)."""

    name: str
    what: str
    body: bytes

    def run(self, api: Subject) -> None:
        """Post it, and a good listing after it."""
        answer = api.post(self.body.replace(b"PROVIDER", api.provider.encode()))
        problem = api.expect_problem(answer, 400, "invalid_json")
        api.expect("no echo of the body", told(answer), "PROVIDER" not in str(problem))
        api.posted(api.listing())


def _listing(price: bytes, more: bytes = b"") -> bytes:
    return (
        b'{"providerIdentifier":"PROVIDER","externalId":"hostile","title":"x","transaction":"SALE",'
        b'"type":"HOUSE","currency":"EUR","price":' + price + more + b"}"
    )


_HOSTILE = (
    _Hostile("nan-is-refused", "NaN", _listing(b"NaN")),
    _Hostile("infinity-is-refused", "Infinity", _listing(b"-Infinity")),
    _Hostile("a-number-no-double-holds-is-refused", "1e400", _listing(b"1e400")),
    _Hostile("duplicate-names-are-refused", "a member twice", _listing(b"1", b',"price":2')),
    _Hostile("trailing-bytes-are-refused", "bytes after the object", _listing(b"1") + b"{}"),
    _Hostile("a-truncated-body-is-refused", "half an object", _listing(b"1")[:-20]),
    _Hostile("a-lone-surrogate-is-refused", "a lone surrogate",
             _listing(b"1", b',"description":"\\ud800"')),
    _Hostile("bytes-that-are-not-utf-8-are-refused", "Latin-1",
             _listing(b"1", b',"description":"\xe9"')),
    _Hostile("absurd-depth-is-refused", f"{DEPTH} brackets",
             _listing(b"1", b',"x":' + b"[" * DEPTH + b"]" * DEPTH)),
)  # fmt: skip

CHECKS = tuple(
    Check(each.name, f"A body with {each.what} is 400 invalid_json, and the next post is taken.",
          each.run)
    for each in _HOSTILE
)  # fmt: skip
