"""The zone ledger: what every home adds to the figures of its zones, kept by place.

A change of a home takes out what it added and puts in what it adds now; only the cells it
touches (zone, month, transaction and bands) are computed anew, from the same rows and by the
same order statistics as `segments.per_segment`, so the figures are equal to the bit.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from analytics import segments
from analytics.segments import DIMENSIONS, SEGMENT
from store.shapes.vocabulary import ALL, N_MIN, ZONE_LEVELS

ZONES = tuple(f"{level}_id" for level in ZONE_LEVELS)
PROFILE = (*ZONES, "transaction", *DIMENSIONS, "quote_currency")
"""Which cells a row belongs to, and in which currency it asks."""

PRICES = ("price_per_m2", "price_asked")
"""Measures that count only in the currency of the zone."""

Row = tuple[Any, ...]
Floats = npt.NDArray[np.float64]


class LedgerError(Exception):
    """A row to take out was never put in: the ledger is not that of the stored tables."""


class Cell(NamedTuple):
    """What one row of figures is about; month None: now. A dimension may be "all"."""

    month: date | None
    zone_id: str
    transaction: str
    type: str
    rooms_band: str
    age_band: str


@dataclass
class _Shelf:
    """The rows of one place and month: code of each one's segment, marks and measures."""

    segment: npt.NDArray[np.int32]
    marks: npt.NDArray[np.uint8]
    measures: Floats

    def put(self, added: "_Shelf") -> None:
        self.segment = np.concatenate([self.segment, added.segment])
        self.marks = np.concatenate([self.marks, added.marks])
        self.measures = np.concatenate([self.measures, added.measures])

    def take(self, removed: "_Shelf") -> None:
        keep = np.ones(len(self.segment), dtype=bool)
        for number in range(len(removed.segment)):
            keep[self._find(removed, number, keep)] = False
        self.segment, self.marks = self.segment[keep], self.marks[keep]
        self.measures = self.measures[keep]

    def _find(self, other: "_Shelf", number: int, free: npt.NDArray[np.bool_]) -> int:
        alike = np.flatnonzero(free & (self.segment == other.segment[number]))
        # As bits: an unknown measure equals an unknown one.
        same = (self.marks[alike] == other.marks[number]).all(axis=1) & (
            self.measures[alike].view(np.int64) == other.measures[number].view(np.int64)
        ).all(axis=1)
        found = alike[same]
        if not len(found):
            raise LedgerError("a row to take out is not in the ledger")
        return int(found[0])


