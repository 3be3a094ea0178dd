"""The sandbox plays the stages: all at once, but for the ids that stand for trouble."""

from datetime import timedelta

import pytest

from ingest_api.sandbox_report import FAIL_GEOCODE, SLOW_IMAGE, sandbox_report
from store.reports import STAGES, Received, Stage, StageState
from tests.conftest import NOW

EVENT = Received(5, 7, 1, True, NOW)
DONE = Stage(StageState.DONE, NOW)


def test_every_stage_is_done_when_the_post_is_received() -> None:
    report = sandbox_report(EVENT, "a-1", 2, NOW)
    assert tuple(report.stages) == STAGES
    images = Stage(StageState.DONE, NOW, stored=2, of=2)
    published = Stage(StageState.DONE, NOW, publication=1)
    assert report.stages == dict.fromkeys(STAGES, DONE) | {
        "images": images, "published": published,
    }  # fmt: skip
    assert report.messages == ()


def test_without_pictures_their_stage_is_skipped() -> None:
    assert sandbox_report(EVENT, "a-1", 0, NOW).stages["images"].state == StageState.SKIPPED


def test_a_geocode_fails_on_demand_and_says_so() -> None:
    report = sandbox_report(EVENT, FAIL_GEOCODE, 0, NOW)
    assert report.stages["geocoded"] == Stage(StageState.FAILED, NOW)
    assert report.stages["published"].state == StageState.DONE
    assert [(told.severity, told.code) for told in report.messages] == [
        ("warning", "place_unknown")
    ]


@pytest.mark.parametrize(("images", "of"), [(0, 1), (3, 3)])
def test_slow_pictures_are_pending_for_a_minute(images: int, of: int) -> None:
    soon, later = NOW + timedelta(seconds=59.9), NOW + timedelta(seconds=60)
    pending = sandbox_report(EVENT, SLOW_IMAGE, images, soon).stages["images"]
    assert pending == Stage(StageState.PENDING, stored=0, of=of)
    done = sandbox_report(EVENT, SLOW_IMAGE, images, later).stages["images"]
    assert done == Stage(StageState.DONE, later, stored=of, of=of)
