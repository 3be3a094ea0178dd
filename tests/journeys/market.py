"""A small synthetic market for journeys, posted straight into the journal."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

from analytics.synthetic_market import SyntheticMarket, generate
from store.journal import Journal, Sender
from store.reference import places_path, read_places
from store.shapes.checks import check
from store.shapes.posts import Post, Verdict, post_of

AS_OF = date(2026, 6, 15)


@cache
def synthetic(listings: int, seed: int = 7) -> SyntheticMarket:
    """Return a market of this many listings, as of AS_OF."""
    return generate(seed, listings, read_places(places_path()), AS_OF)


def posts_of(events: Iterable[tuple[Any, dict[str, Any]]], now: datetime) -> list[Post]:
    """Return what the door would let in, canonical as the door makes it."""
    posts = []
    for _, payload in events:
        checked = check(payload, now)
        if not checked.violations:
            raw = json.dumps(payload).encode()
            posts.append(post_of(payload["providerIdentifier"], payload["externalId"],
                                 checked.patch, raw))  # fmt: skip
    return posts


def send(journal: Journal, sender: Sender, posts: Sequence[Post]) -> list[Verdict]:
    """Post everything in order, in bulks of 200."""
    verdicts: list[Verdict] = []
    for start in range(0, len(posts), 200):
        verdicts += journal.submit(sender, posts[start : start + 200])
    return verdicts
