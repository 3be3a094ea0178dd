"""Backup and restore of a home: everything that a replay cannot rebuild, and what it reads.

A backup is a folder. Files of the lake and objects never change, so a backup into the same
folder copies only what is new. Its manifest is written last and names every file with its
checksum: a folder without one is no backup.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from store import server_backup
from store.crash_points import crash_at
from store.database import expect_home, warehouse_name
from store.home import Home, HomeError, locked, make_durably, sync_folder, write_durably
from store.settings import Settings
from store.sqlite_files import copy_file, open_read_only

MANIFEST = "BACKUP.json"
BEGUN = "BACKUP.begun"
"""What stands in a backup's folder while it is made, in the manifest's place."""

FORMAT = 1

NOT_REBUILT = {
    "ingest_partners, ingest_keys, ingest_providers": "who may post, and what is theirs",
    "ingest_people": "accounts of admins, with the hashes of their passwords",
    "ingest_audit_entries": "who did what",
    "ingest_usage_counts": "how keys were used",
    "ingest_snapshots, ingest_snapshot_items": "inventories under way, and what came of them",
    "ingest_idempotency_keys": "answers of the last day",
    "ingest_batches": "posts that no lake file holds yet",
    "market_runs, market_delays, core_batches": "when events were loaded and published",
    "market_check_failures": "which rules of contracts were broken, and when",
    "secrets": "the secret that signs tokens",
}
"""What a replay from the lake cannot rebuild: it is in a backup or it is gone."""

COPIED_FOLDERS = ("lake", "objects", "secrets")


class BackupError(Exception):
    """There is no backup there, or a damaged one, or no room for it."""


@dataclass(frozen=True)
class Backup:
    """What a backup holds. copied: files that were not there from an earlier one."""

    folder: Path
    files: int
    bytes: int
    copied: int
    last_offset: int
    publication: int | None


OnFile = Callable[[int, int], None]
"""Called with (files done, files in all)."""


def back_up(
    settings: Settings,
    folder: Path,
    now: datetime,
    *,
    with_market: bool = True,
    on_file: OnFile = lambda _done, _all: None,
) -> Backup:
    """Copy a home while it runs; posts go on, sealing waits.

    with_market: the current warehouse, too, so that a restored home need not be refreshed from
    the beginning. Raises HomeError, BackupError.
    """
    home = Home(settings.home)
    expect_home(settings)
    if folder.resolve().is_relative_to(home.root.resolve()):
        raise BackupError(f"{folder} is inside the home it would be the backup of")
    _begin(folder)
    with locked(home.locks / "seal.lock"):
        # The warehouse first: restored, it may be behind the journal, and never before it.
        databases = [*_market(settings, folder, with_market), *_journal(settings, folder)]
        named = list(_files(home))
        entries, copied = [], 0
        for done, path in enumerate(named, start=1):
            entry, is_new = _copied(home.root, path, folder)
            entries.append(entry)
            copied += is_new
            on_file(done, len(named))
    entries += [_entry(folder, folder / name) for name in databases]
    _remove_others(folder, {entry["path"] for entry in entries})
    crash_at("backup_copied")
    last, publication = _reached(folder, databases)
    manifest = {
        "format": FORMAT, "made_at": now.isoformat(), "last_offset": last,
        "publication": publication, "files": entries,
    }  # fmt: skip
    write_durably(folder / MANIFEST, json.dumps(manifest, indent=1).encode())
    (folder / BEGUN).unlink()
    size = sum(entry["bytes"] for entry in entries)
    return Backup(folder, len(entries), size, copied + len(databases), last, publication)


def restore(settings: Settings, folder: Path, on_file: OnFile = lambda _done, _all: None) -> Backup:
    """Make a home of a backup; every file is checked against its checksum.

    The journal comes last, so that a restore which was broken off leaves no home. Raises
    HomeError when there is one already, BackupError naming the file that is missing or damaged.
    """
    home, manifest = Home(settings.home), read_manifest(folder)
    _expect_room(settings, manifest)
    home.make()
    is_server = settings.database_url is not None
    entries = sorted(manifest["files"], key=lambda entry: entry["path"] == home.journal.name)
    for done, entry in enumerate(entries, start=1):
        if entry["path"] == home.journal.name:
            crash_at("restore_copied")
        if is_server and entry["path"].startswith(f"{server_backup.FOLDER}/"):
            _expect_whole(folder, entry)
        else:
            _restore_file(folder, entry, home.root)
        on_file(done, len(entries))
    if is_server:
        crash_at("restore_copied")
        server_backup.load(settings, folder)
    size = sum(entry["bytes"] for entry in entries)
    count = len(entries)
    return Backup(
        folder, count, size, count, manifest["last_offset"], manifest["publication"]
    )  # fmt: skip


def _expect_room(settings: Settings, manifest: dict[str, Any]) -> None:
    """Raise unless the backup can become a home there."""
    home = Home(settings.home)
    if home.journal.exists() or server_backup.is_taken(settings):
        raise HomeError(
            f"there is a home at {home.root}: restore into another with --home"
            + (" and IMO360_DATABASE_URL" if settings.database_url is not None else "")
        )
    is_of_server = any(e["path"].startswith(f"{server_backup.FOLDER}/") for e in manifest["files"])
    if is_of_server and settings.database_url is None:
        raise BackupError("the backup is of a home on PostgreSQL: set IMO360_DATABASE_URL")
    if not is_of_server and settings.database_url is not None:
        raise BackupError("the backup is of a home on SQLite: unset IMO360_DATABASE_URL")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest. Raises BackupError when there is none that this code reads."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    except FileNotFoundError:
        raise BackupError(
            f"{folder} is no backup: it holds no {MANIFEST} (which is written last)"
        ) from None
    except ValueError as problem:
        raise BackupError(f"{folder / MANIFEST} is damaged: {problem}") from problem
    if manifest.get("format") != FORMAT:
        raise BackupError(f"{folder} has format {manifest.get('format')}, this code reads {FORMAT}")
    return manifest


def _begin(folder: Path) -> None:
    """Make the folder, or take an earlier backup's; from here on it is no whole backup."""
    make_durably(folder)
    if any(folder.iterdir()) and not any((folder / n).exists() for n in (MANIFEST, BEGUN)):
        # What a backup does not name is removed from its folder.
        raise BackupError(f"{folder} holds something else: name an empty folder, or a backup's")
    write_durably(folder / BEGUN, b"")
    (folder / MANIFEST).unlink(missing_ok=True)
    sync_folder(folder)


