"""Contracts: each rule catches its own, failures are kept as rows, and ODCS tells them all."""

import json
from typing import Any

import polars as pl
import pytest

import flows.steps.worker
from cli.contracts import contract_document
from flows.steps.check import Check, check_tables, is_bad
from flows.steps.worker import start_worker
from store.contracts import (
    CONTRACTS,
    AnyRule,
    Between,
    Explained,
    Known,
    NotAbove,
    OneOf,
    Refers,
    Suppressed,
    Unique,
    unit_of,
)
from store.database import open_journal_database, open_warehouse_reader, reading, writing
from store.frames import empty_frame, read_frame
from store.journal import Sender, open_journal
from store.keys import create_key
from store.settings import Settings
from store.status import read_lag
from store.tables.warehouse import PUBLISHED, market_check_failures
from tests.conftest import Ticking
from tests.listings import post

CASES: list[tuple[AnyRule, dict[str, list[Any]], list[bool]]] = [
    (Unique(("a", "b")), {"a": [1, 1, 1], "b": [1, 2, 2]}, [False, True, True]),
    (Between("a", 0, 1), {"a": [0.0, 1.0, 1.1, None]}, [False, False, True, False]),
    (NotAbove("a", "b"), {"a": [1, 2, None], "b": [1, 1, 1]}, [False, True, False]),
    (OneOf("a", ("x",)), {"a": ["x", "y", None]}, [False, True, False]),
    (Explained("a"), {"a": [1, None, None], "reason": [None, "why", None]}, [False, False, True]),
    (Suppressed("a", "n", 10), {"a": [1, 1, None], "n": [10, 9, 9]}, [False, True, False]),
    (Refers("a", "other", "id"), {"a": [1, 2]}, [False, True]),
    (Known("a", severe=False), {"a": [1, None]}, [False, True]),
]


@pytest.mark.parametrize(("rule", "columns", "bad"), CASES, ids=lambda case: type(case).__name__)
def test_a_rule_catches_its_own_and_nothing_else(
    rule: AnyRule, columns: dict[str, list[Any]], bad: list[bool]
) -> None:
    frames = {"other": pl.DataFrame({"id": [1]})}
    found = pl.DataFrame(columns).select(is_bad(rule, frames).fill_null(value=False).alias("bad"))
    assert found["bad"].to_list() == bad


def test_every_published_table_has_a_contract() -> None:
    assert list(CONTRACTS) == list(PUBLISHED)


def test_every_kind_of_rule_is_tried_here() -> None:
    used = {type(rule) for contract in CONTRACTS.values() for rule in contract.rules}
    assert used <= {type(rule) for rule, _, _ in CASES}


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_names_what_is_there_once(name: str) -> None:
    contract = CONTRACTS[name]
    columns = set(contract.table.c.keys())
    names = [rule.name for rule in contract.rules]
    assert len(names) == len(set(names))
    assert contract.units.keys() <= columns
    assert contract.rules[0] == Unique(contract.key)
    outcomes = check_tables({each: empty_frame(table) for each, table in PUBLISHED.items()})
    assert [o.name for o in outcomes if o.table == name] == names  # on no rows all rules hold
    assert all(outcome.is_ok for outcome in outcomes)


@pytest.mark.parametrize("name", CONTRACTS)
def test_odcs_tells_columns_keys_units_and_rules(name: str) -> None:
    document = json.loads(contract_document(name))
    contract, (schema,) = CONTRACTS[name], document["schema"]
    assert [each["name"] for each in schema["properties"]] == list(contract.table.c.keys())
    keys = [each["name"] for each in schema["properties"] if each.get("primaryKey")]
    assert sorted(keys) == sorted(contract.key)
    assert len(schema["quality"]) == len(contract.rules)
    told = {
        each["name"]: each["customProperties"][0]["value"]
        for each in schema["properties"]
        if "customProperties" in each
    }
    names = [column.name for column in contract.table.columns]
    assert told == {name: unit for name in names if (unit := unit_of(contract, name))}


def test_units_are_said_by_names_unless_told_otherwise() -> None:
    listings = CONTRACTS["market_listings"]
    assert unit_of(listings, "price_eur_per_m2") == "EUR per m2"
    assert unit_of(listings, "total_area_m2") == "m2"
    assert unit_of(listings, "price") == "`currency`"
    assert unit_of(listings, "title") is None


@pytest.mark.slow
def test_broken_rules_are_rows_a_day_and_count_their_cycles(
    packaged: Settings, clock: Ticking, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(open_journal_database(packaged)) as connection:
        create_key(connection, "Test", ["publish.estates"], None, None, clock())
    journal = open_journal(packaged, clock)
    sender = Sender(1, 1, None)
    mild = Check("zone_id_is_known", False, 1, "market_listings", '{"id": 1}')
    severe = Check("score_is_in_range", True, 2, "market_scores", '{"id": 2}')
    journal.submit(sender, [post("a"), post("b")])
    worker = start_worker(packaged, "run 1", clock)
    assert worker is not None
    worker.drain()
    published = worker.resident.progress.publication
    monkeypatch.setattr(flows.steps.worker, "check", lambda _rows: [mild])
    for price in (100_000, 101_000):
        journal.submit(sender, [post("a", price=price)])
        worker.cycle()
    monkeypatch.setattr(flows.steps.worker, "check", lambda _rows: [severe])
    journal.submit(sender, [post("a", price=102_000)])
    worker.cycle()
    journal.close()
    worker.close()
    with reading(open_warehouse_reader(packaged)) as connection:
        rows = read_frame(connection, market_check_failures)
    told = {row["rule"]: row for row in rows.iter_rows(named=True)}
    assert (told["zone_id_is_known"]["cycles"], told["zone_id_is_known"]["severity"]) == (2, "mild")
    assert told["score_is_in_range"]["severity"] == "severe"
    assert told["score_is_in_range"]["bad_key"] == '{"id": 2}'
    assert worker.resident.progress.publication == published + 2  # the severe one stopped the third
    lag = read_lag(packaged, open_journal_database(packaged), clock())
    assert (lag.is_stopped, lag.waiting, lag.loaded) == (True, 1, lag.acknowledged)
