"""What the sender of a valid post is told at once."""

from typing import Any

import pytest

from store.shapes.remarks import remarks_on

HEART_OF_BUCHAREST = {"latitude": 44.43, "longitude": 26.1}


def codes(**fields: Any) -> list[tuple[str, str]]:
    return [(path, code) for path, code, _ in remarks_on(fields)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"status": "active"}, [], id="on the market"),
        pytest.param({"status": "reserved"}, [], id="reserved is on the market"),
        *(pytest.param({"status": status}, [("status", "not_on_market")], id=status)
          for status in ("sold", "rented", "withdrawn", "expired", "draft")),
        pytest.param({"status": "sold", "soldPrice": 1}, [("status", "not_on_market")],
                     id="sold at a price"),
        pytest.param({"status": "active", "soldPrice": 1},
                     [("soldPrice", "sold_price_without_sale")], id="a price without a sale"),
        pytest.param({"status": "active", "soldPrice": None}, [], id="a sold price cleared"),
        pytest.param({"soldPrice": 1}, [], id="a sold price alone: the stored status decides"),
        pytest.param({"usableArea": 90, "totalArea": 80},
                     [("usableArea", "usable_area_above_total")], id="more usable than total"),
        pytest.param({"usableArea": 80, "totalArea": 80}, [], id="all of it usable"),
        pytest.param({"usableArea": 90, "totalArea": None}, [], id="no total to compare"),
        pytest.param({"floor": 11, "floorMax": 10}, [("floor", "floor_above_top")],
                     id="above the top floor"),
        pytest.param({"floor": 10, "floorMax": 10}, [], id="on the top floor"),
        pytest.param({"floor": None, "floorMax": 10}, [], id="no floor to compare"),
        pytest.param(HEART_OF_BUCHAREST, [], id="a point"),
        pytest.param({"latitude": 44.4}, [("longitude", "point_incomplete")], id="half a point"),
        pytest.param({"longitude": 26.1}, [("latitude", "point_incomplete")], id="the other half"),
        pytest.param({"latitude": 44.4, "longitude": None}, [("longitude", "point_incomplete")],
                     id="half a point cleared"),
        pytest.param({"latitude": None, "longitude": None}, [], id="a point cleared"),
        pytest.param({"latitude": 26.1, "longitude": 44.43}, [("latitude", "point_swapped")],
                     id="swapped"),
        pytest.param({"latitude": 52.2, "longitude": 21.0}, [], id="Warsaw is a place too"),
        pytest.param({}, [], id="nothing to remark on"),
    ],
)  # fmt: skip
def test_remarks(fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert codes(**fields) == expected
