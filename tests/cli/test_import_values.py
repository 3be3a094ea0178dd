"""Cells become wire values where the mapping makes them certain; else they go as they stand."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.import_mapping import ImportMapping
from cli.import_values import instant_of, listing_of, number_of


def listing(cells: dict[str, Any], fields: dict[str, str], **options: Any) -> dict[str, Any]:
    mapping = ImportMapping(Path("m.toml"), {"externalId": "id", **fields}, **options)
    made = listing_of({"id": "1", **cells}, mapping, "crm")
    assert (made.pop("providerIdentifier"), made.pop("externalId")) == ("crm", "1")
    return made


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [
        ("185000", 185000, 185000),
        ("85.5", 85.5, None),
        ("85,5", None, 85.5),
        ("185.000", 185.0, 185000),
        ("185,000", 185000, 185.0),
        ("1,250,000.75", 1250000.75, None),
        ("1.250.000,75", None, 1250000.75),
        ("1 250 000", 1250000, 1250000),
        ("1\u00a0250", 1250, 1250),
        ("-3", -3, -3),
        ("185000 EUR", None, None),
        ("1e5", None, None),
        ("", None, None),
        ("٣", None, None),
    ],
)
def test_numbers_with_point_and_comma(text: str, point: Any, comma: Any) -> None:
    assert (number_of(text, False), number_of(text, True)) == (point, comma)


@pytest.mark.parametrize(
    ("value", "date_format", "instant"),
    [
        ("2026-03-01T09:00:00Z", None, "2026-03-01T09:00:00+00:00"),
        ("2026-03-01 09:00", None, "2026-03-01T09:00:00+02:00"),
        ("2026-07-01", None, "2026-07-01T00:00:00+03:00"),
        ("01.03.2026", "%d.%m.%Y", "2026-03-01T00:00:00+02:00"),
        (date(2026, 3, 1), None, "2026-03-01T00:00:00+02:00"),
        (datetime(2026, 3, 1, 9, tzinfo=UTC), "%d.%m.%Y", "2026-03-01T09:00:00+00:00"),
        ("yesterday", None, None),
        (20260301, None, None),
    ],
)
def test_instants_with_a_zone(value: Any, date_format: str | None, instant: str | None) -> None:
    assert instant_of(value, date_format, "Europe/Bucharest") == instant


def test_what_is_uncertain_goes_as_it_stands() -> None:
    made = listing({"p": " pe cerere ", "d": "ieri", "r": [3]}, {"price": "p", "soldAt": "d",
                   "rooms": "r"})  # fmt: skip
    assert made == {"price": "pe cerere", "soldAt": "ieri", "rooms": [3]}


def test_an_empty_cell_keeps_clears_or_takes_the_constant() -> None:
    fields = {"price": "p", "rooms": "r", "currency": "c"}
    cells = {"p": " ", "r": "", "c": None}
    assert listing(cells, fields) == {}
    cleared = listing(cells, fields, empty_cells="clear", constants={"currency": "EUR"})
    assert cleared == {"rooms": None, "currency": "EUR"}  # price cannot be cleared


def test_spellings_are_read_without_case() -> None:
    values = {"transaction": {"vanzare": "SALE", "*": "RENT"}, "type": {"1": "HOUSE"}}
    fields = {"transaction": "t", "type": "k"}
    assert listing({"t": " VANZARE", "k": 1}, fields, values=values) == {
        "transaction": "SALE", "type": "HOUSE",
    }  # fmt: skip
    assert listing({"t": "x", "k": "2"}, fields, values=values) == {
        "transaction": "RENT", "type": "2",
    }  # fmt: skip


def test_lists_objects_and_attributes() -> None:
    cells = {"urls": "a; b ;", "an": "VIB", "deep": {"phone": "+40"}, "heat": "gas"}
    fields = {"imageUrls": "urls", "agency.name": "an", "agency.phone": "deep.phone"}
    made = listing(cells, fields, list_separator=";", attributes={"heating": "heat"})
    assert made == {
        "imageUrls": ["a", "b"],
        "agency": {"name": "VIB", "phone": "+40"},
        "attributes": {"heating": "gas"},
    }


def test_columns_left_over_become_attributes() -> None:
    made = listing({"t": "x", "lift": "da", "none": ""}, {"title": "t"},
                   unmapped_columns="attributes")  # fmt: skip
    assert made == {"title": "x", "attributes": {"lift": "da"}}


def test_values_of_a_parquet_file_are_json() -> None:
    cells = {"p": Decimal("185000.00"), "q": Decimal("1.5"), "n": float("nan"), "i": float("inf"),
             "ref": 4071.0, "when": datetime(2026, 3, 1, tzinfo=UTC)}  # fmt: skip
    fields = {"price": "p", "totalArea": "q", "rooms": "n", "floor": "i", "title": "ref"}
    made = listing(cells, fields, attributes={"seen": "when"})
    assert made == {"price": 185000, "totalArea": 1.5, "floor": "inf", "title": "4071",
                    "attributes": {"seen": "2026-03-01T00:00:00+00:00"}}  # fmt: skip
    assert type(made["price"]) is int
