"""Imports a file of listings as a partner's software would: over HTTP, by the client.

Safe to run again: the same row is the same post, and an unchanged post changes nothing.
"""

import csv
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.import_mapping import ImportMapping, read_mapping
from cli.import_rows import Source, open_source
from cli.import_values import cell_of, listing_of
from cli.options import STDERR, progress_bars
from cli.wrong_use import WrongUseError
from client.answers import DryItem, Item
from client.api import HELD, Imo360
from client.errors import (
    ConflictError,
    Problem,
    RateLimitedError,
    ServerError,
    UnexpectedAnswerError,
    UnreachableError,
)

REPORT_HEADER = ("row", "externalId", "code", "field", "message")
MAX_COLUMNS_TOLD = 20

Listing = Mapping[str, Any]
Sent = Iterator[Item] | Iterator[DryItem]


class ImportStoppedError(Exception):
    """The server went away or failed in the middle; what was taken is stored."""


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """What to import, and whose it is. format: None takes the mapping's or the suffix's."""

    file: Path
    mapping: Path
    provider: str
    format: str | None = None

    @property
    def report(self) -> Path:
        """The file of refused rows, beside the imported one."""
        return self.file.with_name(f"{self.file.name}.refused.csv")


@dataclass(slots=True)
class ImportSummary:
    """What became of the rows.

    checked: what a dry run would have taken. snapshot: what became of it, None without one; held:
    why it waits for somebody to confirm it. unseen: mapped columns that no row had.
    """

    rows: int = 0
    sent: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    checked: int = 0
    refused: int = 0
    snapshot: str | None = None
    held: str | None = None
    warnings: Counter[str] = field(default_factory=Counter)
    unseen: tuple[str, ...] = ()

    def lines(self, report: Path) -> Iterator[str]:
        """Yield the summary as people read it."""
        counts = ("rows", "sent", "created", "changed", "unchanged", "checked", "refused")
        for name in counts:
            count = getattr(self, name)
            if count or name != "checked":
                told = f"   {report}" if name == "refused" and count else ""
                yield f"{name:<10} {count:>10,}{told}"
        for code, count in sorted(self.warnings.items()):
            yield f"{'warning':<10} {count:>10,}   {code}"
        for told in filter(None, (self.snapshot, self.held)):
            yield f"{'snapshot':<10} {told}"

    @property
    def is_whole(self) -> bool:
        """Whether everything was taken."""
        return not self.refused and self.held is None


class _Report:
    """The refused rows, written as they come."""

    def __init__(self, write: Callable[[Iterable[Any]], Any]) -> None:
        self._write = write

    def add(self, row: int, external_id: str, problem: Problem) -> None:
        """Write one line per violation, or one for the problem where it names none."""
        for violation in problem.violations:
            told = (violation.code, violation.property_path, violation.message)
            self._write((row, external_id, *told))
        if not problem.violations:
            self._write((row, external_id, problem.code, "", problem.detail or problem.title))


def run_import(
    order: ImportOrder, url: str, key: str, say: Callable[[str], None], *, is_snapshot: bool,
    is_dry: bool,
) -> bool:  # fmt: skip
    """Import as asked, say what became of it, and return whether everything was taken.

    Raises WrongUseError, ImportStoppedError, or the client's ProblemError.
    """
    if is_snapshot and is_dry:
        raise WrongUseError("--snapshot and --dry-run do not go together: a dry run keeps nothing")
    work = import_snapshot if is_snapshot else check_listings if is_dry else import_listings
    try:
        api = Imo360(url, key)
    except ValueError as problem:
        raise WrongUseError(f"--url {problem}") from None
    with api:
        summary = work(order, api)
    for line in summary.lines(order.report):
        say(line)
    for column in summary.unseen:
        STDERR.print(f"{order.file}: no row has {column!r}", soft_wrap=True)
    return summary.is_whole


def import_listings(order: ImportOrder, api: Imo360) -> ImportSummary:
    """Post every row. Raises WrongUseError, ImportStoppedError, or the client's ProblemError."""
    return _import(order, lambda listings, _summary: api.post_many(listings))


def check_listings(order: ImportOrder, api: Imo360) -> ImportSummary:
    """Let the server judge every row without taking any."""
    return _import(order, lambda listings, _summary: api.dry_run_many(listings))


def import_snapshot(order: ImportOrder, api: Imo360) -> ImportSummary:
    """Post every row as a snapshot: what the file does not hold is withdrawn.

    Nothing is withdrawn when a row is refused, since it may be a listing that is still on offer,
    or while the server's brake holds the snapshot.
    """
    return _import(order, lambda listings, summary: _fed(order, api, listings, summary))


