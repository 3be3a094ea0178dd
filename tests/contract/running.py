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
PARTNER = "Contract"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Running:
    """The running API: its address and document, a key with every permission, what was posted."""

    home: Path
    base: str
    key: str
    document: Json
    posted: Json

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
            made = Running(home, base, key, document, post_example(base, key, document))
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
    request = urllib.request.Request(
        f"{base}{LISTINGS}",
        data=msgspec.json.encode(example),
        headers={"X-API-Key": key, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        posted: Json = msgspec.json.decode(answer.read())
        return posted
