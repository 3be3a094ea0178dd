"""Runs schemathesis with all its checks and ours against the running API: no failure is allowed."""

import os
from pathlib import Path

from tests.contract.running import Running
from tests.contract.tools import HERE, PYTHON_TOOLS, ToolError, run_tool

EXAMPLES = "100"
"""Cases of each operation in the fuzzing phase; the coverage phase makes its own number besides."""

SEED = "360"
"""The same cases at every run: a failure can be had again. IMO360_CONTRACT_SEED tries others."""


PEOPLE = "^/(authentication_token|api/keys|api/audit)"
"""What people call. In a round of its own, after the others: it ends keys, and one of them is
the key that the other operations are called with."""

SANDBOX = "^/api/integration/(sandbox|estates|usage)$"
"""What is called with a sandbox key, in a round of its own; the first round sees its refusal."""


def fuzz(running: Running) -> None:
    """Raise ToolError or AssertionError when schemathesis or the server's log has a failure."""
    rounds = (
        (running.key, "--exclude-path-regex", PEOPLE),
        (running.sandbox_key, "--include-path-regex", SANDBOX),
        (running.key, "--include-path-regex", PEOPLE),
    )
    failed = [paths for key, *paths in rounds if not run_schemathesis(running, key, *paths)]
    expect_quiet(running.log)
    assert not failed, f"failures in the rounds {failed}"


def run_schemathesis(running: Running, key: str, *paths: str) -> bool:
    """Whether schemathesis finds no failure in the operations that paths choose."""
    config = running.home / "schemathesis.toml"
    config.write_text((HERE / "schemathesis.toml").read_text() + additions(running, key))
    command = [
        str(PYTHON_TOOLS / "schemathesis"), "--config-file", str(config), "run",
        "--checks", "all", "--workers", "1", "--continue-on-failure", "--no-color",
        "--seed", os.environ.get("IMO360_CONTRACT_SEED", SEED),
        "--max-examples", os.environ.get("IMO360_CONTRACT_EXAMPLES", EXAMPLES),
        *paths, f"{running.base}/openapi.json",
    ]  # fmt: skip
    try:
        run_tool(command, running.home, SCHEMATHESIS_HOOKS="fuzz_checks", PYTHONPATH=str(HERE))
    except ToolError:  # what it found is printed; the other rounds are still of interest
        return False
    return True


def additions(running: Running, key: str) -> str:
    """Return the configuration of this run: who calls, and which identifiers exist."""
    lines = ["[auth.openapi.ApiKey]", f'api_key = "{key}"']
    lines += ["[auth.openapi.Jwt]", f'bearer = "{running.token}"']
    for name, values in running.known.items():
        lines += [f"[dictionaries.{name}]", f"values = {values}"]
    lines += ["[parameters]"]
    for name in running.known:
        lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.5 }}']
    return "\n".join(["", *lines, ""])


def expect_quiet(log: Path) -> None:
    """Raise AssertionError when the server logged a failure of its own."""
    text = log.read_text(errors="replace")
    assert "Traceback" not in text, f"the server's log has a traceback:\n{text[-5_000:]}"