def _fed(
    order: ImportOrder, api: Imo360, listings: Iterator[Listing], summary: ImportSummary
) -> Iterator[Item]:
    with api.snapshot(order.provider) as snapshot:
        yield from snapshot.feed(listings)
        if summary.refused:
            snapshot.abandon()
            summary.snapshot = "abandoned: rows were refused, so nothing was withdrawn"
            return
        try:
            snapshot.close()
        except ConflictError as held:
            if held.code != HELD:
                raise
            summary.held = f"{snapshot.id} is held, nothing was withdrawn: {held.problem.detail}"
            return
        summary.snapshot = "closed: what the file does not hold is withdrawn"


def _import(
    order: ImportOrder, send: Callable[[Iterator[Listing], ImportSummary], Sent]
) -> ImportSummary:
    mapping = read_mapping(order.mapping)
    summary = ImportSummary()
    with open_source(order.file, mapping, order.format) as source:
        _expect_columns(order.file, source, mapping)
        with _report(order.report) as report, progress_bars() as bars:
            task = bars.add_task(order.file.name, total=source.total)
            run = _Run(order, mapping, source, summary, report)
            try:
                for item in send(run.listings(), summary):
                    run.note(item)
                    bars.update(task, completed=source.position())
            except (UnreachableError, ServerError, RateLimitedError, UnexpectedAnswerError) as gone:
                taken = summary.created + summary.changed + summary.unchanged
                raise ImportStoppedError(
                    f"{gone}; {taken:,} rows were taken before: run the same again"
                ) from gone
            bars.update(task, completed=source.total)
    return run.ended()


class _Run:
    """One import: which rows wait for an answer, and what was answered so far."""

    def __init__(
        self, order: ImportOrder, mapping: ImportMapping, source: Source, summary: ImportSummary,
        report: _Report,
    ) -> None:  # fmt: skip
        self._order = order
        self._mapping = mapping
        self._source = source
        self._summary = summary
        self._report = report
        self._waiting: deque[int] = deque()
        self._unseen = set(mapping.columns()) if source.columns is None else set()

    def listings(self) -> Iterator[Listing]:
        """Yield the wire documents of rows that can be read; refuse the others."""
        for row in self._source.rows:
            self._summary.rows += 1
            if row.fault is not None:
                self._refuse(row.number, "", Problem(0, "unreadable_row", "", row.fault))
                continue
            self._unseen -= {name for name in self._unseen if cell_of(row.cells, name) is not None}
            self._waiting.append(row.number)
            self._summary.sent += 1
            yield listing_of(row.cells, self._mapping, self._order.provider)

    def note(self, item: Item | DryItem) -> None:
        """Count what became of the row that waits longest."""
        row = self._waiting.popleft()
        if item.problem is not None:
            self._refuse(row, item.identifier[1], item.problem)
        elif isinstance(item, DryItem):
            self._summary.checked += 1
            self._warn(item.dry_run.warnings if item.dry_run else ())
        elif item.posted is not None:
            self._summary.created += item.posted.created
            self._summary.changed += item.posted.changed and not item.posted.created
            self._summary.unchanged += not item.posted.changed
            self._warn(item.posted.warnings)

    def ended(self) -> ImportSummary:
        """Return the summary when all is done."""
        self._summary.unseen = tuple(sorted(self._unseen)) if self._summary.sent else ()
        return self._summary

    def _refuse(self, row: int, external_id: str, problem: Problem) -> None:
        self._summary.refused += 1
        self._report.add(row, external_id, problem)

    def _warn(self, warnings: Iterable[Any]) -> None:
        self._summary.warnings.update(warned.code for warned in warnings)


def _expect_columns(file: Path, source: Source, mapping: ImportMapping) -> None:
    """Raise WrongUseError for a mapped column that the file lacks."""
    if source.columns is None:
        return
    tops = set(source.columns)
    for column, name in mapping.columns().items():
        if column not in tops and column.split(".")[0] not in tops:
            told = ", ".join(source.columns[:MAX_COLUMNS_TOLD])
            raise WrongUseError(
                f"{mapping.place(name)}: {file} has no column {column!r}; it has {told}"
            )


@contextmanager
def _report(path: Path) -> Iterator[_Report]:
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            write = csv.writer(file).writerow
            write(REPORT_HEADER)
            yield _Report(write)
    except OSError as problem:
        raise WrongUseError(f"cannot write {path}: {problem.strerror}") from problem
