"""Bulks as one JSON document and as lines: order, duplicates, limits, and each item for itself."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import ingest_api.routers.estates
from store.audit import COMMAND_LINE
from store.database import writing
from store.keys import KeyWish, issue_key
from store.settings import Settings
from store.shapes.wire import MAX_BULK_ITEMS, MAX_LISTING_BYTES, MAX_NDJSON_LINES
from tests.ingest_api.conftest import LISTINGS, Api, problem_of
from tests.journeys.server import serving
from tests.watching import await_true, peak_mib

Listing = dict[str, Any]
BULK = f"{LISTINGS}/bulk"
NDJSON = "application/x-ndjson"


def send_lines(api: Api, key: str, body: Any, query: str = "", **sent: str) -> Any:
    headers = {"X-API-Key": key, "Content-Type": NDJSON, **sent}
    return api.client.post(f"{BULK}{query}", content=body, headers=headers)


def results(answer: Any) -> list[Listing]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(NDJSON)
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert [each["index"] for each in told] == list(range(len(told)))
    return told


def codes(told: list[Listing]) -> list[str]:
    """Return `ok` or the problem's code of each item."""
    return ["ok" if each["success"] else each["error"]["code"] for each in told]


def line(listing: Listing, external_id: str, **fields: Any) -> bytes:
    return json.dumps(listing | {"externalId": external_id} | fields).encode()


def rated_key(api: Api, per_minute: int) -> str:
    wish = KeyWish(
        partner="Rated lines", permissions=("publish.estates",), rate_per_minute=per_minute
    )
    with writing(api.engine) as connection:
        return issue_key(connection, wish, COMMAND_LINE, datetime.now(UTC)).key


def spooled_files(api: Api) -> list[str]:
    """Return the spools that this process still holds: they have no name on the disk."""
    spool = str(api.settings.home / "spool")
    held = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = str(link.readlink())
        except OSError:
            continue
        held += [target] if target.startswith(spool) and target.endswith("(deleted)") else []
    return held + [str(path) for path in Path(spool).glob("*")]


# -- one document -------------------------------------------------------------------------------


def test_duplicates_are_applied_in_order_and_name_the_one_they_supersede(
    api: Api, listing: Listing
) -> None:
    first, other = listing, listing | {"externalId": "b"}
    items = [first, other, first | {"price": 2}, first | {"price": "x"}, first | {"price": 3}]
    told = api.bulk(api.make_key(), items).json()["results"]
    assert [each["success"] for each in told] == [True, True, True, False, True]
    taken = [each["data"] for each in told if each["success"]]
    assert [each.get("supersedesIndex") for each in taken] == [None, None, 0, 2]
    assert [each["created"] for each in taken] == [True, True, False, False]
    assert (api.stored(listing["providerIdentifier"], "a-1") or {})["price"] == 3


def test_supersedes_reaches_across_the_parts_of_a_bulk(api: Api, listing: Listing) -> None:
    items = [listing, *(listing | {"externalId": f"x{n}"} for n in range(250)), listing]
    told = api.bulk(api.make_key(), items).json()["results"]
    assert told[-1]["data"]["supersedesIndex"] == 0
    assert not told[-1]["data"]["changed"]


@pytest.mark.parametrize("kept", [{}, {"Idempotency-Key": "whole"}], ids=["in parts", "whole"])
def test_a_full_bulk_keeps_its_order_and_refused_items_hinder_none(
    api: Api, listing: Listing, kept: dict[str, str]
) -> None:
    items = [listing | {"externalId": f"x{n}"} for n in range(MAX_BULK_ITEMS)]
    wrong = set(range(0, MAX_BULK_ITEMS, 7))
    for n in wrong:
        items[n]["price"] = "x"
    body = api.post(api.make_key(), {"items": items}, BULK, **kept).json()
    told = body["results"]
    assert (body["count"], body["failed"]) == (MAX_BULK_ITEMS, len(wrong))
    assert [each["index"] for each in told] == list(range(MAX_BULK_ITEMS))
    assert {each["index"] for each in told if not each["success"]} == wrong
    provider = listing["providerIdentifier"]
    assert [each["data"]["identifier"] for each in told if each["success"]] == [
        f"{provider}:x{n}" for n in range(MAX_BULK_ITEMS) if n not in wrong
    ]
    assert len(api.payloads(provider)) == MAX_BULK_ITEMS - len(wrong)


