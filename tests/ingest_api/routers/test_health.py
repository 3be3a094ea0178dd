"""Health: for supervisors, without a key."""

from tests.ingest_api.conftest import Api


def test_a_running_api_is_alive_and_ready(api: Api) -> None:
    assert api.client.get("/healthz").json() == {"status": "ok"}
    assert api.client.get("/readyz").json() == {"status": "ready"}