def _journal(settings: Settings, folder: Path) -> list[str]:
    if settings.database_url is not None:
        return server_backup.dump(settings, folder, "journal")
    journal = Home(settings.home).journal
    copy_file(journal, folder / journal.name)
    return [journal.name]


def _market(settings: Settings, folder: Path, with_market: bool) -> list[str]:
    if not with_market:
        return []
    if settings.database_url is not None:
        return server_backup.dump(settings, folder, "warehouse")
    home = Home(settings.home)
    path, pointer = home.warehouses / warehouse_name(home), folder / "warehouse" / "CURRENT"
    make_durably(pointer.parent)
    copy_file(path, pointer.parent / path.name)
    write_durably(pointer, path.name.encode() + b"\n")
    return [f"warehouse/{path.name}", "warehouse/CURRENT"]


def _files(home: Home) -> Iterator[Path]:
    for name in COPIED_FOLDERS:
        for path in sorted((home.root / name).rglob("*")):
            if path.is_file() and path.suffix != ".part":
                yield path


def _copied(root: Path, path: Path, folder: Path) -> tuple[dict[str, Any], bool]:
    """Copy a file that never changes, unless the same one is there; return its entry."""
    name = path.relative_to(root)
    target = folder / name
    content = path.read_bytes()
    is_new = not (target.is_file() and target.read_bytes() == content)
    if is_new:
        make_durably(target.parent)
        write_durably(target, content)
        shutil.copymode(path, target)
    sha256 = hashlib.sha256(content).hexdigest()
    return {"path": str(name), "bytes": len(content), "sha256": sha256}, is_new


def _entry(folder: Path, path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "path": str(path.relative_to(folder)), "bytes": path.stat().st_size, "sha256": sha256,
    }  # fmt: skip


def _remove_others(folder: Path, named: set[str]) -> None:
    """Remove what an earlier backup held and this one does not (compacted files)."""
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and name not in named and name != BEGUN:
            path.unlink()


def _expect_whole(folder: Path, entry: dict[str, Any]) -> None:
    """Raise BackupError unless the file is there with its checksum."""
    source = folder / entry["path"]
    try:
        with source.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise BackupError(f"{source} is missing: this backup is not whole") from None
    if sha256 != entry["sha256"]:
        raise BackupError(f"{source} is damaged: its checksum is not that of {MANIFEST}")


def _restore_file(folder: Path, entry: dict[str, Any], root: Path) -> None:
    source, target = folder / entry["path"], root / entry["path"]
    if not target.resolve().is_relative_to(root.resolve()):
        raise BackupError(f"{folder / MANIFEST} names a file outside the home: {entry['path']}")
    make_durably(target.parent)
    part = target.with_name(f".{target.name}.part")
    digest = hashlib.sha256()
    try:
        with source.open("rb") as reader, part.open("wb") as writer:
            while piece := reader.read(1 << 20):
                digest.update(piece)
                writer.write(piece)
            writer.flush()
            os.fsync(writer.fileno())
    except FileNotFoundError:
        raise BackupError(f"{source} is missing: this backup is not whole") from None
    if digest.hexdigest() != entry["sha256"]:
        part.unlink()
        raise BackupError(f"{source} is damaged: its checksum is not that of {MANIFEST}")
    shutil.copymode(source, part)
    part.replace(target)
    sync_folder(target.parent)


def _reached(folder: Path, databases: list[str]) -> tuple[int, int | None]:
    """Return the last offset of a backup's journal, and the publication of its warehouse."""
    if any(name.startswith(f"{server_backup.FOLDER}/") for name in databases):
        return server_backup.reached(folder)
    offset = "SELECT value FROM ingest_counters WHERE name = 'event_offset'"
    last = int(_one(folder / "journal.sqlite", offset))
    found = [name for name in databases if name.endswith(".sqlite") and "/" in name]
    if not found:
        return last, None
    statement = "SELECT publication FROM core_progress WHERE name = 'load'"
    return last, int(_one(folder / found[0], statement) or 0)


def _one(path: Path, statement: str) -> Any:
    with closing(open_read_only(path)) as connection:
        row = connection.execute(statement).fetchone()
    return row[0] if row else None
