"""Tables for a terminal and for docs/performance.md alike."""

from collections.abc import Iterable, Sequence

from tests.bench.steady_client import Round

Cell = str | int | float | None


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print a table in Markdown, its columns aligned."""
    lines = [list(header), *([_text(cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    print(f"\n### {title}\n")
    for number, line in enumerate(lines):
        print("| " + " | ".join(_aligned(text, width, i) for i, (text, width)
                                in enumerate(zip(line, widths, strict=True))) + " |")  # fmt: skip
        if number == 0:
            print("|" + "|".join(_rule(width, i) for i, width in enumerate(widths)) + "|")
    print(flush=True)


def print_goals(rows: Sequence[tuple[str, str, float]]) -> None:
    """Print what was asked for beside what was measured."""
    print_table("Asked and measured", ("figure", "asked", "measured"), rows)


def print_failures(rounds: Iterable[Round]) -> int:
    """Say loudly when a request failed, with the first such answer; return how many did."""
    bad = [one for one in rounds if one.failed]
    failed = sum(one.failed for one in bad)
    if bad:
        print(f"!!! {failed:,} REQUESTS FAILED. The first: {bad[0].first_failure!r}\n", flush=True)
    return failed


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def _aligned(text: str, width: int, column: int) -> str:
    return text.ljust(width) if column == 0 else text.rjust(width)


def _rule(width: int, column: int) -> str:
    return "-" * (width + 2) if column == 0 else "-" * (width + 1) + ":"
