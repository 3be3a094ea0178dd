"""The published tables (`market_*`): what analysts and readers see, one publication at a time.

Columns marked volatile (run id, publication) take no part in a table's digest.
"""

from typing import Any

import sqlalchemy as sa

from store.tables.columns import day, instant, integer, number, text, truth
from store.tables.metadata import WAREHOUSE


def _stamp() -> list[sa.Column[Any]]:
    return [
        day("as_of_date", "day the figures look from", nullable=False),
        integer("edition", "edition applied", nullable=False),
        integer("publication", "publication that wrote the row", nullable=False, volatile=True),
    ]


market_listings = sa.Table(
    "market_listings",
    WAREHOUSE,
    integer("id", "the listing", primary_key=True, autoincrement=False),
    text("provider_identifier", "provider", nullable=False),
    text("external_id", "the partner's reference", nullable=False),
    text("title", "title as posted", nullable=False),
    text("transaction", "SALE or RENT", nullable=False),
    text("type", "property type", nullable=False),
    text("status", "lifecycle status", nullable=False),
    truth("is_on_market", "active or reserved", nullable=False),
    number("price", "asking price as posted"),
    text("currency", "currency of price", nullable=False),
    number("price_eur", "in euro at the rate of the effective day"),
    number("price_eur_per_m2", "price_eur / area_m2"),
    text("quote_currency", "currency the market quotes in", nullable=False),
    number("price_quote", "asking price in quote_currency"),
    integer("rooms", "number of rooms"),
    text("rooms_band", "1, 2, 3, 4+; null when unknown"),
    text("age_band", "new or old; null when unknown"),
    number("total_area_m2", "total area as posted"),
    number("area_m2", "area figures use"),
    integer("construction_year", "year built"),
    integer("floor", "floor, 0 = ground, -1 = basement"),
    integer("floor_max", "floors above ground"),
    text("partitioning", "how the rooms are reached"),
    number("latitude", "WGS84"),
    number("longitude", "WGS84"),
    text("zone_id", "most specific zone; null when unknown"),
    text("zone_name", "its name"),
    text("zone_level", "its level"),
    text("neighbourhood_id", "zone at neighbourhood level"),
    text("sector_id", "zone at sector level"),
    text("city_id", "zone at city level"),
    text("county_id", "zone at county level"),
    text("country_id", "zone at country level"),
    text("place_precision", "how well the place is known", nullable=False),
    text("agency_identifier", "agency"),
    text("agent_identifier", "agent"),
    text("unit_id", "the home behind the advert", nullable=False),
    truth(
        "is_unit_lead",
        "the one advert of its unit that counts: lowest id on the market",
        nullable=False,
    ),
    integer("spell", "times on the market", nullable=False),
    instant("first_effective_at", "first seen", nullable=False),
    instant("effective_at", "newest change", nullable=False),
    instant("status_since", "since when it has this status", nullable=False),
    instant("spell_started_at", "start of this spell", nullable=False),
    integer("days_online", "days of this spell up to the as-of date or its end"),
    integer("price_cuts", "cuts in this spell", nullable=False),
    number("last_cut_pct", "newest cut, % of the price before"),
    number("ask_to_first_ratio", "last ask / first ask of this spell"),
    integer("image_count", "pictures named", nullable=False),
    integer("images_stored", "pictures stored", nullable=False),
    text("images_state", "none, pending, stored, partial or failed", nullable=False),
    text("cover_sha256", "checksum of the first stored picture's original"),
    number("quality_score", "data quality 0-100; null in rows older than this column"),
    text("quality_reasons", "JSON array of codes: what keeps it from 100"),
    *_stamp(),
    comment="Listings as analysts see them. Grain: listing. Writer: publish. "
    "Nuance: without deleted ones.",
)

market_valuations = sa.Table(
    "market_valuations",
    WAREHOUSE,
    integer("id", "the listing", primary_key=True, autoincrement=False),
    number("value", "model value in `currency`; a month's rent for RENT; null with `reason`"),
    text("currency", "quoting currency of the market", nullable=False),
    number("value_eur", "value at the edition's euro rate"),
    number("value_per_m2", "value / area_m2"),
    number("low_80", "lower end of the 80 % interval"),
    number("high_80", "upper end"),
    number("low_90", "lower end of the 90 % interval"),
    number("high_90", "upper end"),
    number("sigma", "standard deviation of ln value"),
    number("gap_pct", "100 x (price / value - 1)"),
    number("z_score", "ln(price / value) / sigma"),
    text("label", "under_priced, fair or over_priced against the 80 % interval"),
    text("grade", "by width of the 90 % interval: A <= 20 %, B <= 35 %, C <= 55 %, else D"),
    text("basis", "model, or the zone level whose median was used; null without a value"),
    text("basis_zone_id", "zone of that median; null for model"),
    integer("n", "units behind the value", nullable=False),
    text("reason", "why there is no value"),
    text("model_version", "model of the edition"),
    *_stamp(),
    comment="Values with intervals. Grain: listing. Writer: publish. Nuance: learnt from asking "
    "prices, so a value is an expected asking price.",
)

