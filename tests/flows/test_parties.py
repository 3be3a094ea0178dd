"""Parties: histories of agencies and agents, and the warning when one name has two contacts."""

import random
from dataclasses import dataclass
from typing import Any

import polars as pl
import pytest

from flows.steps.collapse import collapse
from flows.steps.normalise import normalise
from flows.steps.parties import Parties, contacts_in_use, fold_parties
from store.frames import empty_frame, replace_rows
from store.tables import warehouse as tables
from tests.flows.events import RATES, event, frame

A, B = "0721 000 001", "0721 000 002"
AS_E164 = {A: "+40721000001", B: "+40721000002"}
GONE = {"deletedAt": "2026-01-11T08:00:00.000000Z", "status": "withdrawn"}


def ana(offset: int, listing: int, revision: int, phone: str | None, **more: Any) -> dict[str, Any]:
    """Return an event in which a listing names Ana, with a phone."""
    agent = {"name": "Ana", "phone": phone, **more.pop("agent", {})}
    return event(offset, listing, revision, agent=agent, **more)


@dataclass
class Folded:
    """What a run of batches wrote, and what is stored after it."""

    agencies: pl.DataFrame
    agents: pl.DataFrame
    agency_versions: pl.DataFrame
    agent_versions: pl.DataFrame
    warnings: pl.DataFrame
    listings: pl.DataFrame
    contacts: pl.DataFrame

    def take(self, events: list[dict[str, Any]]) -> None:
        normalised = normalise(frame(*events), RATES)
        done: Parties = fold_parties(
            normalised.agencies, normalised.agents, normalised.versions,
            self.agencies, self.agents, self.listings, self.contacts,
        )  # fmt: skip
        rows = collapse(normalised.versions, self.listings).listings
        self.listings = replace_rows(self.listings, rows)
        self.agencies = replace_rows(self.agencies, done.agencies, "identifier")
        self.agents = replace_rows(self.agents, done.agents, "identifier")
        self.agency_versions = pl.concat([self.agency_versions, done.agency_versions])
        self.agent_versions = pl.concat([self.agent_versions, done.agent_versions])
        self.warnings = pl.concat([self.warnings, done.warnings])
        self.contacts = done.contacts


def fold(*batches: list[dict[str, Any]]) -> Folded:
    empty = [
        empty_frame(table)
        for table in (
            tables.core_agencies, tables.core_agents, tables.core_agency_versions,
            tables.core_agent_versions, tables.core_refusals, tables.core_listings,
        )
    ]  # fmt: skip
    folded = Folded(*empty, contacts_in_use(empty[-1]))
    for batch in batches:
        folded.take(batch)
    return folded


def warned(*events: dict[str, Any]) -> list[int]:
    return fold(list(events)).warnings["event_offset"].to_list()


def test_the_newest_contact_stands_in_front_and_the_other_beside_it() -> None:
    folded = fold([ana(1, 1, 1, A), ana(2, 2, 1, B, agent={"email": 'a"b@c'})])
    row = folded.agents.row(0, named=True)
    assert (row["identifier"], row["phone"], row["email"]) == ("my-crm:Ana", AS_E164[B], 'a"b@c')
    assert row["other_contacts"] == f'["{AS_E164[A]}"]'
    assert folded.warnings.select(
        "event_offset", "rule_code", "listing_id", "severity", "column_name", "revision"
    ).rows() == [(2, "agent_contacts_differ", 2, "warned", "agent_phone", 1)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([ana(1, 1, 1, A), ana(2, 2, 1, A)], [], id="one contact"),
        pytest.param([ana(1, 1, 1, A), ana(2, 2, 1, None)], [], id="no contact beside one"),
        pytest.param([ana(1, 1, 1, A), ana(2, 1, 2, B)], [], id="the only listing changes it"),
        pytest.param([ana(1, 1, 1, A), ana(2, 2, 1, A), ana(3, 1, 2, B)], [3],
                     id="the old one is still in use elsewhere"),
        pytest.param([ana(1, 1, 1, A), ana(2, 2, 1, A), ana(3, 1, 2, B), ana(4, 2, 2, B)], [3],
                     id="changed everywhere, one after the other"),
        pytest.param([ana(1, 1, 1, A), ana(2, 2, 1, B), ana(3, 2, 2, B, price=150_000)], [2],
                     id="told once, not at each later change"),
        pytest.param([ana(1, 1, 1, A), ana(2, 1, 2, A, **GONE), ana(3, 2, 1, B)], [],
                     id="the other listing is deleted"),
        pytest.param([ana(1, 1, 1, A), ana(2, 1, 2, A, **GONE), ana(3, 2, 1, B), ana(4, 1, 3, A)],
                     [4], id="it comes back"),
    ],
)  # fmt: skip
def test_a_second_contact_is_told_while_the_first_is_in_use(
    events: list[dict[str, Any]], expected: list[int]
) -> None:
    assert warned(*events) == expected


