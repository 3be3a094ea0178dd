"""The tables of load (`core_*`): what was posted, as it stands and as it was.

Columns marked volatile (when a batch was taken) take no part in a table's digest.
"""

from typing import Any

import sqlalchemy as sa

from store.tables.columns import blob, day, instant, integer, number, text, truth
from store.tables.metadata import WAREHOUSE


def _listing_columns() -> list[sa.Column[Any]]:
    """What a listing is at one revision, normalised; shared by current state and versions."""
    return [
        text("provider_identifier", "provider that posted it", nullable=False),
        text("external_id", "the partner's own reference", nullable=False),
        integer("event_offset", "lake offset of the event that made this revision", nullable=False),
        text("event_id", "event that made this revision", nullable=False),
        instant("recorded_at", "when the platform received it (receivedAt)", nullable=False),
        instant("effective_at", "when it became true (DESIGN 2.4)", nullable=False),
        instant("published_at", "first publication by the partner, as posted"),
        instant("source_updated_at", "last change at the partner, as posted"),
        text("title", "title as posted", nullable=False),
        text("description", "description as posted"),
        text("address", "address as posted"),
        text("transaction", "SALE or RENT", nullable=False),
        text("type", "property type", nullable=False),
        text("status", "lifecycle status", nullable=False),
        number("price", "asking price as posted, in `currency`; a month's rent for RENT"),
        text("currency", "ISO 4217 code of `price`", nullable=False),
        number("price_eur", "price in euro at the rate of the effective day"),
        day("rate_date", "day of the rate used for price_eur; null for euro"),
        instant("sold_at", "when it was sold or let, as posted"),
        number("sold_price", "price it went for, in `currency`, as posted"),
        number("sold_price_eur", "sold_price in euro at the rate of the effective day"),
        integer("rooms", "number of rooms"),
        number("total_area_m2", "total area as posted"),
        number("built_area_m2", "built area as posted, walls included"),
        number("land_area_m2", "area of the plot as posted"),
        number("balcony_area_m2", "area of balconies and terraces as posted"),
        number("area_m2", "area that figures per m2 use: usable, else total; of LAND the plot"),
        number("price_eur_per_m2", "price_eur / area_m2"),
        number("latitude", "WGS84 latitude as posted; null when absent or refused"),
        number("longitude", "WGS84 longitude as posted; null when absent or refused"),
        integer("construction_year", "year built"),
        integer("floor", "floor, 0 = ground, -1 = basement"),
        integer("floor_max", "number of floors above ground"),
        text("partitioning", "how the rooms are reached"),
        integer("bathrooms", "number of bathrooms"),
        text("energy_class", "class on the energy certificate, A+ to G"),
        text("heating", "where the heat comes from"),
        text("furnished", "how far it is furnished"),
        truth("is_new_build", "sold or let for the first time, as posted"),
        text("construction_stage", "how far the building is built"),
        text("building_type", "what stands around the home"),
        text("structure", "what carries the building"),
        text("parking", "the best place for a car that comes with it"),
        integer("parking_spaces", "places for cars that come with it"),
        truth("is_vat_included", "whether `price` holds the VAT, as posted"),
        number("commission_pct", "commission of the buyer or tenant, % of the price"),
        text("street", "street as posted, without the number"),
        text("street_number", "number in the street as posted"),
        text("block", "block as posted (bloc)"),
        text("staircase", "staircase as posted (scara)"),
        text("postal_code", "postal code as posted"),
        text("neighbourhood", "neighbourhood as posted; the zone is the places' to say"),
        text("city", "city, town or commune as posted"),
        text("county", "county as posted"),
        text("country", "country as posted"),
        text("ownership_documents", "papers the seller holds, as one JSON array of codes"),
        truth("is_exact_hidden", "the partner asks that the exact point be shown to nobody"),
        text("agency_identifier", "provider:name of the agency"),
        text("agent_identifier", "provider:name of the agent"),
        text("attributes", "further attributes as one JSON object"),
        integer("image_count", "pictures the partner named", nullable=False),
        instant("deleted_at", "when the partner deleted it; null while it is there"),
        text("deletion_reason", "the partner's reason: withdrawn, sold, rented or expired"),
        text("agency_phone", "the agency's phone in this listing, E.164"),
        text("agency_email", "the agency's e-mail in this listing, as posted"),
        text("agent_phone", "the agent's phone in this listing, E.164"),
        text("agent_email", "the agent's e-mail in this listing, as posted"),
        text("images_sha256", "checksum of the picture addresses in their order; null for none"),
        text("blanked_codes", "JSON array of the rules that took a value away; null for none"),
    ]


