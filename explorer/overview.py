"""What the page asks first: which market is published, and where to start looking at it. Pure."""

from enum import StrEnum

from store.market import Row
from store.shapes.vocabulary import ALL, LABELS, PropertyType, Transaction, ZoneLevel


def starting_segment(segments: list[Row]) -> Row:
    """Return the transaction and type with the most units on the market.

    Land, offices and flats in one median say little, so `all` types is never where we start.
    """
    for row in segments:
        if row["type"] != ALL and row["rooms_band"] == ALL and row["age_band"] == ALL:
            return {"transaction": row["transaction"], "type": row["type"]}
    return {"transaction": Transaction.SALE.value, "type": PropertyType.APARTMENT.value}


def starting_level(levels: list[Row]) -> str:
    """Return the finest level whose medians speak for half of the units of the best level.

    With no median anywhere it is the finest level that has units, else the country.
    """
    most = max((row["units"] for row in levels), default=0)
    telling = [row["level"] for row in levels if 0 < most <= 2 * row["units"]]
    peopled = [row["level"] for row in levels if row["zones"]]
    return str((telling or peopled or [ZoneLevel.COUNTRY.value])[-1])


def labels() -> Row:
    """Return how transactions and types are called, by language and code."""
    kinds: dict[str, type[StrEnum]] = {"transaction": Transaction, "type": PropertyType}
    return {
        language: {
            name: {code: getattr(label, language) for code, label in LABELS[kind].items()}
            for name, kind in kinds.items()
        }
        for language in ("en", "ro")
    }
