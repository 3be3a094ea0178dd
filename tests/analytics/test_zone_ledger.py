"""The ledger gives what a full computation gives, to the bit, after any changes."""

import random
from datetime import date
from typing import Any

import polars as pl
import pytest

from analytics import segments
from analytics.zone_ledger import PROFILE, Cell, LedgerError, ZoneLedger
from store.shapes.vocabulary import ZONE_LEVELS

MARKS = ("is_new", "is_gone")
MEASURES = ("price_per_m2", "price_asked", "cut_pct")
PLACES = [
    ("ro", "ro.b", "ro.b.1", "ro.b.1.s", "ro.b.1.s.x"),
    ("ro", "ro.b", "ro.b.1", "ro.b.1.s", "ro.b.1.s.y"),
    ("ro", "ro.b", "ro.b.1", None, None),
    ("ro", None, None, None, None),
    (None, None, None, None, None),
]
SCHEMA = {
    "month": pl.Date,
    **dict.fromkeys(PROFILE, pl.String),
    **dict.fromkeys(MARKS, pl.Boolean),
    **dict.fromkeys(MEASURES, pl.Float64),
}


def home(chance: random.Random, currencies: tuple[str, ...] = ("EUR",)) -> tuple[Any, ...]:
    """Return a row, with the gaps and ties that real ones have."""
    price = chance.choice([None, round(chance.lognormvariate(7, 0.3), 1), 1500.0])
    return (
        date(2026, chance.randint(1, 3), 1),
        *chance.choice(PLACES),
        chance.choice(["SALE", "RENT"]),
        chance.choice(["HOUSE", "APARTMENT"]),
        chance.choice([None, "1", "2"]),
        chance.choice([None, "new", "old"]),
        chance.choice(currencies),
        chance.random() < 0.5,
        chance.choice([None, True, False]),
        price,
        None if price is None else price * chance.choice([40.0, 50.5]),
        chance.choice([None, 3.0, chance.random()]),
    )


def frame(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def computed(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the figures of every cell by `segments`, as the ledger names them."""
    zones = pl.DataFrame({"zone_id": sorted({z for p in PLACES for z in p if z})})
    inside = segments.in_zones(rows, zones)
    priced = segments.asked_in_zone_currency(inside, segments.zone_currencies(inside))
    cut = pl.col("cut_pct")
    figures = [
        pl.len().cast(pl.Int64).alias("rows"),
        pl.col(MARKS).sum().cast(pl.Int64),
        cut.count().cast(pl.Int64).alias("cut_pct_count"),
        cut.median().alias("cut_pct_median"),
    ]
    return segments.per_segment(priced, ["month"], figures)


def assert_equal(figures: pl.DataFrame, expected: pl.DataFrame) -> None:
    keys = [*segments.SEGMENT, "month"]
    assert figures.sort(keys).equals(expected.select(figures.columns).sort(keys))


def all_cells(expected: pl.DataFrame) -> list[Cell]:
    return [Cell(row["month"], *(row[name] for name in segments.SEGMENT))
            for row in expected.iter_rows(named=True)]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("currencies", [("EUR",), ("EUR", "RON")])
def test_after_any_changes_it_holds_what_a_full_computation_gives(
    seed: int, currencies: tuple[str, ...]
) -> None:
    chance = random.Random(seed)
    rows = [home(chance, currencies) for _ in range(600)]
    ledger = ZoneLedger.of(frame(rows), MARKS, MEASURES)
    assert_equal(ledger.figures(all_cells(computed(frame(rows)))), computed(frame(rows)))
    shown = computed(frame(rows))
    for _ in range(25):
        gone = chance.sample(rows, chance.choice([0, 1, 5, 30]))
        come = [home(chance, currencies) for _ in range(chance.choice([0, 1, 5, 30]))]
        for row in gone:
            rows.remove(row)
        rows += come
        cells = ledger.change(frame(gone), frame(come))
        shown = replaced(shown, cells, ledger.figures(cells))
    assert_equal(shown, computed(frame(rows)))


def replaced(shown: pl.DataFrame, cells: list[Cell], figures: pl.DataFrame) -> pl.DataFrame:
    """Put the touched cells' figures in the place of what was shown of them."""
    keys = ["month", *segments.SEGMENT]
    if not cells:
        return shown
    touched = pl.DataFrame(cells, schema={k: SCHEMA.get(k, pl.String) for k in keys}, orient="row")
    return pl.concat([shown.join(touched, on=keys, how="anti"), figures.select(shown.columns)])


def test_a_change_touches_its_own_cells_only() -> None:
    chance = random.Random(5)
    rows = [home(chance) for _ in range(50)]
    ledger = ZoneLedger.of(frame(rows), MARKS, MEASURES)
    one = (date(2026, 2, 1), *PLACES[1], "SALE", "HOUSE", "2", None, "EUR",
           True, False, 900.0, 45000.0, None)  # fmt: skip
    cells = ledger.change(frame([]), frame([one]))
    assert len(cells) == len(ZONE_LEVELS) * 4  # type and rooms: own or all
    assert {cell.month for cell in cells} == {date(2026, 2, 1)}
    assert {cell.transaction for cell in cells} == {"SALE"}


def test_a_row_that_is_not_there_is_not_taken_out() -> None:
    chance = random.Random(6)
    rows = [home(chance) for _ in range(20)]
    ledger = ZoneLedger.of(frame(rows[:10]), MARKS, MEASURES)
    with pytest.raises(LedgerError):
        ledger.change(frame(rows[10:]), frame([]))
