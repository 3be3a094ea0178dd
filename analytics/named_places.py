"""Decides which zone a listing's words name: address first, then title, then description.

Careful rather than complete: a name is believed alone only when it is distinctive, any other
needs a second name of its county or city in the same texts, an ordinary word also a sign that it
is meant as a name. A name never becomes a point. Finding the names is `place_names`.
"""

import polars as pl

from analytics.place_names import (
    CITY,
    COUNTY,
    DOMINANCE,
    FIELDS,
    LEVEL_COLUMNS,
    SECTOR,
    NameTable,
    find_names,
)
from store.shapes.vocabulary import PlacePrecision

BELIEF = {"address": 0.9, "title": 0.8, "description": 0.6}
"""Confidence in a name by where it stands: an address says where the home is, a description
also what is near."""

SUPPORTED = 0.05
"""Added when a second name of the same county, city or sector stands in the texts."""


def assign_names(names: NameTable, texts: pl.DataFrame) -> pl.DataFrame:
    """Return the zone that each row of a frame with id, address, title, description names.

    Columns: id, zone_id, neighbourhood_id, sector_id, city_id, county_id, country_id,
    precision (level of the name, or unknown), confidence (0 to 1), matched_name (as the
    gazetteer spells it; null like the zone where none is named). The address counts first;
    title and description may only make it more specific. Of names of one field the most
    specific counts, then a small town before the large one it lies near, then the first.
    Rows keep their order and do not depend on each other.
    """
    rows = texts.select(pl.int_range(pl.len()).alias("row"), "id")
    found = _believed(find_names(names, texts), names)
    picked = _pick_by_field(found)
    placed = rows.join(picked, on="row", how="left", validate="1:1", maintain_order="left")
    return placed.select(
        "id",
        "zone_id",
        *(
            pl.col("chain").list.get(LEVEL_COLUMNS.index(c)).alias(c)
            for c in reversed(LEVEL_COLUMNS)
        ),
        pl.col("level").fill_null(PlacePrecision.UNKNOWN.value).alias("precision"),
        pl.col("confidence").fill_null(0.0),
        pl.col("name").alias("matched_name"),
    )


def _believed(candidates: pl.DataFrame, names: NameTable) -> pl.DataFrame:
    """Keep of each name in a field the one zone it is believed to stand for, if any."""
    address = FIELDS.index("address")
    supported = _with_support(candidates)
    elsewhere = pl.col("elsewhere") & (pl.col("support") == 0) & (pl.col("depth") > CITY)
    alone = pl.col("is_strong") | ((pl.col("field") == address) & pl.col("is_unique"))
    is_name = (
        ~pl.col("is_ordinary")
        | (pl.col("field") == address)
        | pl.col("is_introduced")
        | (pl.col("touches") & ~pl.col("is_quality"))
    )
    accepted = ((pl.col("support") >= pl.col("need")) & is_name) | (alone & ~elsewhere)
    best = ["support", "is_strong", "depth"]
    ordered = supported.filter(accepted).sort(
        *("row", "field", "pattern", "position"),
        *(*best, "weight", "zone_id"),
        descending=[False] * 4 + [True] * 4 + [False],
        nulls_last=True,
    )
    return ordered.with_columns(is_open=_is_open(), is_first=~_same_name(1).fill_null(False)).pipe(
        _settled, names
    )


def _same_name(steps: int) -> pl.Expr:
    keys = ("row", "field", "pattern", "position")
    return pl.all_horizontal(pl.col(key) == pl.col(key).shift(steps) for key in keys)


def _is_open() -> pl.Expr:
    """Whether the next row is another meaning of the same name, as good and not far smaller."""
    equal = pl.all_horizontal(
        pl.col(key) == pl.col(key).shift(-1) for key in ("support", "is_strong", "depth")
    )
    larger = pl.col("weight") >= DOMINANCE * pl.col("weight").shift(-1)
    return (_same_name(-1) & equal).fill_null(False) & ~larger.fill_null(False)


