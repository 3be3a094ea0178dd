"""A PostgreSQL server of the tests' own, and homes on it to be copied.

Started from the binaries on the machine, as a user without privileges, on a socket in a temporary
folder.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from store.settings import Settings

PORT = 5432  # of the socket's name alone: the server listens on no address


def binary(name: str) -> str:
    """Return the path of one of the server's programs; skips the test without it."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    found = shutil.which(name) or next(map(str, places), None)
    if found is None:
        pytest.skip(f"no {name} on this machine: install Debian's postgresql")
    return str(Path(found).resolve())


class PostgresServer:
    """One server; `start` and `stop` as often as a test likes.

    is_durable: syncs to disk, as servers do; else it is quicker, and a crash takes commits back.
    """

    def __init__(self, *, is_durable: bool = False) -> None:
        self._is_durable = is_durable
        self.folder = Path(tempfile.mkdtemp(prefix="imo360-postgres-"))
        # The server refuses to run as root.
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._templates: dict[str, Path] = {}
        self._copies = 0
        self._run("initdb", "--no-sync", "--username=imo360", "--auth=trust", "--encoding=UTF8",
                  "--locale=C.UTF-8", f"--pgdata={self._data}")  # fmt: skip

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = (
            f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c port={PORT} "
            "-c max_connections=200 -c shared_buffers=128MB"
        )
        if not self._is_durable:
            options += " -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        self._run("pg_ctl", "start", "--wait", f"--pgdata={self._data}",
                  f"--log={self.folder / 'log'}", f"--options={options}")  # fmt: skip

    def stop(self, mode: str = "fast") -> None:
        """Stop the server. mode immediate: as a crash does."""
        self._run("pg_ctl", "stop", "--wait", f"--pgdata={self._data}", f"--mode={mode}")

    def remove(self) -> None:
        """Stop it and remove everything."""
        if (self._data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        """Return the address of a database."""
        return f"postgresql://imo360@/{database}?host={quote(str(self.folder))}&port={PORT}"

    def make_database(self, name: str, template: str = "template0") -> str:
        """Create a database; return its address."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def new_database(self) -> str:
        """Create an empty database with a name of its own; return its address."""
        self._copies += 1
        return self.make_database(f"home_{self._copies}")

    def home(self, kind: str, home: Path, make: Callable[[Settings], None]) -> str:
        """Make a home by copying one of this kind, which `make` makes the first time.

        Returns the address of its database.
        """
        if kind not in self._templates:
            folder = self.folder.with_name(f"{self.folder.name}-{kind}") / "home"
            make(Settings(home=folder, database_url=self.make_database(f"kind_{kind}")))
            self._disconnect(f"kind_{kind}")
            self._templates[kind] = folder
        shutil.copytree(self._templates[kind], home)
        self._copies += 1
        return self.make_database(f"home_{self._copies}", f"kind_{kind}")

    def _disconnect(self, database: str) -> None:
        """End every connection to a database: one that is in use cannot be copied."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                (database,),
            )

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [binary(name), *arguments], check=True, cwd="/", user=self._user, timeout=120,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
