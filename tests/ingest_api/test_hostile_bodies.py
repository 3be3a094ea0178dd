"""Hostile posts against the served API: refused as documented, soon, and without a trace."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest_api.problems import PROBLEMS
from store.database import open_journal_database, writing
from store.keys import create_key
from store.raw_lake import RawLake
from store.settings import Settings
from tests.ingest_api.hostile_bodies import (
    MARK,
    PLACE,
    Case,
    cases,
    encoded,
    is_sound_json,
    raw_cases,
    sound,
)
from tests.ingest_api.hostile_client import SLOW_SECONDS, Answer, ask_all, ask_raw_all
from tests.journeys.server import serving
from tests.watching import peak_mib

pytestmark = pytest.mark.slow

LEAST_CASES = 1_500
MOST_GROWTH_MIB = 300


@dataclass(frozen=True, repr=False)
class Assault:
    """The answers to all cases, what the server's memory grew by, and a good post after them."""

    settings: Settings
    asked: list[tuple[Case, Answer]]
    raw: list[Answer]
    after: Answer
    growth_mib: float

    def refusals(self) -> Iterator[tuple[Case, Any]]:
        """Return every problem answered, those of bulks' items too."""
        for case, answer in self.asked:
            if answer.status >= 400:
                yield case, answer.json()
            elif case.is_bulk:
                for result in answer.results():
                    if not result["success"]:
                        yield case, result["error"]

    def taken(self) -> Iterator[Any]:
        """Return every listing answer: those of bulks' items, and of cases asked twice, too."""
        for case, last in self.asked:
            first = last.first
            for answer in [last, first] if first and first.status else [last]:
                if answer.status >= 400:
                    continue
                if case.is_bulk:
                    yield from (one["data"] for one in answer.results() if one["success"])
                else:
                    yield answer.json()


