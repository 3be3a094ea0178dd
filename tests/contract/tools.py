"""Where `make contract` installs what it runs, and how it is run. No part of imo360 itself."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.journeys.server import ROOT

HERE = ROOT / "tests" / "contract"
PYTHON_TOOLS = ROOT / ".venv-contract" / "bin"
NODE_MODULES = ROOT / ".node-contract" / "node_modules"

SECONDS = 1_200
WIDEST = 1_000
"""A report's lines are cut here: a bulk's body is one line."""


class ToolError(Exception):
    """A tool found something; its report is on standard output."""


def has_node() -> bool:
    """Whether the tools for node are there. CI has them; a laptop may do without."""
    return shutil.which("node") is not None and NODE_MODULES.is_dir()


def node_tool(name: str) -> list[str]:
    """Return the start of a command that runs an installed tool of node."""
    return ["node", str(NODE_MODULES / ".bin" / name)]


def run_tool(command: list[str], folder: Path = ROOT, **environment: str) -> str:
    """Run a tool to its end; print and return its report. Raises ToolError when it fails."""
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True,
        check=False, timeout=SECONDS,
    )  # fmt: skip
    report = "\n".join(line[:WIDEST] for line in (done.stdout + done.stderr).splitlines())
    print(report, flush=True)
    if done.returncode:
        raise ToolError(f"{Path(command[0]).name} ended with {done.returncode}: see above")
    return report
