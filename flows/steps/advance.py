"""Advance: what a batch does to everything stored. Pure: rows in, rows to write out.

The straight line of a refresh, read top to bottom: normalise, collapse, pictures, locate, then
the market tables of what was touched. Writing it down is `flows.steps.publish`.
"""

from dataclasses import dataclass, replace

import polars as pl

from analytics.frozen import Edition
from analytics.history import spells
from analytics.listings import mark_leads
from analytics.places import locate
from analytics.pricing import zone_figures, zone_months
from analytics.quality import QUALITY_COLUMNS, judge
from analytics.scoring import score_listings
from analytics.segments import SEGMENT
from analytics.valuation import value_listings
from analytics.zone_changes import MONTH_KEY, Adverts, ChangedFigures, ZoneLedgers
from flows.steps.batch import (
    EDITION_MADE,
    IMAGE_VERDICTS,
    RATES_LOADED,
    RATES_SUFFIX,
    ZONES_LOADED,
    ZONES_SUFFIX,
    Batch,
)
from flows.steps.collapse import Collapsed, collapse
from flows.steps.described import described, tombstones, unjudged
from flows.steps.normalise import Normalised, normalise
from flows.steps.parties import Parties, fold_parties
from flows.steps.resident import (
    Resident,
    as_market,
    index_zones,
    load_edition,
    made_with,
    replace_rows,
)
from store.frames import conform, empty_frame
from store.objects import ObjectStore
from store.reference import read_rates, zones_from_parquet
from store.shapes.vocabulary import ZONE_LEVELS
from store.tables import warehouse as tables
from store.warehouse import Progress

ZONE_COLUMNS = [f"{level}_id" for level in ZONE_LEVELS]


@dataclass(frozen=True)
class MarketRows:
    """Rows of the published tables to replace.

    is_whole: every row is new (another edition, other zones), so old rows go; else only the rows
    of the listings given do, and those of zones whose key is given or gone. judged: ids that
    were looked at; one that left the market has no score any more, a deleted one is in none of
    these rows. tombstones: deleted listings as they would read, kept for the past of their
    zones.
    """

    is_whole: bool
    judged: pl.Series
    listings: pl.DataFrame
    tombstones: pl.DataFrame
    valuations: pl.DataFrame
    scores: pl.DataFrame
    figures: ChangedFigures


@dataclass(frozen=True)
class Advance:
    """Everything one cycle writes, and the resident state after it."""

    before: Progress
    batch: Batch
    normalised: Normalised
    collapsed: Collapsed
    parties: Parties
    places: pl.DataFrame
    images: pl.DataFrame
    image_listings: pl.Series
    verdicts: pl.DataFrame
    zones: pl.DataFrame | None
    rates: pl.DataFrame
    editions: pl.DataFrame
    market: MarketRows | None
    after: Resident


def advance(before: Resident, batch: Batch, objects: ObjectStore) -> Advance:
    """Apply a batch and say what it does to the published tables."""
    return with_market(load(before, batch, objects), before)


def load(before: Resident, batch: Batch, objects: ObjectStore) -> Advance:
    """Apply a batch to the core tables; the published ones are left as they are."""
    zones = _zones(batch, objects)
    rates = _rates(batch, objects)
    editions = _editions(batch)
    known = _with_facts(before, zones, rates, editions, objects)
    normalised = normalise(batch.events, known.rates)
    collapsed = collapse(normalised.versions, known.listings)
    parties = _parties(normalised, known)
    verdicts = _verdicts(batch, known.verdicts)
    image_listings = _image_listings(collapsed, verdicts, known.images)
    images = _images(image_listings, normalised, verdicts, known, collapsed)
    listings = replace_rows(known.listings, collapsed.listings)
    places = _places(known, listings, collapsed.listings, zones is not None)
    after = replace(
        known,
        listings=listings,
        places=replace_rows(known.places, places),
        images=pl.concat([_without(known.images, image_listings), images]),
        verdicts=replace_rows(known.verdicts, verdicts, "url"),
        price_history=pl.concat([known.price_history, collapsed.price_history]),
        status_history=pl.concat([known.status_history, collapsed.status_history]),
        agencies=replace_rows(known.agencies, parties.agencies, "identifier"),
        agents=replace_rows(known.agents, parties.agents, "identifier"),
        agent_contacts=parties.contacts,
    )
    after = replace(after, spells=_spells(after, collapsed.status_history))
    return Advance(
        before=before.progress,
        batch=batch,
        normalised=normalised,
        collapsed=collapsed,
        parties=parties,
        places=places,
        images=images,
        image_listings=image_listings,
        verdicts=verdicts,
        zones=zones,
        rates=rates,
        editions=editions,
        market=None,
        after=after,
    )


