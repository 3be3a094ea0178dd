"""One definition of a field: whatever is made of the wire table agrees with it, field by field."""

import json
from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.synthetic_market import generate
from flows.steps.normalise import (
    AS_TEXT,
    CODE_LISTS,
    COLUMNS,
    DOCUMENT,
    FROM_THE_EVENT,
    Normalised,
    normalise,
)
from ingest_api.app import create_app
from ingest_api.reference import reference_document
from store.settings import Settings
from store.shapes.checks import check
from store.shapes.plain import read_plain
from store.shapes.schemas import listing_schema, pydantic_model
from store.shapes.vocabulary import LABELS
from store.shapes.wire import BY_NAME, FIELDS, PLATFORM_FIELDS, Field, Kind
from store.tables.warehouse import WAREHOUSE
from tests.analytics.test_synthetic_market import END, PLACES
from tests.flows.events import RATES, event, frame
from tests.ingest_api.test_integration_page import FULL, MARK_AS_SOLD, QUICK_START
from tests.listings import FLAT

TABLES_PAGE = (Path(__file__).parents[2] / "docs" / "tables.md").read_text()
IDENTITY = {"providerIdentifier": "my-crm", "externalId": "listing-456"}
WHOLE = {field.name: field.example for field in FIELDS}
SCHEMA = listing_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
MODEL = pydantic_model()
REFERENCE = {told["name"]: told for told in reference_document()["fields"]}
COMPANIONS = {"latitude": "longitude", "longitude": "latitude"}
"""Fields that make sense together only; the check tells when one comes alone."""

PARTY_TABLES = {"core_agencies": "agencies", "core_agents": "agents"}

every_field = pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)


@cache
def landed() -> Normalised:
    """What normalise makes of the post that holds every field."""
    moment = "2026-01-01T00:00:00.000000Z"
    instants = {f.name: moment for f in FIELDS if f.kind is Kind.INSTANT}
    platform = {"statusSince": moment, "deletedAt": moment, "deletionReason": "sold"}
    parties = {f.name: {i.name: i.example for i in f.fields} for f in FIELDS if f.fields}
    return normalise(frame(event(1, 1, 1, **WHOLE | parties | instants | platform)), RATES)


def test_all_know_the_same_fields() -> None:
    names = list(BY_NAME)
    assert list(SCHEMA["properties"]) == names
    assert list(MODEL.model_fields) == names
    assert list(REFERENCE) == names
    read = {field.name for field in DOCUMENT.fields} | {*AS_TEXT, *FROM_THE_EVENT}
    assert read | {"statusSince"} == BY_NAME.keys() | set(PLATFORM_FIELDS)


def test_openapi_describes_the_listing_by_the_wire_table() -> None:
    document = create_app(Settings()).openapi()
    assert document["components"]["schemas"]["Listing"] == SCHEMA


@every_field
def test_the_example_is_accepted_everywhere_and_without_a_warning(field: Field) -> None:
    names = {field.name, COMPANIONS.get(field.name, field.name)}
    post = IDENTITY | {name: BY_NAME[name].example for name in names}
    checked = check(post, END)
    assert (checked.violations, checked.warnings) == ([], [])
    assert checked.patch.keys() == post.keys()
    VALIDATOR.validate(post)
    MODEL.model_validate(post)


@every_field
def test_the_plain_reader_takes_the_example(field: Field) -> None:
    """Instants need the check (they are made canonical), and so does what it remarks on."""
    names = {field.name, COMPANIONS.get(field.name, field.name)}
    posted = {name: BY_NAME[name].example for name in names}
    plain = read_plain(json.dumps(IDENTITY | posted).encode())
    assert (plain is None) is (field.kind is Kind.INSTANT or field.name == "soldPrice")
    assert plain is None or json.loads(plain.patch) == IDENTITY | posted


NEAR = {
    "latitude": [44.4, 26.1], "longitude": [26.1, 44.4], "floor": [4, 10, 11], "floorMax": [10],
    "usableArea": [70, 90.5], "totalArea": [85.5, 70], "soldPrice": [180_000],
    "status": ["active", "reserved", "sold", "SOLD"], "price": [185000, "185000", 0],
    "newBuild": [True, "da"], "ownershipDocuments": [[], ["CADASTRE"], ["cadastru"], ["x"]],
    "energyClass": ["A+", "a+"], "rooms": [3, 3.0, None], "total_area": [85.5],
    "agency": [{"name": "A", "formerName": "B"}, {"Name": "A"}],
}  # fmt: skip


@given(st.fixed_dictionaries({}, optional={n: st.sampled_from(v) for n, v in NEAR.items()}))
def test_what_the_plain_reader_takes_the_check_takes_alike_and_in_silence(
    posted: dict[str, Any],
) -> None:
    post = IDENTITY | posted
    plain = read_plain(json.dumps(post).encode())
    checked = check(post, END)
    if plain is not None:
        assert (checked.violations, checked.warnings) == ([], [])
        assert json.loads(plain.patch) == checked.patch


