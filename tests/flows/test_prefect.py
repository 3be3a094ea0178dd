"""Prefect: its server imports beside our FastAPI, and our flows run under it."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_prefects_server_imports_with_our_fastapi() -> None:
    """fastapi 0.155 breaks Prefect 3.8 at import: the lock must never take both."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c",
         "from prefect.server.api.server import create_app; import flows.refresh_market"],
        capture_output=True, text=True, check=False, timeout=120,
        env={"DO_NOT_TRACK": "1", "PATH": "", "HOME": "/nonexistent-home", "PREFECT_HOME": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
