"""Advance: what a batch does to everything stored. Rows in, rows to write out; writes nothing.

The straight line of a refresh, read top to bottom: normalise, collapse, pictures, locate, then
the market tables of what was touched (`market_rows`). Writing it down is `flows.steps.publish`.
"""

from dataclasses import dataclass, replace

import polars as pl

from analytics.places import locate
from flows.steps import collapse as collapsing
from flows.steps import parties as folding
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
from flows.steps.market_rows import Changed, MarketRows, market_rows
from flows.steps.normalise import Normalised, normalise
from flows.steps.parties import Parties, fold_parties
from flows.steps.resident import Resident, index_zones, load_edition, made_with
from flows.steps.stored import Stored
from store.frames import conform, empty_frame, replace_rows
from store.objects import ObjectStore
from store.reference import read_rates, zones_from_parquet
from store.shapes.vocabulary import ZONE_LEVELS
from store.tables import warehouse as tables
from store.warehouse import Progress

ZONE_COLUMNS = [f"{level}_id" for level in ZONE_LEVELS]

PLACED_BY = ("id", "latitude", "longitude", "address", "title", "description")
"""What a place is found by."""

OF_LISTINGS = tuple(dict.fromkeys((*collapsing.STORED, *folding.STORED, *PLACED_BY)))


@dataclass(frozen=True)
class Advance:
    """Everything one cycle writes, and the resident state after it.

    images: all picture rows of `image_listings`, which are written anew.
    """

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


def advance(before: Resident, batch: Batch, stored: Stored, objects: ObjectStore) -> Advance:
    """Apply a batch and say what it does to the published tables."""
    return with_market(load(before, batch, stored, objects), stored)


def load(before: Resident, batch: Batch, stored: Stored, objects: ObjectStore) -> Advance:
    """Apply a batch to the core tables; the published ones are left as they are."""
    zones = _zones(batch, objects)
    rates = _rates(batch, objects)
    editions = _editions(batch)
    known = _with_facts(before, zones, rates, editions, objects)
    normalised = normalise(batch.events, known.rates)
    ids = normalised.versions["id"].unique()
    listings = stored.listings(ids, OF_LISTINGS)
    collapsed = collapse(normalised.versions, listings.select(collapsing.STORED))
    verdicts = _verdicts(batch, stored)
    judged = stored.of(tables.core_listing_images, "url", verdicts["url"], ["listing_id"])
    image_listings = pl.concat([ids, judged["listing_id"]]).unique().sort().alias("listing_id")
    news = ids.len() - listings.height
    return Advance(
        before=before.progress,
        batch=batch,
        normalised=normalised,
        collapsed=collapsed,
        parties=_parties(normalised, listings, stored),
        places=(
            _places(known, _moved(collapsed.listings, listings))
            if zones is None
            else _places(known, _everywhere(collapsed.listings, stored))
        ),
        images=_images(image_listings, normalised, verdicts, collapsed, stored),
        image_listings=image_listings,
        verdicts=verdicts,
        zones=zones,
        rates=rates,
        editions=editions,
        market=None,
        after=replace(known, listings=known.listings + news),
    )


def with_market(step: Advance, stored: Stored) -> Advance:
    """Add the rows of the published tables; none while no edition was made.

    The ledgers of the resident state are changed in place, so a step that is not published leaves
    it of no use.
    """
    if step.after.edition is None:
        return step
    changed = Changed(
        step.image_listings, step.collapsed.listings, step.places, step.images,
        step.collapsed.price_history, step.collapsed.status_history,
    )  # fmt: skip
    rows, ledgers = market_rows(step.after, changed, stored)
    return replace(step, market=rows, after=replace(step.after, ledgers=ledgers))


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


