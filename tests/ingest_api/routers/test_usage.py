"""One's own key's use: any live key may see it, and sees its own alone."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from store.database import writing
from store.tables.journal import ingest_usage_counts
from tests.ingest_api.conftest import Api, People, problem_of

USAGE = "/api/integration/usage"
LONG_AGO = datetime(2020, 1, 1, 9, 0, tzinfo=UTC)


def test_a_key_sees_what_admins_see_of_it(people: People) -> None:
    mine, other = people.make_key(permissions=[]), people.make_key()
    people.api.clock.stopped_at = LONG_AGO
    with writing(people.api.engine) as connection:
        for key, count in ((mine, 7), (other, 9)):
            connection.execute(
                sa.insert(ingest_usage_counts).values(
                    key_id=key["id"], usage_date=LONG_AGO.date(), measure="calls", count=count,
                    last_used_at=LONG_AGO,
                )
            )  # fmt: skip
    answer = people.api.client.get(f"{USAGE}?days=1", headers={"X-API-Key": mine["key"]})
    assert answer.status_code == 200
    assert [day["calls"] for day in answer.json()["days"]] == [7]
    seen = people.ask("GET", f"/api/keys/{mine['id']}/usage?days=1").json()
    assert answer.json()["days"] == seen["days"]


def test_it_needs_a_live_key(api: Api) -> None:
    assert problem_of(api.client.get(USAGE)) == (401, "missing_api_key")
    ended = api.make_key(expires_at=datetime.now(UTC) + timedelta(seconds=5))
    api.clock.stopped_at = datetime.now(UTC) + timedelta(seconds=6)
    answer = api.client.get(USAGE, headers={"X-API-Key": ended})
    assert problem_of(answer) == (401, "expired_api_key")


@pytest.mark.parametrize("days", ["0", "367", "x", ""])
def test_days_are_bounded(api: Api, days: str) -> None:
    answer = api.client.get(f"{USAGE}?days={days}", headers={"X-API-Key": api.make_key()})
    assert problem_of(answer) == (422, "validation_failed")
