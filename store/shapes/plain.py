"""The plain post: read in one step by msgspec when nothing about it needs a second look.

Most posts are plain: canonical values of known fields, no null, no instant, nothing the sender
should be told. `read_plain` takes these at a fifth of the cost of the full check; whatever it does
not understand it leaves to `checks`, which finds the reason. So it may refuse too much, never too
little: tests hold its answers to those of the full check. Pure.
"""

from operator import attrgetter
from types import GenericAlias
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from store.shapes.checks import URL_PATTERN
from store.shapes.posts import Post, fingerprint
from store.shapes.vocabulary import ON_MARKET
from store.shapes.wire import (
    FIELDS,
    MAX_ATTRIBUTE_NAME,
    MAX_ATTRIBUTE_TEXT,
    REQUIRED_ON_CREATE,
    REQUIRED_ON_UPDATE,
    Field,
    Kind,
)

_SAFE = 2**53
_ON_MARKET = {status.value for status in ON_MARKET}


def _type(field: Field) -> Any:
    """Return the msgspec type of a field's canonical, unremarkable value; None: never plain."""
    match field.kind:
        case Kind.IDENTIFIER | Kind.TEXT:
            least = 0 if field.may_be_blank else 1
            return Annotated[str, Meta(max_length=field.max_length, min_length=least)]
        case Kind.ENUM:
            codes = [code.value for code in field.choices or ()]
            plain = [c for c in codes if c in _ON_MARKET] if field.name == "status" else codes
            return Literal[tuple(plain)]
        case Kind.INTEGER:
            return Annotated[int, _bounds(field, int)]
        case Kind.BOOLEAN:
            return bool
        case Kind.DECIMAL:
            return Annotated[int, _bounds(field, int)] | Annotated[float, _bounds(field, float)]
        case Kind.URLS:
            url = Annotated[str, Meta(max_length=field.max_length, pattern=f"^{URL_PATTERN}$")]
            return Annotated[list[url], Meta(max_length=field.max_items)]
        case Kind.CODES:
            code: Any = Literal[tuple(code.value for code in field.choices or ())]
            return Annotated[GenericAlias(list, (code,)), Meta(max_length=field.max_items)]
        case Kind.OBJECT:
            return _struct(field.name.capitalize(), field.fields)
        case Kind.ATTRIBUTES:
            name = Annotated[str, Meta(max_length=MAX_ATTRIBUTE_NAME, pattern=r"\S")]
            text = Annotated[str, Meta(max_length=MAX_ATTRIBUTE_TEXT)]
            whole = Annotated[int, Meta(ge=-_SAFE, le=_SAFE)]
            real = Annotated[float, Meta(ge=-float(_SAFE), le=float(_SAFE))]
            values = dict[name, text | whole | real | bool]
            return Annotated[values, Meta(max_length=field.max_items)]
        case _:
            return None


def _bounds(field: Field, kind: type[int] | type[float]) -> Meta:
    limits = {"ge": field.minimum, "le": field.maximum, "gt": field.above, "lt": field.below}
    bounds: dict[str, Any] = {name: kind(at) for name, at in limits.items() if at is not None}
    return Meta(**bounds)


def _struct(name: str, fields: tuple[Field, ...]) -> type[msgspec.Struct]:
    typed = [(field, _type(field)) for field in fields]
    members = [
        (field.name, kind) if field.name in REQUIRED_ON_UPDATE
        else (field.name, kind | UnsetType, UNSET)
        for field, kind in typed if kind is not None
    ]  # fmt: skip
    members.sort(key=len)  # required ones first, as Python wants them
    return msgspec.defstruct(name, members, forbid_unknown_fields=True, gc=False)


_decode = msgspec.json.Decoder(_struct("Listing", FIELDS)).decode
_encode = msgspec.json.Encoder().encode
_needed = attrgetter(*REQUIRED_ON_CREATE)
_related = attrgetter(
    "latitude", "longitude", "floor", "floorMax", "usableArea", "totalArea", "soldPrice"
)


def read_plain(payload: bytes) -> Post | None:
    """Return the post when it is plain, else None: let the full check say what it is."""
    if b"\\" in payload and b"\\u00" in payload:
        return None  # NUL, or a quote that would hide a doubled name from the count below
    try:
        listing: Any = _decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    patch = _encode(listing)
    # Nothing but names and texts holds quotes: equal counts prove that no name was doubled.
    if patch.count(b'"') != payload.count(b'"') or not _has_plain_names(listing):
        return None
    if _has_blanks(listing) or _may_be_remarked_on(listing):
        return None
    return Post(
        listing.providerIdentifier, listing.externalId, patch, payload, fingerprint(payload),
        UNSET not in _needed(listing), None if listing.status is UNSET else listing.status,
    )  # fmt: skip


def _has_blanks(listing: Any) -> bool:
    """Whether a text that must say something is white space alone. Identifiers are judged by
    `_has_plain_names`; a test holds this to the fields that may not be blank."""
    title, agency, agent = listing.title, listing.agency, listing.agent
    return bool(
        (title is not UNSET and title.isspace())
        or (agency is not UNSET and _is_unnamed(agency))
        or (agent is not UNSET and _is_unnamed(agent))
    )


def _is_unnamed(party: Any) -> bool:
    name, former = party.name, party.formerName
    return (name is not UNSET and name.isspace()) or (former is not UNSET and former.isspace())


def _may_be_remarked_on(listing: Any) -> bool:
    """Whether `remarks` could have something to say, at a tenth of the cost of asking it."""
    latitude, longitude, floor, top, usable, total, sold_price = _related(listing)
    return bool(
        (latitude is UNSET) is not (longitude is UNSET)
        or (latitude is not UNSET and latitude < longitude)
        or (floor is not UNSET and top is not UNSET and floor > top)
        or (usable is not UNSET and total is not UNSET and usable > total)
        or sold_price is not UNSET
    )


def _has_plain_names(listing: Any) -> bool:
    provider, external_id = listing.providerIdentifier, listing.externalId
    return (
        ":" not in provider
        and provider.isprintable() and external_id.isprintable()
        and provider == provider.strip() and external_id == external_id.strip()
    )  # fmt: skip
