"""Zone changes: the figures that a change of some homes moves, and no others.

Two ledgers hold what every home adds to its zones, now and month by month. What the changed
homes added before is taken out and what they add after is put in; the cells between are
computed anew, equal to the bit to what `pricing` computes in full.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from analytics import pricing, unit_months
from analytics.frozen import Edition
from analytics.segments import SEGMENT, named_zones
from analytics.zone_ledger import PRICES, Cell, ZoneLedger

NOW_MARKS = ("is_unit_lead", *pricing.FLOW_COLUMNS)
NOW_MEASURES = (*PRICES, "cut_pct", "ask_to_first_ratio", "days_online")
MONTH_MEASURES = (*PRICES, "cut_pct")

NOW_NAMES = {
    "is_unit_lead": "stock",
    "cut_pct_count": "cuts",
    "cut_pct_median": "median_cut",
    "ask_to_first_ratio_count": "ratios",
    "ask_to_first_ratio_median": "median_ratio",
    "days_online_median": "median_age",
}
MONTH_NAMES = {
    "at_end": "stock_end",
    "is_new": "new_units",
    "is_closed": "closed_units",
    "is_withdrawn": "withdrawn_units",
    "rows": "present",
    "cut_pct_count": "cut_units",
    "cut_pct_median": "median_cut",
}
"""What `pricing` calls the sums, counts and medians of the ledgers."""

MONTH_KEY = (*SEGMENT, "month")

BEFORE_IDS = 2**62
"""What is added to the ids of before: no listing has such an id, and their order stays."""

BEFORE_UNITS = "before "
"""What no unit's name begins with."""


@dataclass(frozen=True)
class Adverts:
    """All adverts of some homes: market_listings rows with leads marked, spells, prices asked."""

    listings: pl.DataFrame
    spells: pl.DataFrame
    price_history: pl.DataFrame

    def of_units(self, units: pl.DataFrame) -> "Adverts":
        """Return the adverts of these homes (unit_id) alone."""
        listings = self.listings.join(units, on="unit_id", how="semi")
        ids = listings.select("id")
        return Adverts(
            listings,
            self.spells.join(ids, on="id", how="semi"),
            self.price_history.join(ids, on="id", how="semi"),
        )


@dataclass(frozen=True)
class ChangedFigures:
    """Rows to write, and keys of rows to delete, of market_zones and market_zone_months."""

    zones: pl.DataFrame
    gone_zones: pl.DataFrame
    zone_months: pl.DataFrame
    gone_months: pl.DataFrame


@dataclass(frozen=True)
class ZoneLedgers:
    """What every home adds to its zones under one edition: now, and month by month."""

    now: ZoneLedger
    months: ZoneLedger

    @classmethod
    def of(cls, adverts: Adverts, edition: Edition) -> "ZoneLedgers":
        """Return the ledgers of all adverts there are."""
        return cls(
            ZoneLedger.of(_now(adverts, edition), NOW_MARKS, NOW_MEASURES),
            ZoneLedger.of(_monthly(adverts, edition), unit_months.MARKS, MONTH_MEASURES),
        )

    def change(
        self, before: Adverts, after: Adverts, zones: pl.DataFrame, edition: Edition
    ) -> ChangedFigures:
        """Put the changed homes' rows of after in the place of those of before.

        before, after: all adverts of every home that any changed advert belonged or belongs to.
        zones: core_zones rows. Raises LedgerError when `before` is not what the ledgers hold.
        """
        named = named_zones(zones)
        both = _beside(before, after)
        cells = _changed(self.now, _now(both, edition))
        counted = self.now.figures(cells).rename(NOW_NAMES)
        figures = pricing.finish_zones(counted, named, edition)
        months = _changed(self.months, _monthly(both, edition))
        counted = self.months.figures(months).rename(MONTH_NAMES)
        by_month = pricing.finish_months(counted, named, edition)
        return ChangedFigures(
            figures, _gone(cells, figures, SEGMENT), by_month, _gone(months, by_month, MONTH_KEY)
        )


def _now(adverts: Adverts, edition: Edition) -> pl.DataFrame:
    return pricing.home_rows(
        adverts.listings, adverts.spells, adverts.price_history, edition.as_of_date
    )


def _monthly(adverts: Adverts, edition: Edition) -> pl.DataFrame:
    return unit_months.unit_months(adverts.listings, adverts.spells, adverts.price_history, edition)


def _beside(before: Adverts, after: Adverts) -> Adverts:
    """Put the adverts of before beside those of after, as if they were others.

    Then one pass counts both: for a few homes a pass costs what its steps cost, not its rows.
    """
    ids = pl.col("id") + BEFORE_IDS
    return Adverts(
        pl.concat([
            before.listings.select(after.listings.columns).with_columns(
                ids, pl.concat_str(pl.lit(BEFORE_UNITS), "unit_id").alias("unit_id")
            ),
            after.listings,
        ]),
        pl.concat([before.spells.with_columns(ids), after.spells]),
        pl.concat([before.price_history.with_columns(ids), after.price_history]),
    )  # fmt: skip


def _changed(ledger: ZoneLedger, both: pl.DataFrame) -> list[Cell]:
    """Change what differs; a row that stays the same touches no cell. both: of `_beside`."""
    # The unit keeps apart two homes that add the same.
    names = ["unit_id", *ledger.columns]
    rows = both.select(names)
    is_before = rows["unit_id"].str.starts_with(BEFORE_UNITS)
    before = rows.filter(is_before).with_columns(pl.col("unit_id").str.slice(len(BEFORE_UNITS)))
    after = rows.filter(~is_before)
    return ledger.change(
        before.join(after, on=names, how="anti", nulls_equal=True),
        after.join(before, on=names, how="anti", nulls_equal=True),
    )


def _gone(cells: Sequence[Cell], figures: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Return the keys of touched cells that no home is in any more."""
    schema = {"month": pl.Date, **dict.fromkeys(SEGMENT, pl.String)}
    touched = pl.DataFrame(list(cells), schema=schema, orient="row").select(key)
    return touched.join(figures.select(key), on=list(key), how="anti")
