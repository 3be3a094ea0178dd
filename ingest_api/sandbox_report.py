"""The stages as a sandbox plays them: no worker runs there, and partners want to see reports.

Everything is done when it is received, but for external ids that stand for what may go wrong.
"""

from datetime import datetime, timedelta

from store.reports import STAGES, EventReport, Message, Received, Severity, Stage, StageState

FAIL_GEOCODE = "test-fail-geocode"
SLOW_IMAGE = "test-slow-image"

SLOW_IMAGE_WAIT = timedelta(seconds=60)
"""How long the pictures of SLOW_IMAGE stay pending."""

PUBLICATION = 1
"""A sandbox has one publication, which holds everything."""


def sandbox_report(event: Received, external_id: str, images: int, now: datetime) -> EventReport:
    """Report on an event of a sandbox as of now. images: how many pictures the listing names."""
    at = event.received_at
    done = Stage(StageState.DONE, at)
    stages = dict.fromkeys(STAGES, done) | {
        "images": _images(external_id, images, at, now),
        "published": Stage(StageState.DONE, at, publication=PUBLICATION),
    }
    if external_id != FAIL_GEOCODE:
        return EventReport(stages, ())
    return EventReport(stages | {"geocoded": Stage(StageState.FAILED, at)}, (_NOT_PLACED,))


def _images(external_id: str, images: int, at: datetime, now: datetime) -> Stage:
    if external_id == SLOW_IMAGE and now - at < SLOW_IMAGE_WAIT:
        return Stage(StageState.PENDING, stored=0, of=max(1, images))
    if external_id == SLOW_IMAGE:
        return Stage(
            StageState.DONE, at + SLOW_IMAGE_WAIT, stored=max(1, images), of=max(1, images)
        )
    if not images:
        return Stage(StageState.SKIPPED, stored=0, of=0)
    return Stage(StageState.DONE, at, stored=images, of=images)


_NOT_PLACED = Message(
    Severity.WARNING,
    "place_unknown",
    "no zone is known for it, from neither a point nor a name in its words: it is in no zone's "
    "figures and not on the map",
    "address",
)