@pytest.fixture(scope="module")
def assault(empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Assault:
    """Post everything once, to a process of its own."""
    settings = Settings(home=tmp_path_factory.mktemp("hostile") / "home")
    shutil.copytree(empty_home, settings.home)
    engine = open_journal_database(settings)
    with writing(engine) as connection:
        key = create_key(connection, "Foe", ["publish.estates"], None, None, datetime.now(UTC))
    engine.dispose()
    with serving(settings.home) as (base, process):
        port = int(base.rpartition(":")[2])
        before = peak_mib(process.pid)
        answers = ask_all(port, key, cases())
        raw = ask_raw_all(port, key, raw_cases())
        (after,) = ask_all(port, key, [Case("after", "control", encoded(sound("after")))])
        growth = peak_mib(process.pid) - before
    asked = list(zip(cases(), answers, strict=True))
    print(_summary(asked, raw, growth))
    return Assault(settings, asked, raw, after, growth)


def _summary(asked: list[tuple[Case, Answer]], raw: list[Answer], growth: float) -> str:
    slowest = max((answer for _, answer in asked), key=lambda answer: answer.seconds)
    return (
        f"{len(asked)} hostile posts and {len(raw)} raw requests; the slowest took "
        f"{slowest.seconds * 1000:.0f} ms ({slowest.name}); the server grew by {growth:.0f} MiB"
    )


def none(found: list[Any]) -> None:
    """Fail with the first of what was found."""
    assert not found, f"{len(found)}, the first: {found[:5]}"


def test_there_are_many_and_of_both_kinds() -> None:
    assert len(cases()) >= LEAST_CASES
    assert sum(case.is_bulk for case in cases()) > LEAST_CASES / 2
    assert all(MARK.encode() in case.body for case in cases() if case.category == "control")


def test_every_post_is_answered_and_none_with_5xx(assault: Assault) -> None:
    none([(a.name, a.status, a.media_type) for _, a in assault.asked if not 200 <= a.status < 500])
    none([(a.name, a.status) for a in assault.raw if a.status >= 500])


def test_single_posts_are_answered_as_their_category_says(assault: Assault) -> None:
    singles = [(case, answer) for case, answer in assault.asked if not case.is_bulk]
    none([
        (case.name, case.category, answer.status, answer.content[:300])
        for case, answer in singles if answer.status not in case.allowed
    ])  # fmt: skip


def test_a_hostile_item_is_refused_alone_or_its_bulk_as_broken(assault: Assault) -> None:
    bulks = [(c, a) for c, a in assault.asked if c.is_bulk and _is_wrapped(c)]
    none([(c.name, c.category, a.status, a.content[:300])
          for c, a in bulks if not _is_item_judged(c, a)])  # fmt: skip


def _is_wrapped(case: Case) -> bool:
    return case.name.startswith(("in a bulk: ", "in lines: "))


def _is_item_judged(case: Case, answer: Answer) -> bool:
    if answer.status != 200:
        return answer.status in (400, 413) and answer.status in case.allowed
    first, *middle, last = answer.results()
    if not (first["success"] and last["success"]):
        return False
    if len(middle) != 1:  # "{},{}" is no document, but two items
        return case.name.startswith("in a bulk: syntax")
    status = 201 if middle[0]["success"] else middle[0]["error"]["status"]
    return status in case.allowed


def test_other_bulks_are_answered_as_their_category_says(assault: Assault) -> None:
    bulks = [(c, a) for c, a in assault.asked if c.is_bulk and not _is_wrapped(c)]
    none([(c.name, c.category, a.status, a.content[:300])
          for c, a in bulks if not _is_bulk_judged(c, a)])  # fmt: skip


def _is_bulk_judged(case: Case, answer: Answer) -> bool:
    if answer.status == 200:
        statuses = {r["error"]["status"] for r in answer.results() if not r["success"]}
        return statuses <= case.allowed
    return answer.status in case.allowed


def test_only_json_that_means_one_thing_is_taken(assault: Assault) -> None:
    none([case.name for case, answer in assault.asked
          if answer.status in (200, 201) and not case.is_bulk and not is_sound_json(case.body)
          ])  # fmt: skip


def test_sound_json_is_never_called_broken(assault: Assault) -> None:
    none([
        (case.name, found["detail"]) for case, found in assault.refusals()
        if found["code"] == "invalid_json" and case.category in ("sound", "large", "control")
    ])  # fmt: skip


def test_every_refusal_is_a_problem_of_the_registry(assault: Assault) -> None:
    none([a.name for _, a in assault.asked
          if a.status >= 400 and a.media_type != "application/problem+json"])  # fmt: skip
    none([(case.name, found) for case, found in assault.refusals() if not _is_problem(found)])


def _is_problem(found: Any) -> bool:
    known = PROBLEMS.get(found["code"])
    return known is not None and known.status == found["status"] and bool(found["detail"])


def test_broken_json_is_refused_with_its_place_or_reason(assault: Assault) -> None:
    broken = [(c, f) for c, f in assault.refusals() if f["code"] == "invalid_json"]
    assert broken
    none([(c.name, f["detail"]) for c, f in broken if not PLACE.search(f["detail"])])


def test_a_broken_contract_names_its_fields(assault: Assault) -> None:
    against = [(c, f) for c, f in assault.refusals() if f["code"] == "validation_failed"]
    assert against
    none([(c.name, f) for c, f in against if not f.get("violations")])


def test_nothing_posted_is_repeated_in_a_refusal(assault: Assault) -> None:
    none([(case.name, json.dumps(found)[:300]) for case, found in assault.refusals()
          if MARK in json.dumps(found, ensure_ascii=False)])  # fmt: skip
    none([answer.name for answer in assault.raw
          if answer.status >= 400 and MARK.encode() in answer.content])  # fmt: skip


def test_refusals_stay_small(assault: Assault) -> None:
    none([(c.name, len(a.content)) for c, a in assault.asked
          if not c.is_bulk and len(a.content) > 64 * 1024])  # fmt: skip


def test_no_answer_takes_longer_than_a_second(assault: Assault) -> None:
    answers = [*(answer for _, answer in assault.asked), *assault.raw]
    none([(a.name, round(a.seconds, 2)) for a in answers if a.seconds > SLOW_SECONDS])


def test_the_memory_stays_bounded(assault: Assault) -> None:
    assert assault.growth_mib < MOST_GROWTH_MIB


def test_a_good_post_is_taken_afterwards(assault: Assault) -> None:
    assert assault.after.status == 201


def test_journal_and_lake_hold_what_was_taken_and_nothing_else(assault: Assault) -> None:
    lake = RawLake(assault.settings)
    lake.seal(datetime.now(UTC))
    lake.verify()
    events = lake.read(0, 10_000_000, ["event_id", "payload"])
    kept = events.column("event_id").to_pylist()
    told = {found["eventId"] for found in assault.taken()}
    raw = {a.json()["eventId"] for a in assault.raw if a.status in (200, 201)}
    assert len(kept) == len(set(kept))
    assert set(kept) == told | raw | {assault.after.json()["eventId"]}
    none([payload[:200] for payload in events.column("payload").to_pylist()
          if not is_sound_json(payload)])  # fmt: skip