core_providers = sa.Table(
    "core_providers",
    WAREHOUSE,
    text("identifier", "provider identifier", primary_key=True),
    instant("first_recorded_at", "first event of this provider", nullable=False),
    instant("last_recorded_at", "newest event of this provider", nullable=False),
    comment="Providers seen in payloads. Grain: provider. Writer: load.",
)

core_agencies = sa.Table(
    "core_agencies",
    WAREHOUSE,
    text("identifier", "provider:name", primary_key=True),
    text("provider_identifier", "provider that named it", nullable=False),
    text("name", "name as posted", nullable=False),
    text("phone", "E.164; null when absent or unreadable"),
    text("email", "as posted"),
    text("former_identifier", "the name before, provider:name, as the partner said"),
    integer("event_offset", "event that last wrote this row", nullable=False),
    comment="Agencies made from payloads. Grain: provider and name. Writer: load. "
    "Nuance: two agencies of one name at one provider are one row, the newest contact wins.",
)

core_agents = sa.Table(
    "core_agents",
    WAREHOUSE,
    text("identifier", "provider:name", primary_key=True),
    text("provider_identifier", "provider that named it", nullable=False),
    text("name", "name as posted", nullable=False),
    text("phone", "E.164; null when absent or unreadable"),
    text("email", "as posted"),
    text("agency_identifier", "agency of the listing that last named the agent"),
    text("former_identifier", "the name before, provider:name, as the partner said"),
    text(
        "other_contacts",
        "JSON array of further phones and e-mails that listings name now; null for none",
    ),
    integer("event_offset", "event that last wrote this row", nullable=False),
    comment="Agents made from payloads. Grain: provider and name. Writer: load. Nuance: two "
    "agents of one name at one provider are one row; the newest contact stands in front.",
)


def _contact_columns() -> list[sa.Column[Any]]:
    return [
        text("identifier", "provider:name", primary_key=True),
        integer("event_offset", "event that changed it", primary_key=True, autoincrement=False),
        text("name", "name as posted", nullable=False),
        text("phone", "E.164; null when absent or unreadable"),
        text("email", "as posted"),
    ]


core_agency_versions = sa.Table(
    "core_agency_versions",
    WAREHOUSE,
    *_contact_columns(),
    comment="What agencies were called and how they were reached. Grain: agency and event that "
    "changed it. Writer: load.",
)

core_agent_versions = sa.Table(
    "core_agent_versions",
    WAREHOUSE,
    *_contact_columns(),
    text("agency_identifier", "agency of the listing that named the agent"),
    comment="How agents were reached and for whom they worked. Grain: agent and event that "
    "changed it. Writer: load. Nuance: listings that name one agent with two contacts in turn "
    "make a row at each turn.",
)

core_listings = sa.Table(
    "core_listings",
    WAREHOUSE,
    integer("id", "the listing, as answered to the partner", primary_key=True, autoincrement=False),
    integer("revision", "newest revision", nullable=False),
    *_listing_columns(),
    text("unit_id", "the home behind the advert: equal for equal homes", nullable=False),
    instant("first_effective_at", "effective time of the first revision", nullable=False),
    instant("status_since", "effective time of the last change of status", nullable=False),
    integer(
        "spell", "1 for the first time on the market, counted up when it returns", nullable=False
    ),
    instant("spell_started_at", "effective time at which this spell began", nullable=False),
    number("first_price", "asking price at the start of this spell, in first_currency"),
    text("first_currency", "its currency"),
    integer("price_cuts", "number of price cuts in this spell", nullable=False),
    instant("last_cut_at", "effective time of the newest price cut in this spell"),
    number("last_cut_pct", "size of the newest cut, % of the price before, positive"),
    sa.Index(None, "unit_id"),
    sa.Index(None, "agent_identifier"),
    comment="Current state. Grain: listing. Key: id. Writer: load. "
    "Nuance: the newest revision wins, whatever the clocks say; a deleted listing stays, with "
    "deleted_at.",
)

