"""What may be asked of the read API: query parameters, made from the vocabulary."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Depends, Query

from store.market import ListingOrder, Segment
from store.shapes.vocabulary import (
    AGE_BANDS,
    ALL,
    ROOMS_BANDS,
    PropertyType,
    Transaction,
    ZoneLevel,
)

MOST_ROWS = 200


def _one_of(values: Iterable[str], about: str, **more: Any) -> Any:
    return Query(description=about, json_schema_extra={"enum": [*values]}, **more)


def _band(bands: Iterable[str]) -> str:
    return "^(" + "|".join(band.replace("+", r"\+") for band in (*bands, ALL)) + ")$"


def segment(
    transaction: Annotated[Transaction, Query(description="what is offered")] = Transaction.SALE,
    kind: Annotated[
        str,
        _one_of(
            (*PropertyType, ALL), "property type, or all", alias="type", pattern=_band(PropertyType)
        ),
    ] = ALL,
    rooms: Annotated[
        str, _one_of((*ROOMS_BANDS, ALL), "number of rooms, or all", pattern=_band(ROOMS_BANDS))
    ] = ALL,
    age: Annotated[
        str,
        _one_of(
            (*AGE_BANDS, ALL),
            "new: built within 3 years or sold by the developer",
            pattern=_band(AGE_BANDS),
        ),
    ] = ALL,
) -> Segment:
    """Return the segment that the query names."""
    return Segment(transaction.value, kind, rooms, age)


SegmentQuery = Annotated[Segment, Depends(segment)]
LevelQuery = Annotated[ZoneLevel, Query(description="level of the zones")]
ZoneQuery = Annotated[str, Query(alias="zone_id", max_length=200, description="zone")]
InsideQuery = Annotated[
    str | None, Query(alias="zone", max_length=200, description="only listings in this zone")
]
OrderQuery = Annotated[ListingOrder, Query(description="best first, by this")]
LimitQuery = Annotated[int, Query(ge=1, le=MOST_ROWS, description="rows wanted")]
OffsetQuery = Annotated[int, Query(ge=0, le=1_000_000, description="rows skipped")]
