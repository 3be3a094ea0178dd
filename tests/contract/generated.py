"""Clients generated from the OpenAPI document publish the integration page's quick start."""

import json
import shutil
import sys

from tests.contract.running import LISTINGS, Running
from tests.contract.tools import HERE, NODE_MODULES, PYTHON_TOOLS, node_tool, run_tool
from tests.ingest_api.test_integration_page import QUICK_START

CLIENTS = HERE / "clients"
PYTHON_CONFIG = {
    "post_hooks": [],
    # The generator knows no lines of JSON; as bytes, a partner passes them through.
    "content_type_overrides": {"application/x-ndjson": "application/octet-stream"},
}
EXPECTED = "my-crm:listing-456 active 422 validation_failed"


def publish_with_python(running: Running) -> None:
    """Generate the Python client, check its use by mypy, publish and read a refusal."""
    folder = running.home / "python"
    folder.mkdir()
    shutil.copy(CLIENTS / "quick_start.py", folder)
    (folder / "body.json").write_bytes(QUICK_START)
    (folder / "config.json").write_text(json.dumps(PYTHON_CONFIG))
    run_tool(
        [
            str(PYTHON_TOOLS / "openapi-python-client"), "generate", "--fail-on-warning",
            "--path", str(running.document_file), "--output-path", "imo360_client",
            "--meta", "none", "--config", "config.json",
        ],
        folder,
    )  # fmt: skip
    python = str(PYTHON_TOOLS / "python")
    types = ["--strict", "--python-executable", python, "--cache-dir", str(folder / "mypy")]
    run_tool([sys.executable, "-m", "mypy", *types, "quick_start.py"], folder)
    use = [python, "quick_start.py", running.base, running.key, "body.json"]
    expect(run_tool(use, folder))


def publish_with_typescript(running: Running) -> None:
    """Generate the TypeScript types, check their use by tsc, publish and read a refusal."""
    folder = running.home / "typescript"
    folder.mkdir()
    for name in ("quick_start.ts", "tsconfig.json"):
        shutil.copy(CLIENTS / name, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "body.ts").write_text(typed_body())
    (folder / "node_modules").symlink_to(NODE_MODULES)
    document = str(running.document_file)
    run_tool([*node_tool("openapi-typescript"), document, "-o", "imo360.d.ts"], folder)
    run_tool([*node_tool("tsc"), "--project", "."], folder)
    expect(run_tool(["node", "quick_start.js", running.base, running.key], folder))


def typed_body() -> str:
    """Return the page's body as a TypeScript module; JSON is TypeScript."""
    about = f'paths["{LISTINGS}"]["post"]["requestBody"]["content"]["application/json"]'
    return (
        'import type { paths } from "./imo360.js";\n'
        f"export const quickStart: {about} = {QUICK_START.decode()};\n"
    )


def expect(report: str) -> None:
    """Raise AssertionError unless the client read what the API answers."""
    assert report.strip() == EXPECTED, f"expected {EXPECTED!r}"
