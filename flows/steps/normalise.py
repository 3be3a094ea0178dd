"""Normalise: from events of the lake to typed, priced, checked versions of listings.

One vectorised pass over a batch. A bad row is not an exception: it becomes a refusal with its
rule, either of the whole row (`refused`) or of one value (`blanked`). Order and identity are the
register's; places, figures and history belong to later steps, agencies and agents to `parties`.
"""

import hashlib
from dataclasses import dataclass

import phonenumbers
import polars as pl

from analytics.units import unit_id
from store.frames import conform
from store.shapes.wire import FIELDS, Field, Kind
from store.tables import warehouse as tables

FROM_THE_EVENT = ("providerIdentifier", "externalId")
AS_TEXT = ("attributes",)
"""Fields whose JSON text is taken out of the document's."""

_TYPES: dict[Kind, pl.DataType] = {
    Kind.IDENTIFIER: pl.String(),
    Kind.TEXT: pl.String(),
    Kind.ENUM: pl.String(),
    Kind.DECIMAL: pl.Float64(),
    Kind.INTEGER: pl.Int64(),
    Kind.BOOLEAN: pl.Boolean(),
    Kind.INSTANT: pl.String(),
    Kind.URLS: pl.List(pl.String()),
    Kind.CODES: pl.List(pl.String()),
}


def _type(field: Field) -> pl.DataType:
    if field.kind is Kind.OBJECT:
        return pl.Struct({inner.name: _type(inner) for inner in field.fields})
    return _TYPES[field.kind]


DOCUMENT = pl.Struct(
    {f.name: _type(f) for f in FIELDS if f.name not in (*FROM_THE_EVENT, *AS_TEXT)}
    | {"deletedAt": pl.String(), "deletionReason": pl.String()}
)
"""What normalise reads of a merged document (wire names). Of the platform's own fields it leaves
`statusSince`: the history of statuses counts from effective times."""

COLUMNS = {
    field.name: field.lands[0].split(".")[1]
    for field in FIELDS
    if field.kind not in (Kind.OBJECT, Kind.URLS)
} | {
    "usableArea": "usable_area_m2",  # area_m2 is made of several
    "imageUrls": "image_urls",
    "deletedAt": "deleted_at",
    "deletionReason": "deletion_reason",
}
"""The column of each wire field in the frames of this step."""

INSTANTS = (*(f.name for f in FIELDS if f.kind is Kind.INSTANT), "deletedAt")
CODE_LISTS = tuple(f.name for f in FIELDS if f.kind is Kind.CODES)

HOME_REGION = "RO"
"""Phones without a country prefix are read as Romanian."""

SALE_EUR = (500.0, 100_000_000.0)
RENT_EUR = (10.0, 500_000.0)
"""Asking prices outside are slips of the keyboard (a price per m2, a phone number): generous on
purpose, because a refused row is out of every figure."""

AREA_M2 = (5.0, 1_000_000.0)
YEARS_AHEAD = 6
"""Homes are sold off plan some years before they stand."""


@dataclass(frozen=True)
class Rule:
    """A named check: rows where `is_bad` holds are refused whole, or lose the named columns.

    A deletion is never refused, or what it deletes would stay on the market: it loses its price.
    """

    code: str
    column: str
    blanks: tuple[str, ...]
    message: str
    is_bad: pl.Expr

    @property
    def severity(self) -> pl.Expr:
        blanks = pl.col("deleted_at").is_not_null() | bool(self.blanks)
        return pl.when(blanks).then(pl.lit("blanked")).otherwise(pl.lit("refused"))


def _outside(column: str, bounds: tuple[float, float]) -> pl.Expr:
    return ~pl.col(column).is_between(*bounds)


