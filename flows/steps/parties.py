"""Parties: folds what events say of agencies and agents onto what is stored of them.

Pure frames. An agency or agent is provider and name, so two people of one name are one row: the
newest contact stands in front, and a listing that brings a second one is told so. Everything is
decided in the order of offsets, so any split into batches gives the same rows.
"""

from dataclasses import dataclass, replace

import polars as pl
import sqlalchemy as sa

from store.frames import conform, empty_frame
from store.tables import warehouse as tables

AGENT_CONTACTS_DIFFER = "agent_contacts_differ"

CONTACT_SCHEMA = {
    "identifier": pl.String,
    "kind": pl.String,
    "contact": pl.String,
    "listings": pl.Int64,
}
"""Contacts in use: how many listings, deleted ones apart, name the agent with each now."""

STORED = ("id", "revision", "event_offset", "agent_identifier", "agent_phone", "agent_email",
          "deleted_at")  # fmt: skip
"""What is read of stored listings."""

KINDS = ("phone", "email")
CONTACT = ["identifier", "kind", "contact"]


@dataclass(frozen=True)
class Parties:
    """Rows to write, and the contacts in use after them.

    warnings: core_refusals rows of severity `warned`.
    """

    agencies: pl.DataFrame
    agency_versions: pl.DataFrame
    agents: pl.DataFrame
    agent_versions: pl.DataFrame
    warnings: pl.DataFrame
    contacts: pl.DataFrame


def contacts_in_use(listings: pl.DataFrame) -> pl.DataFrame:
    """Return CONTACT_SCHEMA rows of core_listings rows."""
    return _netted(_uses(listings).with_columns(pl.lit(1, pl.Int64).alias("listings")))


def fold_parties(
    agencies: pl.DataFrame,
    agents: pl.DataFrame,
    versions: pl.DataFrame,
    known_agencies: pl.DataFrame,
    known_agents: pl.DataFrame,
    listings: pl.DataFrame,
    contacts: pl.DataFrame,
) -> Parties:
    """Fold a batch onto what was stored before it.

    agencies, agents: `normalise.NAMED` rows; versions: core_listing_versions rows. known_*: rows
    of their tables, of those named at least; listings: STORED columns, of those in `versions` at
    least; contacts: CONTACT_SCHEMA rows, of the agents named before or now at least.
    """
    if agencies.is_empty() and agents.is_empty() and not _names_agents(listings):
        return replace(nobody(), contacts=contacts)
    moves = _moves(versions, listings)
    touched = pl.concat([moves.select("identifier"), agents.select("identifier")]).unique()
    before = contacts.join(touched, on="identifier", how="semi")
    after = _moved(before, moves)
    agency_rows, agency_versions = _agencies(agencies, known_agencies)
    agent_rows, agent_versions = _agents(agents, known_agents, moves, after)
    return Parties(
        agencies=agency_rows,
        agency_versions=agency_versions,
        agents=agent_rows,
        agent_versions=agent_versions,
        warnings=_warnings(moves, before, versions),
        contacts=pl.concat([contacts.join(touched, on="identifier", how="anti"), after]),
    )


def _names_agents(listings: pl.DataFrame) -> bool:
    return listings["agent_identifier"].null_count() < listings.height


def nobody() -> Parties:
    """Return what comes of a batch that names nobody."""
    return Parties(
        agencies=empty_frame(tables.core_agencies),
        agency_versions=empty_frame(tables.core_agency_versions),
        agents=empty_frame(tables.core_agents),
        agent_versions=empty_frame(tables.core_agent_versions),
        warnings=empty_frame(tables.core_refusals),
        contacts=pl.DataFrame(schema=CONTACT_SCHEMA),
    )


