"""The wire table lands in real columns, and its examples keep its own rules."""

from datetime import UTC, datetime

import jsonschema
import pytest

from store.shapes.checks import check
from store.shapes.schemas import listing_schema, pydantic_model
from store.shapes.vocabulary import LABELS
from store.shapes.wire import FIELDS, REQUIRED_ON_CREATE, REQUIRED_ON_UPDATE, Field
from store.tables.warehouse import WAREHOUSE

NOW = datetime(2026, 11, 15, 9, 0, tzinfo=UTC)

EVERY_FIELD = {field.name: field.example for field in FIELDS} | {"status": "sold"}
ALL_FIELDS = [*FIELDS, *(inner for field in FIELDS for inner in field.fields)]


def test_a_first_post_needs_what_the_contract_says() -> None:
    assert REQUIRED_ON_UPDATE == ("providerIdentifier", "externalId")
    assert REQUIRED_ON_CREATE == (
        "providerIdentifier", "externalId", "title", "transaction", "type", "price", "currency"
    )  # fmt: skip


@pytest.mark.parametrize("field", ALL_FIELDS, ids=lambda field: field.name)
def test_every_field_lands_in_columns_that_exist(field: Field) -> None:
    assert field.lands
    for landing in field.lands:
        table, column = landing.split(".")
        assert column in WAREHOUSE.tables[table].columns


@pytest.mark.parametrize("field", ALL_FIELDS, ids=lambda field: field.name)
def test_every_field_is_described_and_bounded(field: Field) -> None:
    assert field.description.endswith(".")
    if field.kind in ("decimal", "integer"):
        assert None not in (field.minimum if field.above is None else field.above,
                            field.maximum if field.below is None else field.below)  # fmt: skip
    if field.kind in ("identifier", "text", "urls"):
        assert field.max_length
    if field.choices:
        assert LABELS[field.choices].keys() == {code.value for code in field.choices}


def test_the_examples_pass_the_check_the_schema_and_the_model() -> None:
    checked = check(EVERY_FIELD, NOW)
    assert checked.violations == []
    assert [(w.path, w.code) for w in checked.warnings] == [("status", "not_on_market")]
    jsonschema.Draft202012Validator(listing_schema()).validate(EVERY_FIELD)
    pydantic_model().model_validate(EVERY_FIELD)


def test_the_schema_refuses_what_the_check_refuses() -> None:
    validator = jsonschema.Draft202012Validator(listing_schema())
    for broken in (
        {"price": 0}, {"price": "1 lei"}, {"rooms": 2.5}, {"type": "CASTLE"},
        {"imageUrls": ["x"] * 51}, {"newBuild": "maybe"}, {"ownershipDocuments": ["x"]},
        {"latitude": 91}, {"agency": "VIB"}, {"title": "x" * 501}, {"title": " \n"},
        {"description": "a\0"}, {"providerIdentifier": "a:b"}, {"externalId": " x"},
        {"externalId": "a\tb"}, {"agency": {"name": " "}}, {"attributes": {"": 1}},
        {"attributes": {"a": 1e300}}, {"attributes": {"a": -(2**53) - 2}},
    ):  # fmt: skip
        document = EVERY_FIELD | broken
        assert check(document, NOW).violations
        assert not validator.is_valid(document)


def test_the_model_refuses_types_and_bounds() -> None:
    model = pydantic_model()
    for broken in (
        {"price": 0}, {"price": "1 lei"}, {"rooms": 2.5}, {"type": "CASTLE"},
        {"imageUrls": ["x"] * 51}, {"newBuild": "maybe"}, {"ownershipDocuments": ["x"]},
        {"latitude": 91}, {"agency": "VIB"}, {"title": "x" * 501},
    ):  # fmt: skip
        document = EVERY_FIELD | broken
        assert check(document, NOW).violations
        with pytest.raises(ValueError, match="validation error"):
            model.model_validate(document)


def test_null_is_allowed_where_it_clears_and_nowhere_else() -> None:
    validator = jsonschema.Draft202012Validator(listing_schema())
    for field in FIELDS:
        document = EVERY_FIELD | {field.name: None}
        assert (not check(document, NOW).violations) is field.is_clearable
        assert validator.is_valid(document) is field.is_clearable
