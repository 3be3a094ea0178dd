"""The API as `imo360 serve` runs it, on a home of its own, with a key and one listing in it."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from cli.free_port import free_port
from store.shapes.vocabulary import Permission
from tests.journeys.server import ROOT, await_health, get, run

LISTINGS = "/api/integration/estates"
SNAPSHOTS = "/api/integration/snapshots"
KEYS = "/api/keys"
LOGIN = "/authentication_token"
SPARE = 20
"""Snapshots and keys that are there: each is closed or revoked sooner or later."""
PARTNER = "Contract"
ADMIN = {"email": "admin@example.com", "password": "contract-contract-contract"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Running:
    """The running API: its address and document, a key with every permission and one of a sandbox,
    the token of an admin, and by the names of paths' parameters what there is."""

    home: Path
    base: str
    key: str
    sandbox_key: str
    token: str
    document: Json
    known: dict[str, list[str] | list[int]]

    @property
    def log(self) -> Path:
        """What the server wrote."""
        return self.home / "server.log"

    @property
    def document_file(self) -> Path:
        """The document as a file."""
        return self.home / "openapi.json"


@contextmanager
def running(home: Path) -> Iterator[Running]:
    """Serve the API while the block runs."""
    key, sandbox_key = make_key(home), make_key(home, "--environment", "sandbox")
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "cli.main", "serve", "--port", str(port), "--home", str(home)]
    # Into a file, never a pipe: nobody reads while thousands of requests come in.
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=log, stderr=log)
        try:
            await_health(base, process)
            _, document = get(f"{base}/openapi.json")
            token = log_in(home, base)
            known = seeded(base, key, token, document)
            made = Running(home, base, key, sandbox_key, token, document, known)
            made.document_file.write_bytes(msgspec.json.encode(document))
            yield made
        finally:
            process.terminate()
            process.wait()


def make_key(home: Path, *more: str) -> str:
    """Make a key that may do everything a key can; more: further arguments of the command."""
    permissions = [word for each in Permission for word in ("--permission", each.value)]
    made = run("keys", "create", "--partner", PARTNER, *permissions, *more, home=home)
    if made.returncode:
        raise RuntimeError(f"no key could be made: {made.stderr}")
    return made.stdout.strip().splitlines()[-1]


def seeded(base: str, key: str, token: str, document: Json) -> dict[str, list[str] | list[int]]:
    """Store a listing, open snapshots and make keys; return their names in paths."""
    posted = post_example(base, key, document)
    opening = {"providerIdentifier": posted["identifier"].partition(":")[0]}
    wish = {"partner": PARTNER, "permissions": ["read.estates"]}
    admin = {"Authorization": f"Bearer {token}"}
    snapshots = [send(f"{base}{SNAPSHOTS}", opening, {"X-API-Key": key}) for _ in range(SPARE)]
    keys = [send(f"{base}{KEYS}", wish, admin) for _ in range(SPARE)]
    return {
        "identifier": [posted["identifier"]],
        "eventId": [posted["eventId"]],
        "snapshotId": [each["id"] for each in snapshots],
        "id": [each["id"] for each in keys],
    }


def post_example(base: str, key: str, document: Json) -> Json:
    """Post the first example of the document's POST of a listing; return the answer."""
    body = document["paths"][LISTINGS]["post"]["requestBody"]["content"]["application/json"]
    example = next(iter(body["examples"].values()))["value"]
    return send(f"{base}{LISTINGS}", example, {"X-API-Key": key})


def log_in(home: Path, base: str) -> str:
    """Make an admin and return a token of theirs."""
    file = home / "password"
    file.write_text(ADMIN["password"])
    arguments = ("--email", ADMIN["email"], "--password-file", str(file))
    made = run("admin", "create", *arguments, home=home)
    if made.returncode:
        raise RuntimeError(f"no admin could be made: {made.stderr}")
    token: str = send(f"{base}{LOGIN}", ADMIN, {})["token"]
    return token


def send(url: str, body: Json, headers: dict[str, str]) -> Json:
    """POST a JSON document; return the answer."""
    request = urllib.request.Request(
        url, msgspec.json.encode(body), {**headers, "Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        told: Json = msgspec.json.decode(answer.read())
        return told
