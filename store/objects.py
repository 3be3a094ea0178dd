"""Objects: bytes kept under their own checksum, and the renditions of pictures.

Where pictures, the frozen parts of editions and reference files rest. What they mean is left to
others. A folder today; every read goes through obstore, so a bucket later is another `backend`.
"""

import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.store import LocalStore
from obstore.store import ObjectStore as Backend

from store.home import sync_folder

PICTURE_WIDTHS = (320, 800, 1600)
"""Widths of renditions in pixels: a card, a list beside a map, a full page."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"[a-z0-9]{1,12}")


class ObjectError(Exception):
    """An object cannot be had as asked for."""


class ObjectAddressError(ObjectError):
    """What was given is not an address: nothing was looked up."""


class ObjectMissingError(ObjectError):
    """No object has this address."""


class ObjectDamagedError(ObjectError):
    """The bytes found are not the bytes that were put."""


@dataclass(frozen=True)
class ObjectStore:
    """Objects in one place.

    `folder` is that place when it is a local folder (then writes are fsynced by us, because
    obstore's LocalStore issues no fsync) and None for a bucket, which is durable on its own.
    """

    backend: Backend
    folder: Path | None

    def put(self, content: bytes, suffix: str) -> str:
        """Keep bytes and return their address, the SHA-256 in hex.

        Putting the same bytes again writes nothing, unless the kept ones are damaged: then they
        are replaced. `suffix` is the file's extension without the dot.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        self._keep(object_key(sha256, suffix), content)
        return sha256

    def get(self, sha256: str, suffix: str) -> bytes:
        """Return the bytes, checked against their address.

        Raises ObjectMissingError, ObjectDamagedError, ObjectAddressError.
        """
        key = object_key(sha256, suffix)
        content = self._read(key)
        if content is None:
            raise ObjectMissingError(f"no object {key}: it was never put here, or was removed")
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise ObjectDamagedError(
                f"object {key} is damaged: its {len(content)} bytes have checksum {found}; "
                "put it again or restore it from a copy"
            )
        return content

    def exists(self, sha256: str, suffix: str) -> bool:
        """Tell whether there is an object at this address; its bytes are not checked."""
        return self._has(object_key(sha256, suffix))

    def path(self, sha256: str, suffix: str) -> Path | None:
        """Return the object's file, or None when it is missing or not in a local folder."""
        return None if self.folder is None else _file(self.folder, object_key(sha256, suffix))

    def put_picture(self, sha256: str, width: int, content: bytes) -> None:
        """Keep one rendition of the picture whose original has this checksum.

        Writes nothing when these bytes are there already; other bytes (damaged, or made by an
        older encoder) are replaced.
        """
        self._keep(picture_key(sha256, width), content)

    def _read(self, key: str) -> bytes | None:
        try:
            return bytes(obstore.get(self.backend, key).bytes())
        except FileNotFoundError:
            return None

    def _has(self, key: str) -> bool:
        try:
            obstore.head(self.backend, key)
        except FileNotFoundError:
            return False
        return True

    def _keep(self, key: str, content: bytes) -> None:
        if self._read(key) == content:
            return
        if self.folder is None:
            obstore.put(self.backend, key, content)
        else:
            _write_file(self.folder / key, content)


def open_objects(folder: Path) -> ObjectStore:
    """Return the store in this folder, making the folder when it is missing."""
    place = folder.resolve()
    _make_folder(place)
    return ObjectStore(LocalStore(prefix=place), place)


def object_key(sha256: str, suffix: str) -> str:
    """Return where an object lies below the store. Raises ObjectAddressError."""
    if not _SUFFIX.fullmatch(suffix):
        raise ObjectAddressError(f"a suffix is 1 to 12 of a-z and 0-9, not {suffix!r}")
    return f"{_fan_out(sha256)}/{sha256}.{suffix}"


def picture_key(sha256: str, width: int) -> str:
    """Return where a rendition lies below the store. Raises ObjectAddressError.

    `sha256` is the original's: one address leads to every width, and it stays when the encoder
    changes. The original itself is not kept.
    """
    if width not in PICTURE_WIDTHS:
        raise ObjectAddressError(f"renditions are {PICTURE_WIDTHS} pixels wide, not {width!r}")
    return f"images/{_fan_out(sha256)}/{sha256}/{width}.webp"


def picture_path(folder: Path, sha256: str, width: int) -> Path | None:
    """Return the file of a picture at this width, or None when there is none.

    A picture is never enlarged, so a narrow one has no wide rendition: then the widest one below
    is returned. An address or width that cannot exist is None too, and touches no disk.
    """
    if width not in PICTURE_WIDTHS or not _SHA256.fullmatch(sha256):
        return None
    narrower = [step for step in reversed(PICTURE_WIDTHS) if step <= width]
    files = (_file(folder, picture_key(sha256, step)) for step in narrower)
    return next((file for file in files if file is not None), None)


def _fan_out(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise ObjectAddressError(f"an address is 64 lower-case hex digits, not {sha256!r}")
    return f"{sha256[:2]}/{sha256[2:4]}"


def _file(folder: Path, key: str) -> Path | None:
    path = folder / key
    return path if path.is_file() else None


def _write_file(path: Path, content: bytes) -> None:
    """Write a file so that after a crash it is whole or absent, whoever else writes it too."""
    _make_folder(path.parent)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _make_folder(folder: Path) -> None:
    """Make a folder and its parents durable: a new folder's name lives in its parent."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)
