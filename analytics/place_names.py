"""Finds names of places in a listing's words, with every zone that each may stand for.

A name is distinctive (`is_strong`) when it may be believed alone; which one counts is decided in
`named_places`. What counts as an ordinary word is in `ordinary_words`.
"""

from dataclasses import dataclass

import polars as pl

from analytics.ordinary_words import (
    INTRODUCTIONS,
    KNOWN_TOWNS,
    NEAR_WORDS,
    ORDINARY_COUNTIES,
    ORDINARY_NAMES,
    QUALITY_NAMES,
    STREET_WORDS,
)
from store.shapes.vocabulary import ZONE_LEVELS

FIELDS = ("address", "title", "description")
TOWN_POPULATION = 10_000
"""A town's name is believed alone from this size on: below, names are often common words."""

CITY_POPULATION = 100_000
"""The same for the city of a neighbourhood's name."""

DOMINANCE = 5.0
"""Of places that share a name, one stands for it when it is this many times larger."""

FEW_TEXTS = 2_000
"""Up to here, texts are searched only for names whose first word they hold."""

COUNTY, CITY, SECTOR = range(1, 4)
"""Depths of levels, a country being 0."""

_DEPTHS = {level: depth for depth, level in enumerate(ZONE_LEVELS)}
LEVEL_COLUMNS = [f"{level}_id" for level in ZONE_LEVELS]
_ASIDE = "§"
"""Put before a name that is a street's or says what is near, so that it is not taken."""


@dataclass(frozen=True)
class NameTable:
    """What names mean. `patterns` has pattern and first_word, the longest first;
    `meanings` one row per pattern and zone it may stand for."""

    patterns: pl.DataFrame
    meanings: pl.DataFrame


def build_names(zones: pl.DataFrame, levels: pl.DataFrame) -> NameTable:
    """Return the names of a frame of zones with zone_id, level, name, parent_id, aliases.

    `levels` has each zone's ancestors (`zone_index.level_columns`). A column `population`
    (null is unknown) tells which names are distinctive. Without it a town counts as such only
    when it has neighbourhoods. Countries have no names here.
    """
    meanings = (
        _weighed(zones, levels)
        .with_columns(pattern=_spellings())
        .explode("pattern")
        .filter(pl.col("pattern") != "")
        .drop("aliases")
        .with_columns(
            is_ordinary=_is_ordinary(), is_quality=_is_in(QUALITY_NAMES), is_introduced=False
        )
        .pipe(_introduced)
        .unique(["pattern", "zone_id"], keep="first", maintain_order=True)
        .pipe(_with_rivals)
        .pipe(_with_strength)
    )
    return NameTable(_patterns(meanings), meanings)


def folded(text: pl.Expr) -> pl.Expr:
    """Return the text in lower case without diacritics and punctuation.

    Words stand between two spaces, so that each has its own on either side: ` str  unirii `.
    """
    plain = text.str.normalize("NFKD").str.replace_all(r"\p{M}+", "").str.to_lowercase()
    words = plain.str.replace_all("ł", "l", literal=True).str.replace_all(r"[^\p{L}\p{N}]+", "  ")
    return pl.concat_str(pl.lit(" "), words.str.strip_chars(), pl.lit(" "))


def _patterns(meanings: pl.DataFrame) -> pl.DataFrame:
    """Return what to look for and its first word, the longest first.

    Of names that begin at one word the longest wins. Names of several words are looked for
    behind the word of a street too: `str. Piatra Neamț` must not leave the county over.
    """
    plain = meanings["pattern"].unique()
    aside = plain.filter(plain.str.contains("  ", literal=True)).str.replace("^ ", _ASIDE)
    everything = pl.DataFrame({"pattern": pl.concat([plain, aside])})
    return everything.with_columns(
        first_word=pl.col("pattern").str.extract(rf"^[ {_ASIDE}]([^ ]+)")
    ).sort(pl.col("pattern").str.len_bytes(), "pattern", descending=[True, False])


