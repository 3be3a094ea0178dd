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
LOGIN = "/authentication_token"
PARTNER = "Contract"
ADMIN = {"email": "admin@example.com", "password": "contract-contract-contract"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Running:
    """The running API: its address and document, a key with every permission, what was posted,
    and the token of an admin where people can log in."""

    home: Path
    base: str
    key: str
    document: Json
    posted: Json
    token: str | None

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
    key = make_key(home)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "cli.main", "serve", "--port", str(port), "--home", str(home)]
    # Into a file, never a pipe: nobody reads while thousands of requests come in.
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=log, stderr=log)
        try:
            await_health(base)
            _, document = get(f"{base}/openapi.json")
            posted = post_example(base, key, document)
            token = log_in(home, base) if LOGIN in document["paths"] else None
            made = Running(home, base, key, document, posted, token)
            made.document_file.write_bytes(msgspec.json.encode(document))
            yield made
        finally:
            process.terminate()
            process.wait()


def make_key(home: Path) -> str:
    """Make a key that may do everything a key can."""
    permissions = [word for each in Permission for word in ("--permission", each.value)]
    made = run("keys", "create", "--partner", PARTNER, *permissions, home=home)
    if made.returncode:
        raise RuntimeError(f"no key could be made: {made.stderr}")
    return made.stdout.strip().splitlines()[-1]


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
