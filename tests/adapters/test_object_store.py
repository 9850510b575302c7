"""The object store, on a local folder and on obstore's memory."""

import os
import threading
from pathlib import Path

import pytest

from pawsonalize.core.errors import Conflict, InvalidInput, NotFound, StorageUnavailable
from pawsonalize.core.objects.store import ObjectStore
from pawsonalize.core.objects.stores import LocalObjects, open_objects


@pytest.fixture(params=["folder", "file url", "memory"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    locations = {
        "folder": str(tmp_path / "my archive"),
        "file url": (tmp_path / "my archive").as_uri(),
        "memory": "memory://",
    }
    return open_objects(locations[request.param])


def test_an_object_comes_back_as_it_was_put(objects: ObjectStore) -> None:
    objects.put("2026/11/24/a.bin", b"\x00\xff" * 1000)
    assert objects.get("2026/11/24/a.bin") == b"\x00\xff" * 1000


def test_putting_the_same_bytes_again_changes_nothing(objects: ObjectStore) -> None:
    objects.put("a/b", b"same")
    objects.put("a/b", b"same")
    assert list(objects.list()) == ["a/b"]


def test_an_object_is_never_replaced(objects: ObjectStore) -> None:
    objects.put("a/b", b"first")
    with pytest.raises(Conflict, match="a/b"):
        objects.put("a/b", b"second")
    assert objects.get("a/b") == b"first"


def test_an_object_is_replaced_when_that_is_asked_for(objects: ObjectStore, tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.write_bytes(b"from a file")
    objects.replace("a/b", b"first")
    objects.replace("a/b", file)
    assert objects.get("a/b") == b"from a file"
    objects.replace("a/b", b"last")
    assert objects.get("a/b") == b"last"
    assert list(objects.list()) == ["a/b"]


def test_a_deleted_object_is_gone_and_may_be_deleted_again(
    objects: ObjectStore, tmp_path: Path
) -> None:
    for key in ("2026/11/24/a", "2026/11/b"):
        objects.put(key, b"x")
    for _ in range(2):
        objects.delete("2026/11/24/a")
    assert list(objects.list()) == ["2026/11/b"]
    assert not (tmp_path / "my archive" / "2026" / "11" / "24").exists()
    objects.put("2026/11/24/a", b"again")
    assert objects.get("2026/11/24/a") == b"again"


def test_a_missing_object_is_not_found(objects: ObjectStore) -> None:
    with pytest.raises(NotFound, match="a/b"):
        objects.get("a/b")


def test_keys_are_listed_below_a_folder(objects: ObjectStore) -> None:
    for key in ("2026/11/a", "2026/11/24/b", "2026/110/c", "2026/12/d"):
        objects.put(key, key.encode())
    assert sorted(objects.list("2026/11")) == ["2026/11/24/b", "2026/11/a"]
    assert sorted(objects.list()) == ["2026/11/24/b", "2026/11/a", "2026/110/c", "2026/12/d"]
    assert list(objects.list("2027")) == []


def test_an_empty_store_lists_nothing(objects: ObjectStore) -> None:
    assert list(objects.list()) == []


def test_writers_of_one_key_agree_on_one_object(objects: ObjectStore) -> None:
    refused: list[bytes] = []

    def write(data: bytes) -> None:
        try:
            objects.put("a/b", data)
        except Conflict:
            refused.append(data)

    writers = [threading.Thread(target=write, args=(bytes([65 + n % 2]) * 9,)) for n in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(refused) == 4
    assert objects.get("a/b") not in refused
    assert list(objects.list()) == ["a/b"]


def test_a_local_file_and_its_new_folders_are_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def note(descriptor: int) -> None:
        synced.append(os.path.relpath(Path(f"/proc/self/fd/{descriptor}").readlink(), tmp_path))

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to name an open file")
    monkeypatch.setattr(os, "fsync", note)
    LocalObjects(tmp_path / "archive").put("2026/11/events", b"rows")
    assert synced[0] == ".", "the name of the archive's own folder"
    assert synced[1].startswith("archive/2026/11/.events."), "the bytes"
    assert synced[2:] == ["archive/2026/11", "archive/2026", "archive"], "the names"


def test_a_crash_while_writing_leaves_no_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    objects = LocalObjects(tmp_path)
    monkeypatch.setattr(os, "link", crash)
    with pytest.raises(KeyboardInterrupt):
        objects.put("a/b", b"rows")
    assert list(objects.list()) == []


def test_a_key_cannot_leave_the_folder(tmp_path: Path) -> None:
    for key in ("../a", "/a", "a//b", "a/./b", ""):
        with pytest.raises(InvalidInput):
            LocalObjects(tmp_path).get(key)


def test_a_folder_that_cannot_be_written_names_the_next_move(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageUnavailable, match="check that"):
        LocalObjects(tmp_path / "file").put("a/b", b"")


def test_a_location_nobody_serves_is_invalid() -> None:
    with pytest.raises(InvalidInput, match="s3://bucket/prefix"):
        open_objects("nowhere://at/all")


def test_every_key_has_the_size_of_its_object(objects: ObjectStore) -> None:
    assert {one.key: one.size for one in objects.stored()} == {}
    objects.put("2026/11/a", b"four")
    objects.put("b", b"")
    assert {one.key: one.size for one in objects.stored()} == {"2026/11/a": 4, "b": 0}
