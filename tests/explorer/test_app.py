"""The explorer as a whole: what it sends with every answer, what it leaves to the API."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from explorer.app import create_explorer
from store.settings import Settings
from tests.explorer.served import served


@pytest.mark.parametrize(
    "path", ["/", "/static/main.js", "/api/market/zones", "/api/market/none", "/none"]
)
def test_every_answer_carries_the_security_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_large_answers_are_compressed(client: httpx.Client) -> None:
    assert client.get("/api/market/zones").headers["content-encoding"] == "gzip"


def test_paths_of_the_api_stay_free_when_mounted_beside_it(market_home: Path) -> None:
    door = FastAPI()

    @door.get("/healthz")
    def get_health() -> dict[str, bool]:
        return {"ok": True}

    door.mount("/", create_explorer(Settings(home=market_home)))
    with served(door) as client:
        assert client.get("/healthz").json() == {"ok": True}
        assert client.get("/openapi.json").json()["paths"].keys() == {"/healthz"}
        assert client.get("/docs").status_code == 200
        assert client.get("/api/integration/estates").status_code == 404
        assert client.get("/").headers["content-type"].startswith("text/html")
        assert client.get("/api/market/publication").json()["publication"] == 7


def test_read_api_describes_itself(client: httpx.Client) -> None:
    described = client.get("/api/market/openapi.json").json()
    assert "/api/market/listings" in described["paths"]
    assert all(path.startswith("/api/market/") for path in described["paths"])


@pytest.mark.slow
def test_process_stays_light() -> None:
    heavy = "polars geopandas pandas sklearn prefect maplibre analytics flows ingest_api PIL"
    program = f"import sys, explorer.app; print([m for m in {heavy.split()} if m in sys.modules])"
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"
