"""What the sender of a valid post should know at once: effects that may surprise. Pure.

Fields are judged against each other as far as they are there. What only stored state or a
later step can tell is told in the event's report.
"""

from typing import Any

from store.shapes.vocabulary import CLOSED, ON_MARKET

Fields = dict[str, Any]
Remark = tuple[str, str, str]
"""Path, code of the warning and message."""

_LATITUDES, _LONGITUDES = (43.0, 49.0), (20.0, 30.5)
"""Romania, rounded outwards."""


def remarks_on(fields: Fields) -> list[Remark]:
    """Return the remarks on a post (or on a merged document); fields are valid one by one."""
    found: list[Remark] = []
    if "status" in fields:
        found += _on_status(fields)
    if "latitude" in fields or "longitude" in fields:
        found += _on_point(fields)
    if "floor" in fields and _is_above(fields["floor"], fields.get("floorMax")):
        found.append(("floor", "floor_above_top", "lies above floorMax: both are left out"))
    if "usableArea" in fields and _is_above(fields["usableArea"], fields.get("totalArea")):
        found.append(("usableArea", "usable_area_above_total", "is larger than totalArea"))
    return found


def _is_above(value: float | None, top: float | None) -> bool:
    return value is not None and top is not None and value > top


def _on_status(fields: Fields) -> list[Remark]:
    found: list[Remark] = []
    status = fields["status"]
    if status not in ON_MARKET:
        found.append(("status", "not_on_market", f"{status} takes the listing off the market"))
    if fields.get("soldPrice") is not None and status not in CLOSED:
        told = f"has no effect while the status is {status}"
        found.append(("soldPrice", "sold_price_without_sale", told))
    return found


def _on_point(fields: Fields) -> list[Remark]:
    latitude, longitude = fields.get("latitude"), fields.get("longitude")
    is_half = (latitude is None) != (longitude is None)
    if is_half or ("latitude" in fields) != ("longitude" in fields):
        missing = "latitude" if latitude is None else "longitude"
        return [(missing, "point_incomplete", "a point needs latitude and longitude")]
    if latitude is not None and _looks_swapped(latitude, fields["longitude"]):
        told = "with longitude it lies outside Romania, the other way round inside: swapped?"
        return [("latitude", "point_swapped", told)]
    return []


def _looks_swapped(latitude: float, longitude: float) -> bool:
    south, north = _LATITUDES
    west, east = _LONGITUDES
    return west <= latitude <= east and south <= longitude <= north
