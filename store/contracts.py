"""Contracts: what each published table promises, declared once.

Columns, keys and meanings stand in the declarations (`store.tables.market`); here stand owner,
freshness, units and rules. Rules are data: `flows.steps.check` holds rows to them before they are
published, and `odcs` writes everything down in the Open Data Contract Standard (3.0.2).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

import sqlalchemy as sa

from store.shapes.vocabulary import N_MIN, ValueLabel
from store.tables.columns import Day, Instant
from store.tables.market import (
    market_listings,
    market_scores,
    market_valuations,
    market_zone_months,
    market_zones,
)

DATA_TEAM, ANALYSTS = "data team", "analysts"

VISIBLE_SECONDS = 0.3
"""95th percentile from acknowledged to visible (DESIGN: what a partner is promised)."""


@dataclass(frozen=True)
class Rule:
    """What must hold for every row. severe: a row that breaks it stops the publication."""

    NAME: ClassVar[str]

    severe: bool = field(default=True, kw_only=True)

    @property
    def name(self) -> str:
        """Return the rule's name, unique within its table."""
        return self.NAME.format(**vars(self))


@dataclass(frozen=True)
class Unique(Rule):
    """No two rows have the same values in these columns, which are the table's key."""

    NAME = "key_is_unique"

    columns: tuple[str, ...]


@dataclass(frozen=True)
class Between(Rule):
    """The column, where known, lies between two numbers."""

    NAME = "{column}_is_in_range"

    column: str
    low: float
    high: float


@dataclass(frozen=True)
class NotAbove(Rule):
    """One column is not above another, where both are known."""

    NAME = "{low}_is_not_above_{high}"

    low: str
    high: str


@dataclass(frozen=True)
class OneOf(Rule):
    """The column, where known, is one of these."""

    NAME = "{column}_is_a_known_code"

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Explained(Rule):
    """Where the column is null, a reason says why."""

    NAME = "a_missing_{column}_has_a_reason"

    column: str
    reason: str = "reason"


@dataclass(frozen=True)
class Suppressed(Rule):
    """The column is null where fewer than `least` units stand behind it."""

    NAME = "{column}_is_null_below_{least}_units"

    column: str
    units: str
    least: int


@dataclass(frozen=True)
class Refers(Rule):
    """The column names a row of another published table of the same publication."""

    NAME = "{column}_is_in_{table}"

    column: str
    table: str
    other: str


@dataclass(frozen=True)
class Known(Rule):
    """The column is not null, though the table allows it."""

    NAME = "{column}_is_known"

    column: str


AnyRule = Unique | Between | NotAbove | OneOf | Explained | Suppressed | Refers | Known
"""Every kind there is; whoever judges rules names them all."""


@dataclass(frozen=True)
class Contract:
    """What one table promises. units: by column, beside those its name says."""

    table: sa.Table
    owner: str
    rules: tuple[AnyRule, ...]
    units: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, ...]:
        """Return the columns of the primary key."""
        return tuple(column.name for column in self.table.primary_key)


def _key(table: sa.Table) -> Unique:
    return Unique(tuple(column.name for column in table.primary_key))


def _ordered(*columns: str) -> tuple[NotAbove, ...]:
    return tuple(NotAbove(low, high) for low, high in pairwise(columns))


_ASKING: tuple[AnyRule, ...] = (
    Suppressed("median_price_per_m2", "n", N_MIN),
    *_ordered("median_low", "median_price_per_m2", "median_high"),
    *_ordered("p10_price_per_m2", "p25_price_per_m2", "p75_price_per_m2", "p90_price_per_m2"),
    Between("n", 0, 1e9),
)
_PER_M2 = (
    "median_price_per_m2", "median_low", "median_high", "p10_price_per_m2", "p25_price_per_m2",
    "p75_price_per_m2", "p90_price_per_m2", "shrunk_price_per_m2",
)  # fmt: skip
_ASKING_UNITS = {
    **dict.fromkeys(_PER_M2, "`currency` per m2"),
    "n": "homes",
    "median_price": "`currency`",
    "median_price_eur_per_m2": "EUR per m2",
}

_VALUE_UNITS = dict.fromkeys(("value", "low_80", "high_80", "low_90", "high_90"), "`currency`")