core_listing_versions = sa.Table(
    "core_listing_versions",
    WAREHOUSE,
    integer("id", "the listing", primary_key=True, autoincrement=False),
    integer("revision", "revision, counted from 1", primary_key=True, autoincrement=False),
    *_listing_columns(),
    comment="Every revision of every listing. Grain: listing and revision. Writer: load. "
    "Nuance: no revision when nothing changed; effective_at may run backwards, revision never.",
)

core_price_history = sa.Table(
    "core_price_history",
    WAREHOUSE,
    integer("id", "the listing", primary_key=True, autoincrement=False),
    integer("revision", "revision that set this price", primary_key=True, autoincrement=False),
    instant("effective_at", "when the price became true", nullable=False),
    instant("recorded_at", "when the platform received it", nullable=False),
    number("price", "asking price as posted, in `currency`"),
    text("currency", "ISO 4217 code", nullable=False),
    number("price_eur", "in euro at the rate of the effective day"),
    number("change_pct", "against the price before in the same currency; null on the first"),
    integer("spell", "spell in which it was asked", nullable=False),
    comment="Asking prices. Grain: listing and revision that changed the price. Writer: load.",
)

core_status_history = sa.Table(
    "core_status_history",
    WAREHOUSE,
    integer("id", "the listing", primary_key=True, autoincrement=False),
    integer("revision", "revision that set this status", primary_key=True, autoincrement=False),
    instant("effective_at", "when the status became true", nullable=False),
    instant("recorded_at", "when the platform received it", nullable=False),
    text("status", "lifecycle status", nullable=False),
    integer("spell", "spell it belongs to", nullable=False),
    comment="Moves of the lifecycle. Grain: listing and revision that changed it. Writer: load.",
)

core_listing_places = sa.Table(
    "core_listing_places",
    WAREHOUSE,
    integer("id", "the listing", primary_key=True, autoincrement=False),
    text("zone_id", "most specific zone; null when unknown"),
    text("neighbourhood_id", "zone at neighbourhood level"),
    text("sector_id", "zone at sector level"),
    text("city_id", "zone at city level"),
    text("county_id", "zone at county level"),
    text("country_id", "zone at country level"),
    text(
        "precision", "exact, or the level of the name found in the text, or unknown", nullable=False
    ),
    number("confidence", "0 to 1", nullable=False),
    text("matched_name", "name found in the text, as the gazetteer spells it"),
    comment="Where listings are. Grain: listing. Writer: locate, inside load's transaction. "
    "Nuance: a name never becomes a point.",
)

core_listing_images = sa.Table(
    "core_listing_images",
    WAREHOUSE,
    integer("listing_id", "the listing", primary_key=True, autoincrement=False),
    integer(
        "position", "order given by the partner, from 0", primary_key=True, autoincrement=False
    ),
    text("url", "address as posted", nullable=False),
    truth("ok", "true when stored; null while pending"),
    text("state", "pending, stored or failed", nullable=False),
    text("reason", "why it is not stored"),
    text("sha256", "checksum of the original, under which its renditions are kept"),
    integer("width_px", "width of the original, upright"),
    integer("height_px", "height of the original, upright"),
    integer("bytes", "size of the original"),
    integer("attempts", "verdicts so far", nullable=False),
    sa.Index(None, "url"),
    # The queue of pictures is looked at every two seconds, and is short among many.
    sa.Index(
        "ix_core_listing_images_pending",
        "listing_id",
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    ),
    comment="Pictures of listings. Grain: listing and position. Writer: load (verdicts of "
    "fetch_images arrive as events).",
)

core_image_verdicts = sa.Table(
    "core_image_verdicts",
    WAREHOUSE,
    text("url", "address as posted", primary_key=True),
    truth("ok", "true when stored", nullable=False),
    text("state", "stored or failed", nullable=False),
    text("reason", "why it is not stored"),
    text("sha256", "checksum of the original, under which its renditions are kept"),
    integer("width_px", "width of the original, upright"),
    integer("height_px", "height of the original, upright"),
    integer("bytes", "size of the original"),
    text("phash", "perceptual hash of the picture, hex; null when not stored"),
    integer("attempts", "verdicts so far", nullable=False),
    integer("event_offset", "event that brought the verdict", nullable=False),
    comment="What became of each picture address. Grain: url. Writer: load.",
)

