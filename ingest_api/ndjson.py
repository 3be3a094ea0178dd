"""Bulks as lines: a body of any number of listings, spooled to disk, answered line by line.

Nothing is read into memory but one group of lines; the answer begins when the last line has come,
so that a sender who does not read while writing cannot block itself.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from ingest_api.reading import Refusal, RefusedError
from store.shapes.wire import MAX_LISTING_BYTES, MAX_NDJSON_LINES

GROUP_LINES = 200
"""Most lines read, applied and answered together."""

GROUP_BYTES = 4 * 1024 * 1024
"""A group ends early when it has read so many bytes: what is read is copied some times over."""

WRITE_BYTES = 1024 * 1024
"""Bytes gathered before they are written to the spool."""


@dataclass(slots=True)
class Spool:
    """The body on disk; it goes with the request, whatever becomes of that."""

    file: BinaryIO
    lines: int = 0

    def groups(self, most_lines: int = GROUP_LINES) -> "Lines":
        """Return the lines again, from the first."""
        self.file.seek(0)
        return Lines(self.file, most_lines)

    def close(self) -> None:
        """Give the disk back."""
        self.file.close()


async def spooled(pieces: AsyncIterator[bytes], folder: Path) -> Spool:
    """Write a body to disk as it comes. Raises RefusedError for too many lines."""
    folder.mkdir(parents=True, exist_ok=True)
    # Closed by whoever answers from it.
    spool = Spool(cast(BinaryIO, tempfile.TemporaryFile(dir=folder)))  # noqa: SIM115
    try:
        waiting = bytearray()
        last = b"\n"
        async for piece in pieces:
            spool.lines += piece.count(b"\n")
            last = piece[-1:] or last
            waiting += piece
            if spool.lines > MAX_NDJSON_LINES:
                raise RefusedError(TOO_MANY)
            if len(waiting) >= WRITE_BYTES:
                await asyncio.to_thread(spool.file.write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(spool.file.write, bytes(waiting))
        spool.lines += last != b"\n"
        if spool.lines > MAX_NDJSON_LINES:
            raise RefusedError(TOO_MANY)
    except BaseException:
        spool.close()
        raise
    return spool


TOO_MANY = Refusal(
    "too_many_items", f"A stream has at most {MAX_NDJSON_LINES} lines.", limit=MAX_NDJSON_LINES
)


class Lines:
    """Groups of lines of a file, of at most so many lines each."""

    def __init__(self, file: BinaryIO, most_lines: int) -> None:
        self._file = file
        self._most_lines = most_lines

    def next_group(self) -> list[bytes]:
        """Return the next lines, without their ends; empty when there are no more.

        Of a line beyond the limit of a listing only so much is read that it is seen to be too long.
        """
        group: list[bytes] = []
        size = 0
        while len(group) < self._most_lines and size < GROUP_BYTES:
            line = self._file.readline(MAX_LISTING_BYTES + 2)
            if not line:
                break
            self._skip_rest(line)
            # One line's end and no more: of a cut line, what is left must still be too long.
            group.append(line.removesuffix(b"\n").removesuffix(b"\r"))
            size += len(line)
        return group

    def _skip_rest(self, line: bytes) -> None:
        while line and not line.endswith(b"\n"):
            line = self._file.readline(MAX_LISTING_BYTES)


async def answered(
    spool: Spool, most_lines: int, apply: Callable[[Sequence[bytes], int], Awaitable[bytes]]
) -> AsyncIterator[bytes]:
    """Apply the spooled lines group by group; yield the answers' lines. Closes the spool.

    most_lines: of one group. apply: takes lines and the number of the first, returns their answers
    as lines.
    """
    try:
        lines, first = spool.groups(most_lines), 0
        while group := await asyncio.to_thread(lines.next_group):
            yield await apply(group, first)
            first += len(group)
    finally:
        spool.close()
