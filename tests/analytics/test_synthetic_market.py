"""The synthetic market: seeded, labelled, accepted by the door, and true to its stated model."""

import json
import math
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import polars as pl
import pytest

from analytics.synthetic_market import TRUTH_SCHEMA, WINDOW_DAYS, SyntheticMarket, generate
from store.shapes.checks import check
from store.shapes.merge import merge

AS_OF = date(2026, 11, 1)
END = datetime(2026, 11, 1, tzinfo=UTC)
COUNT = 3_000
URLS = [f"http://127.0.0.1:18360/{number}.jpg" for number in range(40)]

PLACES = pl.read_csv(
    StringIO(
        """place_id,level,name,parent_id,latitude,longitude,aliases,population
ro,country,România,,45.9,25.0,,
ro-b,county,București,ro,44.43,26.10,,
ro-b-b,city,București,ro-b,44.4323,26.1063,Bucharest,1877155
ro-b-b-s1,sector,Sector 1,ro-b-b,44.4704,26.0727,,
ro-b-b-s3,sector,Sector 3,ro-b-b,44.4235,26.1416,,
ro-b-b-aviatiei,neighbourhood,Aviației,ro-b-b-s1,44.4849,26.0972,,
ro-b-b-herastrau,neighbourhood,Herăstrău,ro-b-b-s1,44.4835,26.0790,Herestrau|Herestrău,
ro-b-b-cismigiu,neighbourhood,Cișmigiu,ro-b-b-s1,44.4370,26.0910,,
ro-b-b-titan,neighbourhood,Titan,ro-b-b-s3,44.4230,26.1620,,
ro-b-b-dristor,neighbourhood,Dristor,ro-b-b-s3,44.4190,26.1400,,
ro-cj,county,Cluj,ro,46.77,23.60,,
ro-cj-cluj,city,Cluj-Napoca,ro-cj,46.7667,23.6000,Kolozsvár,286598
ro-cj-cluj-manastur,neighbourhood,Mănăștur,ro-cj-cluj,46.7560,23.5560,,
ro-cj-cluj-centru,neighbourhood,Centru,ro-cj-cluj,46.7690,23.5900,,
ro-cj-floresti,city,Florești,ro-cj,46.7480,23.4930,,22813
ro-tm,county,Timiș,ro,45.75,21.23,,
ro-tm-timisoara,city,Timișoara,ro-tm,45.7537,21.2257,,250849
ro-ot,county,Olt,ro,44.43,24.37,,
ro-ot-slatina,city,Slatina,ro-ot,44.4300,24.3667,,63487
"""
    )
)

Document = dict[str, Any]
Key = tuple[str, str]


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return generate(7, COUNT, PLACES, AS_OF, URLS)


@pytest.fixture(scope="module")
def sound(market: SyntheticMarket) -> pl.DataFrame:
    return market.truth.filter(pl.col("is_accepted") & pl.col("fault").is_null())


def key_of(payload: Document) -> Key:
    return payload["providerIdentifier"], payload["externalId"]


def replay(market: SyntheticMarket, stored: dict[Key, Document]) -> Counter[str]:
    """Post every event to the door's own check and merge; stored is changed in place."""
    outcomes: Counter[str] = Counter()
    for _, payload in market.events:
        checked = check(json.loads(json.dumps(payload)), END)
        if checked.violations:
            outcomes["refused"] += 1
            continue
        merged = merge(stored.get(key_of(payload)), checked.patch)
        stored[key_of(payload)] = merged.document
        outcomes["stale" if merged.is_stale else "changed" if merged.is_changed else "same"] += 1
    return outcomes


@pytest.mark.slow
def test_equal_seeds_give_equal_bytes_and_others_do_not(market: SyntheticMarket) -> None:
    def bytes_of(made: SyntheticMarket) -> str:
        return json.dumps([(at.isoformat(), body) for at, body in made.events])

    again = generate(7, COUNT, PLACES.sample(fraction=1.0, shuffle=True, seed=1), AS_OF, URLS)
    assert bytes_of(again) == bytes_of(market)
    assert again.truth.equals(market.truth)
    assert bytes_of(generate(8, COUNT, PLACES, AS_OF, URLS)) != bytes_of(market)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 101, COUNT])
