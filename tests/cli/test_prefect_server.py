"""The Prefect server of our own: it ends with the process that asked for it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ASK = """
import sys, time
from pathlib import Path
from cli.free_port import free_port
from cli.prefect_server import start_prefect
from store.home import Home
print(start_prefect(Home(Path(sys.argv[1])), free_port()).pid, flush=True)
time.sleep(60)
"""


def command_lines_of(group: str) -> list[str]:
    """Return the command lines of living processes whose environment names this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if group.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return [line for line in found if line]


def await_servers(group: str, *, count: int) -> None:
    end = time.monotonic() + 30
    while sum("prefect" in line for line in command_lines_of(group)) != count:
        assert time.monotonic() < end, command_lines_of(group)
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc")
def test_a_killed_parent_leaves_no_server_behind(tmp_path: Path) -> None:
    asker = subprocess.Popen([sys.executable, "-c", ASK, str(tmp_path)], stdout=subprocess.PIPE)
    assert asker.stdout is not None
    keeper = int(asker.stdout.readline())
    group = f"PREFECT_HOME={tmp_path / 'prefect'}"
    try:
        await_servers(group, count=2)  # the keeper and the server
        asker.kill()
        asker.wait()
        await_servers(group, count=0)
    finally:
        asker.kill()
        asker.communicate()
        if Path(f"/proc/{keeper}").exists():
            os.kill(keeper, signal.SIGTERM)
