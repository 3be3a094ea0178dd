"""A simulated power cut: what a folder holds when everything that was not synced is lost.

A process runs with `power_cut.c` preloaded, which logs every change below a folder. From the log
and the folder's first state this module rebuilds what a cut at any position of the log may leave:
of each file the content of its last sync and any part of the writes since; of each folder the
names of its last sync and the first few changes since. Nothing is promised beyond POSIX: a new
file's name needs a sync of its folder.
"""

import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

SOURCE = Path(__file__).with_name("power_cut.c")
_HEAD = struct.Struct("<QQQqQQ")
SECTOR = 512
"""What a disk writes whole; a write of more may be torn between two of them."""

Kept = Literal["nothing", "something", "everything"]
"""What is left of the changes that were not synced."""


class PowerCutError(Exception):
    """The process changed files in a way that is not modelled: the log proves nothing."""


def preloadable(folder: Path) -> Path:
    """Compile the library into a folder; skip the test where that is not possible."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("a simulated power cut needs Linux and a C compiler")
    library = folder / "power_cut.so"
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE), "-lpthread"]
    subprocess.run(command, check=True, capture_output=True)
    return library


def recording(library: Path, folder: Path, log: Path) -> dict[str, str]:
    """Return the environment of a process whose changes below a folder are logged."""
    return {
        "LD_PRELOAD": str(library),
        "POWER_CUT_ROOT": str(folder.resolve()),
        "POWER_CUT_LOG": str(log),
    }


# -- the log --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """One change. end: the position of the log behind it."""

    operation: str
    inode: int
    thread: int
    offset: int
    first: bytes
    second: bytes
    end: int


def read_log(log: Path) -> Iterator[Record]:
    """Yield the whole records; a kill may have torn the last one."""
    with log.open("rb") as file:
        end = 0
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            operation, inode, thread, offset, first_length, second_length = _HEAD.unpack(head)
            first, second = file.read(first_length), file.read(second_length)
            if len(first) + len(second) < first_length + second_length:
                return
            end += _HEAD.size + first_length + second_length
            yield Record(chr(operation), inode, thread, offset, first, second, end)


# -- the disk -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Change:
    """A write of data at an offset, or (data None) a new size."""

    order: int
    offset: int
    data: bytes | None


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


@dataclass(slots=True)
class _File:
    """What is on the disk for certain, and what was written since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[_Change] = field(default_factory=list)

    def sync(self, before: int) -> None:
        """Make durable what was written before the sync began."""
        for change in self.pending:
            if change.order < before:
                _apply(self.durable, change.offset, change.data)
        self.pending = [change for change in self.pending if change.order >= before]

    def after_cut(self, kept: Kept, chance: random.Random) -> bytes:
        """Return what a cut may leave."""
        if kept == "nothing" or not self.pending:
            return bytes(self.durable)
        content = bytearray(self.durable)
        share = chance.random()
        for change in self.pending:
            if kept == "everything" or chance.random() < share:
                _apply(content, change.offset, change.data)
            elif change.data is not None and chance.random() < share:
                _apply_torn(content, change, chance)
        return bytes(content)


def _apply_torn(content: bytearray, change: _Change, chance: random.Random) -> None:
    """Apply some of the sectors of a write."""
    data = change.data or b""
    begin, end = change.offset, change.offset + len(data)
    for sector in range(begin - begin % SECTOR, end, SECTOR):
        if chance.random() < 0.5:
            first, last = max(begin, sector), min(end, sector + SECTOR)
            _apply(content, first, data[first - begin : last - begin])


Names = dict[str, "_File | _Folder"]


@dataclass(slots=True)
class _Folder:
    """Names as they are, as the last sync left them, and the changes since, each of them whole."""

    names: Names = field(default_factory=dict)
    durable: Names = field(default_factory=dict)
    pending: list[tuple[int, dict[str, "_File | _Folder | None"]]] = field(default_factory=list)

    def change(self, order: int, changes: dict[str, "_File | _Folder | None"]) -> None:
        """Note names that came (with what they name) or went (None)."""
        _rename(self.names, changes)
        self.pending.append((order, changes))

    def sync(self, before: int) -> None:
        """Make durable what changed before the sync began."""
        for order, changes in self.pending:
            if order < before:
                _rename(self.durable, changes)
        self.pending = [each for each in self.pending if each[0] >= before]

    def after_cut(self, kept: Kept, chance: random.Random) -> Names:
        """Return the names that a cut may leave."""
        names = dict(self.durable)
        count = {"nothing": 0, "everything": len(self.pending)}.get(
            kept, chance.randint(0, len(self.pending))
        )
        for _, changes in self.pending[:count]:
            _rename(names, changes)
        return names


def _rename(names: Names, changes: dict[str, "_File | _Folder | None"]) -> None:
    for name, what in changes.items():
        if what is None:
            names.pop(name, None)
        else:
            names[name] = what


