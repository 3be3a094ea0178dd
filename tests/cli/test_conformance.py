"""We pass our own conformance kit."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Api, Call

BOTH = ("publish.estates", "read.estates")


def failures(report: dict[str, Any]) -> list[str]:
    """Say each expectation that was not met."""
    return [
        f"{check['name']}: expected {unmet['expected']}, came {unmet['came']}"
        for check in report["checks"]
        for unmet in check["expectations"]
        if not unmet["met"]
    ]


def test_our_api_fails_no_check(api: Api, call: Call) -> None:
    base = f"http://127.0.0.1:{api.port}"
    done = call("conformance", "--base", base, "--key", api.make_key(permissions=BOTH), "--json")
    report = json.loads(done.stdout)
    assert failures(report) == []
    assert report["passed"] >= 60
    assert report["left"] == []
    assert done.returncode == 0


@pytest.mark.slow
def test_our_api_fails_no_check_with_several_keys(
    api: Api, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = "conformance@example.com"
    monkeypatch.setenv("IMO360_ADMIN_PASSWORD", "correct horse battery staple")
    made = call("admin", "create", "--email", email, "--home", str(api.settings.home))
    assert made.returncode == 0, made
    done = call(
        "conformance", "--base", f"http://127.0.0.1:{api.port}", "--json", "--admin-email", email,
        "--key", api.make_key(permissions=BOTH),
    )  # fmt: skip
    report = json.loads(done.stdout)
    skipped = [check["name"] for check in report["checks"] if check["state"] == "skipped"]
    assert failures(report) == []
    assert skipped == ["the-rate-is-told-in-advance"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--base", "nowhere", "--key", "k"], 2, "--base 'nowhere' is no address"),
        (["--base", "{base}", "--key", "imo360_ak_x"], 2, "401 invalid_api_key"),
        (["--base", "{base}"], 2, "--key"),
    ],
    ids=["no address", "a wrong key", "no key"],
)
def test_wrong_use_is_told(
    api: Api, call: Call, arguments: list[str], code: int, said: str
) -> None:
    base = f"http://127.0.0.1:{api.port}"
    done = call("conformance", *(each.replace("{base}", base) for each in arguments))
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
