"""Units: which home an advert is for, so that one home is counted once.

Only what one advert says is looked at; finding the same home behind different words is left
to a later step.
"""

import hashlib

import numpy as np
import numpy.typing as npt
import polars as pl

CELL_DEGREES = 1e-4
"""Side of the cells that make places equal: 11 m north-south, 8 m east-west in Bucharest."""


def _whole(column: str, step: float) -> pl.Expr:
    return (pl.col(column) / step).round().cast(pl.Int64)


def _text(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).fill_null("?")


def unit_id() -> pl.Expr:
    """Return the identifier of the home behind an advert, as readable text.

    Reads transaction, type, rooms, area_m2, floor, latitude, longitude (in cells of about
    10 m), provider_identifier, external_id. Adverts that agree in these (unknown equals
    unknown) share a unit; an advert without point or area is a unit of its own. The text is
    the identifier: no hash that another release of polars could compute differently.
    """
    home = pl.format(
        "{}:{}:{}:{}:{}:{}:{}",
        "transaction",
        "type",
        _text("rooms"),
        _whole("area_m2", 1.0),
        _text("floor"),
        _whole("latitude", CELL_DEGREES),
        _whole("longitude", CELL_DEGREES),
    )
    # A provider identifier holds no ':', so this text names one advert.
    own = pl.format("own:{}:{}", "provider_identifier", "external_id")
    known = pl.all_horizontal(pl.col("area_m2", "latitude", "longitude").is_not_null())
    return pl.when(known).then(home).otherwise(own).alias("unit_id")


def fold_numbers(unit_ids: pl.Series, folds: int) -> npt.NDArray[np.int64]:
    """Return the fold, 0 to folds - 1, of each unit: a function of its text alone.

    So training and valuation agree which model must not value a home without keeping a map,
    and a home that comes later has its fold already.
    """
    digests = (hashlib.sha256(unit.encode()).digest() for unit in unit_ids.to_list())
    return np.fromiter(
        (int.from_bytes(digest[:8], "big") % folds for digest in digests),
        dtype=np.int64,
        count=len(unit_ids),
    )