class Disk:
    """A folder as a disk sees it, from its first state on; `play` the log's records in order."""

    def __init__(self, folder: Path) -> None:
        """Begin with what the folder holds now, before the process runs."""
        self._root_path = str(folder.resolve())
        self._by_inode: dict[int, _File | _Folder] = {}
        self._begun: dict[int, tuple[int, int]] = {}
        self._order = 0
        self._root = self._load(folder)

    def _load(self, path: Path) -> _Folder:
        loaded = _Folder()
        self._by_inode[path.stat().st_ino] = loaded
        for each in path.iterdir():
            if each.is_dir():
                loaded.names[each.name] = self._load(each)
            else:
                file = _File(bytearray(each.read_bytes()))
                self._by_inode[each.stat().st_ino] = loaded.names[each.name] = file
        loaded.durable = dict(loaded.names)
        return loaded

    def play(self, record: Record) -> None:
        """Take one record. Raises PowerCutError for what is not modelled."""
        self._order += 1
        match record.operation:
            case "W":
                self._file(record.inode).pending.append(
                    _Change(self._order, record.offset, record.second)
                )
            case "T":
                self._file(record.inode).pending.append(_Change(self._order, record.offset, None))
            case "F":
                self._begun[record.thread] = (record.inode, self._order)
            case "G":
                self._sync(record)
            case "P":
                if not record.first.endswith(b"-shm"):  # SQLite makes it anew
                    raise PowerCutError(f"mapped for writing: {record.first!r}")
            case "X":
                raise PowerCutError(f"not modelled: {record.first.decode()}")
            case _:
                self._play_name(record)

    def _play_name(self, record: Record) -> None:
        folder, name = self._place(record.first)
        match record.operation:
            case "O":
                if name not in folder.names:
                    self._new(folder, name, record.inode, _File())
            case "M":
                self._new(folder, name, record.inode, _Folder())
            case "U":
                folder.change(self._order, {name: None})
            case "R":
                target, new_name = self._place(record.second)
                moved = folder.names[name]
                if target is folder:
                    folder.change(self._order, {name: None, new_name: moved})
                else:
                    target.change(self._order, {new_name: moved})
                    folder.change(self._order, {name: None})

    def _new(self, folder: _Folder, name: str, inode: int, what: _File | _Folder) -> None:
        self._by_inode[inode] = what
        folder.change(self._order, {name: what})

    def _sync(self, record: Record) -> None:
        inode, before = self._begun.pop(record.thread)
        assert inode == record.inode
        self._by_inode[inode].sync(before)

    def _file(self, inode: int) -> _File:
        found = self._by_inode[inode]
        assert isinstance(found, _File)
        return found

    def _place(self, path: bytes) -> tuple[_Folder, str]:
        *parents, name = path.decode().removeprefix(self._root_path + "/").split("/")
        folder = self._root
        for parent in parents:
            inner = folder.names[parent]
            assert isinstance(inner, _Folder)
            folder = inner
        return folder, name

    def cut(self, target: Path, kept: Kept, chance: random.Random) -> None:
        """Write what a power cut now may leave into a new folder."""
        self._write(self._root, target, kept, chance)

    def _write(self, folder: _Folder, target: Path, kept: Kept, chance: random.Random) -> None:
        target.mkdir()
        for name, what in sorted(folder.after_cut(kept, chance).items()):
            if isinstance(what, _Folder):
                self._write(what, target / name, kept, chance)
            elif not name.endswith("-shm"):
                (target / name).write_bytes(what.after_cut(kept, chance))

    def differences(self, folder: Path) -> list[str]:
        """Return where the log does not account for what a folder holds without a cut."""
        return list(self._differences(self._root, folder))

    def _differences(self, folder: _Folder, path: Path) -> Iterator[str]:
        there = {each.name for each in path.iterdir()}
        for name in sorted(there ^ folder.names.keys()):
            yield f"{path / name}: known to one only"
        for name in sorted(there & folder.names.keys()):
            what = folder.names[name]
            if isinstance(what, _Folder):
                yield from self._differences(what, path / name)
            elif not name.endswith("-shm"):
                content = what.after_cut("everything", random.Random(0))
                if content != (path / name).read_bytes():
                    yield f"{path / name}: other content"


def play_until(disk: Disk, records: Iterable[Record], positions: Iterable[int]) -> Iterator[int]:
    """Play the log; stop at each of the ascending positions, and yield it."""
    wanted = iter(positions)
    position = next(wanted, None)
    end = 0
    for record in records:
        while position is not None and record.end > position >= end:
            yield position
            position = next(wanted, None)
        disk.play(record)
        end = record.end
    while position is not None:
        yield position
        position = next(wanted, None)


def log_position(log: Path) -> int:
    """Return how long the log is: everything before was done before now."""
    return log.stat().st_size