def test_a_contact_nobody_names_any_more_stands_no_longer_beside() -> None:
    folded = fold([ana(1, 1, 1, A), ana(2, 2, 1, B)], [ana(3, 1, 2, A, **GONE)])
    row = folded.agents.row(0, named=True)
    assert (row["phone"], row["other_contacts"]) == (AS_E164[A], f'["{AS_E164[B]}"]')
    folded.take([ana(4, 2, 2, B, price=150_000)])
    row = folded.agents.row(0, named=True)
    assert (row["phone"], row["other_contacts"], row["event_offset"]) == (AS_E164[B], None, 4)


def test_an_agent_that_a_listing_left_is_written_anew() -> None:
    bob = {"name": "Bob", "phone": A}
    folded = fold([ana(1, 1, 1, A), ana(2, 2, 1, B)], [event(3, 1, 2, agent=bob)])
    rows = {row["identifier"]: row for row in folded.agents.to_dicts()}
    assert rows["my-crm:Ana"]["other_contacts"] is None
    assert rows["my-crm:Ana"]["event_offset"] == 3


def test_history_has_a_row_only_when_something_changed() -> None:
    agency = {"name": "VIB"}
    folded = fold(
        [ana(1, 1, 1, A), ana(2, 2, 1, A), ana(3, 2, 2, B), ana(4, 2, 3, B, agency=agency)],
        [ana(5, 1, 2, B, agency=agency), event(6, 1, 3, agency={"name": "VIB", "email": "x@y"})],
    )
    assert folded.agent_versions.select("event_offset", "phone", "agency_identifier").rows() == [
        (1, AS_E164[A], None), (3, AS_E164[B], None), (4, AS_E164[B], "my-crm:VIB"),
    ]  # fmt: skip
    assert folded.agency_versions.select("event_offset", "email").rows() == [(4, None), (6, "x@y")]


def test_a_former_name_stays_known() -> None:
    renamed = {"name": "VIB", "formerName": "VIB & Co"}
    folded = fold([event(1, 1, 1, agency=renamed), event(2, 2, 1, agency={"name": "VIB"})])
    folded.take([event(3, 3, 1, agency={"name": "VIB", "phone": A})])
    assert folded.agencies["former_identifier"].to_list() == ["my-crm:VIB & Co"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_any_split_into_batches_gives_the_same_rows(seed: int) -> None:
    chance = random.Random(seed)
    revisions: dict[int, int] = {}
    events = []
    for offset in range(1, 60):
        listing = chance.randint(1, 8)
        revisions[listing] = revisions.get(listing, 0) + 1
        agent = {"name": chance.choice(["Ana", "Bob"]), "phone": chance.choice([A, B, None]),
                 "email": chance.choice(["a@b", "c@d", None])}  # fmt: skip
        gone = GONE if chance.random() < 0.2 else {}
        agency = {"name": chance.choice(["X", "Y"]), "phone": chance.choice([A, B])}
        events.append(
            event(offset, listing, revisions[listing], agent=agent, agency=agency, **gone)
        )
    whole = fold(events)
    batches, start = [], 0
    while start < len(events):
        step = chance.randint(1, 9)
        batches.append(events[start : start + step])
        start += step
    split = fold(*batches)
    assert whole.warnings.height > 5
    for name in ("agencies", "agents"):
        rows = getattr(split, name).sort("identifier")
        assert rows.equals(getattr(whole, name).sort("identifier")), name
    for name in ("agency_versions", "agent_versions"):
        keys = ["identifier", "event_offset"]
        assert getattr(split, name).sort(keys).equals(getattr(whole, name).sort(keys)), name
    assert split.warnings.equals(whole.warnings)