def _agencies(named: pl.DataFrame, known: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    if named.is_empty():
        return empty_frame(tables.core_agencies), empty_frame(tables.core_agency_versions)
    changes = _changes(named, known, ("phone", "email"))
    return (
        conform(_newest(changes), tables.core_agencies),
        _versions(changes, tables.core_agency_versions),
    )


def _agents(
    named: pl.DataFrame, known: pl.DataFrame, moves: pl.DataFrame, after: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    if named.is_empty() and moves.is_empty():
        return empty_frame(tables.core_agents), empty_frame(tables.core_agent_versions)
    changes = _changes(named, known, ("phone", "email", "agency_identifier"))
    return (
        _with_others(_newest(changes), known, moves, after),
        _versions(changes, tables.core_agent_versions),
    )


def _changes(named: pl.DataFrame, known: pl.DataFrame, compared: tuple[str, ...]) -> pl.DataFrame:
    """Put each stored row before the events that name it, and mark those that change it.

    A former name stays known when a later event does not repeat it.
    """
    stored = known.join(named.select("identifier").unique(), on="identifier", how="semi")
    rows = pl.concat(
        [
            stored.with_columns(pl.lit(False).alias("is_new")),
            named.with_columns(pl.lit(True).alias("is_new")),
        ],
        how="diagonal",
    ).sort("identifier", "event_offset")
    before = pl.col(*compared).shift(1).over("identifier")
    is_first = pl.col("is_new").shift(1).over("identifier").is_null()
    differs = [pl.col(name).ne_missing(pl.col(f"{name}_before")) for name in compared]
    return rows.with_columns(
        before.name.suffix("_before"),
        pl.col("former_identifier").forward_fill().over("identifier"),
        is_first.alias("is_first"),
    ).with_columns((pl.col("is_new") & pl.any_horizontal("is_first", *differs)).alias("is_change"))


def _newest(changes: pl.DataFrame) -> pl.DataFrame:
    return changes.unique("identifier", keep="last", maintain_order=True).filter("is_new")


def _versions(changes: pl.DataFrame, table: sa.Table) -> pl.DataFrame:
    return conform(changes.filter("is_change"), table)


def _with_others(
    newest: pl.DataFrame, known: pl.DataFrame, moves: pl.DataFrame, after: pl.DataFrame
) -> pl.DataFrame:
    """Return the rows of agents that an event named, or that a listing began or ceased to use."""
    moved = moves.group_by("identifier").agg(pl.col("event_offset").max().alias("moved_offset"))
    left = known.join(moved, on="identifier", how="semi").join(
        newest.select("identifier"), on="identifier", how="anti"
    )
    rows = (
        pl.concat([newest, left], how="diagonal")
        .join(moved, on="identifier", how="left", validate="1:1")
        .with_columns(pl.max_horizontal("event_offset", "moved_offset").alias("event_offset"))
        .drop("other_contacts", strict=False)
    )
    others = (
        after.join(rows.select("identifier", *KINDS), on="identifier", how="inner")
        .filter(
            pl.col("contact").ne_missing(pl.col("phone"))
            & pl.col("contact").ne_missing(pl.col("email"))
        )
        .group_by("identifier")
        .agg(pl.col("contact").sort())
        .select("identifier", _json_array("contact").alias("other_contacts"))
    )
    joined = rows.join(others, on="identifier", how="left", validate="1:1")
    return conform(joined, tables.core_agents).sort("identifier")


def _json_array(texts: str) -> pl.Expr:
    named = pl.struct(pl.col(texts).alias("x")).struct.json_encode()
    return named.str.strip_prefix('{"x":').str.strip_suffix("}")


def _uses(listings: pl.DataFrame) -> pl.DataFrame:
    """Return the phone and the e-mail with which each listing, unless deleted, names its agent."""
    naming = listings.filter(
        pl.col("agent_identifier").is_not_null() & pl.col("deleted_at").is_null()
    )
    return pl.concat(
        [
            naming.select(
                pl.col("agent_identifier").alias("identifier"),
                pl.lit(kind).alias("kind"),
                pl.col(f"agent_{kind}").alias("contact"),
                "event_offset",
            ).drop_nulls("contact")
            for kind in KINDS
        ]
    )


def _moved(contacts: pl.DataFrame, moves: pl.DataFrame) -> pl.DataFrame:
    if moves.is_empty():
        return contacts
    return _netted(pl.concat([contacts, moves.select(*CONTACT, pl.col("delta").alias("listings"))]))


def _netted(contacts: pl.DataFrame) -> pl.DataFrame:
    return (
        contacts.group_by(CONTACT)
        .agg(pl.col("listings").sum())
        .filter(pl.col("listings") > 0)
        .select(list(CONTACT_SCHEMA))
    )


def _moves(versions: pl.DataFrame, listings: pl.DataFrame) -> pl.DataFrame:
    """Return CONTACT, event_offset and delta: 1 where a listing begins to use it, -1 ceases."""
    used = ["agent_identifier", "agent_phone", "agent_email", "deleted_at"]
    columns = ["id", "revision", "event_offset", *used]
    stored = listings.join(versions.select("id").unique(), on="id", how="semi").select(columns)
    rows = pl.concat(
        [
            stored.with_columns(pl.lit(False).alias("is_new")),
            versions.select(columns).with_columns(pl.lit(True).alias("is_new")),
        ]
    ).sort("id", "revision", "is_new")
    before = rows.with_columns(pl.col(used).shift(1).over("id"))
    return (
        pl.concat(
            [
                _uses(rows.filter("is_new")).with_columns(pl.lit(1, pl.Int64).alias("delta")),
                _uses(before.filter("is_new")).with_columns(pl.lit(-1, pl.Int64).alias("delta")),
            ]
        )
        .group_by(*CONTACT, "event_offset")
        .agg(pl.col("delta").sum())
        .filter(pl.col("delta") != 0)
        .sort("event_offset", *CONTACT)
    )


def _warnings(moves: pl.DataFrame, contacts: pl.DataFrame, versions: pl.DataFrame) -> pl.DataFrame:
    """Return a warning for each event that brings an agent a contact beside another in use.

    Counted along the offsets from what was in use before the batch, so its borders do not matter.
    """
    if moves.is_empty():
        return empty_frame(tables.core_refusals)
    agent = ["identifier", "kind"]
    in_use = contacts.group_by(agent).agg(pl.len().cast(pl.Int64).alias("in_use"))
    uses = pl.col("listings").fill_null(0) + pl.col("delta").cum_sum().over(CONTACT)
    is_used = (pl.col("uses") > 0).cast(pl.Int64)
    was_used = (pl.col("uses") - pl.col("delta") > 0).cast(pl.Int64)
    counted = (
        moves.join(contacts, on=CONTACT, how="left", validate="m:1", maintain_order="left")
        .join(in_use, on=agent, how="left", validate="m:1", maintain_order="left")
        .with_columns(uses.alias("uses"))
        .with_columns((is_used - was_used).cum_sum().over(agent).alias("more"))
        .with_columns(pl.col("more").last().over(*agent, "event_offset"))
    )
    brings = (pl.col("delta") > 0) & (pl.col("in_use").fill_null(0) + pl.col("more") > 1)
    told = counted.filter(brings).select(
        "event_offset", pl.format("agent_{}", "kind").alias("column_name")
    )
    rows = versions.join(
        told.group_by("event_offset").agg(pl.col("column_name").max()),
        on="event_offset",
        how="inner",
        validate="1:1",
    ).with_columns(
        pl.col("id").alias("listing_id"),
        pl.lit(AGENT_CONTACTS_DIFFER).alias("rule_code"),
        pl.lit("warned").alias("severity"),
        pl.lit(
            "another listing names this agent with another phone or e-mail; "
            "one name is one agent, who now has both"
        ).alias("message"),
    )
    return conform(rows, tables.core_refusals).sort("event_offset")
