"""API keys: shown once, stored hashed, bound, expiring, revocable at once."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from store.audit import Actor, read_entries
from store.database import open_journal_database, reading, writing
from store.keys import (
    DEFAULT_OVERLAP,
    MAX_OVERLAP,
    Issued,
    KeyEndedError,
    KeyReader,
    KeyRecord,
    KeyRequestError,
    KeyWish,
    change_key,
    create_key,
    end_key,
    find_details,
    find_key,
    issue_key,
    lookup_part,
    provider_owner,
    revoke_key,
    rotate_key,
    wrong_fields,
)
from store.settings import Settings
from store.shapes.vocabulary import Environment
from store.tables.journal import ingest_keys, ingest_partners, ingest_providers

NOW = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ANA = Actor("person:7", "192.0.2.1")


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    opened = open_journal_database(settings)
    yield opened
    opened.dispose()


def make(
    engine: Engine,
    partner: str = "Acme",
    permissions: tuple[str, ...] = ("publish.estates",),
    providers: tuple[str, ...] | None = None,
    expires_at: datetime | None = None,
) -> str:
    with writing(engine) as connection:
        return create_key(connection, partner, permissions, providers, expires_at, NOW)


def find(engine: Engine, key: str, now: datetime = NOW) -> KeyRecord | None:
    """Find a key both ways: they must agree."""
    with reading(engine) as connection:
        record = find_key(connection, key, now)
    reader = KeyReader(engine)
    assert reader.find(key, now) == record
    reader.close()
    return record


def test_a_key_says_what_it_may(engine: Engine) -> None:
    key = make(engine, permissions=("publish.estates", "read.market"), providers=("b", "a"))
    assert re.fullmatch(r"imo360_ak_[0-9A-Za-z]{51}", key)
    assert find(engine, key) == KeyRecord(
        key_id=1,
        partner_id=1,
        permissions=frozenset({"publish.estates", "read.market"}),
        providers=frozenset({"a", "b"}),
        state="live",
    )


def test_a_key_without_providers_may_claim_free_ones(engine: Engine) -> None:
    record = find(engine, make(engine))
    assert record is not None
    assert record.providers is None


def test_nothing_stored_gives_the_key_away(engine: Engine) -> None:
    key = make(engine)
    with reading(engine) as connection:
        row = connection.execute(sa.select(ingest_keys)).one()
    assert key not in str(row)
    assert key[22:] not in str(row)
    assert row.lookup == key[10:22] == lookup_part(key)


def test_keys_of_one_partner_share_it(engine: Engine) -> None:
    keys = [make(engine, partner) for partner in ("Acme", " Acme ", "Other")]
    records = [find(engine, key) for key in keys]
    assert [record.partner_id for record in records if record] == [1, 1, 2]
    assert len(set(keys)) == 3
    with reading(engine) as connection:
        names = connection.execute(sa.select(ingest_partners.c.name)).scalars().all()
    assert sorted(names) == ["Acme", "Other"]


def test_every_mistyped_letter_is_found_without_a_look_at_the_table(engine: Engine) -> None:
    key = make(engine)
    for place in range(len(key)):
        other = "a" if key[place] != "a" else "b"
        assert lookup_part(key[:place] + other + key[place + 1 :]) is None
    for wrong in ("", key[:-1], key + "0", f" {key}", key + "\n", key.lower(), "imo360_ak_"):
        assert lookup_part(wrong) is None
        assert find(engine, wrong) is None


def test_a_well_formed_key_of_another_home_is_unknown(engine: Engine) -> None:
    key = make(engine)
    with writing(engine) as connection:
        connection.execute(sa.update(ingest_keys).values(secret_sha256="0" * 64))
    assert find(engine, key) is None


def test_a_key_expires_at_its_instant(engine: Engine) -> None:
    key = make(engine, expires_at=NOW + SECOND)
    states = [
        record.state
        for now in (NOW, NOW + SECOND - timedelta(microseconds=1), NOW + SECOND)
        if (record := find(engine, key, now))
    ]
    assert states == ["live", "live", "expired"]


def test_a_revoked_key_ends_at_once_for_readers_already_open(engine: Engine) -> None:
    key, other = make(engine), make(engine)
    reader = KeyReader(engine)
    before = reader.find(key, NOW)
    with writing(engine) as connection:
        assert revoke_key(connection, key, NOW)
    after, untouched = reader.find(key, NOW), reader.find(other, NOW)
    reader.close()
    assert [record.state for record in (before, after, untouched) if record] == [
        "live", "revoked", "live"
    ]  # fmt: skip


def test_a_key_may_be_revoked_by_its_lookup_part_and_only_once(engine: Engine) -> None:
    key = make(engine)
    with writing(engine) as connection:
        assert revoke_key(connection, key[10:22], NOW)
        assert revoke_key(connection, key, NOW + SECOND)
        assert not revoke_key(connection, "nothing", NOW)
        assert connection.execute(sa.select(ingest_keys.c.revoked_at)).scalar() == NOW


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"partner": " "}, "partner"),
        ({"permissions": ("publish.everything",)}, "must be one of publish.estates"),
        ({"providers": ("a:b",)}, "must not hold ':'"),
        ({"expires_at": NOW}, "past"),
        ({"expires_at": NOW.replace(tzinfo=None)}, "time zone"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(
    engine: Engine, wrong: dict[str, object], message: str
) -> None:
    with pytest.raises(KeyRequestError, match=message):
        make(engine, **wrong)  # type: ignore[arg-type]


def test_a_key_cannot_be_bound_to_the_provider_of_another_partner(engine: Engine) -> None:
    make(engine, "Acme")
    with writing(engine) as connection:
        connection.execute(
            sa.insert(ingest_providers).values(identifier="crm", partner_id=1, claimed_at=NOW)
        )
        assert (provider_owner(connection, "crm"), provider_owner(connection, "free")) == (1, None)
    assert make(engine, "Acme", providers=("crm",))
    with pytest.raises(KeyRequestError, match="another partner"):
        make(engine, "Other", providers=("crm",))
    reader = KeyReader(engine)
    assert (reader.owner("crm"), reader.owner("free")) == (1, None)
    reader.close()


def issue(engine: Engine, **wish: Any) -> Issued:
    wanted = KeyWish(**{"partner": "Acme", "permissions": ("publish.estates",), **wish})
    with writing(engine) as connection:
        return issue_key(connection, wanted, ANA, NOW)


def test_a_sandbox_key_says_so_in_its_text_and_its_record(engine: Engine) -> None:
    key = issue(engine, environment=Environment.SANDBOX, rate_per_minute=60, rate_burst=5).key
    assert re.fullmatch(r"imo360_ak_test_[0-9A-Za-z]{51}", key)
    record = find(engine, key)
    assert record is not None
    assert record.environment is Environment.SANDBOX
    assert (record.rate_per_minute, record.rate_burst) == (60, 5)


@pytest.mark.parametrize("environment", Environment)
def test_a_key_cannot_be_carried_to_the_other_environment(
    engine: Engine, environment: Environment
) -> None:
    key = issue(engine, environment=environment).key
    is_sandbox = "_test_" in key
    other = key.replace("_test_", "_") if is_sandbox else key.replace("_ak_", "_ak_test_")
    assert find(engine, other) is None


@pytest.mark.parametrize("overlap", [timedelta(0), SECOND, DEFAULT_OVERLAP, MAX_OVERLAP])
def test_the_old_secret_of_a_rotation_ends_with_its_overlap(
    engine: Engine, overlap: timedelta
) -> None:
    old = issue(engine)
    with writing(engine) as connection:
        new = rotate_key(connection, old.key_id, overlap, ANA, NOW)
    assert new is not None
    assert (new.key_id, lookup_part(new.key)) == (old.key_id, lookup_part(old.key))
    end = NOW + overlap
    last = end - timedelta(microseconds=1)
    assert [find_state(engine, old.key, moment) for moment in (last, end)] == ["live", "expired"]
    assert [find_state(engine, new.key, moment) for moment in (last, end)] == ["live", "live"]


def test_an_overlap_does_not_outlive_the_key(engine: Engine) -> None:
    old = issue(engine, expires_at=NOW + SECOND)
    with writing(engine) as connection:
        rotate_key(connection, old.key_id, DEFAULT_OVERLAP, ANA, NOW)
    assert find_state(engine, old.key, NOW) == "live"
    assert find_state(engine, old.key, NOW + SECOND) == "expired"


def test_ended_keys_are_not_rotated(engine: Engine) -> None:
    expired, revoked = issue(engine, expires_at=NOW + SECOND), issue(engine)
    with writing(engine) as connection:
        assert end_key(connection, revoked.key_id, ANA, NOW)
        for ended in (expired, revoked):
            with pytest.raises(KeyEndedError):
                rotate_key(connection, ended.key_id, DEFAULT_OVERLAP, ANA, NOW + SECOND)
        assert rotate_key(connection, 999, DEFAULT_OVERLAP, ANA, NOW) is None
        assert change_key(connection, 999, {}, ANA, NOW) is None
        assert not end_key(connection, 999, ANA, NOW)


def test_a_change_keeps_what_is_absent(engine: Engine) -> None:
    made = issue(engine, name="One", providers=("a",), rate_per_minute=60)
    with writing(engine) as connection:
        before = find_details(connection, made.key_id, NOW)
        after = change_key(connection, made.key_id, {"name": "Two"}, ANA, NOW)
    assert before is not None
    assert after == replace(before, name="Two")


@pytest.mark.sqlite_only
def test_a_finding_is_one_query_by_an_index(engine: Engine) -> None:
    key = make(engine)
    asked: list[str] = []
    with reading(engine) as connection:
        driver: Any = connection.connection.driver_connection
        driver.set_trace_callback(asked.append)
        find_key(connection, key, NOW)
        driver.set_trace_callback(None)
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0]}").all()
    assert len(asked) == 1
    assert ["USING INDEX" in str(step) for step in plan] == [True]


def test_a_refused_wish_leaves_no_partner(engine: Engine) -> None:
    with pytest.raises(KeyRequestError):
        make(engine, "Nobody", permissions=("x",))
    with reading(engine) as connection:
        assert connection.execute(sa.select(ingest_partners)).all() == []


def test_what_is_wrong_is_told_by_path_and_code() -> None:
    wanted = {"partner": "\n", "name": "", "permissions": ["x"], "providers": [], "rate_burst": 5,
              "expires_at": NOW}  # fmt: skip
    assert [(wrong.path, wrong.code) for wrong in wrong_fields(wanted, NOW)] == [
        ("partner", "blank"), ("name", "blank"), ("permissions[0]", "invalid_choice"),
        ("providers", "blank"), ("expiresAt", "in_the_past"), ("rateLimit.perMinute", "required"),
    ]  # fmt: skip


def test_every_change_leaves_its_entry_and_a_refused_one_none(engine: Engine) -> None:
    made = issue(engine)
    with writing(engine) as connection:
        rotate_key(connection, made.key_id, DEFAULT_OVERLAP, ANA, NOW)
        change_key(connection, made.key_id, {"providers": None}, ANA, NOW)
        end_key(connection, made.key_id, ANA, NOW)
        entries = read_entries(connection, 0, 10)
    assert [entry.action for entry in entries] == [
        "keys.create", "keys.rotate", "keys.change", "keys.revoke"
    ]  # fmt: skip
    assert {(entry.actor, entry.address, entry.subject) for entry in entries} == {
        ("person:7", "192.0.2.1", f"key:{made.key_id}")
    }


def find_state(engine: Engine, key: str, now: datetime) -> str | None:
    record = find(engine, key, now)
    return None if record is None else record.state
