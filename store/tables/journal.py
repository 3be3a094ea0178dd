"""The journal's tables (`ingest_*`): partners and keys, the register, events, the catalogue.

Their only writers are the serving process, the sealer and short operator commands.
"""

import sqlalchemy as sa

from store.tables.columns import NAMING, blob, instant, integer, text, truth

JOURNAL = sa.MetaData(naming_convention=NAMING)

ingest_partners = sa.Table(
    "ingest_partners",
    JOURNAL,
    integer("id", "partner", primary_key=True),
    text("name", "who it is", nullable=False, unique=True),
    instant("created_at", "when it was made", nullable=False),
    comment="Companies that hold keys. Grain: partner. Writer: keys.",
)

ingest_keys = sa.Table(
    "ingest_keys",
    JOURNAL,
    integer("id", "key", primary_key=True),
    text("lookup", "public part of the key", nullable=False, unique=True),
    text("secret_sha256", "hash of the whole key; the key itself is shown once", nullable=False),
    integer("partner_id", "who holds it", nullable=False),
    text("permissions", "JSON array of permissions", nullable=False),
    text("providers", "JSON array of provider identifiers it is bound to; null = any free one"),
    instant("created_at", "when it was made", nullable=False),
    instant("expires_at", "first instant at which it is refused; null = never"),
    instant("revoked_at", "first instant at which it is refused; null = live"),
    sa.ForeignKeyConstraint(["partner_id"], ["ingest_partners.id"]),
    comment="API keys. Grain: key. Writer: keys. Nuance: SHA-256 is enough for 192 random bits.",
)

ingest_providers = sa.Table(
    "ingest_providers",
    JOURNAL,
    text("identifier", "provider identifier", primary_key=True),
    integer("partner_id", "who owns it", nullable=False),
    instant("claimed_at", "when it was bound", nullable=False),
    sa.ForeignKeyConstraint(["partner_id"], ["ingest_partners.id"]),
    comment="Provider identifiers and their owners. Grain: provider. Writer: accept. Nuance: "
    "bound in the transaction of the first accepted write, so of two claims one wins.",
)

ingest_listings = sa.Table(
    "ingest_listings",
    JOURNAL,
    integer("id", "the listing; never reused", primary_key=True, autoincrement=False),
    text("provider_identifier", "provider", nullable=False),
    text("external_id", "the partner's reference", nullable=False),
    integer("revision", "newest revision, counted from 1", nullable=False),
    blob("document", "merged document after it, JSON in a zstd frame", nullable=False),
    sa.UniqueConstraint("provider_identifier", "external_id"),
    comment="The register: identity, order, state. Grain: listing. Writer: accept. Nuance: can "
    "be rebuilt from the lake, ids included.",
)

ingest_events = sa.Table(
    "ingest_events",
    JOURNAL,
    integer(
        "event_offset",
        "place in the order of commits, without gaps",
        primary_key=True,
        autoincrement=False,
    ),
    text("event_id", "identifier given to the partner", nullable=False),
    text("kind", "listing, or an input that is not a payload (zones_loaded, ...)", nullable=False),
    integer("listing_id", "the listing; null for other kinds"),
    integer("revision", "revision after it; unchanged by a re-post or a stale body"),
    text("provider_identifier", "provider"),
    text("external_id", "the partner's reference"),
    integer("key_id", "key that sent it"),
    instant("received_at", "when it was received", nullable=False),
    instant("effective_at", "when it became true", nullable=False),
    truth("is_changed", "whether it made a revision", nullable=False),
    blob("body", "payload bytes and merged document in one zstd frame", nullable=False),
    comment="The journal. Grain: event. Writer: accept. Nuance: rows are deleted once their lake "
    "file is verified; the offset is assigned under the writers' lock, so order of offsets is "
    "order of commits.",
)

ingest_refusals = sa.Table(
    "ingest_refusals",
    JOURNAL,
    integer(
        "refusal_offset",
        "place in the order of commits, without gaps",
        primary_key=True,
        autoincrement=False,
    ),
    integer("key_id", "key that sent it", nullable=False),
    instant("received_at", "when it was received", nullable=False),
    text("codes", "JSON array of violation codes", nullable=False),
    blob("body", "first 64 KiB of the refused bytes, zstd", nullable=False),
    comment="Refused bodies of authenticated partners. Grain: refused item. "
    "Writer: accept. They change nothing.",
)

ingest_counters = sa.Table(
    "ingest_counters",
    JOURNAL,
    text("name", "event_offset, refusal_offset or listing_id", primary_key=True),
    integer("value", "last number given", nullable=False),
    comment="Numbers given so far. Grain: name. Writer: accept. Nuance: locked by whoever gives "
    "the next.",
)

COUNTERS = ("event_offset", "refusal_offset", "listing_id")
"""The rows of ingest_counters."""

ingest_lake_files = sa.Table(
    "ingest_lake_files",
    JOURNAL,
    text("lake", "events or refusals", primary_key=True),
    integer("first_offset", "first offset in it", primary_key=True, autoincrement=False),
    integer("last_offset", "last offset in it", nullable=False),
    text("path", "below the lake's folder", nullable=False),
    text("state", "planned, catalogued or verified", nullable=False),
    integer("bytes", "size of the file; null while planned"),
    text("sha256", "checksum of the file; null while planned"),
    instant("planned_at", "when the batch was fixed", nullable=False),
    comment="The lake's catalogue. Grain: file. Writer: sealer. Nuance: readers open catalogued "
    "files only.",
)