def test_the_door_accepts_exactly_the_listings_asked_for(count: int) -> None:
    stored: dict[Key, Document] = {}
    made = generate(3, count, PLACES, AS_OF)
    replay(made, stored)
    accepted = made.truth.filter("is_accepted")
    assert len(stored) == count == made.listings
    keys = accepted.select("provider_identifier", "external_id").rows()
    assert sorted(stored) == sorted(keys)


def test_the_door_refuses_exactly_the_posts_planted_to_be_refused(market: SyntheticMarket) -> None:
    refused = {key_of(payload) for _, payload in market.events if check(payload, END).violations}
    planted = market.truth.filter(~pl.col("is_accepted"))
    assert refused == set(planted.select("provider_identifier", "external_id").rows())
    assert planted["fault"].n_unique() == 8
    assert planted.height == round(COUNT * 0.012)


@pytest.mark.slow
def test_posting_the_market_twice_changes_nothing(market: SyntheticMarket) -> None:
    stored: dict[Key, Document] = {}
    first = replay(market, stored)
    second = replay(market, stored)
    assert first["stale"] == 0
    assert first["changed"] > COUNT
    assert first["same"] > 0, "some posts repeat the listing unchanged"
    assert second["changed"] == 0


def test_the_truth_tells_where_the_events_leave_each_listing(market: SyntheticMarket) -> None:
    stored: dict[Key, Document] = {}
    replay(market, stored)
    for row in market.truth.filter("is_accepted").iter_rows(named=True):
        document = stored[row["provider_identifier"], row["external_id"]]
        assert document["price"] == row["last_price"]
        assert document.get("status", "active") == row["status"]
        assert ("latitude" in document) == row["has_point"] or "point" in row["fault"]


def test_every_listing_says_that_it_is_synthetic(market: SyntheticMarket) -> None:
    firsts = {key_of(payload): payload for _, payload in reversed(market.events)}
    for payload in firsts.values():
        assert payload["attributes"]["synthetic"] is True
        assert payload["description"].endswith("Date sintetice.")
        assert payload["title"].endswith("[synthetic]") or payload["title"].isspace()
    described = [payload for _, payload in market.events if "description" in payload]
    assert all(payload["description"].endswith("Date sintetice.") for payload in described)


def test_events_run_in_time_order_within_the_window(market: SyntheticMarket) -> None:
    instants = [at for at, _ in market.events]
    assert instants == sorted(instants)
    assert END - timedelta(days=WINDOW_DAYS) <= instants[0]
    assert instants[-1] < END
    for at, payload in market.events:
        assert datetime.fromisoformat(payload["sourceUpdatedAt"]) == at
        assert datetime.fromisoformat(payload.get("soldAt") or at.isoformat()) <= at


def test_the_clock_of_a_listing_never_stands_still(market: SyntheticMarket) -> None:
    last: dict[Key, datetime] = {}
    for at, payload in market.events:
        assert last.get(key_of(payload), END - timedelta(days=999)) < at
        last[key_of(payload)] = at


def test_shares_are_as_documented(market: SyntheticMarket) -> None:
    truth = market.truth.filter("is_accepted")
    share = {
        "rent": (truth["transaction"] == "RENT").mean(),
        "point": truth["has_point"].mean(),
        "duplicates": (truth["relation"] == "duplicate").mean(),
        "reposts": (truth["relation"] == "repost").mean(),
        "faults": truth["fault"].is_not_null().mean(),
        "on the market": truth["status"].is_in(["active", "reserved"]).mean(),
        "cut": (truth["price_cuts"] > 0).mean(),
        "lei": (truth["currency"] == "RON").mean(),
    }
    asked = {"rent": 0.28, "point": 0.85, "duplicates": 0.06, "reposts": 0.03, "faults": 0.025,
             "on the market": 0.49, "cut": 0.4, "lei": 0.09}  # fmt: skip
    assert share == pytest.approx(asked, abs=0.03)
    assert truth["provider_identifier"].n_unique() == 6
    cities = truth["city_place_id"].value_counts(sort=True)
    assert cities["city_place_id"][0] == "ro-b-b"


def test_a_home_stands_in_the_zone_of_the_nearest_label_point(sound: pl.DataFrame) -> None:
    parents = PLACES["parent_id"].to_list()
    leaves = PLACES.filter(~pl.col("place_id").is_in(parents), pl.col("level") != "county")
    squeeze = math.cos(math.radians(float(leaves["latitude"].to_numpy().mean())))
    labels = leaves.select("place_id", "latitude", "longitude").rows()
    for latitude, longitude, zone in sound.select(
        "latitude", "longitude", "zone_place_id"
    ).iter_rows():
        nearest = min(
            labels,
            key=lambda p: math.hypot(p[1] - latitude, (p[2] - longitude) * squeeze),
        )
        assert nearest[0] == zone