def with_market(step: Advance, before: Resident) -> Advance:
    """Add the rows of the published tables; none while no edition was made.

    before: what was stored before the step. Its ledgers are changed in place, so a step that is
    not published leaves it of no use.
    """
    after = step.after
    if after.edition is None:
        return step
    rows, ledgers = _market(before, after, step.image_listings)
    changed = as_market(pl.concat([rows.listings, rows.tombstones]))
    kept = after.market.clear() if rows.is_whole else after.market
    after = replace(after, market=replace_rows(kept, changed), ledgers=ledgers)
    return replace(step, market=rows, after=after)


def _zones(batch: Batch, objects: ObjectStore) -> pl.DataFrame | None:
    facts = batch.of(ZONES_LOADED)
    return (
        zones_from_parquet(objects.get(facts[-1].values["sha256"], ZONES_SUFFIX)) if facts else None
    )


def _rates(batch: Batch, objects: ObjectStore) -> pl.DataFrame:
    loaded = [
        read_rates(objects.get(fact.values["sha256"], RATES_SUFFIX)).with_columns(
            pl.lit(fact.offset, pl.Int64).alias("event_offset")
        )
        for fact in batch.of(RATES_LOADED)
    ]
    if not loaded:
        return empty_frame(tables.core_rates)
    newest = pl.concat(loaded).unique(["currency", "rate_date"], keep="last", maintain_order=True)
    return conform(newest, tables.core_rates)


def _editions(batch: Batch) -> pl.DataFrame:
    facts = [{"event_offset": fact.offset, **fact.values} for fact in batch.of(EDITION_MADE)]
    if not facts:
        return empty_frame(tables.core_editions)
    rows = pl.DataFrame(facts).with_columns(pl.col("as_of_date").str.to_date())
    return conform(rows, tables.core_editions)


def _with_facts(
    before: Resident,
    zones: pl.DataFrame | None,
    rates: pl.DataFrame,
    editions: pl.DataFrame,
    objects: ObjectStore,
) -> Resident:
    known = before
    if zones is not None:
        # Every listing moves with the zones, so everything is published anew.
        known = replace(
            known,
            zones=zones.drop("geometry_wkb"),
            zone_index=index_zones(zones),
            progress=replace(known.progress, edition=0),
        )
    if not rates.is_empty():
        keys = ["currency", "rate_date"]
        kept = known.rates.join(rates.select(keys), on=keys, how="anti")
        known = replace(known, rates=pl.concat([kept, rates]))
    if not editions.is_empty():
        known = replace(
            known,
            edition=load_edition(editions, objects),
            made_with=made_with(editions),
        )
    return known


def _verdicts(batch: Batch, stored: pl.DataFrame) -> pl.DataFrame:
    """Return the newest verdict of each address in the batch, attempts counted on."""
    facts = batch.of(IMAGE_VERDICTS)
    rows = [{**row, "event_offset": fact.offset} for fact in facts for row in fact.values["rows"]]
    if not rows:
        return empty_frame(tables.core_image_verdicts)
    wanted = {c.name: None for c in tables.core_image_verdicts.columns}
    frame = pl.DataFrame([{**wanted, **row} for row in rows], infer_schema_length=None)
    counted = frame.with_columns(pl.len().over("url").cast(pl.Int64).alias("attempts"))
    newest = counted.unique("url", keep="last", maintain_order=True)
    before = stored.select("url", pl.col("attempts").alias("attempts_before"))
    joined = newest.join(before, on="url", how="left", validate="1:1")
    attempts = pl.col("attempts") + pl.col("attempts_before").fill_null(0)
    return conform(joined.with_columns(attempts.alias("attempts")), tables.core_image_verdicts)


def _image_listings(
    collapsed: Collapsed, verdicts: pl.DataFrame, images: pl.DataFrame
) -> pl.Series:
    """Return the ids of listings whose picture rows are written anew."""
    judged = images.join(verdicts.select("url"), on="url", how="semi")["listing_id"]
    return pl.concat([collapsed.listings["id"], judged]).unique().sort().alias("listing_id")


def _without(images: pl.DataFrame, listings: pl.Series) -> pl.DataFrame:
    return images.filter(~pl.col("listing_id").is_in(listings.implode()))


def _images(
    listings: pl.Series,
    normalised: Normalised,
    verdicts: pl.DataFrame,
    known: Resident,
    collapsed: Collapsed,
) -> pl.DataFrame:
    """Return the picture rows of these listings: addresses of the newest revision, verdicts."""
    newest = collapsed.listings.select(pl.col("id").alias("listing_id"), "revision")
    posted = normalised.images.join(newest, on=["listing_id", "revision"], how="semi")
    untouched = known.images.filter(
        pl.col("listing_id").is_in(listings.implode())
        & ~pl.col("listing_id").is_in(newest["listing_id"].implode())
    )
    keys = ["listing_id", "position", "url"]
    addresses = pl.concat([posted.select(keys), untouched.select(keys)])
    verdict = replace_rows(known.verdicts, verdicts, "url").drop("event_offset", "phash")
    rows = addresses.join(verdict, on="url", how="left", validate="m:1").with_columns(
        pl.col("state").fill_null("pending"), pl.col("attempts").fill_null(0)
    )
    return conform(rows, tables.core_listing_images).sort("listing_id", "position")


