"""What a post does to a listing: merge, change and effective time. Pure.

Documents and patches are JSON objects under wire names. Absent keeps, None clears, [] empties;
`agency` and `agent` are replaced whole when their name changes, else merged by field (also under
a new name when `formerName` is the stored one: the same party, renamed); `attributes` merge by
key.
"""

from typing import Any, NamedTuple

from store.shapes.vocabulary import CLOSED, Status

Document = dict[str, Any]

PARTIES = ("agency", "agent")
ORDERING = "sourceUpdatedAt"
"""Says when the source changed; orders bodies, but is itself no change of the listing."""


class Merged(NamedTuple):
    """The document after a post.

    is_changed is true when more than the source's clock moved; is_stale when the body was older
    than what is stored, so that nothing was taken from it.
    """

    document: Document
    is_changed: bool
    is_stale: bool


def merge(document: Document | None, patch: Document) -> Merged:
    """Apply a patch to a listing's document (None: the listing is new)."""
    if document is None:
        return Merged(_apply({}, patch), is_changed=True, is_stale=False)
    if _is_older(patch, document):
        return Merged(document, is_changed=False, is_stale=True)
    after = _apply(document, patch)
    return Merged(after, is_changed=_differs(document, after), is_stale=False)


DELETION = ("deletedAt", "deletionReason")
"""Platform fields of a deleted listing's document."""


def revive(document: Document, patch: Document) -> Document:
    """Return a deleted listing's document as a post finds it: not deleted, and on the market
    again unless the patch says otherwise."""
    alive = {name: value for name, value in document.items() if name not in DELETION}
    return alive if "status" in patch else alive | {"status": Status.ACTIVE.value}


def effective_at(before: Document | None, after: Document, patch: Document, received: str) -> str:
    """Return when the revision became true, as an instant's wire text.

    A sale or letting counts from `soldAt`; else the source's clock; else, on the first revision,
    `publishedAt`; else the moment of receipt.
    """
    closes = after.get("status") in CLOSED and (before or {}).get("status") not in CLOSED
    if closes and after.get("soldAt"):
        return str(after["soldAt"])
    if patch.get(ORDERING):
        return str(patch[ORDERING])
    if before is None and after.get("publishedAt"):
        return str(after["publishedAt"])
    return received


def _is_older(patch: Document, document: Document) -> bool:
    theirs, ours = patch.get(ORDERING), document.get(ORDERING)
    return bool(theirs and ours and theirs < ours)


def _differs(before: Document, after: Document) -> bool:
    """Whether more than the source's clock moved."""
    if before.get(ORDERING) == after.get(ORDERING):
        return before != after
    return _content(before) != _content(after)


def _content(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != ORDERING}


def _apply(document: Document, patch: Document) -> Document:
    after = document | patch
    for party in PARTIES:
        if patch.get(party) is not None:
            after[party] = _merge_party(document.get(party), patch[party])
    if patch.get("attributes") is not None:
        after["attributes"] = _merge_fields(document.get("attributes") or {}, patch["attributes"])
    if None in patch.values():
        return {name: value for name, value in after.items() if value is not None}
    return after


def _merge_party(stored: Document | None, posted: Document) -> Document:
    if stored == posted:
        return posted
    return _merge_fields(stored if stored and _is_same_party(stored, posted) else {}, posted)


def _is_same_party(stored: Document, posted: Document) -> bool:
    known = stored.get("name")
    return posted.get("name", known) == known or posted.get("formerName", "") == known


def _merge_fields(stored: Document, posted: Document) -> Document:
    after = {**stored, **posted}
    return {name: value for name, value in after.items() if value is not None}