CONTRACTS = {
    contract.table.name: contract
    for contract in (
        Contract(
            market_listings,
            DATA_TEAM,
            (
                _key(market_listings),
                Between("quality_score", 0, 100),
                OneOf("transaction", ("SALE", "RENT")),
                Between("latitude", -90, 90),
                Between("longitude", -180, 180),
                Between("price", 0, 1e12),
                Known("zone_id", severe=False),
                Known("area_m2", severe=False),
            ),
            {"price": "`currency`", "price_quote": "`quote_currency`", "latitude": "degrees",
             "longitude": "degrees", "days_online": "days"},
        ),
        Contract(
            market_valuations,
            ANALYSTS,
            (
                _key(market_valuations),
                Refers("id", "market_listings", "id"),
                *_ordered("low_90", "low_80", "value", "high_80", "high_90"),
                Explained("value"),
                OneOf("label", tuple(label.value for label in ValueLabel)),
                OneOf("grade", ("A", "B", "C", "D")),
            ),
            {**_VALUE_UNITS, "value_per_m2": "`currency` per m2", "n": "homes"},
        ),
        Contract(
            market_scores,
            ANALYSTS,
            (
                _key(market_scores),
                Refers("id", "market_listings", "id"),
                Between("score", 0, 100),
                Explained("score"),
            ),
        ),
        Contract(
            market_zones,
            ANALYSTS,
            (_key(market_zones), *_ASKING, Between("stock", 0, 1e9),
             Between("cut_share_90d", 0, 1)),
            {**_ASKING_UNITS, "stock": "homes", "median_age_days": "days"},
        ),
        Contract(
            market_zone_months,
            ANALYSTS,
            (_key(market_zone_months), *_ASKING, Between("cut_share", 0, 1)),
            {**_ASKING_UNITS, "stock_end": "homes"},
        ),
    )
}  # fmt: skip
"""By table, in the order of publishing."""

SUFFIXES = {
    "_eur": "EUR", "_m2": "m2", "_pct": "%", "_ms": "ms", "_px": "pixels", "_bytes": "bytes",
    "_days": "days", "_ratio": "ratio", "_share": "ratio", "_eur_per_m2": "EUR per m2",
}  # fmt: skip


def unit_of(contract: Contract, column: str) -> str | None:
    """Return the unit of a column, said by the contract or by its name; None for no quantity."""
    said = contract.units.get(column)
    by_name = [suffix for suffix in SUFFIXES if column.endswith(suffix)]
    return said or (SUFFIXES[max(by_name, key=len)] if by_name else None)


def odcs(contract: Contract, version: str) -> dict[str, Any]:
    """Return the contract as an ODCS 3.0.2 document."""
    table = contract.table
    return {
        "apiVersion": "v3.0.2",
        "kind": "DataContract",
        "id": f"imo360:{table.name}",
        "name": table.name,
        "version": version,
        "status": "active",
        "domain": "real estate",
        "dataProduct": "imo360 market tables",
        "description": {"purpose": table.comment},
        "team": [{"username": contract.owner, "role": "owner"}],
        "schema": [
            {
                "name": table.name,
                "physicalName": table.name,
                "physicalType": "table",
                "description": table.comment,
                "properties": [_property(contract, column) for column in table.columns],
                "quality": [_quality(rule) for rule in contract.rules],
            }
        ],
        "slaProperties": [
            {"property": "latency", "value": VISIBLE_SECONDS, "unit": "s",
             "element": f"{table.name}.publication", "driver": "operational"},
        ],
    }  # fmt: skip


def _property(contract: Contract, column: sa.Column[Any]) -> dict[str, Any]:
    unit = unit_of(contract, column.name)
    told: dict[str, Any] = {
        "name": column.name,
        "logicalType": _logical(column),
        "physicalType": str(column.type.compile()),
        "required": not column.nullable,
        "description": column.comment,
    }
    if column.primary_key:
        told |= {"primaryKey": True, "primaryKeyPosition": contract.key.index(column.name) + 1}
    if unit is not None:
        told["customProperties"] = [{"property": "unit", "value": unit}]
    return told


def _logical(column: sa.Column[Any]) -> str:
    kinds = ((Instant, "timestamp"), (Day, "date"), (sa.Boolean, "boolean"),
             (sa.Double, "number"), (sa.BigInteger, "integer"))  # fmt: skip
    return next((name for kind, name in kinds if isinstance(column.type, kind)), "string")


def _quality(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "type": "custom",
        "engine": "imo360",
        "description": (type(rule).__doc__ or "").split("\n")[0],
        "severity": "error" if rule.severe else "warning",
        "implementation": {"rule": type(rule).__name__, **dict(_parameters(rule))},
    }


def _parameters(rule: Rule) -> Iterator[tuple[str, Any]]:
    for name, value in vars(rule).items():
        if name != "severe":
            yield name, list(value) if isinstance(value, tuple) else value