RULES: tuple[Rule, ...] = (
    Rule("price_out_of_range", "price", (),
         f"a sale asks {SALE_EUR[0]:,.0f} to {SALE_EUR[1]:,.0f} EUR, "
         f"a month's rent {RENT_EUR[0]:,.0f} to {RENT_EUR[1]:,.0f} EUR",
         pl.when(pl.col("transaction") == "SALE").then(_outside("price_eur", SALE_EUR))
         .otherwise(_outside("price_eur", RENT_EUR))),
    Rule("area_out_of_range", "total_area_m2", ("total_area_m2",),
         f"an area is {AREA_M2[0]:g} to {AREA_M2[1]:,.0f} m2", _outside("total_area_m2", AREA_M2)),
    Rule("usable_area_out_of_range", "area_m2", ("usable_area_m2",),
         f"an area is {AREA_M2[0]:g} to {AREA_M2[1]:,.0f} m2", _outside("usable_area_m2", AREA_M2)),
    Rule("land_area_out_of_range", "land_area_m2", ("land_area_m2",),
         f"a plot is {AREA_M2[0]:g} to {AREA_M2[1]:,.0f} m2", _outside("land_area_m2", AREA_M2)),
    Rule("year_out_of_range", "construction_year", ("construction_year",),
         f"a home is built between 1500 and {YEARS_AHEAD} years ahead",
         (pl.col("construction_year") < 1500)
         | (pl.col("construction_year") > pl.col("effective_at").dt.year() + YEARS_AHEAD)),
    Rule("floor_above_top", "floor", ("floor", "floor_max"),
         "a floor is not above the top floor", pl.col("floor") > pl.col("floor_max")),
    Rule("point_incomplete", "latitude", ("latitude", "longitude"),
         "a point needs latitude and longitude",
         pl.col("latitude").is_null() != pl.col("longitude").is_null()),
    Rule("rate_missing", "price_eur", ("price_eur",),
         "no euro rate on or before the effective day",
         pl.col("price_eur").is_null() & pl.col("price").is_not_null()),
)  # fmt: skip


NAMED = (
    "identifier", "provider_identifier", "event_offset", "name", "phone", "email",
    "agency_identifier", "former_identifier",
)  # fmt: skip
"""What an event says of an agency or agent it names."""


@dataclass(frozen=True)
class Normalised:
    """One batch, ready to load.

    versions: core_listing_versions rows plus `unit_id`. images: listing_id, revision, position,
    url. agencies, agents: NAMED columns, one row per event that names one. providers, refusals:
    rows of their tables.
    """

    versions: pl.DataFrame
    images: pl.DataFrame
    agencies: pl.DataFrame
    agents: pl.DataFrame
    providers: pl.DataFrame
    refusals: pl.DataFrame


def normalise(events: pl.DataFrame, rates: pl.DataFrame) -> Normalised:
    """Turn listing events (EVENT_SCHEMA rows) into versions.

    rates: core_rates rows known at these offsets. Events that changed nothing make no version.
    """
    changed = events.filter((pl.col("kind") == "listing") & pl.col("is_changed"))
    read = changed.pipe(_read_documents).pipe(_with_rates, rates)
    phones = _phones(read)
    refusals = pl.concat([_refusals(read), _phone_refusals(read, phones)])
    kept = (
        read.pipe(_with_blanked_codes, refusals)
        .pipe(_blank)
        .pipe(_refuse)
        .pipe(_with_contacts, phones)
        .pipe(_derive)
    )
    return Normalised(
        versions=conform_versions(kept),
        images=_images(kept),
        agencies=_named(kept, "agency"),
        agents=_named(kept, "agent"),
        providers=_providers(events),
        refusals=conform(refusals, tables.core_refusals).sort("event_offset", "rule_code"),
    )


def conform_versions(frame: pl.DataFrame) -> pl.DataFrame:
    """Return version rows with their unit, checked against the table."""
    versions = conform(frame, tables.core_listing_versions)
    return versions.with_columns(unit_id()).sort("id", "revision")


def _read_documents(events: pl.DataFrame) -> pl.DataFrame:
    text = pl.col("document").cast(pl.String)
    flat = events.select(
        pl.col("listing_id").alias("id"),
        "revision", "provider_identifier", "external_id", "event_offset", "event_id",
        pl.col("received_at").alias("recorded_at"), "effective_at",
        text.str.json_decode(DOCUMENT).alias("fields"),
        *(text.str.json_path_match(f"$.{name}").alias(name) for name in AS_TEXT),
    ).unnest("fields")  # fmt: skip
    read = {name: column for name, column in COLUMNS.items() if name in flat.columns}
    return flat.rename(read).with_columns(
        *(_instant(COLUMNS[name]) for name in INSTANTS),
        *(_json_array(COLUMNS[name]) for name in CODE_LISTS),
    )


