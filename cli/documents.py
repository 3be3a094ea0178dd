"""Writes docs/tables.md from the tables' own declarations, so that the two cannot disagree.

A developer runs it after changing a table: `.venv/bin/python -m cli.documents`. Everything it
says comes from `store.tables.warehouse`; tests/house/test_docs.py compares the result.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from store.tables.columns import Day, Instant
from store.tables.warehouse import PUBLISHED, WAREHOUSE

PAGE = Path(__file__).resolve().parent.parent / "docs" / "tables.md"

HEADINGS = ("Grain", "Key", "Writer", "Nuance", "History")
"""What a table's comment may say after its purpose, each as `Heading: ... .`"""

TYPES: tuple[tuple[type[Any], str], ...] = (
    (Instant, "instant"),
    (Day, "day"),
    (sa.Boolean, "truth"),
    (sa.Double, "number"),
    (sa.BigInteger, "integer"),
    (sa.LargeBinary, "bytes"),
    (sa.Text, "text"),
)

HEAD = """\
# Tables

Made from `store/tables/warehouse.py` by `python -m cli.documents`: edit the declarations, not
this page. How to read a figure stands in [analyst.md](analyst.md).

- `market_*` tables are what publish wrote: one publication, read in one snapshot. `core_*`
  tables are what it was made from.
- An *instant* is UTC, a *day* a calendar day in Europe/Bucharest. *key*: tells rows apart.
- Null means unknown, never zero; *or null* says where it may stand.
- *volatile*: takes no part in a table's digest (`imo360 digests`).
"""


def tables_page() -> str:
    """Return docs/tables.md: the market tables in the order of publishing, then the core tables."""
    tables = [*PUBLISHED.values(), *_beside(PUBLISHED)]
    return "\n".join([HEAD, *_contents(tables), "", *(_section(table) for table in tables)])


def comment_parts(comment: str) -> dict[str, str]:
    """Split a table's comment into its `Purpose` and what stands under each heading."""
    pieces = re.split(rf"\b({'|'.join(HEADINGS)}): ", comment)
    told = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    return {"Purpose": pieces[0].strip(), **{name: text.strip() for name, text in told.items()}}


def _beside(first: dict[str, sa.Table]) -> list[sa.Table]:
    rest = [table for name, table in WAREHOUSE.tables.items() if name not in first]
    return sorted(rest, key=lambda table: (not table.name.startswith("market_"), table.name))


def _contents(tables: list[sa.Table]) -> Iterator[str]:
    yield "| table | holds |"
    yield "| --- | --- |"
    for table in tables:
        purpose = comment_parts(table.comment or "")["Purpose"]
        yield f"| [`{table.name}`](#{table.name}) | {purpose} |"


def _section(table: sa.Table) -> str:
    parts = comment_parts(table.comment or "")
    told = "\n".join(f"- {name}: {text}" for name, text in parts.items() if name != "Purpose")
    columns = "\n".join(_row(column) for column in table.columns)
    return (
        f"## {table.name}\n\n{parts['Purpose']}\n\n{told}\n\n"
        f"| column | type | what it is |\n| --- | --- | --- |\n{columns}\n"
    )


def _row(column: sa.Column[Any]) -> str:
    marks = [_type(column) + (" or null" if column.nullable else "")]
    marks += ["key"] * column.primary_key + ["volatile"] * bool(column.info.get("volatile"))
    about = (column.comment or "").replace("|", "\\|")
    return f"| `{column.name}` | {', '.join(marks)} | {about} |"


def _type(column: sa.Column[Any]) -> str:
    return next(name for kind, name in TYPES if isinstance(column.type, kind))


if __name__ == "__main__":
    PAGE.write_text(tables_page())