def _settled(ordered: pl.DataFrame, names: NameTable) -> pl.DataFrame:
    """Keep the first meaning of each name; of equal villages of one county, the county.

    `Lunca, jud. Bacău` lies in that county, whichever Lunca is meant; and not in the city.
    """
    counties = names.meanings.filter(pl.col("depth") == COUNTY).unique("zone_id", keep="first")
    counties = counties.select(
        county_id="zone_id", county_name="name", county_chain="chain", county_level="level"
    )
    same_county = (pl.col("county_id") == pl.col("county_id").shift(-1)).fill_null(False)
    raised = pl.col("is_open") & same_county & (pl.col("depth") == CITY)
    first = ordered.with_columns(is_raised=raised).filter(
        pl.col("is_first") & (~pl.col("is_open") | pl.col("is_raised"))
    )
    known = first.join(counties, on="county_id", how="left", validate="m:1", maintain_order="left")
    is_raised = pl.col("is_raised") & pl.col("county_name").is_not_null()
    renamed = {"zone_id": "county_id", "name": "county_name", "chain": "county_chain"}
    return known.with_columns(
        pl.when(is_raised).then(pl.col(county)).otherwise(pl.col(own)).alias(own)
        for own, county in {**renamed, "level": "county_level"}.items()
    )


def _with_support(candidates: pl.DataFrame) -> pl.DataFrame:
    """Add support, the depth shared with another strong name of the row (0: none), elsewhere.

    `elsewhere` tells that another strong name of a town or county stands in the row's texts.
    """
    strong = candidates.filter("is_strong")
    supported = candidates.with_columns(support=pl.lit(0))
    for depth in (COUNTY, CITY, SECTOR):
        key = LEVEL_COLUMNS[depth]
        shared = _has_other(supported, strong.drop_nulls(key), ["row", key])
        supported = supported.with_columns(
            support=pl.when(shared).then(depth).otherwise(pl.col("support"))
        )
    towns = strong.filter(pl.col("depth") <= CITY)
    return supported.with_columns(elsewhere=_has_other(supported, towns, ["row"]))


def _has_other(frame: pl.DataFrame, strong: pl.DataFrame, key: list[str]) -> pl.Series:
    """Return per row of `frame` whether `strong` has the same key under another pattern."""
    patterns = strong.group_by(key).agg(low=pl.col("pattern").min(), high=pl.col("pattern").max())
    joined = frame.select("pattern", *key).join(
        patterns, on=key, how="left", validate="m:1", maintain_order="left"
    )
    own = pl.col("pattern")
    other = (pl.col("low") != own) | (pl.col("high") != own)
    return joined.select(other.fill_null(False)).to_series()


def _pick_by_field(found: pl.DataFrame) -> pl.DataFrame:
    """Return one row per text that names a zone: field after field, ever more specific."""
    is_small = (pl.col("depth") == CITY) & ~pl.col("is_strong")
    belief = pl.col("field").replace_strict(
        {number: BELIEF[name] for number, name in enumerate(FIELDS)}, return_dtype=pl.Float64
    )
    sure = pl.when(pl.col("support") > 0).then(SUPPORTED).otherwise(0.0)
    ranked = found.with_columns(confidence=(belief + sure).round(2)).sort(
        "row",
        "field",
        "depth",
        is_small,
        "position",
        descending=[False, False, True, True, False],
    )
    columns = ["row", "zone_id", "level", "chain", "name", "confidence"]
    picked = ranked.clear().select(columns)
    for number in range(len(FIELDS)):
        field = ranked.filter(pl.col("field") == number)
        picked = _refine(picked, field.select(columns))
    return picked


def _refine(picked: pl.DataFrame, ranked: pl.DataFrame) -> pl.DataFrame:
    """Replace what was picked by the first zone of `ranked` inside it; add rows without one."""
    before = picked.select("row", before_id="zone_id")
    fitting = (
        ranked.join(before, on="row", how="left", validate="m:1", maintain_order="left")
        .filter(
            pl.col("before_id").is_null()
            | (
                pl.col("chain").list.contains(pl.col("before_id"))
                & (pl.col("zone_id") != pl.col("before_id"))
            )
        )
        .drop("before_id")
        .unique("row", keep="first", maintain_order=True)
    )
    kept = picked.join(fitting.select("row"), on="row", how="anti", maintain_order="left")
    return pl.concat([kept, fitting])
