"""The journal's tables (`ingest_*`): partners and keys, the register, events, the catalogue.

Their only writers are the serving process, the sealer and short operator commands.
"""

import sqlalchemy as sa

from store.tables.columns import blob, day, instant, integer, text, truth
from store.tables.metadata import JOURNAL

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
    text("previous_secret_sha256", "hash of the key before the newest rotation; null = none"),
    instant("previous_ends_at", "first instant at which the one before is refused"),
    integer("partner_id", "who holds it", nullable=False),
    text("name", "what its holder calls it", nullable=False, server_default=""),
    text("environment", "live or sandbox", nullable=False, server_default="live"),
    text("permissions", "JSON array of permissions", nullable=False),
    text("providers", "JSON array of provider identifiers it is bound to; null = any free one"),
    integer("rate_per_minute", "items a minute; null = no limit"),
    integer("rate_burst", "most items at once; null = no limit"),
    instant("created_at", "when it was made", nullable=False),
    text("created_by", "person:ID or cli", nullable=False, server_default="cli"),
    instant("expires_at", "first instant at which it is refused; null = never"),
    instant("revoked_at", "first instant at which it is refused; null = live"),
    sa.ForeignKeyConstraint(["partner_id"], ["ingest_partners.id"]),
    comment="API keys. Grain: key. Writer: keys. Nuance: SHA-256 is enough for 192 random bits; "
    "a rotation keeps the lookup part, so that both secrets are found by one.",
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
    integer("event_offset", "event that made this revision", nullable=False),
    text("status", "lifecycle status after it", nullable=False),
    blob("fingerprint", "hash of the payload last applied; the same bytes again change nothing"),
    blob("document", "merged document after it, JSON in a zstd frame", nullable=False),
    sa.UniqueConstraint("provider_identifier", "external_id"),
    comment="The register: identity, order, state. Grain: listing. Writer: accept. Nuance: can "
    "be rebuilt from the lake, ids included (but for the fingerprint, which only saves work).",
)

ingest_batches = sa.Table(
    "ingest_batches",
    JOURNAL,
    integer(
        "first_offset",
        "first event in it; offsets are given in the order of commits, without gaps",
        primary_key=True,
        autoincrement=False,
    ),
    integer("last_offset", "last event in it", nullable=False),
    instant("received_at", "when its events were received", nullable=False),
    blob("body", "the events: rows in one zstd frame", nullable=False),
    comment="The journal. Grain: commit. Writer: accept. Nuance: the events of one commit are one "
    "row, because a row each costs more than all the rest of a post; rows are deleted once their "
    "lake file is verified.",
)

