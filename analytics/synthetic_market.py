"""The synthetic market: a seeded stream of Romanian listings whose truth is known.

It stands before the line: what it makes is posted like any partner's feed. Nothing in it is
real; every listing says so in its title, its description and its attributes.

The model, fixed before anything was measured on it
---------------------------------------------------
ln true value of a home (EUR at the as-of date; a month's rent for RENT) is

    level of its city                      2,200 EUR/m2 in Bucharest, 2,900 in Cluj-Napoca ...;
                                           tail towns 1,050 x (people / 30,000)^0.11, sd 0.12
  + effect of its zone                     independent, sd 0.05
  + smooth field at its point              sd 0.13, correlated over 2.5 km
  - 0.035 per km from the city's centre    up to 8 km
  + offset of its type                     flat 0, studio 0.02, house -0.25, land -2.2,
                                           office -0.05, commercial 0.05
  + ln reference area + e ln(area / reference area)
                                           e = 0.92 flat and studio, 0.72 house, 0.85 land,
                                           0.90 office, 0.88 commercial
  + era built                              -0.03, -0.06, -0.02, 0.03, 0.10 (pre-war ... new)
  + floor                                  -0.04 ground, -0.03 top
  + partitioning                           0.02, -0.01, -0.05, -0.04 (detached ... circular)
  + unit effect                            sd 0.05, seen by nobody

and for rents besides ln (yield / 12) of the city (5.5 to 7 %) and -0.10 ln(area / 55). Values
grow by a rate per month of their own in each city, for sales and for rents (mean 0.004, sd
0.003). The first asking price is value x exp(premium + noise): premium 0.03 for sales, 0.018 for
rents, about what cuts take back later; noise of sd 0.07 flats, 0.06 studios, 0.11 houses,
0.15 land, 0.12 offices, 0.13 commercial, 0.9 of it for rents, three times as wide for 4 %; then
rounded as people do. Dear adverts stay longer and are cut more often (2 to 7 % a cut). So the
best possible model errs against asking prices by about 6 % (median), against the true value by
about 3.4 % (the unit effect alone).

What makes it hard: 15 % of adverts have no point (of these 78 % name the zone, 19 % the city
only, 3 % nothing); facts are missing (year 8 %, partitioning 10 %, floor 4 %); some providers
post usable area besides the total; 7 % of sales and 15 % of rents are quoted in lei; diacritics
come with comma, cedilla, bare or decomposed; descriptions name neighbouring zones; 6 % of the
adverts repeat a home of another provider (other reference, price jittered by 1.2 %, point equal
in 40 %, else about 25 m off), 3 % are the same provider's home withdrawn and posted again; 2.5 %
carry a fault that only the flow can see; besides the asked number, 1.2 % of posts break the
contract and are refused with 422.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import polars as pl

from analytics.synthetic_bodies import Body, Said, first_bodies, say
from analytics.synthetic_events import Event, Told, broken_posts, tell
from analytics.synthetic_faults import PRICE_FAULTS, break_bodies, draw_faults, draw_refused
from analytics.synthetic_ground import Ground, Ints, lay_ground
from analytics.synthetic_homes import TYPES, Homes, build_homes
from analytics.synthetic_lives import (
    MONTH,
    WINDOW_DAYS,
    Adverts,
    LeuRate,
    build_adverts,
    first_prices,
    home_count,
    leu_rate,
    live,
)

__all__ = ["TRUTH_SCHEMA", "WINDOW_DAYS", "SyntheticMarket", "generate"]

TRUTH_SCHEMA = pl.Schema(
    {
        "provider_identifier": pl.String(),
        "external_id": pl.String(),
        "is_accepted": pl.Boolean(),
        "fault": pl.String(),
        "home_id": pl.Int64(),
        "relation": pl.String(),
        "repeats_external_id": pl.String(),
        "repeats_provider_identifier": pl.String(),
        "zone_place_id": pl.String(),
        "city_place_id": pl.String(),
        "named_place": pl.String(),
        "has_point": pl.Boolean(),
        "transaction": pl.String(),
        "type": pl.String(),
        "area_m2": pl.Float64(),
        "latitude": pl.Float64(),
        "longitude": pl.Float64(),
        "true_value_eur": pl.Float64(),
        "true_value_first_eur": pl.Float64(),
        "trend_per_month": pl.Float64(),
        "unit_effect": pl.Float64(),
        "asking_noise": pl.Float64(),
        "currency": pl.String(),
        "first_price": pl.Float64(),
        "last_price": pl.Float64(),
        "last_price_eur": pl.Float64(),
        "price_cuts": pl.Int64(),
        "status": pl.String(),
        "started_at": pl.Datetime("us", "UTC"),
    }
)
"""The planted truth; grain: provider and reference. Posts refused at the door have is_accepted
false, a fault and nothing else. fault is null for sound adverts; is_accepted ones with a fault
are absurd in the price, an area, the floor, the point or the year. true_value_eur is at the
as-of date, true_value_first_eur on the day of the first post. home_id is equal for adverts of
one home; relation is first, duplicate or repost, repeats_* name the advert repeated.
named_place: zone, city or none, what title and address name. latitude, longitude: the home's
own, also where the advert has no point. price_cuts, last_price, status: after the last event."""


@dataclass(frozen=True)
class SyntheticMarket:
    """A market ready to be posted.

    events: (effective instant in UTC, wire payload) in time order, the same listing's in its own
    order. truth: TRUTH_SCHEMA. listings: distinct listings that the API accepts.
    """

    events: list[Event]
    truth: pl.DataFrame
    listings: int
    as_of: date


def generate(
    seed: int, listings: int, places: pl.DataFrame, as_of: date,
    picture_urls: Sequence[str] = (), rates: pl.DataFrame | None = None,
) -> SyntheticMarket:  # fmt: skip
    """Make a market of exactly `listings` acceptable listings over the 243 days before as_of.

    places: place_id, level, name, parent_id, latitude, longitude, aliases (`|` between them),
    population. rates: currency, rate_date, units_per_eur; without them the leu goes from 4.95
    to 5.05 per euro. Every instant lies before the start (UTC) of as_of. The same arguments give
    the same events, byte for byte. Raises ValueError for fewer than one listing or no city.
    """
    if listings < 1:
        raise ValueError(f"a market needs at least one listing, not {listings}")
    end = int(datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC).timestamp())
    stage = [np.random.default_rng([seed, number]) for number in range(8)]
    ground = lay_ground(places, stage[0])
    homes = build_homes(ground, home_count(listings), as_of.year, stage[1])
    adverts = build_adverts(homes, listings, end, stage[2])
    leu = leu_rate(rates, end)
    prices = first_prices(homes, adverts, leu, end)
    faults = draw_faults(listings, stage[3])
    said = say(ground, homes, adverts, stage[4])
    bodies = first_bodies(homes, adverts, said, prices, end, picture_urls, stage[5])
    refused, kinds = draw_refused(listings, stage[3])
    broken = broken_posts(bodies, refused, kinds, adverts.start)
    break_bodies(bodies, faults, stage[3])
    keeps_price = np.array([int(fault in PRICE_FAULTS) for fault in faults])
    steps = live(homes, adverts, prices, keeps_price, end, stage[6])
    told = tell(adverts, bodies, steps, stage[7])
    truth = pl.concat(
        [_truth(ground, homes, adverts, said, bodies, told, faults, leu, end),
         _refused_truth(broken, kinds)]
    )  # fmt: skip
    events = sorted(told.events + broken, key=lambda event: event[0])
    return SyntheticMarket(events, truth, listings, as_of)


def _truth(
    ground: Ground, homes: Homes, adverts: Adverts, said: Said, bodies: list[Body], told: Told,
    faults: list[str | None], leu: LeuRate, end: int,
) -> pl.DataFrame:  # fmt: skip
    home, zone = adverts.home, homes.zone[adverts.home]
    months = (end - adverts.start) / MONTH
    value = homes.log_value[home]
    degrees = np.round(ground.degrees(homes.plane[home]), 6)
    last = np.array([document["price"] for document in told.documents], dtype=np.float64)
    rate = np.where(adverts.is_ron == 1, leu.at(np.array(told.price_times)), 1.0)
    columns = {
        "home_id": home,
        "relation": adverts.relation,
        "zone_place_id": [ground.place_ids[at] for at in zone.tolist()],
        "city_place_id": [ground.cities.place_ids[at] for at in ground.city[zone].tolist()],
        "named_place": said.names,
        "has_point": [point is not None for point in said.points],
        "type": [TYPES[kind] for kind in homes.type[home].tolist()],
        "area_m2": homes.area_m2[home],
        "latitude": degrees[:, 1],
        "longitude": degrees[:, 0],
        "true_value_eur": np.round(np.exp(value), 2),
        "true_value_first_eur": np.round(np.exp(value - homes.trend[home] * months), 2),
        "trend_per_month": np.round(homes.trend[home], 6),
        "unit_effect": np.round(homes.unit_effect[home], 6),
        "asking_noise": np.round(adverts.noise, 6),
        "last_price": last,
        "last_price_eur": np.round(last / rate, 2),
        "price_cuts": told.cuts,
        "started_at": pl.from_epoch(pl.Series(adverts.start), "s").dt.replace_time_zone("UTC"),
    }
    return _as_truth(columns | _posted(adverts.source, bodies, told) | {"fault": faults})


def _posted(source: Ints, bodies: list[Body], told: Told) -> dict[str, object]:
    """Return the columns of the truth that stand in the bodies."""
    repeats = [bodies[at] if at >= 0 else {} for at in source.tolist()]
    return {
        "provider_identifier": [body["providerIdentifier"] for body in bodies],
        "external_id": [body["externalId"] for body in bodies],
        "is_accepted": [True] * len(bodies),
        "repeats_external_id": [body.get("externalId") for body in repeats],
        "repeats_provider_identifier": [body.get("providerIdentifier") for body in repeats],
        "transaction": [body["transaction"] for body in bodies],
        "currency": [body["currency"] for body in bodies],
        "first_price": [float(body["price"]) for body in bodies],
        "status": [document.get("status", "active") for document in told.documents],
    }


def _refused_truth(broken: list[Event], kinds: list[str]) -> pl.DataFrame:
    return _as_truth(
        {
            "provider_identifier": [body["providerIdentifier"] for _, body in broken],
            "external_id": [body["externalId"] for _, body in broken],
            "is_accepted": [False] * len(broken),
            "fault": kinds,
        }
    )


def _as_truth(columns: dict[str, object]) -> pl.DataFrame:
    frame = pl.DataFrame(columns)
    return frame.match_to_schema(TRUTH_SCHEMA, missing_columns="insert", integer_cast="upcast")