@every_field
def test_schema_and_reference_say_the_same_of_it(field: Field) -> None:
    schema, told = SCHEMA["properties"][field.name], REFERENCE[field.name]
    kinds = schema.get("anyOf", [schema])  # codes that null clears: the codes, or null
    types = kinds[0]["type"] if isinstance(kinds[0]["type"], list) else [k["type"] for k in kinds]
    assert types == [told["type"]] + ["null"] * told["nullClears"]
    assert schema["description"].startswith(told["description"])
    assert schema["examples"] == [told["example"]]
    for bound in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        assert schema.get(bound) == told.get(bound)
    codes = schema["items"] if field.kind is Kind.CODES else kinds[0]
    assert codes.get("enum") == told.get("enum")
    assert (field.name in SCHEMA["required"]) is told["requiredOnUpdate"]
    assert list(schema.get("properties", {})) == [each["name"] for each in told.get("fields", [])]


@every_field
def test_codes_are_those_of_the_enumeration_with_labels(field: Field) -> None:
    assert (field.choices is not None) is (field.kind in (Kind.ENUM, Kind.CODES))
    if field.choices is not None:
        assert list(LABELS[field.choices]) == REFERENCE[field.name]["enum"]


@every_field
def test_bounds_are_kept_by_check_and_model_alike(field: Field) -> None:
    """The nearest values outside are refused, those on the bounds are not."""
    inside = [b for b in (field.minimum, field.maximum) if b is not None]
    outside = [b for b in (field.above, field.below) if b is not None]
    if field.minimum is not None:
        outside.append(field.minimum - 1)
    if field.maximum is not None:
        outside.append(field.maximum + 1)
    for value, is_good in [(v, True) for v in inside] + [(v, False) for v in outside]:
        number = int(value) if field.kind is Kind.INTEGER else value
        post = IDENTITY | {field.name: number}
        assert (not check(post, END).violations) is is_good
        assert VALIDATOR.is_valid(post) is is_good


@every_field
def test_it_lands_in_the_columns_it_names(field: Field) -> None:
    for landing in [*field.lands, *(to for inner in field.fields for to in inner.lands)]:
        table, column = landing.split(".")
        assert column in WAREHOUSE.tables[table].columns
        section = TABLES_PAGE.split(f"\n## {table}\n")[1].split("\n## ")[0]
        assert f"| `{column}` |" in section
        assert _values(table, column) != [None]


def _values(table: str, column: str) -> list[Any]:
    rows = landed()
    if table in PARTY_TABLES:
        return list(getattr(rows, PARTY_TABLES[table])[column])
    return list((rows.images if table == "core_listing_images" else rows.versions)[column])


def test_a_plain_value_lands_as_it_was_posted() -> None:
    row = landed().versions.row(0, named=True)
    plain = [f for f in FIELDS if f.kind in (Kind.TEXT, Kind.ENUM, Kind.DECIMAL, Kind.INTEGER,
                                             Kind.BOOLEAN)]  # fmt: skip
    assert len(plain) > 30
    for field in plain:
        column = field.lands[0].split(".")[1]
        assert row[column] == field.example
        assert COLUMNS[field.name] in (column, "usable_area_m2")
    for kept in (*AS_TEXT, *CODE_LISTS):
        assert json.loads(row[COLUMNS[kept]]) == WHOLE[kept]


def test_no_landing_column_is_filled_by_two_fields() -> None:
    landings = [to for field in FIELDS for to in field.lands]
    assert sorted(set(landings)) == sorted(landings)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(QUICK_START, [], id="the quick start"),
        pytest.param(FULL, [], id="the full example"),
        pytest.param(MARK_AS_SOLD, ["not_on_market"], id="mark as sold"),
        pytest.param(json.dumps(IDENTITY | FLAT).encode(), [], id="the tests' flat"),
    ],
)
def test_fixtures_are_written_as_the_contract_says(body: bytes, expected: list[str]) -> None:
    checked = check(json.loads(body), END)
    assert checked.violations == []
    assert [warned.code for warned in checked.warnings] == expected


def test_the_synthetic_market_posts_known_fields_in_canonical_spelling() -> None:
    market = generate(3, 300, PLACES, date(2026, 11, 1), ["http://127.0.0.1:1/1.jpg"])
    told = Counter(warned.code for _, body in market.events for warned in check(body, END).warnings)
    assert told["not_on_market"]
    assert not told.keys() & {"unknown_field", "coerced"}
    assert {"heating", "energyClass"} <= {name for _, body in market.events for name in body}
