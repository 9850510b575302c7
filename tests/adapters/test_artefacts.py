"""Model artefacts: whole or not at all, read-only, and never trusted without a look."""

import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pawsonalize.core.errors import Conflict, CorruptArtefact, StorageUnavailable
from pawsonalize.resources.artefacts import ArtefactStore, FolderArtefacts
from tests.artefact_data import ARRAYS, CARD, fleet_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def folder(root: Path) -> FolderArtefacts:
    return FolderArtefacts(root)


@pytest.fixture(params=["folder", "shared folder", "s3", "s3 and postgresql"])
def store(request: pytest.FixtureRequest, root: Path) -> Iterator[ArtefactStore]:
    if request.param == "folder":
        yield FolderArtefacts(root)
        return
    with fleet_of(request, request.param) as fleet:
        yield fleet.machine("a")


def test_an_artefact_comes_back_as_it_was_saved(store: ArtefactStore) -> None:
    card, arrays = store.load(store.save("v1", CARD, ARRAYS))
    assert card == CARD
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_arrays_are_mapped_from_the_file_and_read_only(store: ArtefactStore) -> None:
    _card, arrays = store.load(store.save("v1", CARD, ARRAYS))
    assert all(isinstance(array, np.memmap) for array in arrays.values())
    with pytest.raises(ValueError, match="read-only"):
        arrays["scores"][0] = 1


def test_the_sizes_of_all_artefacts_are_known(store: ArtefactStore) -> None:
    assert store.sizes() == {}
    for name in ("v1", "v2"):
        store.save(name, CARD, ARRAYS)
    sizes = store.sizes()
    assert sizes.keys() == {"v1", "v2"}
    assert all(size > sum(array.nbytes for array in ARRAYS.values()) for size in sizes.values())


def test_a_loaded_model_goes_on_when_its_folder_is_removed(
    folder: FolderArtefacts, root: Path
) -> None:
    _card, arrays = folder.load(folder.save("v1", CARD, ARRAYS))
    shutil.rmtree(root)
    np.testing.assert_array_equal(arrays["scores"], ARRAYS["scores"])


def test_a_name_is_given_once_and_keeps_its_first_model(store: ArtefactStore) -> None:
    location = store.save("v1", CARD, ARRAYS)
    with pytest.raises(Conflict, match="v1"):
        store.save("v1", CARD, {"scores": np.zeros(1)})
    assert len(store.load(location)[1]) == len(ARRAYS)


def test_a_save_that_fails_halfway_leaves_nothing(folder: FolderArtefacts, root: Path) -> None:
    objects = {"scores": np.zeros(2), "code": np.array([print], dtype=object)}
    with pytest.raises(ValueError, match="allow_pickle"):
        folder.save("v1", CARD, objects)
    assert list(root.iterdir()) == []


def test_a_removed_artefact_is_gone_and_its_name_is_free(store: ArtefactStore) -> None:
    location = store.save("v1", CARD, ARRAYS)
    _card, arrays = store.load(location)
    store.remove(location)
    assert store.locations("") == []
    with pytest.raises(CorruptArtefact):
        store.load(location)
    np.testing.assert_array_equal(arrays["scores"], ARRAYS["scores"])
    store.remove(location)
    store.save("v1", CARD, ARRAYS)


