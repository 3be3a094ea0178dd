"""Holds the OpenAPI document against the specification and against a linter."""

from tests.contract.running import Running
from tests.contract.tools import HERE, PYTHON_TOOLS, node_tool, run_tool


def check_specification(running: Running) -> None:
    """Raise ToolError when the document is no valid OpenAPI 3.1."""
    run_tool([str(PYTHON_TOOLS / "openapi-spec-validator"), str(running.document_file)])


def lint_document(running: Running) -> None:
    """Raise ToolError when the document breaks a rule, AssertionError when one only warns."""
    lint = [*node_tool("redocly"), "lint", "--config", str(HERE / "redocly.yaml")]
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    report = run_tool([*lint, str(running.document_file)], running.home, **quiet)
    assert "warning" not in report, "the linter has warnings"