ingest_changes = sa.Table(
    "ingest_changes",
    JOURNAL,
    text("provider_identifier", "provider", primary_key=True),
    integer("event_offset", "event that made the revision", primary_key=True, autoincrement=False),
    integer("listing_id", "the listing", nullable=False),
    integer("revision", "the revision it made", nullable=False),
    text("status", "lifecycle status after it", nullable=False),
    truth("is_deleted", "whether the listing was deleted by it", nullable=False),
    instant("received_at", "when it was received", nullable=False),
    comment="What changed, by provider: the feed of changes. Grain: event that made a revision. "
    "Writer: accept. Nuance: never pruned, so that a reader may begin anywhere.",
    sqlite_with_rowid=False,
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
    text("provider_identifier", "provider it names; null when that could not be read"),
    text("external_id", "reference it names; null when that could not be read"),
    text("problem", "JSON: code and violations as they were answered", nullable=False),
    integer("payload_bytes", "size of all that was refused", nullable=False),
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

ingest_idempotency_keys = sa.Table(
    "ingest_idempotency_keys",
    JOURNAL,
    integer("key_id", "API key that sent it", primary_key=True, autoincrement=False),
    text("idempotency_key", "as the partner chose it", primary_key=True),
    text("request_sha256", "hash of path and body", nullable=False),
    integer("answer_code", "HTTP status of the answer", nullable=False),
    text("headers", "JSON object of the answer's own headers", nullable=False),
    blob("answer", "the answer's body, byte for byte", nullable=False),
    instant("created_at", "when it was answered first", nullable=False),
    comment="Answers kept for Idempotency-Key. Grain: API key and idempotency key. Writer: accept. "
    "Nuance: committed with the posts they answer; forgotten after a day.",
)

ingest_snapshots = sa.Table(
    "ingest_snapshots",
    JOURNAL,
    text("snapshot_id", "random identifier given to the partner", primary_key=True),
    integer("partner_id", "who opened it", nullable=False),
    integer("key_id", "API key that opened it", nullable=False),
    text("provider_identifier", "provider whose listings it holds whole", nullable=False),
    text("transaction", "only these: SALE or RENT; null = both"),
    text("type", "only this property type; null = all"),
    text("state", "open, held, confirmed, applied or abandoned", nullable=False),
    integer("opened_offset", "last event before it was opened", nullable=False),
    instant("opened_at", "when it was opened", nullable=False),
    instant("closed_at", "when it was applied or abandoned"),
    integer("sent", "listings sent with it, counted when it was closed"),
    integer("on_market", "listings of its scope on the market, counted when it was closed"),
    integer("missing", "of these not sent: what closing withdraws"),
    comment="Snapshots: whole inventories sent listing by listing. Grain: snapshot. "
    "Writer: accept. Nuance: only closing withdraws; a held one waits for the partner's word.",
)

ingest_snapshot_items = sa.Table(
    "ingest_snapshot_items",
    JOURNAL,
    text("snapshot_id", "the snapshot", primary_key=True),
    integer("listing_id", "a listing sent with it", primary_key=True, autoincrement=False),
    comment="What was sent with a snapshot. Grain: snapshot and listing. Writer: accept.",
    sqlite_with_rowid=False,
)

ingest_usage_counts = sa.Table(
    "ingest_usage_counts",
    JOURNAL,
    integer("key_id", "API key", primary_key=True, autoincrement=False),
    day("usage_date", "day, UTC", primary_key=True),
    text(
        "measure",
        "calls, accepted, warned, refused, code:<problem or violation>, ms:<upper bound>",
        primary_key=True,
    ),
    integer("count", "how often", nullable=False),
    instant("last_used_at", "newest use", nullable=False),
    comment="Use of API keys. Grain: key, day and measure. Writer: accept. Nuance: what a post "
    "counts commits with it; times of answers follow within seconds.",
    sqlite_with_rowid=False,
)

ingest_audit_entries = sa.Table(
    "ingest_audit_entries",
    JOURNAL,
    integer("id", "place in the order of commits", primary_key=True),
    instant("recorded_at", "when", nullable=False),
    text("actor", "key:ID, person:ID, cli or anonymous", nullable=False),
    text("action", "what was done, such as estates.post or keys.create", nullable=False),
    text("subject", "whose: a provider, a key, an account"),
    text("address", "where from; null on the command line"),
    text("outcome", "done, or the code of the refusal", nullable=False),
    integer("count", "how many items of one commit", nullable=False),
    text("details", "JSON object; never a secret"),
    comment="Who did what. Grain: commit, actor, action, subject and outcome. Writer: accept. "
    "Nuance: triggers refuse updates and deletions.",
)

ingest_people = sa.Table(
    "ingest_people",
    JOURNAL,
    integer("id", "the person", primary_key=True),
    text("email", "address to log in with, in lower case", nullable=False, unique=True),
    text("password_hash", "argon2id", nullable=False),
    text("role", "admin or member", nullable=False),
    instant("created_at", "when the account was made", nullable=False),
    instant("disabled_at", "first instant at which it is refused; null = may log in"),
    comment="People who run the platform. Grain: person. Writer: people.",
)

ingest_login_failures = sa.Table(
    "ingest_login_failures",
    JOURNAL,
    integer("id", "the attempt", primary_key=True),
    text("account_sha256", "hash of the e-mail address that was tried", nullable=False),
    instant("failed_at", "when it was tried", nullable=False),
    sa.Index(None, "account_sha256"),
    comment="Log-ins that failed or are being judged, of the last minute. Grain: attempt. "
    "Writer: people. Nuance: in the journal, so that all processes count together; an attempt "
    "counts from before its password is judged, so that attempts at once do not pass together.",
)