def _verdicts(batch: Batch, stored: Stored) -> pl.DataFrame:
    """Return the newest verdict of each address in the batch, attempts counted on."""
    facts = batch.of(IMAGE_VERDICTS)
    rows = [{**row, "event_offset": fact.offset} for fact in facts for row in fact.values["rows"]]
    if not rows:
        return empty_frame(tables.core_image_verdicts)
    wanted = {c.name: None for c in tables.core_image_verdicts.columns}
    frame = pl.DataFrame([{**wanted, **row} for row in rows], infer_schema_length=None)
    counted = frame.with_columns(pl.len().over("url").cast(pl.Int64).alias("attempts"))
    newest = counted.unique("url", keep="last", maintain_order=True)
    known = stored.of(tables.core_image_verdicts, "url", newest["url"], ["url", "attempts"])
    before = known.rename({"attempts": "attempts_before"})
    joined = newest.join(before, on="url", how="left", validate="1:1")
    attempts = pl.col("attempts") + pl.col("attempts_before").fill_null(0)
    return conform(joined.with_columns(attempts.alias("attempts")), tables.core_image_verdicts)


def _images(
    listings: pl.Series,
    normalised: Normalised,
    verdicts: pl.DataFrame,
    collapsed: Collapsed,
    stored: Stored,
) -> pl.DataFrame:
    """Return the picture rows of these listings: addresses of the newest revision, verdicts."""
    newest = collapsed.listings.select(pl.col("id").alias("listing_id"), "revision")
    posted = normalised.images.join(newest, on=["listing_id", "revision"], how="semi")
    keys = ["listing_id", "position", "url"]
    untouched = stored.of(
        tables.core_listing_images, "listing_id",
        listings.filter(~listings.is_in(newest["listing_id"].implode())), keys,
    )  # fmt: skip
    addresses = pl.concat([posted.select(keys), untouched])
    known = stored.of(tables.core_image_verdicts, "url", addresses["url"])
    verdict = replace_rows(known, verdicts, "url").drop("event_offset", "phash")
    rows = addresses.join(verdict, on="url", how="left", validate="m:1").with_columns(
        pl.col("state").fill_null("pending"), pl.col("attempts").fill_null(0)
    )
    return conform(rows, tables.core_listing_images).sort("listing_id", "position")


def _parties(normalised: Normalised, listings: pl.DataFrame, stored: Stored) -> Parties:
    agencies, agents = normalised.agencies, normalised.agents
    named = pl.concat([
        agents["identifier"], normalised.versions["agent_identifier"].alias("identifier"),
        listings["agent_identifier"].alias("identifier"),
    ])  # fmt: skip
    return fold_parties(
        agencies,
        agents,
        normalised.versions,
        stored.of(tables.core_agencies, "identifier", agencies["identifier"]),
        stored.of(tables.core_agents, "identifier", named),
        listings.select(folding.STORED),
        stored.contacts(named),
    )


def _moved(listings: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Return PLACED_BY of the listings that are new or whose place may be another."""
    rows = listings.select(PLACED_BY)
    return rows.join(before.select(PLACED_BY), on=list(PLACED_BY), how="anti", nulls_equal=True)


def _everywhere(listings: pl.DataFrame, stored: Stored) -> pl.DataFrame:
    """Return PLACED_BY of all listings: the zones are others."""
    return replace_rows(stored.all(tables.core_listings, PLACED_BY), listings.select(PLACED_BY))


def _places(known: Resident, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the places of listings (PLACED_BY)."""
    if rows.is_empty():
        return empty_frame(tables.core_listing_places)
    if known.zone_index is None:
        return _unplaced(rows)
    return conform(locate(known.zone_index, rows), tables.core_listing_places)


def _unplaced(rows: pl.DataFrame) -> pl.DataFrame:
    zones = [pl.lit(None, pl.String).alias(name) for name in ["zone_id", *ZONE_COLUMNS]]
    unknown = rows.select(
        "id", *zones, pl.lit("unknown").alias("precision"), pl.lit(0.0).alias("confidence"),
        pl.lit(None, pl.String).alias("matched_name"),
    )  # fmt: skip
    return conform(unknown, tables.core_listing_places)
