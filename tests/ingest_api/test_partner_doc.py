"""docs/partner.md says what the API does: its first listing works, codes and limits are ours."""

import re
from pathlib import Path

from ingest_api.problems import PROBLEMS
from ingest_api.reference import LIMITS
from store.shapes.vocabulary import Status
from tests.ingest_api.conftest import Api

DOC = (Path(__file__).parents[2] / "docs" / "partner.md").read_text()


def test_the_first_listing_is_accepted(api: Api) -> None:
    body = re.search(r"-d '(\{.*?\})'", DOC, re.DOTALL)
    assert body is not None
    own = body[1].replace("my-crm", "doc-crm")
    assert api.post(api.make_key(), own.encode()).status_code == 201


def test_every_code_of_a_refused_post_is_told() -> None:
    elsewhere = {
        "not_found", "method_not_allowed", "admin_required", "key_ended", "rate_limited",
        "bulk_exceeds_rate",
    }  # fmt: skip
    table = {
        code: int(status)
        for status, codes in re.findall(r"^\| (\d{3}) \| (`[^|]+) \|", DOC, re.MULTILINE)
        for code in re.findall(r"`(\w+)`", codes)
    }
    assert table.keys() | {"internal_error", "not_ready"} == PROBLEMS.keys() - elsewhere
    assert all(PROBLEMS[code].status == status for code, status in table.items())


def test_statuses_and_limits_are_ours() -> None:
    assert "Statuses: " + ", ".join(f"`{status.value}`" for status in Status) + "." in DOC
    assert LIMITS["listingBytes"] == 2 * 2**20
    assert LIMITS["bulkBytes"] == 32 * 2**20
    for limit in ("bulkItems", "imageUrls", "imageUrlLength", "attributes"):
        assert f"{LIMITS[limit]:,}" in DOC.split("## Limits")[1]
