"""Contracts on the command line: written down for others, and held against what is published."""

import json
from importlib.metadata import version
from typing import Any

from cli.wrong_use import WrongUseError
from store.contracts import CONTRACTS, odcs
from store.settings import Settings


def contract_document(name: str | None) -> str:
    """Return one table's contract as ODCS in JSON (which is YAML, too); of all without a name."""
    if name is not None and name not in CONTRACTS:
        raise WrongUseError(f"no contract for {name}; there are {', '.join(CONTRACTS)}")
    release = version("imo360")
    documents: Any = [odcs(contract, release) for contract in CONTRACTS.values()]
    if name is not None:
        documents = odcs(CONTRACTS[name], release)
    return json.dumps(documents, indent=2, ensure_ascii=False)


def check_published(settings: Settings) -> tuple[list[str], bool]:
    """Hold every published row to its contract; return the lines, and whether none is severe."""
    # Here: --help and the document need no polars.
    from flows.steps.check import check_tables
    from store.database import open_warehouse_reader, reading
    from store.frames import read_frame
    from store.tables.warehouse import PUBLISHED

    with reading(open_warehouse_reader(settings)) as connection:
        frames = {name: read_frame(connection, table) for name, table in PUBLISHED.items()}
    outcomes = check_tables(frames)
    lines = []
    for outcome in outcomes:
        mark = "ok    " if outcome.is_ok else "SEVERE" if outcome.is_severe else "mild  "
        first = "" if outcome.is_ok else f": {outcome.bad} rows, first {outcome.bad_key}"
        lines.append(f"{mark} {outcome.table}.{outcome.name}{first}")
    rows = ", ".join(f"{name} {frame.height}" for name, frame in frames.items())
    lines.append(f"rows: {rows}")
    return lines, all(outcome.is_ok or not outcome.is_severe for outcome in outcomes)