def _parties(normalised: Normalised, known: Resident) -> Parties:
    return fold_parties(
        normalised.agencies,
        normalised.agents,
        normalised.versions,
        known.agencies,
        known.agents,
        known.listings,
        known.agent_contacts,
    )


def _places(
    known: Resident, listings: pl.DataFrame, touched: pl.DataFrame, is_everything: bool
) -> pl.DataFrame:
    rows = listings if is_everything else touched
    if known.zone_index is None:
        return _unplaced(rows)
    columns = ["id", "latitude", "longitude", "address", "title", "description"]
    return conform(locate(known.zone_index, rows.select(columns)), tables.core_listing_places)


def _unplaced(rows: pl.DataFrame) -> pl.DataFrame:
    zones = [pl.lit(None, pl.String).alias(name) for name in ["zone_id", *ZONE_COLUMNS]]
    unknown = rows.select(
        "id", *zones, pl.lit("unknown").alias("precision"), pl.lit(0.0).alias("confidence"),
        pl.lit(None, pl.String).alias("matched_name"),
    )  # fmt: skip
    return conform(unknown, tables.core_listing_places)


def _spells(after: Resident, changed: pl.DataFrame) -> pl.DataFrame:
    history = after.status_history.join(changed.select("id").unique(), on="id", how="semi")
    return replace_rows(after.spells, spells(history))


def _market(
    before: Resident, after: Resident, touched: pl.Series
) -> tuple[MarketRows, ZoneLedgers | None]:
    edition = after.edition
    assert edition is not None
    is_whole = after.progress.edition != edition.number
    ids = after.listings["id"] if is_whole else touched
    market = described(after.listings, after.places, after.zones, after.images, edition, ids)
    kept = after.market.clear() if is_whole else after.market.drop("publication")
    whole = replace_rows(kept.select(market.columns), market)
    market = _with_leads(whole, market, kept)
    whole = replace_rows(whole, market)
    core = after.listings.join(market.select("id"), on="id", how="semi")
    gone = tombstones(core)
    shown = market.join(gone, on="id", how="anti").sort("id")
    priced = shown.join(ids.to_frame("id"), on="id", how="semi").sort("id")
    valuations = value_listings(edition, priced)
    adverts = Adverts(whole, after.spells, after.price_history)
    if is_whole:
        figures, ledgers = _all_figures(adverts, after.zones, edition), None
    else:
        stored = Adverts(kept, before.spells, before.price_history)
        ledgers = before.ledgers or ZoneLedgers.of(stored, edition)
        units = _touched_units(market, kept)
        changed = stored.of_units(units), adverts.of_units(units)
        figures = ledgers.change(*changed, after.zones, edition)
    rows = MarketRows(
        is_whole=is_whole,
        judged=ids,
        listings=_with_quality(shown, kept, judge(core, priced, valuations)),
        tombstones=unjudged(market.join(gone, on="id", how="semi")),
        valuations=valuations,
        scores=score_listings(edition, priced, valuations),
        figures=figures,
    )
    return rows, ledgers


def _all_figures(adverts: Adverts, zones: pl.DataFrame, edition: Edition) -> ChangedFigures:
    facts = (adverts.listings.sort("id"), adverts.spells, adverts.price_history, zones, edition)
    figures, months = zone_figures(*facts), zone_months(*facts)
    return ChangedFigures(
        figures, figures.select(SEGMENT).clear(), months, months.select(MONTH_KEY).clear()
    )


def _with_quality(shown: pl.DataFrame, before: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    """Add the quality of what was judged now, and as stored of what only shares a home with it."""
    known = replace_rows(before.select("id", *QUALITY_COLUMNS), judged)
    return shown.join(known, on="id", how="left", validate="1:1", maintain_order="left")


def _with_leads(whole: pl.DataFrame, market: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Mark the lead of every unit these listings belong to, or belonged to."""
    old = before.join(market.select("id"), on="id", how="semi").select("unit_id")
    units = pl.concat([market.select("unit_id"), old]).unique()
    return mark_leads(whole.join(units, on="unit_id", how="semi"))


def _touched_units(market: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Return the homes (unit_id) that these listings belong to, or belonged to."""
    old = before.join(market.select("id"), on="id", how="semi")
    return pl.concat([market.select("unit_id"), old.select("unit_id")]).unique()