def test_one_item_too_many_is_told_with_the_limit_and_nothing_is_applied(
    api: Api, listing: Listing
) -> None:
    answer = api.bulk(api.make_key(), [listing] * (MAX_BULK_ITEMS + 1))
    assert problem_of(answer) == (413, "too_many_items")
    assert answer.json()["limit"] == MAX_BULK_ITEMS
    assert api.payloads(listing["providerIdentifier"]) == []


# -- lines --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("separator", "end"),
    [(b"\n", b"\n"), (b"\n", b""), (b"\r\n", b"\r\n"), (b"\r\n", b"")],
    ids=["LF", "LF, none at the end", "CRLF", "CRLF, none at the end"],
)
def test_each_line_has_its_answer_whatever_ends_it(
    api: Api, listing: Listing, separator: bytes, end: bytes
) -> None:
    lines = [line(listing, "a"), line(listing, "b", price="x"), line(listing, "a", price=2)]
    told = results(send_lines(api, api.make_key(), separator.join(lines) + end))
    assert codes(told) == ["ok", "validation_failed", "ok"]
    assert (api.stored(listing["providerIdentifier"], "a") or {})["price"] == 2
    assert api.payloads(listing["providerIdentifier"]) == [lines[0], lines[2]]


def test_blank_lines_are_lines_that_are_no_json(api: Api, listing: Listing) -> None:
    body = b"\n" + line(listing, "a") + b"\n\n \r\n" + line(listing, "b") + b"\n"
    told = results(send_lines(api, api.make_key(), body))
    assert codes(told) == ["invalid_json", "ok", "invalid_json", "invalid_json", "ok"]


def test_an_empty_stream_has_an_empty_answer(api: Api) -> None:
    assert results(send_lines(api, api.make_key(), b"")) == []


def test_groups_come_in_order(api: Api, listing: Listing) -> None:
    body = b"\n".join(line(listing, "a", price=n) for n in range(1, 451))
    told = results(send_lines(api, api.make_key(), body))
    assert codes(told) == ["ok"] * 450
    assert (api.stored(listing["providerIdentifier"], "a") or {})["price"] == 450


def test_a_line_beyond_the_limit_of_a_listing_fails_alone(api: Api, listing: Listing) -> None:
    longest = line(listing, "b", description="x")
    longest += b" " * (MAX_LISTING_BYTES - len(longest))
    lines = [line(listing, "a"), longest, longest + b" ", longest + b"\r\rxyz",
             longest + b" " * MAX_LISTING_BYTES, line(listing, "c")]  # fmt: skip
    told = results(send_lines(api, api.make_key(), b"\r\n".join(lines)))
    assert codes(told) == ["ok", "ok", "too_large", "too_large", "too_large", "ok"]
    assert told[2]["error"]["limit"] == MAX_LISTING_BYTES


def test_a_line_too_many_is_told_before_anything_is_applied(api: Api, listing: Listing) -> None:
    first = line(listing, "a")
    for end in (b"", b"\n"):
        answer = send_lines(api, api.make_key(), first + b"\n{}" * MAX_NDJSON_LINES + end)
        assert problem_of(answer) == (413, "too_many_items")
        assert answer.json()["limit"] == MAX_NDJSON_LINES
    assert api.stored(listing["providerIdentifier"], "a") is None
    assert spooled_files(api) == []


def test_a_stream_beyond_its_bytes_is_told_before_anything_is_applied(
    api: Api, listing: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_api.routers.estates, "MAX_NDJSON_BYTES", 10_000)
    body = b"\n".join(line(listing, f"x{n}") for n in range(100))
    for sent in (body, iter([body[:9_000], body[9_000:]])):
        answer = send_lines(api, api.make_key(), sent)
        assert problem_of(answer) == (413, "too_large")
        assert answer.json()["limit"] == 10_000
    assert api.payloads(listing["providerIdentifier"]) == []
    assert spooled_files(api) == []


def test_lines_keep_no_answers(api: Api, listing: Listing) -> None:
    sent = {"Idempotency-Key": "k"}
    answer = send_lines(api, api.make_key(), line(listing, "a"), **sent)
    assert problem_of(answer) == (422, "validation_failed")
    assert answer.json()["violations"][0]["propertyPath"] == "Idempotency-Key"