def _is_in(words: frozenset[str]) -> pl.Expr:
    word = pl.col("pattern").str.strip_chars().str.replace_all("  ", " ", literal=True)
    return word.is_in(sorted(words))


def _is_ordinary() -> pl.Expr:
    """Whether the pattern is a word that listings use for other things (reads depth)."""
    short = pl.col("pattern").str.strip_chars().str.len_chars() < 4
    return (
        pl.when(pl.col("depth") == COUNTY)
        .then(_is_in(ORDINARY_COUNTIES))
        .otherwise(short | _is_in(ORDINARY_NAMES))
    )


def _introduced(meanings: pl.DataFrame) -> pl.DataFrame:
    """Add for ordinary names the patterns in which a word before says that a name follows."""
    ordinary = meanings.filter("is_ordinary")
    added = [
        ordinary.filter(pl.col("level") == level).with_columns(
            pattern=pl.concat_str(pl.lit(f" {word} "), "pattern"), is_introduced=True
        )
        for level, words in INTRODUCTIONS.items()
        for word in words
    ]
    return pl.concat([meanings, *added])


def _weighed(zones: pl.DataFrame, levels: pl.DataFrame) -> pl.DataFrame:
    """Return zone_id, level, depth, chain, name, aliases, weight and whether it has children.

    Weight: the population of the place, of its city for what lies in one; null when unknown.
    """
    known = (
        zones
        if "population" in zones.columns
        else zones.with_columns(population=pl.lit(None, pl.Int64))
    )
    towns = known.select(city_id="zone_id", weight=pl.col("population").cast(pl.Float64))
    parents = known["parent_id"].drop_nulls().unique().implode()
    return (
        known.select("zone_id", "level", "name", "aliases")
        .sort("zone_id")
        .join(levels, on="zone_id", validate="1:1", maintain_order="left")
        .join(towns, on="city_id", how="left", validate="m:1", maintain_order="left")
        .with_columns(
            depth=pl.col("level").replace_strict(_DEPTHS, return_dtype=pl.Int64),
            chain=pl.concat_list(LEVEL_COLUMNS),
            has_children=pl.col("zone_id").is_in(parents),
        )
        .filter(pl.col("depth") >= COUNTY)
    )


def _spellings() -> pl.Expr:
    """Patterns of the name and its aliases; before 1993 the sound â was written î."""
    aliases = pl.col("aliases").str.json_decode(pl.List(pl.String))
    written = pl.concat_list("name", aliases)
    older = written.list.eval(pl.element().str.replace_all("[âÂ]", "i"))
    return pl.concat_list(written, older).list.eval(folded(pl.element()).str.replace("^ +$", ""))


def _with_rivals(meanings: pl.DataFrame) -> pl.DataFrame:
    """Add what else a pattern may mean: rivals (number) and rival_weight (largest)."""
    others = meanings.filter(~pl.col("is_ordinary")).select(
        "pattern",
        other_id="zone_id",
        other_chain="chain",
        other_weight=pl.col("weight").fill_null(0.0),
    )
    related = pl.col("chain").list.contains(pl.col("other_id")) | pl.col(
        "other_chain"
    ).list.contains(pl.col("zone_id"))
    rivals = (
        meanings.select("pattern", "zone_id", "chain")
        .join(others, on="pattern")
        .filter(~related)
        .group_by("pattern", "zone_id")
        .agg(rivals=pl.len(), rival_weight=pl.col("other_weight").max())
    )
    return meanings.join(
        rivals, on=["pattern", "zone_id"], how="left", validate="1:1", maintain_order="left"
    ).with_columns(pl.col("rivals").fill_null(0), pl.col("rival_weight").fill_null(0.0))