market_scores = sa.Table(
    "market_scores",
    WAREHOUSE,
    integer("id", "the listing", primary_key=True, autoincrement=False),
    number("score", "investment score 0-100; null with `reason`"),
    text("reason", "why there is no score"),
    number("yield_part", "percentile 0-100 of the net yield in its segment"),
    number("gap_part", "percentile of -z"),
    number("liquidity_part", "percentile of the zone's absorption"),
    number("momentum_part", "percentile of the zone's price change"),
    number("certainty_part", "percentile of -uncertainty"),
    text("yield_basis", "whose data the part rests on"),
    text("liquidity_basis", "whose data the part rests on"),
    text("momentum_basis", "whose data the part rests on"),
    number("yield_weight", "weight of the part"),
    number("gap_weight", "weight of the part"),
    number("liquidity_weight", "weight of the part"),
    number("momentum_weight", "weight of the part"),
    number("certainty_weight", "weight of the part"),
    number("predicted_rent_eur", "a month's rent by the rent model"),
    number("gross_yield_pct", "100 x 12 rent / price"),
    number("net_yield_pct", "after vacancy, costs, taxes, over price with purchase costs"),
    number("liquidity", "share of stock gone within 90 days, in the basis zone"),
    number("momentum_pct", "change of the median asking price per m2 over 3 months"),
    number("uncertainty", "width of the 90 % interval / value"),
    *_stamp(),
    comment="Investment scores and their parts. Grain: listing. Writer: publish. Nuance: "
    "score = sum(part x weight) / sum(weight) over the parts that are not null.",
)


def _segment() -> list[sa.Column[Any]]:
    return [
        text("zone_id", "the zone", primary_key=True),
        text("transaction", "SALE or RENT", primary_key=True),
        text("type", "property type, or all", primary_key=True),
        text("rooms_band", "1, 2, 3, 4+ or all", primary_key=True),
        text("age_band", "new, old or all", primary_key=True),
    ]


def _asking() -> list[sa.Column[Any]]:
    return [
        text("currency", "quoting currency of the figures", nullable=False),
        integer("n", "units behind the asking price figures", nullable=False),
        number("median_price_per_m2", "median asking price per m2; null below n_min"),
        number("median_low", "lower end of the 95 % interval of the median"),
        number("median_high", "upper end"),
        number("p10_price_per_m2", "10th percentile"),
        number("p25_price_per_m2", "25th percentile"),
        number("p75_price_per_m2", "75th percentile"),
        number("p90_price_per_m2", "90th percentile"),
        number("median_price", "median asking price"),
        number("median_price_eur_per_m2", "median in euro at the edition's rate"),
        number("shrunk_price_per_m2", "median shrunk to the parent zone, k = 20"),
        text("basis", "own, the level of the zone that lent its figure, or none", nullable=False),
        text("reason", "why the median is null: below_n_min"),
    ]


market_zones = sa.Table(
    "market_zones",
    WAREHOUSE,
    *_segment(),
    text("zone_name", "its name", nullable=False),
    text("level", "its level", nullable=False),
    text("parent_id", "its parent"),
    *_asking(),
    integer("stock", "units on the market", nullable=False),
    integer("new_30d", "units that came on in 30 days", nullable=False),
    integer("new_90d", "in 90 days", nullable=False),
    integer("new_365d", "in 365 days", nullable=False),
    integer("closed_30d", "units sold or rented in 30 days", nullable=False),
    integer("closed_90d", "in 90 days", nullable=False),
    integer("closed_365d", "in 365 days", nullable=False),
    integer("withdrawn_30d", "units withdrawn or expired in 30 days", nullable=False),
    integer("withdrawn_90d", "in 90 days", nullable=False),
    integer("withdrawn_365d", "in 365 days", nullable=False),
    number("absorption_90d", "closed_90d / stock"),
    number("months_of_supply", "stock / monthly (closed or withdrawn) of the last 90 days"),
    number("cut_share_90d", "share of stock with a price cut in 90 days"),
    number("median_cut_pct_90d", "median size of those cuts, %"),
    number("median_ask_to_first", "median last ask / first ask of the stock"),
    number("median_age_days", "median days online of the stock"),
    *_stamp(),
    comment="Zone figures now. Grain: zone and segment. Writer: publish. Nuance: asking prices "
    "of de-duplicated units.",
)

