"""Every table says what it is: grain, one writer, a description and a telling name per column."""

import re
from collections import defaultdict

import pytest
import sqlalchemy as sa

from store.tables.columns import Day, Instant
from store.tables.journal import JOURNAL
from store.tables.warehouse import PUBLISHED, WAREHOUSE

DATABASES = {"journal": JOURNAL, "warehouse": WAREHOUSE}
TABLES = {table.name: table for data in DATABASES.values() for table in data.tables.values()}

PREFIXES = {"ingest_": "journal", "core_": "warehouse", "market_": "warehouse"}
"""Which database a prefix belongs to."""

WRITERS = {
    "ingest_": {"accept", "sealer", "keys", "people"},
    "core_": {"load", "locate", "lease"},
    "market_": {"publish"},
}
"""Who may write a table of this prefix (HOUSE, Names): the API's side, the load step, publish."""

KINDS = {
    "_at": Instant,
    "_since": Instant,
    "_date": Day,
    "_eur": sa.Double,
    "_eur_per_m2": sa.Double,
    "_m2": sa.Double,
    "_pct": sa.Double,
    "_share": sa.Double,
    "_part": sa.Double,
    "_weight": sa.Double,
    "_px": (sa.BigInteger, sa.Integer),
    "_days": (sa.BigInteger, sa.Integer, sa.Double),
    "_offset": (sa.BigInteger, sa.Integer),
    "_count": (sa.BigInteger, sa.Integer),
    "_sha256": sa.Text,
    "_level": sa.Text,
    "_identifier": sa.Text,
    "_currency": sa.Text,
    "_wkb": sa.LargeBinary,
}
"""What a column's ending promises. `_since` is an instant from which on something holds."""

OTHER_TRUTHS = {"ok"}
"""Truths without is_ or has_: a name that tools rely on (DESIGN 4)."""

NO_PLURALS = {"core_progress", "core_lease", "ingest_people"}
"""Tables whose name does not end in s: of one row, or a plural of its own kind."""

OTHER_DAYS = {"month"}
"""Days without _date: the first day of the month it names."""

QUANTITIES = re.compile(r"(^|_)(area|distance|size|length|width|height|duration|delay|age)(_|$)")
UNITS = ("_m2", "_m", "_km", "_px", "_ms", "_s", "_days", "_hours", "_minutes", "_pct", "_band")


def words_of(comment: str | None, heading: str) -> str | None:
    """Return what a table's comment says under a heading such as `Grain`, up to the full stop."""
    found = re.search(rf"\b{heading}: (.+?)\.(?= |$)", comment or "", re.DOTALL)
    return found.group(1) if found else None


def columns_of(table: str) -> list[tuple[str, sa.Column[object]]]:
    """Return a table's columns, each with the name to tell it by."""
    return [(f"{table}.{column.name}", column) for column in TABLES[table].columns]


def promised(column: sa.Column[object]) -> object:
    endings = [ending for ending in KINDS if column.name.endswith(ending)]
    return KINDS[max(endings, key=len)] if endings else None


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_states_its_grain(name: str) -> None:
    assert words_of(TABLES[name].comment, "Grain"), f"{name}: say `Grain: ... .` in its comment"


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_has_one_writer_who_may_write_its_prefix(name: str) -> None:
    comment = TABLES[name].comment or ""
    assert comment.count("Writer: ") == 1, f"{name}: say `Writer: ... .` once in its comment"
    writer = re.split(r"[ ,(.]", comment.split("Writer: ")[1])[0]
    prefix = name[: name.index("_") + 1]
    assert writer in WRITERS[prefix], f"{name}: {prefix}* is not written by {writer!r}"


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_is_a_plural_with_the_prefix_of_its_database(name: str) -> None:
    prefix = name[: name.index("_") + 1]
    assert prefix in PREFIXES
    assert name in DATABASES[PREFIXES[prefix]].tables
    assert name.endswith("s") or name in NO_PLURALS or "history" in name


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_has_a_key(name: str) -> None:
    assert TABLES[name].primary_key.columns, f"{name} has no primary key: what is its grain?"


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_column_is_described_without_echoing_its_name(table: str) -> None:
    for name, column in columns_of(table):
        assert column.comment, f"{name} has no description"
        assert column.comment.replace(" ", "_").lower() != column.name, name


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_column_is_of_the_kind_its_name_promises(table: str) -> None:
    for name, column in columns_of(table):
        kind = promised(column)
        if kind is not None:
            assert isinstance(column.type, kind), f"{name} is {column.type!r}"  # type: ignore[arg-type]
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", column.name), name


@pytest.mark.parametrize("table", sorted(TABLES))
def test_instants_days_and_truths_are_known_by_their_names(table: str) -> None:
    for name, column in columns_of(table):
        if isinstance(column.type, Instant):
            assert column.name.endswith(("_at", "_since")), f"{name} is an instant"
        if isinstance(column.type, Day):
            assert column.name.endswith("_date") or column.name in OTHER_DAYS, f"{name} is a day"
        if isinstance(column.type, sa.Boolean):
            assert column.name.startswith(("is_", "has_")) or column.name in OTHER_TRUTHS, name


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_measured_quantity_carries_its_unit(table: str) -> None:
    for name, column in columns_of(table):
        if QUANTITIES.search(column.name) and isinstance(column.type, sa.Double | sa.BigInteger):
            assert column.name.endswith((*UNITS, "_90d")), f"{name}: in which unit?"


@pytest.mark.parametrize("database", sorted(DATABASES))
def test_one_name_is_one_kind_everywhere_in_a_database(database: str) -> None:
    kinds: dict[str, set[str]] = defaultdict(set)
    for table in DATABASES[database].tables.values():
        for column in table.columns:
            kinds[column.name].add(type(column.type).__name__)
    assert {name: found for name, found in kinds.items() if len(found) > 1} == {}


def test_no_plain_instants() -> None:
    """SQLAlchemy's DateTime loses the time zone on SQLite without a word."""
    columns = [each for table in TABLES for each in columns_of(table)]
    assert [name for name, column in columns if isinstance(column.type, sa.DateTime)] == []


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_published_row_carries_its_stamp(name: str) -> None:
    columns = PUBLISHED[name].columns
    assert {"as_of_date", "edition", "publication"} <= set(columns.keys())
    assert columns["publication"].info.get("volatile"), "else no replay equals its original"


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_key_is_never_volatile(name: str) -> None:
    volatile = [column.name for column in TABLES[name].primary_key if column.info.get("volatile")]
    assert volatile == []
