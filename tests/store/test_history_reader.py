"""History on both times: what was so, what was known, and that nobody's clock decides the order."""

import itertools
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import given

from flows.steps.worker import start_worker
from store.database import open_warehouse_reader, reading
from store.history_reader import find_listing, read_history, versions_as_of
from store.journal import Journal, Sender
from store.settings import Settings
from store.tables.columns import instant_text
from store.tables.metadata import WAREHOUSE
from store.tables.warehouse import core_listing_versions
from tests.conftest import NOW, Ticking
from tests.listings import deletion, post

DAY = timedelta(days=1)


@pytest.fixture
def filled(settings: Settings, journal: Journal, sender: Sender, clock: Ticking) -> Settings:
    """Revisions received a day apart; the second says it is older than the first."""
    since = (None, NOW - 20 * DAY, NOW - 10 * DAY)
    for when, price in zip(since, (100_000, 95_000, 97_000), strict=True):
        updated = {} if when is None else {"sourceUpdatedAt": instant_text(when)}
        journal.submit(sender, [post("a", price=price, title=f"T{price}", **updated)])
        clock.now += DAY
    journal.submit(sender, [deletion("a", "sold"), post("b")])
    worker = start_worker(settings, "test", clock)
    assert worker is not None
    worker.cycle()
    worker.close()
    return settings


def test_revisions_hold_one_after_the_other_whatever_their_clocks_say(filled: Settings) -> None:
    with reading(open_warehouse_reader(filled)) as connection:
        listing_id = find_listing(connection, "my-crm", "a")
        assert listing_id is not None
        history = read_history(connection, listing_id)
        assert find_listing(connection, "my-crm", "nobody's") is None
    versions = history.versions
    assert [version.price for version in versions][:2] == [100_000, 95_000]
    assert [version.revision for version in versions] == list(range(1, len(versions) + 1))
    assert all(
        before.valid_to is not None and before.valid_from <= before.valid_to
        for before, _ in itertools.pairwise(versions)
    )
    assert versions[-1].valid_to is None
    assert set(versions[1].changed) >= {"title", "price"}
    assert "area_m2" not in versions[1].changed
    assert history.sources["price"].event_id in {version.event_id for version in versions}
    assert [row["status"] for row in history.statuses] == ["active", "sold"]


def rows_as_of(settings: Settings, *instants: datetime | None) -> dict[str, int]:
    with reading(open_warehouse_reader(settings)) as connection:
        rows = connection.execute(versions_as_of(*instants)).mappings()
        return {row["external_id"]: row["revision"] for row in rows}


def test_as_of_both_times(filled: Settings) -> None:
    assert rows_as_of(filled) == {"a": 4, "b": 1}
    assert rows_as_of(filled, NOW - 31 * DAY) == {}
    # Revisions decide: the first, effective later than the second, is no newer than it.
    assert rows_as_of(filled, NOW - 15 * DAY) == {"a": 2}
    assert rows_as_of(filled, NOW - 5 * DAY) == {"a": 3}
    # Known on the first day only, whatever is known of that time since.
    assert rows_as_of(filled, None, NOW + DAY / 2) == {"a": 1}
    assert rows_as_of(filled, NOW - 5 * DAY, NOW + DAY / 2) == {}
    assert rows_as_of(filled, NOW - 5 * DAY, NOW + 1.5 * DAY) == {"a": 2}


instants = st.integers(0, 20).map(lambda day: datetime(2026, 1, 1, tzinfo=UTC) + day * DAY)


@given(
    st.lists(st.tuples(st.integers(1, 3), instants, instants), max_size=20),
    st.none() | instants,
    st.none() | instants,
)
def test_as_of_is_the_newest_revision_among_those_of_the_time(
    events: list[tuple[int, datetime, datetime]],
    effective_at: datetime | None,
    recorded_at: datetime | None,
) -> None:
    revisions = {listing: itertools.count(1) for listing in (1, 2, 3)}
    told = [(each[0], next(revisions[each[0]]), *each[1:]) for each in events]
    engine = sa.create_engine("sqlite://")
    required = {
        column.name: "x" if isinstance(column.type, sa.Text) else 1
        for column in core_listing_versions.columns
        if not column.nullable
    }
    with engine.begin() as connection:
        WAREHOUSE.create_all(connection, tables=[core_listing_versions])
        for listing, revision, effective, recorded in told:
            connection.execute(
                sa.insert(core_listing_versions).values(
                    **required
                    | {"id": listing, "revision": revision, "effective_at": effective,
                       "recorded_at": recorded, "event_offset": len(told)}
                )
            )  # fmt: skip
        found = connection.execute(versions_as_of(effective_at, recorded_at)).mappings()
        rows = {(row["id"], row["revision"]) for row in found}
    of_the_time = [
        (listing, revision)
        for listing, revision, effective, recorded in told
        if (effective_at is None or effective <= effective_at)
        and (recorded_at is None or recorded <= recorded_at)
    ]
    assert rows == {
        (listing, max(r for other, r in of_the_time if other == listing))
        for listing, _ in of_the_time
    }
