"""docs/partners.md says what the API does: its calls answer what it shows; codes, limits and
statuses are ours.
"""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from client.canonical import as_stored, content_hash
from client.conformance.kit import CHECKS
from ingest_api.problems import PROBLEMS
from ingest_api.reference import LIMITS
from store.shapes.vocabulary import Status
from tests.ingest_api.conftest import PASSWORD, Api, People

DOC = (Path(__file__).parents[2] / "docs" / "partners.md").read_text()
BASE = "http://127.0.0.1:8360"
ANY = "…"
ONE_DOCUMENT = ("application/json", "application/problem+json")


@dataclass(frozen=True)
class Call:
    """A call of the page, and the answer that stands below it."""

    command: str
    status: int
    answer: Any


def calls(text: str) -> Iterator[Call]:
    """Yield the calls in their order; a fence may hold several."""
    for _language, fence in re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for part in re.split(r"\n(?=curl )", fence):
            found = re.fullmatch(r"(curl .*?)\n# (\d{3}) ?(.*?)\s*", part, re.DOTALL)
            if part.startswith("curl "):
                assert found, f"no answer below {part}"
                yield Call(found[1], int(found[2]), json.loads(found[3]) if found[3] else None)


def send(api: Api, command: str, words: dict[str, str]) -> Any:
    """Send what curl would send."""
    own = command.replace("my-crm", words["PROVIDER"]).replace("\\\n", " ")
    for name, value in words.items():
        own = re.sub(rf"\${name}\b", lambda _, value=value: value, own)
    method, url, headers, body = "GET", "", {}, None
    options = iter(shlex.split(own)[1:])
    for option in options:
        match option:
            case "-X":
                method = next(options)
            case "-H":
                name, _, value = next(options).partition(": ")
                headers[name] = value
            case "-d" | "--data-binary":
                body = next(options).encode()
            case _:
                url = option
    assert "$" not in url, f"what is {url}?"
    path = url.removeprefix(BASE)
    return api.client.request(method, path, headers=headers, content=body)


def differences(shown: Any, came: Any, path: str = "") -> Iterator[str]:
    """Yield where an answer is not what the page shows of it; the page may leave members out."""
    if shown == ANY:
        return
    if isinstance(shown, dict) and isinstance(came, dict):
        for name, value in shown.items():
            if name in came:
                yield from differences(value, came[name], f"{path}.{name}")
            else:
                yield f"{path}.{name} is not there"
    elif isinstance(shown, list) and isinstance(came, list) and len(shown) <= len(came):
        for place, value in enumerate(shown):
            yield from differences(value, came[place], f"{path}[{place}]")
    elif shown != came:
        yield f"{path} is {came!r}, not {shown!r}"


def keep(words: dict[str, str], command: str, came: Any) -> None:
    """Keep what later calls name: the newest event, snapshot, token and key."""
    for name, word in (("eventId", "EVENT"), ("token", "TOKEN")):
        if name in came:
            words[word] = came[name]
    if "expiresAt" in came and "items" not in came:
        words["KEY_ID"] = str(came["id"])
    if command.startswith("curl -X POST") and "state" in came and "expiresAt" not in came:
        words["SNAPSHOT"] = came["id"]


def wrong_calls(api: Api, text: str, words: dict[str, str]) -> list[str]:
    """Make the calls of a text in their order; return what was answered otherwise."""
    wrong = []
    for call in calls(text.replace("my-crm", words["PROVIDER"])):
        answer = send(api, call.command, words)
        said = f"{call.command.splitlines()[0]}: {answer.status_code}"
        if answer.status_code != call.status:
            wrong.append(f"{said}, not {call.status}: {answer.text[:200]}")
            continue
        if answer.headers.get("content-type") in ONE_DOCUMENT:
            came = answer.json()
            keep(words, call.command, came)
            if call.answer is not None:
                wrong += [f"{said}{each}" for each in differences(call.answer, came)]
    return wrong


def test_every_call_of_a_partner_answers_what_is_shown(api: Api, people: People) -> None:
    partner = "Documented CRM"
    sandbox = people.make_key(partner=partner, environment="sandbox")["key"]
    words = {"PROVIDER": "doc-crm", "KEY": api.make_key(partner), "SANDBOX_KEY": sandbox}
    text = DOC.split("\n## Keys\n")[0]
    assert len(list(calls(text))) > 20
    assert wrong_calls(api, text, words) == []


def test_every_call_of_an_admin_answers_what_is_shown(api: Api, people: People) -> None:
    partner = "Administered CRM"
    api.post(api.make_key(partner), {"providerIdentifier": "admin-crm", "externalId": "a"})
    text = DOC.split("\n## Keys\n")[1].replace("My CRM", partner)
    assert PASSWORD in text
    assert len(list(calls(text))) == 9
    assert wrong_calls(api, text, {"PROVIDER": "admin-crm"}) == []


def operation(call: Call) -> str:
    """Return method and path of a call, with {} where something is named."""
    method = re.search(r"-X (\w+)", call.command)
    path = re.search(rf"{BASE}([^?\" ]*)", call.command)
    assert path is not None
    named = re.sub(r"\$\w+|my-crm:[\w-]+", "{}", path[1])
    return f"{method[1] if method else 'GET'} {named}"


def test_every_operation_has_its_call(api: Api) -> None:
    told = {operation(call) for call in calls(DOC)}
    operations = {
        f"{method.upper()} {re.sub(r'{[^}]*}', '{}', path)}"
        for path, item in api.client.get("/openapi.json").json()["paths"].items()
        for method in item
        if path.startswith(("/api/integration", "/api/keys", "/api/audit", "/authentication"))
    }
    assert operations - told == set()


def test_the_client_of_the_page_works(api: Api) -> None:
    program = re.search(r"```python\n(.*?)```", DOC, re.DOTALL)
    assert program is not None
    names: dict[str, Any] = {
        "base_url": f"http://127.0.0.1:{api.port}", "key": api.make_key("Client CRM"),
        "print": lambda *_: None,
    }  # fmt: skip
    exec(program[1].replace("my-crm", "client-crm"), names)
    assert len(names["taken"]) == 1
    assert names["ours"].keys() == {"listing-77"}


def test_the_content_hash_of_the_page_is_right() -> None:
    shown = re.search(r"```json\n(.*?)```", DOC, re.DOTALL)
    assert shown is not None
    assert f"it is `{content_hash(as_stored(json.loads(shown[1])))}`" in DOC


def test_every_code_of_a_refused_post_is_told() -> None:
    table = {
        code: int(status)
        for status, codes in re.findall(r"^\| (\d{3}) \| (`[^|]+) \|", DOC, re.MULTILINE)
        for code in re.findall(r"`(\w+)`", codes)
    }
    assert table.keys() | {"internal_error", "not_ready"} == PROBLEMS.keys()
    assert all(PROBLEMS[code].status == status for code, status in table.items())


def test_statuses_and_limits_are_ours() -> None:
    assert "Statuses: " + ", ".join(f"`{status.value}`" for status in Status) + "." in DOC
    assert LIMITS["listingBytes"] == 2 * 2**20
    assert LIMITS["bulkBytes"] == 32 * 2**20
    for limit in ("bulkItems", "imageUrls", "imageUrlLength", "attributes"):
        assert f"{LIMITS[limit]:,}" in DOC.split("## Limits")[1]


def test_the_number_of_checks_is_told() -> None:
    assert f"runs {len(CHECKS)} checks" in DOC