def _instant(column: str) -> pl.Expr:
    moment = pl.col(column).str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us")
    return moment.dt.replace_time_zone("UTC")


def _json_array(column: str) -> pl.Expr:
    """Write a list of codes as JSON; codes are capitals and need no escapes."""
    codes = pl.concat_str(pl.lit('["'), pl.col(column).list.join('","'), pl.lit('"]'))
    return pl.when(pl.col(column).list.len() == 0).then(pl.lit("[]")).otherwise(codes).alias(column)


def local_day(instant: str) -> pl.Expr:
    """Return the calendar day in Bucharest of an instant column."""
    return pl.col(instant).dt.convert_time_zone("Europe/Bucharest").dt.date()


def _with_rates(read: pl.DataFrame, rates: pl.DataFrame) -> pl.DataFrame:
    """Add price_eur, sold_price_eur and rate_date: the last rate on or before the day."""
    dated = (
        read.with_columns(local_day("effective_at").alias("effective_date"))
        .sort("effective_date", maintain_order=True)
        .join_asof(
            rates.select("currency", "rate_date", "units_per_eur").sort("rate_date"),
            left_on="effective_date",
            right_on="rate_date",
            by="currency",
            strategy="backward",
            coalesce=False,
            check_sortedness=False,
        )
    )
    is_euro = pl.col("currency") == "EUR"
    units = pl.when(is_euro).then(1.0).otherwise(pl.col("units_per_eur"))
    return dated.with_columns(
        (pl.col("price") / units).round(2).alias("price_eur"),
        (pl.col("sold_price") / units).round(2).alias("sold_price_eur"),
    ).sort("event_offset")


