"""Trained models as folders: a JSON card, and one memory-mapped .npy file for each array.

Processes that map the same files share their pages, so a model is in memory once.
`SHA256SUMS` lists the files with their digests, in the form that `sha256sum --check` reads.
"""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import Conflict, CorruptArtefact, StorageUnavailable
from pawsonalize.recipes.contract import Arrays, ModelCard

_CARD = "card.json"
_SUMS = "SHA256SUMS"
_DRAFT = ".draft-"


class ArtefactStore:
    """The folder of trained models. An artefact's location is the name of its folder in there."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def save(self, name: str, card: ModelCard, arrays: Arrays) -> str:
        """Store an artefact, whole or not at all; returns its location.

        It is written under another name, synced, and then renamed.
        """
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with _draft(self._root) as draft:
                _write(draft, card, arrays)
                draft.rename(self._root / name)
            _sync(self._root)
        except OSError as error:
            if (self._root / name).is_dir():
                raise Conflict(f"there is a model named {name} already") from error
            raise StorageUnavailable(
                f"the model cannot be written ({error.strerror})", detail=str(error)
            ) from error
        return name

    def load(self, location: str) -> tuple[ModelCard, Arrays]:
        """Read an artefact. Its arrays are read-only and shared between processes.

        CorruptArtefact if it is missing, or not what was written.
        """
        folder = self._root / location
        try:
            files = _verified(folder)
            card = msgspec.json.decode((folder / _CARD).read_bytes(), type=ModelCard)
            arrays = {
                name.removesuffix(".npy"): np.load(folder / name, mmap_mode="r", allow_pickle=False)
                for name in files
                if name != _CARD
            }
        except (OSError, ValueError, EOFError, msgspec.MsgspecError) as error:
            raise CorruptArtefact(f"the model in {location} cannot be read: {error}") from error
        return card, arrays

    def array(self, location: str, name: str) -> NDArray[Any] | None:
        """One array of an artefact, unchecked; None if it has none of that name.

        CorruptArtefact if it cannot be read.
        """
        try:
            file = self._root / location / f"{name}.npy"
            return np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError) as error:
            raise CorruptArtefact(f"the model in {location} cannot be read: {error}") from error

    def locations(self, prefix: str) -> list[str]:
        """The locations of the artefacts whose name begins with `prefix`, sorted."""
        try:
            names = [folder.name for folder in self._root.iterdir()]
        except FileNotFoundError:
            return []
        wanted = (name for name in names if name.startswith(prefix))
        return sorted(name for name in wanted if not name.startswith(_DRAFT))

    def size(self, location: str) -> int:
        """The bytes of an artefact; 0 if it is not there."""
        folder = self._root / location
        try:
            return sum(file.stat().st_size for file in folder.iterdir())
        except FileNotFoundError:
            return 0

    def remove(self, location: str) -> None:
        """Delete an artefact, if it is there. It is gone at once, though deleting takes a while."""
        if not (self._root / location).exists():
            return
        try:
            with _draft(self._root) as draft:
                (self._root / location).rename(draft / location)
        except OSError as error:
            raise StorageUnavailable(
                f"the model cannot be deleted ({error.strerror})", detail=str(error)
            ) from error

    def sweep(self) -> int:
        """Delete what writers left that died halfway; returns how many.

        A draft that nobody holds locked has lost its writer.
        """
        return sum(_swept(draft) for draft in list(self._root.glob(f"{_DRAFT}*")))


@contextmanager
def _draft(root: Path) -> Iterator[Path]:
    """A new folder, locked by this process while the block runs, and gone afterwards."""
    while True:
        draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=root))
        descriptor = os.open(draft, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if draft.exists():  # a sweep may have come between the making and the locking
                yield draft
                return
        finally:
            os.close(descriptor)
            shutil.rmtree(draft, ignore_errors=True)


def _swept(draft: Path) -> bool:
    try:
        descriptor = os.open(draft, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(draft, ignore_errors=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _write(folder: Path, card: ModelCard, arrays: Arrays) -> None:
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    (folder / _CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2))
    files = sorted(folder.iterdir())
    (folder / _SUMS).write_text("".join(f"{_digest(file)}  {file.name}\n" for file in files))
    for file in (*files, folder / _SUMS, folder):
        _sync(file)
    # mkdtemp's 0700 would hide the model from those who may read the folder of models.
    folder.chmod(stat.S_IMODE(folder.parent.stat().st_mode))


def _verified(folder: Path) -> list[str]:
    """The names of the artefact's files; ValueError unless each is as it was written."""
    # Before NumPy reads them: it has no check of its own, and a broken header surprises it.
    files = []
    for line in (folder / _SUMS).read_text().splitlines():
        digest, _, name = line.partition("  ")
        if _digest(folder / name) != digest:
            raise ValueError(f"{name} is not what was written")
        files.append(name)
    if _CARD not in files:
        raise ValueError(f"{_SUMS} lists no {_CARD}")
    return files


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