@dataclass
class ZoneLedger:
    """Rows of homes (now, or by month) by place. Make it with `of`.

    marks: columns of truth values, summed per cell. measures: columns of numbers, of which each
    cell's count and median is told; the first two must be PRICES. by_month: rows have a month.
    """

    marks: Sequence[str]
    measures: Sequence[str]
    by_month: bool
    _places: dict[Row, int] = field(default_factory=dict)
    _places_of: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _segments: dict[Row, int] = field(default_factory=dict)
    _shelves: dict[tuple[date | None, int], _Shelf] = field(default_factory=dict)
    _asked: dict[str, Counter[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    """Rows of each zone by transaction and currency."""
    _choices: dict[Row, npt.NDArray[np.bool_]] = field(default_factory=dict)
    """Which segments a choice of bands counts; forgotten when a segment is new."""

    @classmethod
    def of(cls, rows: pl.DataFrame, marks: Sequence[str], measures: Sequence[str]) -> "ZoneLedger":
        """Return the ledger of these rows: PROFILE, `marks`, `measures`, month when they have it.

        A mark that is null is false; a measure that is null is unknown and not counted.
        """
        if tuple(measures[:2]) != PRICES:
            raise ValueError(f"the first measures of a ledger are {', '.join(PRICES)}")
        ledger = cls(tuple(marks), tuple(measures), "month" in rows.columns)
        if not rows.is_empty():
            ledger._put(rows)
        return ledger

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a row, in the order in which `change` takes them."""
        month = ("month",) if self.by_month else ()
        return (*month, *PROFILE, *self.marks, *self.measures)

    def change(self, removed: pl.DataFrame, added: pl.DataFrame) -> list[Cell]:
        """Take rows out, put rows in; return the cells whose figures may have moved, sorted.

        Raises LedgerError when a row to take out is not there; the ledger is of no use then.
        """
        rows = pl.concat([removed.select(self.columns), added.select(self.columns)])
        if rows.is_empty():
            return []
        before = self._currencies(rows)
        for key, shelf in self._shelved(removed):
            stored = self._shelves.get(key)
            if stored is None:
                raise LedgerError("a row to take out is of a place without rows")
            stored.take(shelf)
        self._count_currencies(removed, -1)
        self._put(added)
        cells = set(self._cells(rows))
        after = self._currencies(rows)
        for zone, transaction in before:
            if before[zone, transaction] not in (None, after[zone, transaction]):
                cells |= set(self._all_cells(zone, transaction))
        return sorted(cells, key=lambda cell: (cell.month or date.min, *cell[1:]))

    def figures(self, cells: Sequence[Cell]) -> pl.DataFrame:
        """Return what these cells hold, one row per cell that has a row at all.

        Columns: SEGMENT, month when there are months, `rows`, the sum of each mark, those of
        `segments.per_segment` for prices, and `<measure>_count` and `<measure>_median` of each
        measure beside PRICES (null when none is known).
        """
        found = []
        by_zone: dict[tuple[date | None, str], list[Cell]] = defaultdict(list)
        for cell in cells:
            by_zone[cell.month, cell.zone_id].append(cell)
        for (month, zone), wanted in by_zone.items():
            shelf = self._gather(month, zone)
            if shelf is not None:
                found += [row for cell in wanted if (row := self._figures_of(cell, shelf))]
        return pl.DataFrame(found, schema=self._figure_schema(), orient="row")

    def _put(self, rows: pl.DataFrame) -> None:
        for key, shelf in self._shelved(rows):
            stored = self._shelves.get(key)
            if stored is None:
                self._shelves[key] = shelf
            else:
                stored.put(shelf)
        self._count_currencies(rows, 1)

    def _count_currencies(self, rows: pl.DataFrame, times: int) -> None:
        for profile, count in _counted(rows.select(PROFILE)):
            transaction, currency = profile[len(ZONES)], profile[-1]
            for zone in _zones_of(profile):
                self._asked[zone][transaction, currency] += times * count

    def _currencies(self, rows: pl.DataFrame) -> dict[tuple[str, str], str | None]:
        keys = {
            (zone, profile[len(ZONES)])
            for profile, _ in _counted(rows.select(PROFILE))
            for zone in _zones_of(profile)
        }
        return {
            (zone, transaction): self._currency(zone, transaction) for zone, transaction in keys
        }

    def _currency(self, zone: str, transaction: str) -> str | None:
        """Return what most rows of a zone ask in, the first in the alphabet of equal ones."""
        counts = self._asked[zone]
        asked = [
            (-count, currency)
            for (of, currency), count in counts.items()
            if of == transaction and count > 0
        ]
        return min(asked)[1] if asked else None

    def _shelved(self, rows: pl.DataFrame) -> Iterator[tuple[tuple[date | None, int], _Shelf]]:
        """Give the rows of each month and place as a shelf."""
        if rows.is_empty():
            return
        coded = self._coded(rows)
        keys = ["month", "place"] if self.by_month else ["place"]
        for key, part in coded.partition_by(keys, as_dict=True, include_key=False).items():
            month, place = key if self.by_month else (None, key[0])
            yield (
                (month, place),
                _Shelf(
                    part["segment"].to_numpy().astype(np.int32),
                    part.select(pl.col(self.marks).fill_null(value=False).cast(pl.UInt8))
                    .to_numpy()
                    .reshape(part.height, len(self.marks)),
                    np.ascontiguousarray(
                        part.select(pl.col(self.measures).cast(pl.Float64).fill_null(float("nan")))
                        .to_numpy()
                        .reshape(part.height, len(self.measures))
                    ),
                ),
            )

    def _coded(self, rows: pl.DataFrame) -> pl.DataFrame:
        profiles = rows.select(PROFILE).unique(maintain_order=True)
        codes = [
            (self._place(profile[: len(ZONES)]), self._segment(profile[len(ZONES) :]))
            for profile in profiles.rows()
        ]
        numbers = pl.DataFrame(codes, schema={"place": pl.Int64, "segment": pl.Int64}, orient="row")
        known = pl.concat([profiles, numbers], how="horizontal")
        return rows.join(
            known, on=list(PROFILE), how="left", nulls_equal=True, maintain_order="left"
        )

    def _place(self, zones: Row) -> int:
        code = self._places.setdefault(zones, len(self._places))
        if code == len(self._places) - 1:
            for zone in zones:
                if zone is not None and code not in self._places_of[zone]:
                    self._places_of[zone].append(code)
        return code

    def _segment(self, segment: Row) -> int:
        if segment not in self._segments:
            self._segments[segment] = len(self._segments)
            self._choices.clear()
        return self._segments[segment]

    def _cells(self, rows: pl.DataFrame) -> Iterator[Cell]:
        """Give every cell these rows count in: bands of their own and "all", zones upwards."""
        keys = ["month", *PROFILE] if self.by_month else list(PROFILE)
        for key in rows.select(keys).unique().rows():
            month, profile = (key[0], key[1:]) if self.by_month else (None, key)
            transaction, *bands, _ = profile[len(ZONES) :]
            for zone in _zones_of(profile):
                for chosen in _widened(bands):
                    yield Cell(month, zone, transaction, *chosen)

    def _all_cells(self, zone: str, transaction: str) -> Iterator[Cell]:
        names = list(self._segments)
        places = set(self._places_of[zone])
        for (month, place), shelf in self._shelves.items():
            if place in places:
                for code in np.unique(shelf.segment).tolist():
                    of, *bands, _ = names[code]
                    if of == transaction:
                        for chosen in _widened(bands):
                            yield Cell(month, zone, transaction, *chosen)

    def _gather(self, month: date | None, zone: str) -> _Shelf | None:
        keys = [(month, place) for place in self._places_of.get(zone, [])]
        shelves = [self._shelves[key] for key in keys if key in self._shelves]
        if len(shelves) < 2:
            return shelves[0] if shelves else None
        return _Shelf(
            np.concatenate([shelf.segment for shelf in shelves]),
            np.concatenate([shelf.marks for shelf in shelves]),
            np.concatenate([shelf.measures for shelf in shelves]),
        )

    def _figures_of(self, cell: Cell, shelf: _Shelf) -> Row | None:
        inside = self._inside(cell)[shelf.segment]
        count = int(np.count_nonzero(inside))
        if not count:
            return None
        currency = self._currency(cell.zone_id, cell.transaction)
        asks = self._in_currency(currency)[shelf.segment] & inside
        per_m2 = _known(shelf.measures[asks, 0])
        asked = _known(shelf.measures[asks, 1])
        rest = shelf.measures[inside, 2:]
        counted: list[Any] = []
        for number in range(rest.shape[1]):
            values = _known(rest[:, number])
            counted += [len(values), _median(values)]
        sums = shelf.marks[inside].sum(axis=0, dtype=np.int64).tolist()
        month = (cell.month,) if self.by_month else ()
        return (*cell[1:], *month, count, *sums, currency, *_prices(per_m2, asked), *counted)

    def _inside(self, cell: Cell) -> npt.NDArray[np.bool_]:
        """Return for each segment whether the cell counts it."""
        transaction, *wanted = cell[2:]
        return self._choice(
            (transaction, *(None if want == ALL else want for want in wanted), None)
        )

    def _in_currency(self, currency: str | None) -> npt.NDArray[np.bool_]:
        return self._choice((None, None, None, None, currency))

    def _choice(self, wanted: Row) -> npt.NDArray[np.bool_]:
        """Return for each segment whether it is as wanted; None: whatever it is."""
        known = self._choices.get(wanted)
        if known is None:
            known = np.array(
                [
                    all(want in (None, have) for want, have in zip(wanted, segment, strict=True))
                    for segment in self._segments
                ]
            )
            self._choices[wanted] = known
        return known

    def _figure_schema(self) -> dict[str, Any]:
        months = {"month": pl.Date} if self.by_month else {}
        rest = {
            f"{name}_{figure}": kind
            for name in self.measures[2:]
            for figure, kind in (("count", pl.Int64), ("median", pl.Float64))
        }
        return {
            **dict.fromkeys(SEGMENT, pl.String),
            **months,
            "rows": pl.Int64,
            **dict.fromkeys(self.marks, pl.Int64),
            "currency": pl.String,
            "n": pl.Int64,
            **dict.fromkeys(segments.QUANTILES, pl.Float64),
            "median_low": pl.Float64,
            "median_high": pl.Float64,
            "median_price": pl.Float64,
            **rest,
        }


def _counted(profiles: pl.DataFrame) -> Iterable[tuple[Row, int]]:
    for row in profiles.group_by(PROFILE).len().iter_rows():
        yield row[:-1], row[-1]


def _zones_of(profile: Row) -> list[str]:
    return [zone for zone in profile[: len(ZONES)] if zone is not None]


def _widened(bands: Sequence[str | None]) -> list[tuple[str, ...]]:
    """Return each choice of own band or "all"; an unknown band has no cell of its own."""
    chosen: list[tuple[str, ...]] = [()]
    for band in bands:
        choices = (ALL,) if band is None else (ALL, band)
        chosen = [(*before, choice) for before in chosen for choice in choices]
    return chosen


def _known(values: Floats) -> Floats:
    return np.sort(values[~np.isnan(values)])


def _median(ordered: Floats) -> float | None:
    count = len(ordered)
    if not count:
        return None
    low, high = float(ordered[(count - 1) // 2]), float(ordered[count // 2])
    return low + (high - low) * 0.5 if low != high else low


def _prices(per_m2: Floats, asked: Floats) -> list[Any]:
    """Return n, the quantiles, the ends of the median's interval and the median price."""
    count = len(per_m2)
    if count < N_MIN:
        return [count, *([None] * (len(segments.QUANTILES) + 3))]
    quantiles = []
    for share in segments.QUANTILES.values():
        place = round((count - 1) * share, 9)
        below, above = int(np.floor(place)), int(np.ceil(place))
        low, high = float(per_m2[below]), float(per_m2[above])
        quantiles.append(low + (high - low) * (place - below))
    rank = segments.median_rank(count)
    ends = [float(per_m2[rank - 1]), float(per_m2[count - rank])]
    return [count, *quantiles, *ends, _median(asked)]