def _refusals(read: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([_refused_by(rule, read) for rule in RULES])


def _refused_by(rule: Rule, read: pl.DataFrame) -> pl.DataFrame:
    return read.filter(rule.is_bad.fill_null(False)).select(
        *_refusal_keys(),
        pl.lit(rule.code).alias("rule_code"),
        pl.lit(rule.column).alias("column_name"),
        rule.severity.alias("severity"),
        pl.lit(rule.message).alias("message"),
    )


def _refusal_keys() -> list[pl.Expr]:
    return [
        pl.col("event_offset"),
        pl.col("id").alias("listing_id"),
        pl.col("provider_identifier"),
        pl.col("external_id"),
        pl.col("revision"),
    ]


def _with_blanked_codes(read: pl.DataFrame, refusals: pl.DataFrame) -> pl.DataFrame:
    """Add blanked_codes: the rules that took something from this revision, and is_refused."""
    told = (
        refusals.sort("event_offset", "rule_code")
        .group_by("event_offset")
        .agg(
            pl.col("rule_code").filter(pl.col("severity") == "blanked").alias("codes"),
            (pl.col("severity") == "refused").any().alias("is_refused"),
        )
        .select(
            "event_offset",
            "is_refused",
            # Codes are ours: nothing in them needs escaping.
            pl.when(pl.col("codes").list.len() > 0)
            .then(pl.format('["{}"]', pl.col("codes").list.join('","')))
            .alias("blanked_codes"),
        )
    )
    return read.join(
        told, on="event_offset", how="left", validate="1:1", maintain_order="left"
    ).with_columns(pl.col("is_refused").fill_null(False))


def _refuse(read: pl.DataFrame) -> pl.DataFrame:
    return read.filter(~pl.col("is_refused"))


def _blank(read: pl.DataFrame) -> pl.DataFrame:
    """Null the values that rules blank; every rule sees the row as posted."""
    bad_for: dict[str, list[pl.Expr]] = {}
    for rule in RULES:
        # What is refused whole is dropped anyway; a deletion stays, without its price.
        for column in rule.blanks or ("price", "price_eur"):
            bad_for.setdefault(column, []).append(rule.is_bad.fill_null(False))
    return read.with_columns(
        pl.when(pl.any_horizontal(bad)).then(None).otherwise(pl.col(column)).alias(column)
        for column, bad in bad_for.items()
    )


def _derive(read: pl.DataFrame) -> pl.DataFrame:
    # Land is priced per m2 of ground, homes per m2 of usable area.
    ground = pl.when(pl.col("type") == "LAND").then("land_area_m2")
    area = pl.coalesce(ground, "usable_area_m2", "total_area_m2")
    return read.with_columns(
        area.alias("area_m2"),
        (pl.col("price_eur") / area).round(2).alias("price_eur_per_m2"),
        _party_identifier("agency"),
        _party_identifier("agent"),
        pl.col("image_urls").list.len().fill_null(0).cast(pl.Int64).alias("image_count"),
        pl.Series(
            "images_sha256", [_checksum(urls) for urls in read["image_urls"].to_list()], pl.String
        ),
    )


def _checksum(urls: list[str] | None) -> str | None:
    # Polars' own hashes may differ in another release of it.
    return hashlib.sha256("\n".join(urls).encode()).hexdigest() if urls else None


def _with_contacts(read: pl.DataFrame, phones: pl.DataFrame) -> pl.DataFrame:
    """Add phone (E.164) and e-mail of agency and agent."""
    for party in ("agency", "agent"):
        known = phones.select("posted", pl.col("phone").alias(f"{party}_phone"))
        fields = pl.col(party).struct
        read = (
            read.with_columns(
                fields.field("phone").alias("posted"), fields.field("email").alias(f"{party}_email")
            )
            .join(known, on="posted", how="left", validate="m:1", maintain_order="left")
            .drop("posted")
        )
    return read


def _party_identifier(party: str) -> pl.Expr:
    name = pl.col(party).struct.field("name")
    return pl.concat_str(pl.col("provider_identifier"), pl.lit(":"), name).alias(
        f"{party}_identifier"
    )


def _images(kept: pl.DataFrame) -> pl.DataFrame:
    named = kept.filter(pl.col("image_count") > 0).select(
        pl.col("id").alias("listing_id"),
        "revision",
        pl.int_ranges(0, pl.col("image_count")).alias("position"),
        pl.col("image_urls").alias("url"),
    )
    return named.explode("position", "url")


def _phones(read: pl.DataFrame) -> pl.DataFrame:
    """Return every posted phone (posted) with its E.164 form (phone, null when unreadable)."""
    posted = pl.concat(
        [read.select(pl.col(party).struct.field("phone").alias("posted"))
         for party in ("agency", "agent")]
    ).drop_nulls().unique().sort("posted")  # fmt: skip
    readable = [e164(text) for text in posted["posted"].to_list()]
    return posted.with_columns(pl.Series("phone", readable, dtype=pl.String))


def e164(text: str) -> str | None:
    """Return a phone number in E.164, or None when it cannot be one."""
    try:
        number = phonenumbers.parse(text, HOME_REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _phone_refusals(read: pl.DataFrame, phones: pl.DataFrame) -> pl.DataFrame:
    unreadable = phones.filter(pl.col("phone").is_null())["posted"]
    found = [
        read.filter(pl.col(party).struct.field("phone").is_in(unreadable.implode())).select(
            *_refusal_keys(),
            pl.lit(f"{party}_phone_unreadable").alias("rule_code"),
            pl.lit(f"{party}_phone").alias("column_name"),
            pl.lit("blanked").alias("severity"),
            pl.lit("a phone number can be written in E.164").alias("message"),
        )
        for party in ("agency", "agent")
    ]
    return pl.concat(found)


def _named(kept: pl.DataFrame, party: str) -> pl.DataFrame:
    """Return NAMED columns, one row per event that names an agency (agent), in offset order."""
    fields = pl.col(party).struct
    former = fields.field("formerName")
    return kept.filter(fields.field("name").is_not_null()).select(
        pl.col(f"{party}_identifier").alias("identifier"),
        "provider_identifier",
        "event_offset",
        fields.field("name").alias("name"),
        pl.col(f"{party}_phone").alias("phone"),
        pl.col(f"{party}_email").alias("email"),
        "agency_identifier",
        pl.concat_str("provider_identifier", pl.lit(":"), former).alias("former_identifier"),
    )


def _providers(events: pl.DataFrame) -> pl.DataFrame:
    seen = (
        events.filter(pl.col("kind") == "listing")
        .group_by("provider_identifier")
        .agg(
            pl.col("received_at").min().alias("first_recorded_at"),
            pl.col("received_at").max().alias("last_recorded_at"),
        )
    )
    return conform(seen.rename({"provider_identifier": "identifier"}), tables.core_providers).sort(
        "identifier"
    )
