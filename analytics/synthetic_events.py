"""The posts of the synthetic market in time order: first bodies, then what changed.

Serves `synthetic_market`. Like real CRMs, some updates repeat the whole listing, some hold the
page's short form, some only what changed; every one carries the sender's clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from analytics.synthetic_bodies import Body, instant_texts
from analytics.synthetic_faults import DOOR_FAULTS
from analytics.synthetic_ground import Ints
from analytics.synthetic_lives import Adverts, Step, Steps
from analytics.synthetic_words import edited

Event = tuple[datetime, Body]

FULL_SHARE, PAGE_SHARE = 0.30, 0.20
"""Of the updates: whole bodies, and the short form of the integration page; the rest is bare."""

PAGE_FIELDS = ("title", "transaction", "price", "currency")
SAYS_SOLD_AT, SAYS_SOLD_PRICE = 0.85, 0.60

_STATUS = {
    Step.RESERVE: "reserved",
    Step.WITHDRAW: "withdrawn",
    Step.EXPIRE: "expired",
    Step.RETURN: "active",
}


@dataclass(frozen=True)
class Told:
    """The posts, and where they leave each advert (one entry per advert).

    documents: the merged bodies; price_times: seconds of the last change of price; cuts: falls.
    """

    events: list[Event]
    documents: list[Body]
    price_times: list[int]
    cuts: list[int]


def tell(adverts: Adverts, bodies: Sequence[Body], steps: Steps, rng: np.random.Generator) -> Told:
    """Turn steps into posts; bodies are the first posts."""
    documents = [dict(body) for body in bodies]
    price_times, cuts = adverts.start.tolist(), [0] * len(documents)
    updated = instant_texts(steps.time, adverts.provider[steps.advert])
    dice = rng.random((len(steps.advert), 3)).tolist()
    events: list[Event] = []
    columns = zip(
        steps.advert.tolist(), steps.time.tolist(), steps.step.tolist(), steps.price.tolist(),
        steps.sold_price.tolist(), updated, dice, strict=True,
    )  # fmt: skip
    for at, time, step, price, sold, text, die in columns:
        document = documents[at]
        if step == Step.FIRST:
            events.append((_moment(time), dict(document)))
            continue
        changes = _changes(Step(step), document, price, sold, text, die)
        if "price" in changes:
            price_times[at] = time
            cuts[at] += changes["price"] < document["price"]
        changes["sourceUpdatedAt"] = text
        events.append((_moment(time), _post(Step(step), document, changes, die[0])))
        _apply(document, changes)
    return Told(events, documents, price_times, cuts)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _changes(
    step: Step, document: Body, price: float, sold: float, text: str, die: list[float]
) -> Body:
    match step:
        case Step.TOUCH:
            return {}
        case Step.EDIT:
            description = edited(document["description"], int(die[1] * 100))
            return {"description": description}
        case Step.PRICE:
            return {"price": int(price)}
        case Step.CLOSE:
            return _closing(document, sold, text, die)
        case Step.RETURN:
            # null clears what the fallen deal had said.
            cleared: Body = {name: None for name in ("soldAt", "soldPrice") if name in document}
            return {"status": "active", **cleared}
        case _:
            return {"status": _STATUS[step]}


def _closing(document: Body, sold: float, text: str, die: list[float]) -> Body:
    changes: Body = {"status": "sold" if document["transaction"] == "SALE" else "rented"}
    if die[1] < SAYS_SOLD_AT:
        changes["soldAt"] = text
    if die[2] < SAYS_SOLD_PRICE:
        changes["soldPrice"] = int(sold)
    return changes


def _post(step: Step, document: Body, changes: Body, die: float) -> Body:
    if step == Step.TOUCH or die < FULL_SHARE:
        return document | changes
    names: tuple[str, ...] = ("providerIdentifier", "externalId")
    if die < FULL_SHARE + PAGE_SHARE:
        names += PAGE_FIELDS
    return {name: document[name] for name in names} | changes


def _apply(document: Body, changes: Body) -> None:
    for name, value in changes.items():
        if value is None:
            del document[name]
        else:
            document[name] = value


def broken_posts(
    bodies: Sequence[Body], chosen: Ints, kinds: Sequence[str], starts: Ints
) -> list[Event]:
    """Return posts that the door refuses: copies of the chosen bodies under new references."""
    events: list[Event] = []
    for number, (at, kind) in enumerate(zip(chosen.tolist(), kinds, strict=True)):
        body: dict[str, Any] = dict(bodies[at])
        body["externalId"] = f"broken-{number:05d}"
        body.update(DOOR_FAULTS[kind](body, number))
        events.append((_moment(int(starts[at])), body))
    return events