market_zone_months = sa.Table(
    "market_zone_months",
    WAREHOUSE,
    *_segment(),
    day("month", "first day of the month, Europe/Bucharest", primary_key=True),
    *_asking(),
    integer(
        "stock_end",
        "units on the market at the end of the month (or the as-of date)",
        nullable=False,
    ),
    integer("new_units", "units that came on in the month", nullable=False),
    integer("closed_units", "units sold or rented in the month", nullable=False),
    integer("withdrawn_units", "units withdrawn or expired in the month", nullable=False),
    integer("cut_units", "units with a price cut in the month", nullable=False),
    number("cut_share", "cut_units / units on the market in the month"),
    number("median_cut_pct", "median size of the cuts, %"),
    *_stamp(),
    comment="Zone figures month by month. Grain: zone, segment and month. Writer: publish. "
    "Nuance: n counts units on the market at any time in the month, each at its last price then.",
)

market_runs = sa.Table(
    "market_runs",
    WAREHOUSE,
    integer("publication", "number", primary_key=True, autoincrement=False),
    text("run_id", "flow run or process that published", nullable=False, volatile=True),
    integer("watermark", "last lake offset in it", nullable=False),
    integer("edition", "edition applied", nullable=False),
    day("as_of_date", "day the figures look from", nullable=False),
    instant("started_at", "start of the cycle", nullable=False, volatile=True),
    instant("published_at", "commit of the publication", nullable=False, volatile=True),
    integer("events", "events taken", nullable=False),
    integer("listings", "listings touched", nullable=False),
    integer("refused", "rows refused", nullable=False),
    integer("zones", "zone rows written", nullable=False),
    number("delay_p50_ms", "delay from received to published, median of the events", volatile=True),
    number("delay_p95_ms", "95th percentile", volatile=True),
    number("delay_max_ms", "largest", volatile=True),
    text("checks", "JSON: severity and outcome of each check", nullable=False),
    sa.Index(None, "watermark"),
    comment="Publications. Grain: publication. Writer: publish. History: never recomputed.",
)

market_delays = sa.Table(
    "market_delays",
    WAREHOUSE,
    instant("minute_at", "begin of the minute in which events reached the stage", primary_key=True),
    text("stage", "taken, computed or visible", primary_key=True),
    integer("events", "how many reached it", nullable=False),
    number("delay_p50_ms", "delay since they were received, median", nullable=False, volatile=True),
    number("delay_p95_ms", "95th percentile", nullable=False, volatile=True),
    number("delay_p99_ms", "99th percentile", nullable=False, volatile=True),
    number("delay_max_ms", "largest", nullable=False, volatile=True),
    text(
        "counts",
        "JSON object: delay in whole milliseconds -> events; what the percentiles are made of",
        nullable=False,
        volatile=True,
    ),
    comment="How long posts take to be seen. Grain: minute and stage. Writer: publish. Nuance: "
    "taken = a cycle read it from the lake; computed = all figures it moves are; visible = its "
    "publication is committed. Percentiles are by nearest rank, from every event. History: a "
    "replay carries it over.",
)

market_check_failures = sa.Table(
    "market_check_failures",
    WAREHOUSE,
    day("failed_date", "day of the failures, UTC", primary_key=True),
    text("dataset", "table whose contract has the rule", primary_key=True),
    text("rule", "rule that rows broke", primary_key=True),
    text("severity", "severe: stopped the publication; mild: told only", nullable=False),
    integer("cycles", "cycles that met it", nullable=False, volatile=True),
    integer("bad_rows", "rows that broke it in the last of them", nullable=False, volatile=True),
    text("bad_key", "JSON object: key of the first of these rows", volatile=True),
    integer("watermark", "last offset of that cycle", nullable=False, volatile=True),
    text("run_id", "flow run or process of that cycle", nullable=False, volatile=True),
    instant("first_failed_at", "first of them", nullable=False, volatile=True),
    instant("last_failed_at", "last of them", nullable=False, volatile=True),
    comment="Rules of contracts that rows broke. Grain: day, table and rule. Writer: publish. "
    "Nuance: rows that a severe rule kept from being published are in no other market table. "
    "History: a replay carries it over.",
)

PUBLISHED = {
    table.name: table
    for table in (
        market_listings,
        market_valuations,
        market_scores,
        market_zones,
        market_zone_months,
    )
}
"""Tables whose digests must be equal after any batch split, kill or replay (DESIGN 2.7)."""