def test_a_sweep_takes_what_a_dead_writer_left_and_nothing_of_a_living_one(
    folder: FolderArtefacts, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert folder.sweep() == 0, "there is not even a folder"
    folder.save("v1", CARD, ARRAYS)
    left = root / ".draft-left"
    left.mkdir()
    (left / "scores.npy").write_bytes(b"half of it")
    swept = []
    save = np.save

    def sweeping(file: Path, array: NDArray[Any], allow_pickle: bool) -> None:
        swept.append(FolderArtefacts(root).sweep())
        save(file, array, allow_pickle=allow_pickle)

    monkeypatch.setattr(np, "save", sweeping)
    folder.save("v2", CARD, ARRAYS)
    assert swept == [1, 0, 0]
    assert sorted(path.name for path in root.iterdir()) == ["v1", "v2"]
    assert len(folder.load("v2")[1]) == len(ARRAYS)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(StorageUnavailable, match="models"):
        FolderArtefacts(tmp_path / "models").save("v1", CARD, ARRAYS)


@pytest.mark.parametrize("location", ["v2", "", ".."], ids=repr)
def test_a_missing_artefact_is_a_corrupt_one(store: ArtefactStore, location: str) -> None:
    store.save("v1", CARD, ARRAYS)
    with pytest.raises(CorruptArtefact):
        store.load(location)


def test_a_name_that_no_folder_can_have_is_a_missing_artefact(folder: FolderArtefacts) -> None:
    with pytest.raises(CorruptArtefact):
        folder.load("a\x00b")


FILES = ("card.json", "SHA256SUMS", "scores.npy", "names.offsets.npy", "nothing.npy")


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda _: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "one bit flipped": flip,
    "a header that does not end": lambda content: content.replace(b"}", b"("),
    "a zip archive": lambda content: b"PK\x03\x04" + content,
    "noise": lambda _: bytes(range(256)),
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_recognised(folder: FolderArtefacts, root: Path, file: str, damage: str) -> None:
    location = folder.save("v1", CARD, ARRAYS)
    path = root / location / file
    path.write_bytes(DAMAGES[damage](path.read_bytes() + b"}" * (damage[0] == "a")))
    with pytest.raises(CorruptArtefact, match="v1"):
        folder.load(location)


@pytest.mark.parametrize("file", FILES)
def test_a_lost_file_is_recognised(folder: FolderArtefacts, root: Path, file: str) -> None:
    location = folder.save("v1", CARD, ARRAYS)
    (root / location / file).unlink()
    with pytest.raises(CorruptArtefact):
        folder.load(location)


class Burglar:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch burgled",)


def test_a_pickle_is_never_opened_even_with_the_right_digest(
    folder: FolderArtefacts, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    location = folder.save("v1", CARD, ARRAYS)
    planted = np.empty(1, object)
    planted[0] = Burglar()
    saved = root / location / "scores.npy"
    for content in (pickle.dumps(Burglar()), saved):
        if isinstance(content, bytes):
            saved.write_bytes(content)
        else:
            np.save(saved, planted, allow_pickle=True)
        write_sums(root / location)
        with pytest.raises(CorruptArtefact):
            folder.load(location)
    assert not (tmp_path / "burgled").exists()


def test_whole_artefacts_are_found_by_how_their_names_begin(
    store: ArtefactStore, root: Path
) -> None:
    assert store.locations("") == []
    for name in ("v2", "v1.counts-2", "v1.counts-1", "V1.counts-1", "v1"):
        store.save(name, CARD, ARRAYS)
    root.mkdir(exist_ok=True)
    (root / ".draft-of-a-writer").mkdir()
    assert store.locations("v1.counts-") == ["v1.counts-1", "v1.counts-2"]
    assert store.locations("v_") == []
    assert store.locations("") == ["V1.counts-1", "v1", "v1.counts-1", "v1.counts-2", "v2"]


def test_one_array_is_read_without_the_others(store: ArtefactStore) -> None:
    location = store.save("v1", CARD, ARRAYS)
    found = store.array(location, "scores")
    np.testing.assert_array_equal(found, ARRAYS["scores"])
    assert store.array(location, "colours") is None
    assert store.array("v2", "scores") is None


def write_sums(folder: Path) -> None:
    """As `sha256sum * > SHA256SUMS` does: the list is in that tool's own form."""
    import hashlib

    names = sorted(file.name for file in folder.iterdir() if file.name != "SHA256SUMS")
    digests = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names]
    lines = [f"{digest}  {name}\n" for digest, name in zip(digests, names, strict=True)]
    (folder / "SHA256SUMS").write_text("".join(lines))


def exported(store: ArtefactStore, folder: Path) -> Path:
    """The files of a new artefact, which the store has no more."""
    folder.mkdir()
    location = store.save("v1", CARD, ARRAYS)
    store.export(location, folder)
    store.remove(location)
    return folder


def test_an_exported_artefact_comes_back(store: ArtefactStore, tmp_path: Path) -> None:
    store.bring_back("v1", exported(store, tmp_path / "files"))
    card, arrays = store.load("v1")
    assert card == CARD
    np.testing.assert_array_equal(arrays["scores"], ARRAYS["scores"])
    assert store.locations("") == ["v1"]


def test_what_is_missing_cannot_be_exported(store: ArtefactStore, tmp_path: Path) -> None:
    with pytest.raises(CorruptArtefact, match="v2"):
        store.export("v2", tmp_path)


def test_damaged_files_do_not_come_back(store: ArtefactStore, tmp_path: Path) -> None:
    files = exported(store, tmp_path / "files")
    (files / "card.json").unlink()
    (files / "card.json").write_text("{}")
    with pytest.raises(CorruptArtefact, match="v1"):
        store.bring_back("v1", files)
    assert store.locations("") == []


def test_nothing_comes_back_over_another_artefact(store: ArtefactStore, tmp_path: Path) -> None:
    files = exported(store, tmp_path / "files")
    store.save("v1", CARD, {"scores": np.zeros(2)})
    with pytest.raises(Conflict, match="v1"):
        store.bring_back("v1", files)
    assert len(store.load("v1")[1]) == 1
