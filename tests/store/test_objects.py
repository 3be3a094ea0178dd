"""Objects rest under their checksum, whole or not at all, in a folder as in a bucket."""

import hashlib
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from store.objects import (
    ObjectAddressError,
    ObjectDamagedError,
    ObjectMissingError,
    ObjectStore,
    open_objects,
    picture_path,
)

SHA = hashlib.sha256(b"original").hexdigest()


def in_a_folder(place: Path) -> ObjectStore:
    return open_objects(place / "objects")


def in_a_bucket(_place: Path) -> ObjectStore:
    return ObjectStore(MemoryStore(), None)


@pytest.fixture(params=[in_a_folder, in_a_bucket], ids=["in a folder", "in a bucket"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    opened: Callable[[Path], ObjectStore] = request.param
    return opened(tmp_path)


def files(folder: Path) -> dict[str, int]:
    """Every file below with the instant of its last change."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_address_is_the_checksum_and_gives_the_bytes_back(objects: ObjectStore) -> None:
    address = objects.put(b"a frozen model", "joblib")
    assert address == hashlib.sha256(b"a frozen model").hexdigest()
    assert objects.get(address, "joblib") == b"a frozen model"
    assert objects.exists(address, "joblib")


def test_nothing_is_found_under_another_suffix_or_address(objects: ObjectStore) -> None:
    address = objects.put(b"x", "bin")
    assert not objects.exists(address, "json")
    assert objects.path(SHA, "bin") is None
    with pytest.raises(ObjectMissingError, match=address[:8]):
        objects.get(address, "json")


def test_an_empty_object_is_an_object(objects: ObjectStore) -> None:
    assert objects.get(objects.put(b"", "bin"), "bin") == b""


@pytest.mark.parametrize(
    ("sha256", "suffix"),
    [
        pytest.param("../../etc/passwd", "bin", id="a path is no address"),
        pytest.param(SHA.upper(), "bin", id="nor are capitals"),
        pytest.param(SHA + "\n", "bin", id="nor a trailing newline"),
        pytest.param(SHA, "../x", id="a path is no suffix"),
        pytest.param(SHA, "", id="a suffix is not empty"),
    ],
)
def test_what_is_no_address_is_refused(objects: ObjectStore, sha256: str, suffix: str) -> None:
    with pytest.raises(ObjectAddressError):
        objects.get(sha256, suffix)


def test_files_fan_out_by_the_first_digits(tmp_path: Path) -> None:
    objects = open_objects(tmp_path)
    address = objects.put(b"x", "bin")
    assert list(files(tmp_path)) == [f"{address[:2]}/{address[2:4]}/{address}.bin"]
    path = objects.path(address, "bin")
    assert path is not None
    assert path.read_bytes() == b"x"


def test_putting_twice_writes_once(tmp_path: Path) -> None:
    objects = open_objects(tmp_path)
    objects.put(b"x", "bin")
    objects.put_picture(SHA, 320, b"webp")
    before = files(tmp_path)
    objects.put(b"x", "bin")
    objects.put_picture(SHA, 320, b"webp")
    assert files(tmp_path) == before


def test_a_damaged_object_is_told_and_healed_by_putting_it_again(tmp_path: Path) -> None:
    objects = open_objects(tmp_path)
    address = objects.put(b"whole", "bin")
    path = objects.path(address, "bin")
    assert path is not None
    path.write_bytes(b"who")
    with pytest.raises(ObjectDamagedError, match="3 bytes"):
        objects.get(address, "bin")
    objects.put(b"whole", "bin")
    assert objects.get(address, "bin") == b"whole"


def test_many_writers_of_one_object_leave_one_whole_file(tmp_path: Path) -> None:
    objects = open_objects(tmp_path)
    content = os.urandom(300_000)
    with ThreadPoolExecutor(8) as pool:
        addresses = set(pool.map(lambda _: objects.put(content, "bin"), range(64)))
    assert len(addresses) == 1
    assert len(files(tmp_path)) == 1
    assert objects.get(addresses.pop(), "bin") == content


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    objects = open_objects(tmp_path)
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        objects.put(b"x", "bin")
    assert files(tmp_path) == {}


def test_file_and_every_new_folder_are_synced_before_put_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def noting(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        name = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append(f"{kind} {name.relative_to(tmp_path)}" if kind == "folder" else kind)
        real(descriptor)

    objects = open_objects(tmp_path)
    monkeypatch.setattr(os, "fsync", noting)
    address = objects.put(b"x", "bin")
    first, second = address[:2], address[2:4]
    assert synced == ["folder .", f"folder {first}", "file", f"folder {first}/{second}"]


def test_a_picture_is_found_by_its_original_and_a_width(tmp_path: Path) -> None:
    objects = open_objects(tmp_path)
    for width in (320, 800, 1600):
        objects.put_picture(SHA, width, b"%d" % width)
    paths = [picture_path(tmp_path, SHA, width) for width in (320, 800, 1600)]
    assert [path.read_bytes() for path in paths if path] == [b"320", b"800", b"1600"]


def test_a_narrow_picture_answers_for_the_wider_ones(tmp_path: Path) -> None:
    open_objects(tmp_path).put_picture(SHA, 320, b"small")
    path = picture_path(tmp_path, SHA, 1600)
    assert path is not None
    assert path.read_bytes() == b"small"


@pytest.mark.parametrize(
    ("sha256", "width"),
    [
        pytest.param(SHA, 320, id="an unknown picture"),
        pytest.param(SHA, 640, id="a width that is not made"),
        pytest.param(SHA, -1, id="a negative width"),
        pytest.param("../../../secret", 320, id="a path"),
        pytest.param(SHA[:-1] + "\u0661", 320, id="digits of another script"),
        pytest.param("", 320, id="nothing"),
        pytest.param(SHA[:63] + "\x00", 320, id="a null byte"),
    ],
)
def test_no_picture_is_none(tmp_path: Path, sha256: str, width: int) -> None:
    open_objects(tmp_path / "objects")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "320.webp").write_bytes(b"not yours")
    assert picture_path(tmp_path / "objects", sha256, width) is None


def test_a_rendition_of_another_width_is_refused(objects: ObjectStore) -> None:
    with pytest.raises(ObjectAddressError, match="640"):
        objects.put_picture(SHA, 640, b"x")
