"""Market rows: what changed listings do to the published tables.

Touched are the listings that changed and all that share a home with one, before or now. With
another edition, or other zones, everything is.
"""

from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from analytics.frozen import Edition
from analytics.history import spells
from analytics.listings import mark_leads
from analytics.pricing import zone_figures, zone_months
from analytics.quality import QUALITY_COLUMNS, judge
from analytics.scoring import score_listings
from analytics.segments import SEGMENT
from analytics.valuation import value_listings
from analytics.zone_changes import MONTH_KEY, Adverts, ChangedFigures, ZoneLedgers
from flows.steps.described import described, tombstones, unjudged
from flows.steps.resident import Resident
from flows.steps.stored import Stored
from store.frames import replace_rows
from store.tables import warehouse as tables


@dataclass(frozen=True)
class Changed:
    """What a batch changed, as it will be stored.

    ids: listings that changed, or whose pictures did. listings: core rows of those with a new
    revision; places: of those that may have moved (all, with other zones); images: all pictures
    of `ids`; histories: rows that are added.
    """

    ids: pl.Series
    listings: pl.DataFrame
    places: pl.DataFrame
    images: pl.DataFrame
    price_history: pl.DataFrame
    status_history: pl.DataFrame


@dataclass(frozen=True)
class MarketRows:
    """Rows of the published tables to replace.

    is_whole: every row is new (another edition, other zones), so old rows go; else only the rows
    of the listings given do, and those of zones whose key is given or gone. judged: ids that
    were looked at; one that left the market has no score any more, a deleted one is in none of
    these rows. tombstones: ids of deleted listings.
    """

    is_whole: bool
    judged: pl.Series
    listings: pl.DataFrame
    tombstones: pl.Series
    valuations: pl.DataFrame
    scores: pl.DataFrame
    figures: ChangedFigures


def market_rows(
    after: Resident, changed: Changed, stored: Stored
) -> tuple[MarketRows, ZoneLedgers | None]:
    """Return the rows to write, and the ledgers after them.

    after: what is resident with the batch; its ledgers, of before it, are changed in place.
    """
    edition = after.edition
    assert edition is not None
    if after.progress.edition != edition.number:
        return _everything(after, edition, changed, stored), None
    return _touched(after, edition, changed, stored)


@dataclass(frozen=True)
class _Core:
    """Core rows of some listings with the batch on top."""

    listings: pl.DataFrame
    places: pl.DataFrame
    images: pl.DataFrame

    def described(self, zones: pl.DataFrame, edition: Edition) -> pl.DataFrame:
        return described(
            self.listings, self.places, zones, self.images, edition, self.listings["id"]
        )


def _everything(after: Resident, edition: Edition, changed: Changed, stored: Stored) -> MarketRows:
    core = _Core(
        replace_rows(stored.all(tables.core_listings), changed.listings),
        replace_rows(stored.all(tables.core_listing_places), changed.places),
        pl.concat([_without(stored.all(tables.core_listing_images), changed.ids), changed.images]),
    )
    market = mark_leads(core.described(after.zones, edition)).sort("id")
    adverts = Adverts(
        market,
        spells(pl.concat([stored.all(tables.core_status_history), changed.status_history])),
        pl.concat([stored.all(tables.core_price_history), changed.price_history]),
    )
    facts = (adverts.listings, adverts.spells, adverts.price_history, after.zones, edition)
    figures, months = zone_figures(*facts), zone_months(*facts)
    changes = ChangedFigures(
        figures, figures.select(SEGMENT).clear(), months, months.select(MONTH_KEY).clear()
    )
    gone = tombstones(core.listings)["id"]
    return _rows(
        edition, core.listings, market, gone, market["id"], market.clear(), changes, is_whole=True
    )


