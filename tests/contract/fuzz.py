"""Runs schemathesis with all its checks and ours against the running API: no failure is allowed."""

import os
from pathlib import Path

from tests.contract.running import Json, Running
from tests.contract.tools import HERE, PYTHON_TOOLS, run_tool

EXAMPLES = "100"
"""Cases of each operation in the fuzzing phase; the coverage phase makes its own number besides."""

SEED = "360"
"""The same cases at every run: a failure can be had again. IMO360_CONTRACT_SEED tries others."""


PEOPLE = "^/(authentication_token|api/keys|api/audit)"
"""What people call. In a round of its own, after the others: it ends keys, and one of them is
the key that the other operations are called with."""


def fuzz(running: Running) -> None:
    """Raise ToolError or AssertionError when schemathesis or the server's log has a failure."""
    config = running.home / "schemathesis.toml"
    config.write_text((HERE / "schemathesis.toml").read_text() + additions(running))
    if running.token is None:
        run_schemathesis(running, config)
    else:
        run_schemathesis(running, config, "--exclude-path-regex", PEOPLE)
        run_schemathesis(running, config, "--include-path-regex", PEOPLE)
    expect_quiet(running.log)


def run_schemathesis(running: Running, config: Path, *paths: str) -> None:
    """Raise ToolError when schemathesis finds a failure in the operations that paths choose."""
    command = [
        str(PYTHON_TOOLS / "schemathesis"), "--config-file", str(config), "run",
        "--checks", "all", "--workers", "1", "--continue-on-failure", "--no-color",
        "--seed", os.environ.get("IMO360_CONTRACT_SEED", SEED),
        "--max-examples", os.environ.get("IMO360_CONTRACT_EXAMPLES", EXAMPLES),
        *paths, f"{running.base}/openapi.json",
    ]  # fmt: skip
    run_tool(command, running.home, SCHEMATHESIS_HOOKS="fuzz_checks", PYTHONPATH=str(HERE))


def additions(running: Running) -> str:
    """Return the configuration of this run: who calls, and which identifiers exist."""
    schemes = running.document["components"]["securitySchemes"]
    lines = [line for name, scheme in schemes.items() for line in credential(name, scheme, running)]
    known = {name: running.posted[name] for name in ("identifier", "eventId")}
    for name, value in known.items():
        lines += [f"[dictionaries.{name}]", f'values = ["{value}"]']
    lines += ["[parameters]"]
    for name in known:
        lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.5 }}']
    return "\n".join(["", *lines, ""])


def credential(name: str, scheme: Json, running: Running) -> list[str]:
    """Return the section that lets schemathesis call as somebody."""
    if scheme["type"] == "apiKey":
        return [f"[auth.openapi.{name}]", f'api_key = "{running.key}"']
    if scheme["type"] == "http" and scheme["scheme"] == "bearer":
        return [f"[auth.openapi.{name}]", f'bearer = "{running.token}"']
    raise NotImplementedError(f"no credential for the security scheme {name}")


def expect_quiet(log: Path) -> None:
    """Raise AssertionError when the server logged a failure of its own."""
    text = log.read_text(errors="replace")
    assert "Traceback" not in text, f"the server's log has a traceback:\n{text[-5_000:]}"