core_refusals = sa.Table(
    "core_refusals",
    WAREHOUSE,
    integer("event_offset", "event refused", primary_key=True, autoincrement=False),
    text("rule_code", "rule that refused it", primary_key=True),
    integer("listing_id", "the listing", nullable=False),
    text("provider_identifier", "provider", nullable=False),
    text("external_id", "the partner's reference", nullable=False),
    text("column_name", "column the rule looked at", nullable=False),
    text(
        "severity",
        "refused: the row is not loaded; blanked: only the value; warned: loaded as it is",
        nullable=False,
    ),
    text("message", "what was expected", nullable=False),
    integer("revision", "revision that the event made; null in rows older than this column"),
    sa.Index(None, "listing_id"),
    comment="Rows and values that normalise refused or doubts. Grain: event and rule. "
    "Writer: load.",
)

core_zones = sa.Table(
    "core_zones",
    WAREHOUSE,
    text("zone_id", "stable identifier", primary_key=True),
    text("level", "country, county, city, sector or neighbourhood", nullable=False),
    text("name", "name as its language writes it", nullable=False),
    text("parent_id", "zone one or more levels up; null for a country"),
    text("aliases", "JSON array of other spellings", nullable=False),
    integer("population", "inhabitants; null when unknown"),
    number("latitude", "label point", nullable=False),
    number("longitude", "label point", nullable=False),
    text("source", "who says so", nullable=False),
    text("licence", "terms of the source", nullable=False),
    truth("is_approximate", "true for cells derived from label points", nullable=False),
    blob("geometry_wkb", "polygon or multipolygon, WGS84, WKB", nullable=False),
    text("zone_set", "version of the set of zones it came with", nullable=False),
    comment="Zones. Grain: zone. Writer: load (from a zones_loaded event).",
)

core_rates = sa.Table(
    "core_rates",
    WAREHOUSE,
    text("currency", "ISO 4217 code", primary_key=True),
    day("rate_date", "day the rate was set", primary_key=True),
    number("units_per_eur", "units of the currency for one euro", nullable=False),
    integer("event_offset", "event that loaded it", nullable=False),
    comment="Euro reference rates of the ECB. Grain: currency and day. Writer: load. "
    "Nuance: a day without a rate uses the last one before.",
)

core_editions = sa.Table(
    "core_editions",
    WAREHOUSE,
    integer("edition", "number of the edition", primary_key=True, autoincrement=False),
    integer("event_offset", "event that named it", nullable=False),
    integer("made_at_offset", "offset it was made at: it knows nothing after", nullable=False),
    day("as_of_date", "day its figures look from", nullable=False),
    text("artefact_sha256", "content address of its frozen parts", nullable=False),
    text("reason", "why it was made: first, retrain, new_day, zones", nullable=False),
    integer("listings", "listings stored when it was made", nullable=False),
    text("zone_set", "zones it was made with; null when there were none"),
    text("figures", "JSON: training sizes and held-out accuracy per segment", nullable=False),
    comment="Editions: what one change would otherwise spread over everything. Grain: edition. "
    "Writer: load.",
)

core_progress = sa.Table(
    "core_progress",
    WAREHOUSE,
    text("name", "always `load`", primary_key=True),
    integer("watermark", "last lake offset loaded", nullable=False),
    integer("publication", "newest publication", nullable=False),
    integer("edition", "edition applied; 0 before the first", nullable=False),
    comment="How far load and publish are. Grain: name. Writer: load. Nuance: moves in the "
    "transaction that moves the rows.",
)

core_batches = sa.Table(
    "core_batches",
    WAREHOUSE,
    integer("last_offset", "last lake offset of the batch", primary_key=True, autoincrement=False),
    integer("first_offset", "first lake offset of the batch", nullable=False),
    instant("taken_at", "when a cycle took it from the lake", nullable=False, volatile=True),
    instant("loaded_at", "when its rows were committed", nullable=False, volatile=True),
    comment="When events were first loaded. Grain: batch of contiguous offsets. Writer: load. "
    "History: carried over by a replay, never recomputed.",
)

core_lease = sa.Table(
    "core_lease",
    WAREHOUSE,
    text("name", "always `refresh`", primary_key=True),
    text("owner", "host, process and a random part", nullable=False),
    integer(
        "generation",
        "counted up at each taking; a writer checks it in its transaction",
        nullable=False,
    ),
    instant("taken_at", "when it was taken", nullable=False),
    comment="Who may write the warehouse. Grain: name. Writer: lease. Nuance: an "
    "outlived generation cannot commit.",
)
