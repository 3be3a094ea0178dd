"""What tests wait for, and what they read of running processes."""

import time
from collections.abc import Callable
from pathlib import Path


def await_true(
    condition: Callable[[], object], what: str = "what was awaited", seconds: float = 20.0
) -> None:
    """Return once it holds. AssertionError naming `what`: it did not within the seconds."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)


def peak_mib(pid: int) -> float:
    """Return the most memory a process has held since its program started, in MiB.

    Not `ru_maxrss`: it also counts what the parent held when it started the process (Linux).
    """
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"process {pid} does not tell its peak memory")