def test_asks_lie_around_the_planted_value(sound: pl.DataFrame) -> None:
    ratio = (pl.col("last_price_eur") / pl.col("true_value_first_eur")).log()
    flats = sound.filter(type="APARTMENT", transaction="SALE").select(
        bias=ratio.median(), error=ratio.abs().median(), tail=(ratio.abs() > 0.25).mean()
    )
    bias, error, tail = flats.row(0)
    assert abs(bias) < 0.015
    assert 0.04 < error < 0.07, "0.67 sd of 0.07, with cuts and rounding on it"
    assert 0.0 < tail < 0.03
    assert sound["unit_effect"].to_numpy().std() == pytest.approx(0.05, abs=0.004)


def test_repeats_share_the_home_and_its_worth(market: SyntheticMarket) -> None:
    truth = market.truth.filter("is_accepted")
    keys = ["provider_identifier", "external_id"]
    pairs = truth.filter(pl.col("relation") != "first").join(
        truth, left_on=["repeats_provider_identifier", "repeats_external_id"], right_on=keys,
        how="inner", validate="m:1", suffix="_first",
    )  # fmt: skip
    assert pairs.height == round(COUNT * 0.06) + round(COUNT * 0.03)
    assert (pairs["home_id"] == pairs["home_id_first"]).all()
    assert (pairs["true_value_eur"] == pairs["true_value_eur_first"]).all()
    duplicate = pairs["relation"] == "duplicate"
    same_provider = pairs["provider_identifier"] == pairs["repeats_provider_identifier"]
    assert (duplicate != same_provider).all()
    reposts = pairs.filter(~duplicate)
    assert (reposts["status_first"] == "withdrawn").all()
    assert (reposts["started_at"] > reposts["started_at_first"]).all()


def test_lei_are_quoted_at_the_dated_rate() -> None:
    rates = pl.DataFrame(
        {"currency": ["RON", "RON", "USD"], "units_per_eur": [5.0, 10.0, 1.1],
         "rate_date": [date(2026, 1, 1), date(2026, 7, 1), date(2026, 1, 1)]}
    )  # fmt: skip
    truth = generate(7, COUNT, PLACES, AS_OF, rates=rates).truth.filter(
        pl.col("fault").is_null(), pl.col("is_accepted"), currency="RON"
    )
    late = pl.col("started_at") >= datetime(2026, 7, 1, tzinfo=UTC)
    rate = pl.col("first_price") / pl.col("true_value_first_eur")
    early_rate, late_rate = truth.select(
        rate.filter(~late).median().alias("early"), rate.filter(late).median().alias("late")
    ).row(0)
    assert early_rate == pytest.approx(5.0, rel=0.06)
    assert late_rate == pytest.approx(10.0, rel=0.06)


def test_updates_are_partial_and_whole_and_revive_listings(market: SyntheticMarket) -> None:
    seen: set[Key] = set()
    sizes: Counter[str] = Counter()
    for _, payload in market.events:
        if key_of(payload) in seen:
            sizes["whole" if "totalArea" in payload else "partial"] += 1
            sizes["page" if "title" in payload and "type" not in payload else ""] += 1
            sizes["revived"] += payload.get("status") == "active"
        seen.add(key_of(payload))
    assert min(sizes["whole"], sizes["partial"], sizes["page"]) > 100
    assert sizes["revived"] > 10


def test_pictures_come_from_the_given_addresses_only(market: SyntheticMarket) -> None:
    named = {url for _, payload in market.events for url in payload.get("imageUrls", [])}
    assert named <= set(URLS)
    assert len(named) == len(URLS)
    bare = generate(7, 50, PLACES, AS_OF)
    assert all("imageUrls" not in payload for _, payload in bare.events)


def test_the_truth_has_its_schema(market: SyntheticMarket) -> None:
    assert market.truth.schema == TRUTH_SCHEMA


@pytest.mark.parametrize(
    ("count", "places", "message"),
    [
        pytest.param(0, PLACES, "at least one listing", id="no listings"),
        pytest.param(5, PLACES.filter(level="county"), "no city", id="places without a city"),
    ],
)
def test_senseless_wishes_are_refused(count: int, places: pl.DataFrame, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate(1, count, places, AS_OF)
