"""Where and when figures were taken, and how long its disk takes to sync."""

import os
import platform
import statistics
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

SYNCS = 200
PAGE = b"\0" * 4096


def describe(command: str) -> list[str]:
    """Return lines that name date, machine, Python, load and command."""
    load = ", ".join(f"{one:.2f}" for one in os.getloadavg())
    return [
        f"date      {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"machine   {_cpu_model()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB, "
        f"{platform.system()} {platform.release()}",
        f"python    {platform.python_version()}",
        f"load      {load} (1, 5 and 15 minutes, before the run)",
        f"command   {command}",
    ]


def sync_ms(folder: Path) -> float:
    """Return the median milliseconds of writing and syncing one page in a folder."""
    path = folder / "sync.tmp"
    taken = []
    with path.open("wb") as file:
        for _ in range(SYNCS):
            file.write(PAGE)
            file.flush()
            started = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - started)
    path.unlink()
    return statistics.median(taken) * 1000


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and all below it, user and system.

    Includes children that ended and were waited for.
    """
    found = _processes()
    parents = {one: int(fields[1]) for one, fields in found.items()}
    ticks = sum(sum(map(int, found[one][11:15])) for one in family(parents, pid))
    return ticks / os.sysconf("SC_CLK_TCK")


def thread_cpu_seconds(pid: int) -> dict[tuple[int, int], float]:
    """Return the CPU seconds of each living thread of a process and of all processes below it.

    By process id and thread id.
    """
    parents = {one: int(fields[1]) for one, fields in _processes().items()}
    used = {}
    for one in family(parents, pid):
        for thread in Path(f"/proc/{one}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                nanoseconds = (thread / "schedstat").read_text().split()[0]
                used[one, int(thread.name)] = int(nanoseconds) / 1e9
    return used


def family(parents: Mapping[int, int], root: int) -> set[int]:
    """Return a process and all below it, given each process's parent."""
    found, added = {root}, {root}
    while added:
        added = {one for one, parent in parents.items() if parent in added} - found
        found |= added
    return found


def _processes() -> dict[int, list[str]]:
    """Return what /proc tells of each process, from its state on (proc(5), field 3)."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                text = (folder / "stat").read_text()
                found[int(folder.name)] = text.rpartition(")")[2].split()
    return found


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
