"""Data quality: how complete, exact and free of contradictions a listing is, 0-100 with reasons.

METRICS, "Per listing" 8. Row by row: what a listing earns depends on no other listing. Points
and the reasons for them stand in `assumptions.QualityPoints`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from analytics.assumptions import QUALITY, SCORE
from analytics.history import is_on_market
from store.shapes.vocabulary import PlacePrecision, PropertyType

QUALITY_COLUMNS = {"quality_score": pl.Float64(), "quality_reasons": pl.String()}

LAND, STUDIO = PropertyType.LAND.value, PropertyType.STUDIO.value
DWELLINGS = [PropertyType.APARTMENT.value, STUDIO, PropertyType.HOUSE.value]
FLATS = [PropertyType.APARTMENT.value, STUDIO]
STOREYED = [*FLATS, PropertyType.OFFICE.value]
STUDIO_ROOMS = 2
"""More rooms than that are no studio, however they are counted."""

ROOMS_IN_TITLE = r"(?i)\b(\d{1,2})\s*(?:camere|camera|cameră|rooms?)\b"


@dataclass(frozen=True)
class Part:
    """Something a listing should have: its points, the share it earns, whom it concerns.

    codes: what may be told when less than all is earned; reason: which of them.
    """

    points: float
    share: pl.Expr
    concerns: pl.Expr
    codes: tuple[str, ...]
    reason: pl.Expr


@dataclass(frozen=True)
class Doubt:
    """Something that speaks against a listing, and what it costs."""

    code: str
    cost: float
    is_so: pl.Expr


def judge(core: pl.DataFrame, described: pl.DataFrame, valuations: pl.DataFrame) -> pl.DataFrame:
    """Return id, quality_score and quality_reasons (a JSON array of codes), sorted by id.

    `described` are market_listings rows, `core` core_listings rows and `valuations`
    market_valuations rows of these at least. Codes come in a fixed order, those of the rules
    that blanked a value last; [] at 100.
    """
    rows = (
        described.select("id", "place_precision", "images_stored", "images_state")
        .join(core, on="id", how="inner", validate="1:1")
        .join(valuations.select("id", "gap_pct"), on="id", how="left", validate="1:1")
    )
    return rows.select("id", _score(), _reasons()).sort("id")


def parts() -> tuple[Part, ...]:
    """Return what is counted, in the order in which it is told."""
    enough = (_letters() / QUALITY.description_letters).clip(upper_bound=1.0)
    return (
        _told(QUALITY.place, _place_share(), "place_from_words", place_unknown=_is_nowhere()),
        _told(
            QUALITY.photos,
            _photo_share(),
            "photos_few",
            photos_missing=pl.col("image_count") == 0,
            photos_failed=pl.col("images_state") == "failed",
        ),
        _wanted("area", QUALITY.area, _is_known("area_m2"), _everything()),
        _told(
            QUALITY.description, enough, "description_short", description_missing=_letters() == 0
        ),
        _wanted("rooms", QUALITY.rooms, _is_known("rooms"), _is_of(DWELLINGS)),
        _wanted(
            "construction_year",
            QUALITY.construction_year,
            _is_known("construction_year"),
            pl.col("type") != LAND,
        ),
        _wanted("floor", QUALITY.floor, _is_known("floor"), _is_of(STOREYED)),
        _wanted("contact", QUALITY.contact, _has_contact(), _everything()),
        _wanted("partitioning", QUALITY.partitioning, _is_known("partitioning"), _is_of(FLATS)),
    )


def doubts() -> tuple[Doubt, ...]:
    """Return what speaks against a listing, in the order in which it is told."""
    most = SCORE.most_ask_to_value
    ask_to_value = 1 + pl.col("gap_pct") / 100
    room_m2 = pl.col("area_m2") / pl.col("rooms")
    in_title = pl.col("title").str.extract(ROOMS_IN_TITLE).cast(pl.Int64)
    return (
        Doubt(
            "price_out_of_line",
            QUALITY.out_of_line_cost,
            ~ask_to_value.is_between(1 / most, most) & is_on_market(),
        ),
        _contradiction("title_contradicts_rooms", in_title != pl.col("rooms")),
        _contradiction("area_contradicts_rooms", _is_of(DWELLINGS) & (pl.col("rooms") > 0)
                       & (room_m2 < QUALITY.least_room_m2)),
        _contradiction("type_contradicts_rooms", (pl.col("type") == STUDIO)
                       & (pl.col("rooms") > STUDIO_ROOMS)),
        _contradiction("usable_area_above_total", pl.col("area_m2") > pl.col("total_area_m2")),
        _contradiction("point_contradicts_place", pl.col("latitude").is_not_null()
                       & ~pl.col("place_precision").is_in(
                           [PlacePrecision.EXACT.value, PlacePrecision.UNKNOWN.value])),
        _contradiction("sale_contradicts_status", is_on_market()
                       & (pl.col("sold_at") > pl.col("status_since"))),
    )  # fmt: skip


def _wanted(name: str, points: float, is_there: pl.Expr, concerns: pl.Expr) -> Part:
    code = f"{name}_missing"
    return Part(points, is_there.cast(pl.Float64), concerns, (code,), pl.lit(code))


def _told(points: float, share: pl.Expr, otherwise: str, **cases: pl.Expr) -> Part:
    """Return a part that concerns everything; its code is the first case that holds."""
    reason = pl.coalesce(
        *(pl.when(is_so).then(pl.lit(code)) for code, is_so in cases.items()), pl.lit(otherwise)
    )
    return Part(points, share, _everything(), (*cases, otherwise), reason)


def _contradiction(code: str, is_so: pl.Expr) -> Doubt:
    return Doubt(code, QUALITY.contradiction_cost, is_so)


def _score() -> pl.Expr:
    earned = pl.sum_horizontal(_of(part, part.points * part.share) for part in parts())
    possible = pl.sum_horizontal(_of(part, pl.lit(part.points)) for part in parts())
    cost = pl.sum_horizontal(
        pl.when(doubt.is_so).then(doubt.cost).otherwise(0.0) for doubt in doubts()
    )
    blanked = QUALITY.blanked_cost * _blanked().list.len()
    score = 100 * earned / possible - cost - blanked
    return score.clip(lower_bound=0.0).round(1).alias("quality_score")


def _reasons() -> pl.Expr:
    codes = pl.concat_list(list(_codes())).list.drop_nulls()
    every = pl.concat_list(codes, _blanked())
    # Codes are ours: nothing in them needs escaping.
    text = pl.format('["{}"]', every.list.join('","'))
    return pl.when(every.list.len() > 0).then(text).otherwise(pl.lit("[]")).alias("quality_reasons")


def _codes() -> Iterator[pl.Expr]:
    for part in parts():
        yield pl.when(part.concerns & (part.share < 1)).then(part.reason)
    for doubt in doubts():
        yield pl.when(doubt.is_so).then(pl.lit(doubt.code))


def _of(part: Part, points: pl.Expr) -> pl.Expr:
    return pl.when(part.concerns).then(points).otherwise(0.0)


def _blanked() -> pl.Expr:
    codes = pl.col("blanked_codes").str.json_decode(pl.List(pl.String))
    return codes.fill_null(pl.lit([], pl.List(pl.String)))


def _everything() -> pl.Expr:
    return pl.lit(value=True)


def _is_known(column: str) -> pl.Expr:
    return pl.col(column).is_not_null()


def _is_of(types: list[str]) -> pl.Expr:
    return pl.col("type").is_in(types)


def _letters() -> pl.Expr:
    return pl.col("description").str.strip_chars().str.len_chars().fill_null(0)


def _has_contact() -> pl.Expr:
    return pl.any_horizontal(
        pl.col("agent_phone", "agent_email", "agency_phone", "agency_email").is_not_null()
    )


def _place_share() -> pl.Expr:
    shares = QUALITY.place_shares
    return pl.col("place_precision").replace_strict(shares, default=0.0, return_dtype=pl.Float64)


def _is_nowhere() -> pl.Expr:
    return pl.col("place_precision") == PlacePrecision.UNKNOWN.value


def _photo_share() -> pl.Expr:
    """Return the share of enough photos; those still to be fetched count, failed ones do not."""
    is_judged = pl.col("images_state").is_in(["partial", "failed"])
    usable = pl.when(is_judged).then("images_stored").otherwise("image_count")
    return (usable / QUALITY.photos_enough).clip(upper_bound=1.0)
