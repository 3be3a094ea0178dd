"""Normalise: typed versions, dated rates, refusals with their rule."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from flows.steps.normalise import RULES, e164, normalise
from tests.flows.events import RATES, event, frame


def one(**fields: Any) -> dict[str, Any]:
    rows = normalise(frame(event(1, 1, 1, **fields)), RATES).versions
    assert rows.height == 1
    return rows.row(0, named=True)


def refused(**fields: Any) -> dict[str, str]:
    rows = normalise(frame(event(1, 1, 1, **fields)), RATES).refusals
    return dict(zip(rows["rule_code"], rows["severity"], strict=True))


@pytest.mark.parametrize(
    ("currency", "day", "expected", "rate_date"),
    [
        pytest.param("EUR", 0, 10000.0, None, id="euro needs no rate"),
        pytest.param("RON", 0, 2000.0, date(2026, 1, 8), id="the last rate before the day"),
        pytest.param("RON", 2, 1960.78, date(2026, 1, 12), id="the rate of the day itself"),
        pytest.param("USD", 0, None, None, id="no rate, no euro price"),
    ],
)
def test_prices_use_the_rate_of_the_effective_day(
    currency: str, day: int, expected: float | None, rate_date: date | None
) -> None:
    row = one(price=10_000, currency=currency, day=day)
    assert row["price"] == 10_000
    assert row["price_eur"] == expected
    assert row["rate_date"] == rate_date


def test_figures_per_m2_prefer_the_usable_area() -> None:
    assert one(price=100_000, totalArea=100)["price_eur_per_m2"] == 1000
    row = one(price=100_000, totalArea=100, usableArea=80)
    assert (row["area_m2"], row["total_area_m2"], row["price_eur_per_m2"]) == (80, 100, 1250)


def test_land_is_priced_by_its_plot() -> None:
    row = one(type="LAND", price=90_000, landArea=450, totalArea=30)
    assert (row["area_m2"], row["land_area_m2"], row["price_eur_per_m2"]) == (450, 450, 200)
    assert one(type="LAND", price=90_000, totalArea=300)["area_m2"] == 300
    assert one(type="HOUSE", price=90_000, landArea=450, totalArea=100)["area_m2"] == 100


def test_truths_lists_and_deletions_land() -> None:
    row = one(
        newBuild=False, ownershipDocuments=["CADASTRE", "TITLE_DEED"],
        deletedAt="2026-01-11T08:00:00.000000Z", deletionReason="withdrawn",
    )  # fmt: skip
    assert row["is_new_build"] is False
    assert row["ownership_documents"] == '["CADASTRE","TITLE_DEED"]'
    assert (row["deleted_at"], row["deletion_reason"]) == (
        datetime(2026, 1, 11, 8, tzinfo=UTC), "withdrawn"
    )  # fmt: skip
    row = one(ownershipDocuments=[])
    assert (row["ownership_documents"], row["is_new_build"], row["deleted_at"]) == (
        "[]",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"price": 185}, {"price_out_of_range": "refused"}, id="a price per m2"),
        pytest.param({"price": 150_000, "transaction": "RENT", "currency": "RON"}, {},
                     id="a dear rent in lei is a rent"),
        pytest.param({"price": 900_000, "transaction": "RENT"},
                     {"price_out_of_range": "refused"}, id="a sale posted as rent"),
        pytest.param({"totalArea": 2}, {"area_out_of_range": "blanked"}, id="two square metres"),
        pytest.param({"landArea": 2}, {"land_area_out_of_range": "blanked"}, id="a plot of 2 m2"),
        pytest.param({"floor": 9, "floorMax": 4}, {"floor_above_top": "blanked"},
                     id="the ninth of four floors"),
        pytest.param({"constructionYear": 2090}, {"year_out_of_range": "blanked"},
                     id="built in 2090"),
        pytest.param({"latitude": 44.4}, {"point_incomplete": "blanked"}, id="half a point"),
        pytest.param({"currency": "USD"}, {"rate_missing": "blanked"}, id="no rate for dollars"),
        pytest.param({"agent": {"name": "A", "phone": "call me"}},
                     {"agent_phone_unreadable": "blanked"}, id="a phone in words"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_rule(
    fields: dict[str, Any], expected: dict[str, str]
) -> None:
    assert refused(**fields) == expected


def test_a_refused_row_makes_no_version_and_a_blanked_value_only_goes_itself() -> None:
    events = frame(event(1, 1, 1, price=1), event(2, 2, 1, floor=9, floorMax=4))
    versions = normalise(events, RATES).versions
    assert versions["id"].to_list() == [2]
    assert versions.select("floor", "floor_max", "rooms").row(0) == (None, None, 3)


def test_every_rule_has_a_code_of_its_own() -> None:
    codes = [rule.code for rule in RULES]
    assert len(set(codes)) == len(codes)


def test_agencies_and_agents_are_named_by_provider() -> None:
    agency = {"name": "VIB", "phone": "0721 000 000", "formerName": "VIB & Co"}
    agent = {"name": "Ana", "phone": "in words", "email": "a@b"}
    rows = normalise(frame(event(1, 1, 1, agency=agency, agent=agent)), RATES)
    assert rows.agencies.row(0, named=True) == {
        "identifier": "my-crm:VIB", "provider_identifier": "my-crm", "event_offset": 1,
        "name": "VIB", "phone": "+40721000000", "email": None,
        "agency_identifier": "my-crm:VIB", "former_identifier": "my-crm:VIB & Co",
    }  # fmt: skip
    assert rows.agents.select("identifier", "agency_identifier", "phone", "email").row(0) == (
        "my-crm:Ana", "my-crm:VIB", None, "a@b",
    )  # fmt: skip
    contacts = ["agency_identifier", "agency_phone", "agency_email", "agent_phone", "agent_email"]
    assert rows.versions.select(contacts).row(0) == (
        "my-crm:VIB", "+40721000000", None, None, "a@b",
    )  # fmt: skip


def test_a_version_keeps_what_blanked_its_values_and_which_pictures_it_had() -> None:
    urls = [["http://a", "http://b"], ["http://b", "http://a"], []]
    rows = normalise(
        frame(*(event(n, n, 1, imageUrls=u, floor=9, floorMax=n) for n, u in enumerate(urls, 8))),
        RATES,
    ).versions
    assert rows["blanked_codes"].to_list() == ['["floor_above_top"]', None, None]
    assert rows["images_sha256"].n_unique() == 3
    assert rows["images_sha256"].to_list()[2] is None


def test_a_deletion_is_never_refused_but_loses_the_price_that_cannot_be() -> None:
    gone = {"deletedAt": "2026-01-11T08:00:00.000000Z", "deletionReason": "sold"}
    rows = normalise(frame(event(1, 1, 1, price=1, status="sold", **gone)), RATES)
    row = rows.versions.row(0, named=True)
    assert (row["price"], row["price_eur"], row["deletion_reason"]) == (None, None, "sold")
    assert row["deleted_at"] == datetime(2026, 1, 11, 8, tzinfo=UTC)
    assert rows.refusals.select("rule_code", "severity", "revision").rows() == [
        ("price_out_of_range", "blanked", 1)
    ]


def test_pictures_keep_their_order() -> None:
    rows = normalise(frame(event(1, 1, 1, imageUrls=["http://b", "http://a"])), RATES)
    assert rows.images.select("position", "url").rows() == [(0, "http://b"), (1, "http://a")]
    assert rows.versions["image_count"].to_list() == [2]


def test_what_changed_nothing_makes_no_version() -> None:
    unchanged = {**event(2, 1, 1), "is_changed": False}
    rows = normalise(frame(event(1, 1, 1), unchanged), RATES)
    assert rows.versions["event_offset"].to_list() == [1]
    assert rows.providers.height == 1


@pytest.mark.parametrize(
    ("posted", "expected"),
    [
        pytest.param("0721 000 000", "+40721000000", id="national"),
        pytest.param("+40721000001", "+40721000001", id="international"),
        pytest.param("0040-721.000.001", "+40721000001", id="with 00 and dots"),
        pytest.param("12", None, id="too short"),
        pytest.param("", None, id="blank"),
    ],
)
def test_phones_become_e164(posted: str, expected: str | None) -> None:
    assert e164(posted) == expected
