"""The client against the running API, and against a server that misbehaves."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from client.api import Imo360, identifier_of, listing_path
from client.errors import (
    ConflictError,
    InvalidError,
    TooLargeError,
    UnauthorisedError,
    UnexpectedAnswerError,
)
from tests.client.stand_in import StandIn
from tests.ingest_api.conftest import Api
from tests.listings import document

CLIENT = Path(__file__).parents[2] / "client"


def patient(server: StandIn) -> Imo360:
    return server.callers.enter_context(Imo360(server.base, "k", pause=lambda _: None))


def posted(external_id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": 7, "identifier": f"crm:{external_id}", "created": True, "changed": True,
        "status": "active", "eventId": "e", "receivedAt": "t", "warnings": [], **more,
    }  # fmt: skip


def test_a_listing_is_posted_and_posted_again(imo360: Imo360, provider: str) -> None:
    first = imo360.post(document("a", provider))
    again = imo360.post(document("a", provider))
    assert (first.created, first.changed, first.status) == (True, True, "active")
    assert (again.created, again.changed, again.id) == (False, False, first.id)
    assert first.identifier == identifier_of(document("a", provider))


def test_a_warning_is_typed(imo360: Imo360, provider: str) -> None:
    answer = imo360.post(document("a", provider, roomz=3))
    assert [(w.property_path, w.code) for w in answer.warnings] == [("roomz", "unknown_field")]


def test_a_refusal_carries_its_violations(imo360: Imo360, provider: str) -> None:
    with pytest.raises(InvalidError) as refused:
        imo360.post(document("a", provider, price=-1, rooms=[]))
    assert (refused.value.status, refused.value.code) == (422, "validation_failed")
    assert {v.property_path for v in refused.value.violations} == {"price", "rooms"}


def test_a_wrong_key_is_told(api: Api) -> None:
    with (
        Imo360(f"http://127.0.0.1:{api.port}", "imo360_ak_wrong") as client,
        pytest.raises(UnauthorisedError, match="invalid_api_key"),
    ):
        client.reference()


def test_many_are_posted_in_bulks_in_order(imo360: Imo360, provider: str) -> None:
    listings = [document(str(n), provider, price=n) for n in range(1_203)]  # the first is refused
    items = list(imo360.post_many(listings))
    assert [item.index for item in items] == list(range(1_203))
    assert [item.identifier for item in items] == [(provider, str(n)) for n in range(1_203)]
    assert [item.index for item in items if item.problem] == [0]
    assert items[0].problem is not None
    assert items[0].problem.violations[0].property_path == "price"
    assert all(item.posted and item.posted.created for item in items[1:])


def test_the_reference_is_read(imo360: Imo360) -> None:
    assert imo360.reference()["limits"]["bulkItems"] == 1_000


def test_a_bulk_beyond_the_rate_is_sent_in_parts(stand_in: StandIn) -> None:
    stand_in.lay(413, {"status": 413, "code": "bulk_exceeds_rate", "limit": 2})
    for part in ("ab", "c"):
        results = [{"index": 0, "success": True, "data": posted(name)} for name in part]
        stand_in.lay(200, {"results": results})
    items = list(patient(stand_in).post_many([document(name, "crm") for name in "abc"]))
    assert [item.index for item in items] == [0, 1, 2]
    assert [len(json.loads(seen.body)["items"]) for seen in stand_in.seen] == [3, 2, 1]


def test_another_limit_is_raised(stand_in: StandIn) -> None:
    stand_in.lay(413, {"status": 413, "code": "too_large", "limit": 2})
    with pytest.raises(TooLargeError):
        list(patient(stand_in).post_many([document("a"), document("b"), document("c")]))


@pytest.mark.parametrize("answer", [{"results": []}, [], {"results": [{"success": True}]}])
def test_an_answer_of_another_form_is_told(stand_in: StandIn, answer: Any) -> None:
    stand_in.lay(200, answer)
    with pytest.raises(UnexpectedAnswerError):
        list(patient(stand_in).post_many([document("a")]))


def test_revision_and_headers_of_a_post(stand_in: StandIn) -> None:
    stand_in.lay(201, posted("a"), ETag='"r3"')
    answer = patient(stand_in).post(document("a", "crm"), idempotency_key="once", if_match=2)
    headers = stand_in.seen[0].headers
    assert answer.revision == 3
    assert (headers["idempotency-key"], headers["if-match"]) == ("once", '"r2"')


def test_a_listing_is_read_back(stand_in: StandIn) -> None:
    stand_in.lay(200, {"id": 7, "identifier": "crm:a/1", "revision": 2, "status": "active",
                       "contentHash": "h", "eventId": "e", "listing": {"price": 1},
                       "sources": {}, "stages": {}})  # fmt: skip
    stand_in.lay(304, b"")
    client = patient(stand_in)
    assert client.read("crm:a/1").listing == {"price": 1}
    assert client.read_if_changed("crm:a/1", 2) is None
    assert stand_in.seen[0].path == "/api/integration/estates/crm:a%2F1" == listing_path("crm:a/1")
    assert stand_in.seen[1].headers["if-none-match"] == '"r2"'


def test_pages_are_followed_to_their_end(stand_in: StandIn) -> None:
    change = {"id": 7, "identifier": "crm:a", "revision": 1, "status": "active", "eventId": "e",
              "changedAt": "t", "created": True, "deleted": False}  # fmt: skip
    stand_in.lay(200, {"changes": [{"seq": 5, **change}], "next": 5, "more": True})
    stand_in.lay(200, {"changes": [{"seq": 9, **change}], "next": 9, "more": False})
    stand_in.lay(200, {"items": [{"externalId": "a"}], "nextCursor": "c d"})
    stand_in.lay(200, {"items": [{"externalId": "b"}], "nextCursor": None})
    client = patient(stand_in)
    assert [change.seq for change in client.changes(after=3)] == [5, 9]
    assert [item["externalId"] for item in client.list(["externalId"])] == ["a", "b"]
    paths = [seen.path for seen in stand_in.seen]
    assert [path.split("?")[1].split("&")[0] for path in paths[:2]] == ["after=3", "after=5"]
    assert "cursor=c+d" in paths[3]


def test_a_delete_says_why(stand_in: StandIn) -> None:
    stand_in.lay(204, b"")
    patient(stand_in).delete("crm:a", "sold", if_match=4)
    assert (stand_in.seen[0].method, stand_in.seen[0].path.split("?")[1]) == (
        "DELETE", "reason=sold",
    )  # fmt: skip
    assert stand_in.seen[0].headers["if-match"] == '"r4"'


def snapshot(state: str) -> dict[str, Any]:
    return {"id": "s1", "state": state, "providerIdentifier": "crm"}


def test_a_snapshot_closes_with_what_was_fed(stand_in: StandIn) -> None:
    stand_in.lay(201, snapshot("open"))
    results = [{"index": n, "success": True, "data": posted("a")} for n in range(2)]
    stand_in.lay(200, {"results": results})
    stand_in.lay(200, snapshot("applied"))
    with patient(stand_in).snapshot("crm", transaction="SALE") as feed:
        list(feed.feed([document("a", "crm"), document("a", "crm")]))
    opened, fed, closed = stand_in.seen
    assert json.loads(opened.body) == {"providerIdentifier": "crm", "transaction": "SALE"}
    assert fed.path.endswith("/bulk?snapshot=s1")
    assert closed.path.endswith("/s1/close")
    assert json.loads(closed.body) == {"expectedCount": 1}
    assert feed.snapshot is not None
    assert feed.snapshot.state == "applied"


def test_an_error_abandons_the_snapshot(stand_in: StandIn) -> None:
    stand_in.lay(201, snapshot("open"))
    stand_in.lay(204, b"")
    with pytest.raises(OSError, match="file"), patient(stand_in).snapshot("crm"):
        raise OSError("file")
    assert (stand_in.seen[1].method, stand_in.seen[1].path) == (
        "DELETE", "/api/integration/snapshots/s1",
    )  # fmt: skip


def test_a_held_snapshot_can_still_be_confirmed(stand_in: StandIn) -> None:
    stand_in.lay(201, snapshot("open"))
    stand_in.lay(409, {"status": 409, "code": "snapshot_held", "detail": "30 would vanish"})
    stand_in.lay(200, snapshot("applied"))
    client = patient(stand_in)
    with pytest.raises(ConflictError, match="30 would vanish"), client.snapshot("crm") as feed:
        feed.close()
    assert feed.confirm().state == "applied"
    assert [seen.path.rpartition("/")[2] for seen in stand_in.seen] == [
        "snapshots", "close", "confirm",
    ]  # fmt: skip


def test_the_folder_works_alone(tmp_path: Path, stand_in: StandIn) -> None:
    shutil.copytree(CLIENT, tmp_path / "client", ignore=shutil.ignore_patterns("__pycache__"))
    stand_in.lay(201, posted("a"))
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from client.api import Imo360\nfrom client.canonical import content_hash\n"
        f"print(Imo360({stand_in.base!r}, 'k').post({{'externalId': 'a'}}).id)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("7\n", "")
