"""The check at the door: canonical values out, violations named, nothing repeated."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.shapes.checks import (
    MAX_COMPARED,
    MAX_WARNINGS,
    VIOLATION_CODES,
    WARNING_CODES,
    check,
    check_provider_identifier,
    parse_rfc3339,
    wire_instant,
)
from store.shapes.wire import FIELDS
from store.tables.columns import instant_text

NOW = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)
IDENTITY = {"providerIdentifier": "crm", "externalId": "1"}


def codes(**fields: Any) -> list[tuple[str, str]]:
    return [(v.path, v.code) for v in check(IDENTITY | fields, NOW).violations]


@pytest.mark.parametrize(
    ("posted", "kept"),
    [
        ("2026-03-01T09:00:00Z", "2026-03-01T09:00:00.000000Z"),
        ("2026-03-01T09:00:00+02:00", "2026-03-01T07:00:00.000000Z"),
        ("2026-03-01t09:00:00.5z", "2026-03-01T09:00:00.500000Z"),
        ("2026-03-01 00:00:00.123456789-01:30", "2026-03-01T01:30:00.123456Z"),
    ],
)
def test_instants_are_kept_in_utc(posted: str, kept: str) -> None:
    assert check(IDENTITY | {"soldAt": posted}, NOW).patch["soldAt"] == kept


@pytest.mark.parametrize(
    "posted",
    [
        "2026-03-01", "2026-03-01T09:00:00", "2026-03-01T09:00Z", "20260301T090000Z",
        "2026-02-30T09:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01T09:00:60Z",
        "2026-03-01T09:00:00+0200", "2026-03-01T09:00:00+25:00", "2026-W09-7T09:00:00Z", "now",
        "2026-03-01T09:00:00.Z", " 2026-03-01T09:00:00Z", "2026-03-01T09:00:00Z\n",
        "२०२६-03-01T09:00:00Z",
    ],
)  # fmt: skip
def test_instants_without_zone_or_sense_are_refused(posted: str) -> None:
    assert codes(soldAt=posted) == [("soldAt", "invalid_instant")]


def test_an_instant_may_lie_a_day_ahead_and_no_more() -> None:
    tomorrow = NOW + timedelta(days=1)
    assert codes(publishedAt=tomorrow.isoformat()) == []
    later = tomorrow + timedelta(microseconds=1)
    assert codes(publishedAt=later.isoformat()) == [("publishedAt", "in_the_future")]
    assert codes(publishedAt="1899-12-31T23:59:59Z") == [("publishedAt", "out_of_range")]


@given(st.datetimes(timezones=st.timezones()))
def test_the_canonical_text_is_the_tables_text(moment: datetime) -> None:
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:
        return
    assert parse_rfc3339(wire_instant(utc)) == utc
    if utc.year >= 1000:
        assert wire_instant(utc) == instant_text(moment)


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("price", 185000, 185000), ("price", 185000.5, 185000.5), ("price", 1.0, 1.0),
        ("rooms", 3, 3), ("rooms", 3.0, 3), ("floor", -1, -1), ("totalArea", 85, 85),
        ("description", "", ""), ("imageUrls", [], []), ("agency", {}, {}), ("rooms", None, None),
        ("attributes", {"a": None, "b": 1.5, "c": True, "d": "x"},
         {"a": None, "b": 1.5, "c": True, "d": "x"}),
        ("imageUrls", ["HTTP://bücher.example:81/a?b=ș#c"], ["HTTP://bücher.example:81/a?b=ș#c"]),
    ],
)  # fmt: skip
def test_good_values_are_kept_as_posted(field: str, value: Any, kept: Any) -> None:
    checked = check(IDENTITY | {field: value}, NOW)
    assert checked.violations == []
    assert checked.patch[field] == kept
    assert type(checked.patch[field]) is type(kept)


@pytest.mark.parametrize(
    "url",
    ["", "example.com/a.jpg", "//example.com/a", "ftp://a/b", "https://", "https:///a", "http://?a",
     "javascript:alert(1)", "https://a b/c", "https://a/b c", "https://a/\n", "http:\\\\a\\b"],
)  # fmt: skip
def test_addresses_that_are_none_are_refused(url: str) -> None:
    assert [path for path, _ in codes(imageUrls=[url])] == ["imageUrls[0]"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 10**400])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    assert codes(price=value) == [("price", "out_of_range")]
    assert codes(attributes={"a": value}) == [("attributes.a", "out_of_range")]


def test_lone_surrogates_and_nul_are_refused_everywhere() -> None:
    for text in ("a\x00", "a\ud800"):
        assert codes(title=text, agent={"email": text}, attributes={"a": text}) == [
            ("title", "invalid_characters"),
            ("agent.email", "invalid_characters"),
            ("attributes.a", "invalid_characters"),
        ]
        assert codes(attributes={text: 1}) == [("attributes", "invalid_characters")]


def test_unknown_fields_are_warned_about_by_plain_names_only() -> None:
    checked = check(IDENTITY | {"rums": 1, "<script>": 2, "agency": {"fax": 3}}, NOW)
    assert [w.path for w in checked.warnings] == ["rums", "?", "agency.fax"]
    assert checked.patch == IDENTITY | {"agency": {}}


@pytest.mark.parametrize(
    ("field", "posted", "read"),
    [
        ("price", "185000", 185000), ("price", "1.250.000", 1250000), ("totalArea", "85,5", 85.5),
        ("rooms", "3", 3), ("rooms", "3.0", 3), ("floor", "-1", -1), ("latitude", "44.481", 44.481),
        ("constructionYear", "2.020", 2020), ("rooms", "3.000", 3),
        ("partitioning", "decomandat", "DETACHED"), ("transaction", "Vânzare", "SALE"),
        ("status", "ACTIVE", "active"), ("currency", "eur", "EUR"), ("newBuild", "da", True),
        ("vatIncluded", 0, False), ("hideExact", "false", False),
    ],
)  # fmt: skip
def test_other_spellings_are_read_and_told(field: str, posted: Any, read: Any) -> None:
    checked = check(IDENTITY | {field: posted}, NOW)
    assert checked.violations == []
    assert (checked.patch[field], type(checked.patch[field])) == (read, type(read))
    told = [w for w in checked.warnings if w.code == "coerced"]
    assert [(w.path, w.from_value, w.to_value) for w in told] == [(field, posted, read)]
    again = check(checked.patch, NOW)
    assert again.patch == checked.patch
    assert "coerced" not in {w.code for w in again.warnings}


def test_codes_in_a_list_are_told_one_by_one() -> None:
    checked = check(IDENTITY | {"ownershipDocuments": ["CADASTRE", "act de proprietate"]}, NOW)
    assert checked.patch["ownershipDocuments"] == ["CADASTRE", "TITLE_DEED"]
    assert [(w.path, w.from_value, w.to_value) for w in checked.warnings] == [
        ("ownershipDocuments[1]", "act de proprietate", "TITLE_DEED")
    ]


@pytest.mark.parametrize(
    ("field", "posted", "code"),
    [
        pytest.param("price", "1.250", "wrong_type", id="a thousand and more, or one and a bit"),
        pytest.param("totalArea", "85,500", "wrong_type", id="a flat or a field"),
        pytest.param("rooms", "2,5", "wrong_type", id="half a room"),
        pytest.param("rooms", "three", "wrong_type", id="a word"),
        pytest.param("price", "185000 EUR", "wrong_type", id="with its currency"),
        pytest.param("price", "0", "out_of_range", id="a number outside the bounds"),
        pytest.param("price", True, "wrong_type", id="a truth for a number"),
        pytest.param("newBuild", "new", "wrong_type", id="a word for a truth"),
        pytest.param("newBuild", 2, "wrong_type", id="two for a truth"),
        pytest.param("partitioning", "semi", "invalid_choice", id="the start of a code"),
        pytest.param("externalId", 456, "wrong_type", id="a number for an identifier"),
    ],
)
def test_nothing_is_guessed(field: str, posted: Any, code: str) -> None:
    assert codes(**{field: posted}) == [(field, code)]


def test_a_long_or_unprintable_spelling_is_not_shown() -> None:
    for posted in ("185\u00a0000", "\t185000"):
        (told,) = check(IDENTITY | {"price": posted}, NOW).warnings
        assert (told.code, told.from_value, told.to_value) == ("coerced", None, 185000)


@pytest.mark.parametrize(
    ("fields", "path", "hint"),
    [
        ({"total_area": 1}, "total_area", ": did you mean totalArea?"),
        ({"TotalArea": 1}, "TotalArea", ": did you mean totalArea?"),
        ({"tittle": 1}, "tittle", ": did you mean title?"),
        ({"agency": {"Phone": 1}}, "agency.Phone", ": did you mean agency.phone?"),
        ({"shoeSize": 1}, "shoeSize", ""),
        ({"total area": 1}, "?", ""),
    ],
)
def test_an_unknown_field_is_told_with_the_nearest_name(
    fields: dict[str, Any], path: str, hint: str
) -> None:
    (told,) = check(IDENTITY | fields, NOW).warnings
    assert (told.path, told.code) == (path, "unknown_field")
    assert told.message == f"not part of the contract{hint}"


def test_the_search_for_near_names_is_bounded() -> None:
    posted = {f"titl{letter}": 1 for letter in "abcdfgh"}
    hints = [w.message for w in check(IDENTITY | posted, NOW).warnings if "title" in w.message]
    assert len(hints) == MAX_COMPARED


def test_remarks_come_with_valid_posts_only_and_always() -> None:
    noise = {f"x{i}": i for i in range(MAX_WARNINGS)}
    assert check(IDENTITY | noise | {"status": "sold"}, NOW).warnings[-1].code == "not_on_market"
    assert check(IDENTITY | {"status": "sold", "price": 0}, NOW).warnings == []


def test_warnings_are_bounded() -> None:
    assert len(check(IDENTITY | {f"x{i}": i for i in range(1000)}, NOW).warnings) == 50


@pytest.mark.parametrize("wrong", ["", "a:b", " a", "a ", "a\tb", "x" * 101, "a\x00"])
def test_provider_identifiers_that_cannot_be_used(wrong: str) -> None:
    assert check_provider_identifier(wrong)


def test_provider_identifiers_that_can_be_used() -> None:
    assert check_provider_identifier("my-crm") == []
    assert check_provider_identifier("Agenția 1/2") == []


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([field.name for field in FIELDS]), ANYTHING))
def test_no_value_breaks_the_check_and_every_code_is_registered(document: dict[str, Any]) -> None:
    checked = check(document, NOW)
    assert {violation.code for violation in checked.violations} <= VIOLATION_CODES.keys()
    assert {warned.code for warned in checked.warnings} <= WARNING_CODES.keys()
    assert checked.violations or checked.patch.keys() == document.keys()


@given(st.sampled_from([f.name for f in FIELDS]), st.text("mark", min_size=12, max_size=30))
def test_messages_never_repeat_the_value(name: str, value: str) -> None:
    for posted in (value, [value], {"name": [value]}, {"a": [value]}):
        for violation in check(IDENTITY | {name: posted}, NOW).violations:
            assert value not in violation.message
            assert value not in violation.path