def test_lines_can_be_tried(api: Api, listing: Listing) -> None:
    body = line(listing, "a") + b"\nnonsense\n"
    told = results(send_lines(api, api.make_key(), body, "?dryRun=true"))
    assert codes(told) == ["ok", "invalid_json"]
    assert told[0]["data"]["dryRun"]
    assert api.stored(listing["providerIdentifier"], "a") is None


def test_a_spent_rate_is_the_verdict_of_the_lines_that_it_met(api: Api, listing: Listing) -> None:
    key = rated_key(api, 300)
    api.clock.stopped_at = datetime.now(UTC)
    body = b"\n".join(line(listing, f"x{n}") for n in range(410))
    told = results(send_lines(api, key, body))
    # Groups of 200: the second is not let in, the third is small enough for what is left.
    assert codes(told) == ["ok"] * 200 + ["rate_limited"] * 200 + ["ok"] * 10
    assert len(api.payloads(listing["providerIdentifier"])) == 210
    api.clock.stopped_at += timedelta(minutes=1)
    again = results(send_lines(api, key, body))
    assert codes(again)[:200] == ["ok"] * 200


def test_a_key_of_a_small_burst_sends_lines_in_small_groups(api: Api, listing: Listing) -> None:
    key = rated_key(api, 30)
    api.clock.stopped_at = datetime.now(UTC)
    body = b"\n".join(line(listing, f"x{n}") for n in range(70))
    assert codes(results(send_lines(api, key, body))) == ["ok"] * 30 + ["rate_limited"] * 40


def test_the_spool_goes_with_the_request(api: Api, listing: Listing) -> None:
    results(send_lines(api, api.make_key(), line(listing, "a") + b"\n"))
    assert spooled_files(api) == []


def half_sent(api: Api, key: str, body: bytes) -> None:
    """Send the begin of a stream and leave."""
    head = (
        f"POST {BULK} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: {NDJSON}\r\n"
        f"Content-Length: {len(body) + 100}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", api.port)) as connection:
        connection.sendall(head.encode() + body)
        await_true(lambda: spooled_files(api) != [])


def test_a_stream_that_breaks_off_applies_nothing_and_leaves_no_spool(
    api: Api, listing: Listing
) -> None:
    half_sent(api, api.make_key(), line(listing, "a") + b"\n" + line(listing, "b") + b"\n")
    await_true(lambda: spooled_files(api) == [])
    assert api.payloads(listing["providerIdentifier"]) == []


def test_a_sender_that_leaves_while_it_is_answered_leaves_no_spool(
    api: Api, listing: Listing
) -> None:
    body = b"\n".join(line(listing, f"x{n}", description="y" * 50) for n in range(3_000)) + b"\n"
    head = (
        f"POST {BULK} HTTP/1.1\r\nHost: x\r\nX-API-Key: {api.make_key()}\r\n"
        f"Content-Type: {NDJSON}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", api.port)) as connection:
        connection.sendall(head.encode() + body)
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    await_true(lambda: spooled_files(api) == [])


# -- memory ---------------------------------------------------------------------------------


def large_lines(listing: Listing, count: int, size: int) -> Iterator[bytes]:
    for number in range(count):
        yield line(listing, f"x{number}", description="x" * 1000).ljust(size) + b"\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "size"),
    [(40_000, 1_500), (30, MAX_LISTING_BYTES), (31, MAX_LISTING_BYTES + 7)],
    ids=["small lines", "the largest lines", "lines that are too long"],
)
def test_sixty_megabytes_of_lines_cost_less_than_a_hundred_of_memory(
    settings: Settings, api_key: str, listing: Listing, count: int, size: int
) -> None:
    headers = {"X-API-Key": api_key, "Content-Type": NDJSON}
    with serving(settings.home) as (base, process), httpx.Client(timeout=120) as client:
        client.post(base + BULK, content=line(listing, "warm"), headers=headers)
        before = peak_mib(process.pid)
        body = large_lines(listing, count, size)
        with client.stream("POST", base + BULK, content=body, headers=headers) as answer:
            told = sum(1 for _ in answer.iter_lines())
        grown = peak_mib(process.pid) - before
    assert told == count
    assert grown < 100
