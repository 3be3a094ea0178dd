"""Check: holds rows to their tables' contracts before readers see them.

A severe failure stops the publication, never the ingestion: what was loaded stays loaded.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

import polars as pl

from flows.steps.market_rows import MarketRows
from store.contracts import (
    CONTRACTS,
    AnyRule,
    Between,
    Contract,
    Explained,
    Known,
    NotAbove,
    OneOf,
    Refers,
    Suppressed,
    Unique,
)


@dataclass(frozen=True)
class Check:
    """The outcome of one rule: `bad` rows of those looked at, and the key of the first of them.

    table: the rule's table. bad_key: JSON object of the key's columns; None when none is bad.
    """

    name: str
    is_severe: bool
    bad: int
    table: str = ""
    bad_key: str | None = None

    @property
    def is_ok(self) -> bool:
        return self.bad == 0


def check(rows: MarketRows) -> list[Check]:
    """Hold the rows about to be published to every rule."""
    return check_tables(
        {
            "market_listings": rows.listings,
            "market_valuations": rows.valuations,
            "market_scores": rows.scores,
            "market_zones": rows.figures.zones,
            "market_zone_months": rows.figures.zone_months,
        }
    )


def check_tables(frames: Mapping[str, pl.DataFrame]) -> list[Check]:
    """Hold published tables, or parts of them, to their contracts."""
    return [
        outcome
        for name, contract in CONTRACTS.items()
        for outcome in _held(contract, frames[name], frames)
    ]


def _held(
    contract: Contract, frame: pl.DataFrame, frames: Mapping[str, pl.DataFrame]
) -> list[Check]:
    """Judge all rules of a table in one pass; keys are looked up where something is bad."""
    judged = [(rule, is_bad(rule, frames).fill_null(value=False)) for rule in contract.rules]
    sums = frame.select(bad.sum().alias(rule.name) for rule, bad in judged).row(0)
    outcomes = []
    for (rule, bad), count in zip(judged, sums, strict=True):
        key = _first_key(contract, frame, bad) if count else None
        outcomes.append(Check(rule.name, rule.severe, int(count), contract.table.name, key))
    return outcomes


def is_bad(rule: AnyRule, frames: Mapping[str, pl.DataFrame]) -> pl.Expr:
    """Return what tells the rows that break a rule; null counts as keeping it."""
    match rule:
        case Unique(columns=columns):
            return pl.struct(columns).is_duplicated()
        case Between(column=column, low=low, high=high):
            return ~pl.col(column).is_between(low, high)
        case NotAbove(low=low_column, high=high_column):
            return pl.col(low_column) > pl.col(high_column)
        case OneOf(column=column, values=values):
            return ~pl.col(column).is_in(values)
        case Explained(column=column, reason=reason):
            return pl.col(column).is_null() & pl.col(reason).is_null()
        case Suppressed(column=column, units=units, least=least):
            return (pl.col(units) < least) & pl.col(column).is_not_null()
        case Refers(column=column, table=table, other=other):
            return ~pl.col(column).is_in(frames[table][other].implode())
        case Known(column=column):
            return pl.col(column).is_null()
        case _:
            assert_never(rule)


def _first_key(contract: Contract, frame: pl.DataFrame, bad: pl.Expr) -> str:
    (row,) = frame.filter(bad).select(contract.key).head(1).to_dicts()
    return json.dumps(row, default=str)
