"""Difference: what two warehouses hold differently, table by table."""

from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from store.database import reading
from store.frames import read_frame
from store.tables.warehouse import (
    PUBLISHED,
    core_agencies,
    core_agents,
    core_listing_images,
    core_listing_places,
    core_listing_versions,
    core_listings,
    core_price_history,
    core_refusals,
    core_status_history,
)

COMPARED = (
    core_listings, core_listing_versions, core_price_history, core_status_history, core_refusals,
    core_listing_places, core_listing_images, core_agencies, core_agents, *PUBLISHED.values(),
)  # fmt: skip
"""What a replay computes; histories of runs are carried over and not compared."""


@dataclass(frozen=True)
class TableDifference:
    """Rows only in the new table, only in the old, and in both with other values.

    columns: how many of the changed rows differ in each column. example: key of one of the rows.
    """

    table: str
    added: int
    removed: int
    changed: int
    columns: dict[str, int]
    example: dict[str, object] | None

    @property
    def is_none(self) -> bool:
        return not (self.added or self.removed or self.changed)


def differences(old: Engine, new: Engine) -> list[TableDifference]:
    """Compare everything a replay computes; columns that are volatile apart."""
    return [_difference(table, old, new) for table in COMPARED]


def _difference(table: sa.Table, old: Engine, new: Engine) -> TableDifference:
    kept = [column.name for column in table.columns if not column.info.get("volatile")]
    keys = [column.name for column in table.primary_key]
    before, after = (_read(engine, table, kept) for engine in (old, new))
    added = after.join(before, on=keys, how="anti")
    removed = before.join(after, on=keys, how="anti")
    both = before.join(after, on=keys, how="inner", suffix=" after")
    rest = [name for name in kept if name not in keys]
    differs = {name: pl.col(name).ne_missing(pl.col(f"{name} after")) for name in rest}
    changed = both.filter(pl.any_horizontal(differs.values())) if differs else both.clear()
    counts = changed.select(expr.sum().alias(name) for name, expr in differs.items()).to_dicts()
    columns = {name: count for name, count in (counts[0] if counts else {}).items() if count}
    first = next((f for f in (changed, added, removed) if not f.is_empty()), None)
    example = first.select(keys).row(0, named=True) if first is not None else None
    return TableDifference(
        table.name, added.height, removed.height, changed.height, columns, example
    )


def _read(engine: Engine, table: sa.Table, columns: list[str]) -> pl.DataFrame:
    with reading(engine) as connection:
        return read_frame(connection, table, columns)