def _touched(
    after: Resident, edition: Edition, changed: Changed, stored: Stored
) -> tuple[MarketRows, ZoneLedgers]:
    ids = changed.ids
    before = _stored_core(stored, ids)
    core = _Core(
        replace_rows(before.listings, changed.listings),
        replace_rows(before.places, changed.places),
        changed.images,
    )
    units = pl.concat([before.listings["unit_id"], core.listings["unit_id"]]).unique()
    homes = stored.of(tables.core_listings, "unit_id", units, ["id", "deleted_at"])
    beside = homes.filter(~pl.col("id").is_in(ids.implode()))["id"]
    was = _stored_market(stored, homes, after, edition)
    fresh = core.described(after.zones, edition)
    kept = was.join(beside.to_frame(), on="id", how="semi").select(fresh.columns)
    market = pl.concat([fresh, kept])
    market = mark_leads(market).sort("id")
    old = _adverts(was, stored)
    new = Adverts(
        market,
        spells(pl.concat([_history(stored, tables.core_status_history, market["id"]),
                          changed.status_history])),
        pl.concat([_history(stored, tables.core_price_history, market["id"]),
                   changed.price_history]),
    )  # fmt: skip
    ledgers = after.ledgers or _all_ledgers(stored, after, edition)
    figures = ledgers.change(old, new, after.zones, edition)
    gone = tombstones(homes.filter(pl.col("id").is_in(beside.implode())))["id"]
    gone = pl.concat([tombstones(core.listings)["id"], gone])
    rows = _rows(edition, core.listings, market, gone, ids, was, figures, is_whole=False)
    return rows, ledgers


def _rows(
    edition: Edition,
    core: pl.DataFrame,
    market: pl.DataFrame,
    gone: pl.Series,
    judged: pl.Series,
    was: pl.DataFrame,
    figures: ChangedFigures,
    *,
    is_whole: bool,
) -> MarketRows:
    """Value and score what is judged, and show the market without what is gone.

    core: core_listings rows of (at least) what is judged. was: market_listings rows of before,
    whose quality stays where nothing is judged anew.
    """
    shown = market.filter(~pl.col("id").is_in(gone.implode()))
    priced = shown.join(judged.to_frame("id"), on="id", how="semi").sort("id")
    valuations = value_listings(edition, priced)
    looked_at = core.join(judged.to_frame("id"), on="id", how="semi")
    return MarketRows(
        is_whole=is_whole,
        judged=judged,
        listings=_with_quality(shown, was, judge(looked_at, priced, valuations)),
        tombstones=gone,
        valuations=valuations,
        scores=score_listings(edition, priced, valuations),
        figures=figures,
    )


def _with_quality(shown: pl.DataFrame, was: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    """Add the quality of what was judged now, and as stored of what only shares a home with it."""
    if not was.is_empty():
        judged = replace_rows(was.select("id", *QUALITY_COLUMNS), judged)
    rows = shown.drop(*QUALITY_COLUMNS, strict=False)
    return rows.join(judged, on="id", how="left", validate="1:1", maintain_order="left")


def _stored_core(stored: Stored, ids: pl.Series) -> _Core:
    return _Core(
        stored.listings(ids),
        stored.of(tables.core_listing_places, "id", ids),
        stored.of(tables.core_listing_images, "listing_id", ids),
    )


def _stored_market(
    stored: Stored, homes: pl.DataFrame, after: Resident, edition: Edition
) -> pl.DataFrame:
    """Return the market rows of all adverts of some homes, as they are stored.

    Deleted ones are described anew, for the published tables do not hold them. homes: id and
    deleted_at.
    """
    gone = tombstones(homes)["id"]
    shown = homes.filter(~pl.col("id").is_in(gone.implode()))["id"]
    rows = stored.of(tables.market_listings, "id", shown).drop("publication")
    return _with_tombstones(rows, _stored_core(stored, gone), after, edition)


def _with_tombstones(
    rows: pl.DataFrame, gone: _Core, after: Resident, edition: Edition
) -> pl.DataFrame:
    if gone.listings.is_empty():
        return rows
    dead = unjudged(gone.described(after.zones, edition))
    return pl.concat([rows, dead.select(rows.columns).cast(rows.schema)])


def _adverts(market: pl.DataFrame, stored: Stored) -> Adverts:
    ids = market["id"]
    history = _history(stored, tables.core_status_history, ids)
    return Adverts(market, spells(history), _history(stored, tables.core_price_history, ids))


def _history(stored: Stored, table: sa.Table, ids: pl.Series) -> pl.DataFrame:
    return stored.of(table, "id", ids)


def _all_ledgers(stored: Stored, after: Resident, edition: Edition) -> ZoneLedgers:
    """Return the ledgers of everything stored."""
    deleted = tombstones(stored.all(tables.core_listings, ["id", "deleted_at"]))["id"]
    rows = stored.all(tables.market_listings).drop("publication")
    market = _with_tombstones(rows, _stored_core(stored, deleted), after, edition)
    status = stored.all(tables.core_status_history)
    prices = stored.all(tables.core_price_history)
    return ZoneLedgers.of(Adverts(market, spells(status), prices), edition)


def _without(images: pl.DataFrame, listings: pl.Series) -> pl.DataFrame:
    return images.filter(~pl.col("listing_id").is_in(listings.implode()))
