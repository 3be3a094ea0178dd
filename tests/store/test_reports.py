"""Event reports: each stage has its state, and whoever is shown less is told why.

One market for the whole file: every case is a listing posted through the journal and refreshed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from flows.steps.pictures import drain_pictures
from flows.steps.reference import load_packaged
from flows.steps.replay import replay
from flows.steps.worker import start_worker
from store.database import open_journal_database, open_warehouse_reader, reading, writing
from store.journal import Accepted, Journal, Post, Sender, open_journal
from store.keys import create_key
from store.reports import STAGES, EventReport, Message, Received, event_report
from store.schema import migrate
from store.settings import Settings
from store.shapes.posts import post_of
from store.tables.columns import parse_instant
from tests.conftest import NOW, Ticking
from tests.listings import deletion, post

POINT = {"latitude": 44.4812, "longitude": 26.0766}
COMPLETE = {
    **POINT, "description": "Luminos, aproape de parc. " * 5, "constructionYear": 2010, "floor": 3,
    "floorMax": 8, "partitioning": "DETACHED", "agent": {"name": "Dan", "email": "dan@example.com"},
}  # fmt: skip
OWN = frozenset({"my-crm"})


@dataclass
class World:
    """A home, and every event sent to it by the name of its case."""

    settings: Settings
    journal: Journal
    clock: Ticking
    events: dict[str, list[Received]] = field(default_factory=dict)

    def send(self, *posts: Post) -> None:
        verdicts = self.journal.submit(Sender(1, 1, None), posts)
        for sent, verdict in zip(posts, verdicts, strict=True):
            assert isinstance(verdict, Accepted), verdict
            self.events.setdefault(sent.external_id, []).append(
                Received(
                    verdict.event_offset,
                    verdict.id,
                    verdict.revision,
                    verdict.changed,
                    parse_instant(verdict.received_at),
                )
            )

    def refresh(self) -> None:
        worker = start_worker(self.settings, "test", self.clock)
        assert worker is not None
        worker.drain()
        worker.close()

    def report(self, case: str, nth: int = -1) -> EventReport:
        with reading(open_warehouse_reader(self.settings)) as connection:
            return event_report(connection, self.events[case][nth], OWN)

    def told(self, case: str, nth: int = -1) -> dict[str, Message]:
        return {message.code: message for message in self.report(case, nth).messages}


CASES: dict[str, dict[str, Any]] = {
    "complete": COMPLETE,
    "sold": {"status": "sold", "soldAt": "2026-06-01T00:00:00.000000Z"},
    "draft": {"status": "draft"},
    "nowhere": {"title": "Apartament 3 camere"},
    "by name": {},
    "at sea": {"latitude": 0.0, "longitude": 0.0},
    "cheap": {"price": 185},
    "no rate": {"currency": "RON", "publishedAt": "1990-05-01T00:00:00.000000Z"},
    "too high": {"floor": 9, "floorMax": 4},
    "pictures": {"imageUrls": ["https://pictures.example/1.jpg", "https://pictures.example/2.jpg"]},
    "no area": {"totalArea": None},
    "to let": {"transaction": "RENT", "price": 500},
    "twin a": {**POINT, "rooms": 4, "totalArea": 120},
    "twin b": {**POINT, "rooms": 4, "totalArea": 120},
    "ana a": {"agent": {"name": "Ana", "phone": "0721000001"}},
    "ana b": {"agent": {"name": "Ana", "phone": "0721000002"}},
    "slip": {"price": 1_850_000},
    "unreadable": {"agent": {"name": "Eva", "phone": "call me"}},
}


def first_of(case: str) -> Post:
    return post(case, **CASES[case])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    settings = Settings(home=tmp_path_factory.mktemp("reports") / "home", as_of_date=NOW.date())
    migrate(settings)
    with writing(open_journal_database(settings)) as connection:
        create_key(connection, "Test CRM", ["publish.estates"], None, None, NOW)
    clock = Ticking()
    load_packaged(settings, clock())
    journal = open_journal(settings, clock)
    made = World(settings, journal, clock)
    made.send(*(first_of(case) for case in CASES))
    made.send(*(post(case) for case in ("deleted", "dearer", "twice", "spoilt", "unpriced")))
    made.send(post("theirs", "theirs", **CASES["twin a"]))
    made.send(post("replaced"), post("replaced", price=190_000))
    made.refresh()
    drain_pictures(settings, clock)
    made.send(deletion("deleted", "sold"), post("dearer", price=190_000), post("twice"))
    made.send(post("spoilt", price=1), post("spoilt", price=1))
    made.send(post_of("my-crm", "unpriced", {"price": None}, b'{"price":null}'))
    made.refresh()
    made.send(post("waiting"))
    yield made
    journal.close()


def states(report: EventReport) -> dict[str, str]:
    return {name: stage.state.value for name, stage in report.stages.items()}


@pytest.mark.slow
def test_a_complete_listing_passes_every_stage_in_its_time(world: World) -> None:
    report, event = world.report("complete"), world.events["complete"][0]
    assert tuple(report.stages) == STAGES
    assert states(report) == {**dict.fromkeys(STAGES, "done"), "images": "skipped"}
    assert report.messages == ()
    assert report.stages["received"].at == event.received_at
    loaded, published = report.stages["normalised"].at, report.stages["published"].at
    assert loaded is not None
    assert published is not None
    assert event.received_at < loaded <= published < event.received_at + timedelta(minutes=5)
    assert report.stages["published"].publication == 1
    assert report.quality_score == 80.0
    assert report.quality_reasons == ("photos_missing",)


def test_what_is_not_taken_yet_is_pending(world: World) -> None:
    report = world.report("waiting")
    assert states(report) == {
        "received": "done", "validated": "done", **dict.fromkeys(STAGES[2:], "pending"),
    }  # fmt: skip
    assert report.messages == ()
    assert report.quality_score is None


@pytest.mark.parametrize(
    ("case", "code", "severity", "path"),
    [
        ("sold", "not_on_market", "info", "status"),
        ("draft", "not_on_market", "info", "status"),
        ("nowhere", "place_unknown", "warning", "address"),
        ("nowhere", "no_value_place", "warning", "address"),
        ("by name", "place_from_words", "info", "address"),
        ("to let", "no_value_comparables", "warning", None),
        ("slip", "no_score_price_out_of_line", "warning", "price"),
        ("at sea", "point_in_no_zone", "warning", "latitude"),
        ("cheap", "price_out_of_range", "error", "price"),
        ("cheap", "not_listed", "error", None),
        ("spoilt", "earlier_revision_kept", "error", None),
        ("no rate", "rate_missing", "warning", "currency"),
        ("unpriced", "price_missing", "warning", "price"),
        ("too high", "floor_above_top", "warning", "floor"),
        ("unreadable", "agent_phone_unreadable", "warning", "agent.phone"),
        ("no area", "no_value_area", "warning", "totalArea"),
        ("to let", "no_score_for_rent", "info", "transaction"),
        ("pictures", "image_failed", "warning", "imageUrls[1]"),
        ("twin a", "duplicate_suspected", "warning", None),
        ("twin a", "advertised_elsewhere", "info", None),
        ("twin b", "not_leading", "warning", None),
        ("ana b", "agent_contacts_differ", "warning", "agent.phone"),
        ("deleted", "deleted", "info", None),
    ],
)
def test_what_lowers_visibility_is_told(
    world: World, case: str, code: str, severity: str, path: str | None
) -> None:
    message = world.told(case)[code]
    assert (message.severity.value, message.property_path) == (severity, path)
    assert message.message
    assert code not in world.told("complete")


def test_a_listing_without_a_score_is_not_scored(world: World) -> None:
    report = world.report("slip")
    assert states(report)["scored"] == "failed"
    assert "price_out_of_line" in report.quality_reasons


def test_a_duplicate_names_ones_own_listings_only(world: World) -> None:
    assert "my-crm:twin b" in world.told("twin a")["duplicate_suspected"].message
    assert not any("theirs" in message.message for message in world.report("twin a").messages)
    assert "not_leading" not in world.told("twin a")


def test_pictures_are_counted(world: World) -> None:
    stage = world.report("pictures").stages["images"]
    assert (stage.state.value, stage.stored, stage.of) == ("failed", 0, 2)
    codes = [message.code for message in world.report("pictures").messages]
    assert codes.count("image_failed") == 2
    assert "host_not_allowed" in world.told("pictures")["image_failed"].message


def test_a_refused_revision_goes_no_further(world: World) -> None:
    assert states(world.report("cheap")) == {
        "received": "done", "validated": "done", "normalised": "failed",
        **dict.fromkeys(STAGES[3:], "skipped"),
    }  # fmt: skip
    assert "revision 1" in world.told("spoilt")["earlier_revision_kept"].message
    assert states(world.report("spoilt", 0))["published"] == "done"
    assert "superseded" not in world.told("spoilt", 0)


def test_an_event_that_changed_nothing_is_reported_as_its_revision(world: World) -> None:
    assert list(world.told("twice")) == ["unchanged", *world.told("twice", 0)]
    assert world.report("twice").stages["published"] == world.report("twice", 0).stages["published"]
    # Also when that revision was refused: it is not forgotten by asking again.
    assert set(world.told("spoilt")) == {
        "unchanged", "price_out_of_range", "earlier_revision_kept",
    }  # fmt: skip


def test_a_superseded_event_tells_what_it_was_and_not_what_came_later(world: World) -> None:
    shown, never_shown = world.report("dearer", 0), world.report("replaced", 0)
    for report in (shown, never_shown):
        assert [message.code for message in report.messages] == ["superseded"]
        assert report.quality_score is None
    assert states(shown)["published"] == "done"
    assert shown.stages["published"].publication == 1
    assert states(never_shown) == {
        **dict.fromkeys(STAGES[:4], "done"), **dict.fromkeys(STAGES[4:], "skipped"),
    }  # fmt: skip
    assert world.report("dearer").stages["published"].publication == 2


def test_a_deletion_is_done_once_it_is_out_of_the_publication(world: World) -> None:
    report = world.report("deleted")
    assert states(report)["published"] == "done"
    assert states(report)["scored"] == "skipped"
    assert report.stages["published"].publication == 2
    assert "sold" in world.told("deleted")["deleted"].message
    assert report.quality_score is None


@pytest.mark.slow
def test_a_replay_remembers_when_it_happened(world: World) -> None:
    cases = [case for case in world.events if case != "waiting"]
    before = {case: world.report(case) for case in cases}
    replay(world.settings, world.clock, iter([3] * 100))
    assert {case: world.report(case) for case in cases} == before
    assert states(world.report("waiting"))["normalised"] == "done"