def _with_strength(meanings: pl.DataFrame) -> pl.DataFrame:
    """Add is_strong (believed alone), is_unique, need (depth another name must share)."""
    depth, weight = pl.col("depth"), pl.col("weight")
    is_unique = (pl.col("rivals") == 0) & ~pl.col("is_ordinary")
    stands_out = is_unique | (weight >= DOMINANCE * pl.col("rival_weight")).fill_null(False)
    large = (
        pl.when(depth == COUNTY)
        .then(True)
        .when(depth == CITY)
        .then((weight >= TOWN_POPULATION).fill_null(pl.col("has_children")) | _is_in(KNOWN_TOWNS))
        .otherwise((weight >= CITY_POPULATION).fill_null(True))
    )
    is_strong = ~pl.col("is_ordinary") & (stands_out | (depth == COUNTY)) & large
    return meanings.with_columns(
        is_unique=is_unique,
        is_strong=is_strong,
        need=pl.when(depth <= CITY).then(COUNTY).otherwise(CITY),
    )


def find_names(names: NameTable, texts: pl.DataFrame) -> pl.DataFrame:
    """Return one row per name found and zone it may stand for: row, field, position, meaning."""
    fields = [
        texts.select(
            pl.int_range(pl.len()).alias("row"),
            pl.lit(number).alias("field"),
            folded(pl.col(name).cast(pl.String)).alias("text"),
        )
        for number, name in enumerate(FIELDS)
    ]
    before = rf" (?:{'|'.join([*NEAR_WORDS, *STREET_WORDS])})  "
    words = (
        pl.concat(fields)
        .drop_nulls("text")
        .with_columns(pl.col("text").str.replace_all(before, f" {_ASIDE}"))
    )
    mentions = _mentions(words, _possible(names.patterns, words["text"]))
    believed_alone = names.meanings.filter("is_strong")["pattern"].unique()
    return mentions.pipe(_with_touch, believed_alone).join(
        names.meanings, on="pattern", maintain_order="left_right"
    )


def _possible(patterns: pl.DataFrame, texts: pl.Series) -> pl.Series:
    """Return the patterns to look for: of few texts only those whose first word occurs.

    Building the automaton of all names costs as much as searching ten thousand texts.
    """
    if texts.len() > FEW_TEXTS:
        return patterns["pattern"]
    words = texts.str.extract_all(rf"[^ {_ASIDE}]+").explode().unique()
    return patterns.filter(pl.col("first_word").is_in(words.implode()))["pattern"]


def _mentions(words: pl.DataFrame, patterns: pl.Series) -> pl.DataFrame:
    """Return row, field, pattern and its first byte in the text, in order of the text."""
    if patterns.is_empty():
        found = [pl.lit(None, pl.String).alias("pattern"), pl.lit(None, pl.Int64).alias("first")]
        return words.select("row", "field", *found).clear()
    wanted, text = patterns.to_list(), pl.col("text").str
    return (
        words.select(
            "row",
            "field",
            pattern=text.extract_many(wanted, leftmost=True),
            first=text.find_many(wanted, leftmost=True).cast(pl.List(pl.Int64)),
        )
        .explode("pattern", "first")
        .drop_nulls("pattern")
    )


def _with_touch(mentions: pl.DataFrame, believed_alone: pl.Series) -> pl.DataFrame:
    """Add position, and touches: whether the next or last word is a name believed alone."""
    after = pl.col("first") + pl.col("pattern").str.len_bytes()
    strong = pl.col("pattern").is_in(believed_alone.implode())
    behind = _same_text(1) & (after.shift(1) == pl.col("first")) & strong.shift(1)
    before = _same_text(-1) & (pl.col("first").shift(-1) == after) & strong.shift(-1)
    return mentions.with_columns(
        position=pl.col("first"),
        touches=behind.fill_null(False) | before.fill_null(False),
    )


def _same_text(steps: int) -> pl.Expr:
    return pl.all_horizontal(pl.col(key) == pl.col(key).shift(steps) for key in ("row", "field"))
