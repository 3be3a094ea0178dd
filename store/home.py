"""The home: where everything is kept, and the locks that keep its writers apart."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class HomeError(Exception):
    """The home is missing, unusable, or in another state than the command needs."""


@dataclass(frozen=True)
class Home:
    """The folders of one home. Creating the object touches nothing."""

    root: Path

    @property
    def journal(self) -> Path:
        return self.root / "journal.sqlite"

    @property
    def server_mark(self) -> Path:
        """Says whose schemas these are, in a home that keeps its databases on PostgreSQL."""
        return self.root / "POSTGRESQL"

    @property
    def warehouses(self) -> Path:
        return self.root / "warehouse"

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def objects(self) -> Path:
        return self.root / "objects"

    @property
    def exports(self) -> Path:
        return self.root / "exports"

    @property
    def locks(self) -> Path:
        return self.root / "locks"

    @property
    def sandboxes(self) -> Path:
        """Homes of the partners' sandboxes, each named by the partner's id."""
        return self.root / "sandbox"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def prefect(self) -> Path:
        return self.root / "prefect"

    def make(self) -> None:
        """Create the folders that are missing. Raises HomeError when that is not possible."""
        try:
            for folder in (
                self.root,
                self.warehouses,
                self.lake / "events",
                self.lake / "refusals",
                self.objects,
                self.exports,
                self.locks,
            ):
                make_durably(folder)
        except OSError as problem:
            raise HomeError(f"cannot make the home {self.root}: {problem.strerror}") from problem


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; other processes wait. Death frees it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class FileLock:
    """An exclusive lock on a file, kept open so that taking it is one system call.

    For one holder at a time within the process; other processes, and other FileLocks of this one,
    wait. Death frees it.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def try_take(self) -> bool:
        """Take the lock; False at once while somebody else holds it."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def take(self) -> None:
        """Take the lock when it is free."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def free(self) -> None:
        """Let the next one in."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold the lock."""
        self.take()
        try:
            yield
        finally:
            self.free()

    def close(self) -> None:
        """Give the file back."""
        os.close(self._descriptor)


def try_lock(path: Path) -> int | None:
    """Take the lock and return its descriptor (close it to free it), or None when it is held."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def sync_folder(folder: Path) -> None:
    """Make the folder's entries durable (a renamed file is durable only after this)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_durably(folder: Path) -> None:
    """Make a folder, and its parents, so that a power cut does not take them again.

    Syncs nothing when the folder is there.
    """
    if folder.is_dir():
        return
    make_durably(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder)
    sync_folder(folder.parent)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file so that after a crash it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)
