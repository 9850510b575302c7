"""The artefacts of an object store that this machine has, as folders; all of it may be lost."""

import fcntl
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from pawsonalize.artefacts import files
from pawsonalize.recipes.artefact import ModelCard
from pawsonalize.recipes.data import Arrays


class ArtefactCache:
    """A folder of artefacts, each by its location and digest.

    The processes of a machine share it: one of them fetches what is missing, and all map the same
    files. What was used longest ago makes room for what is new. A process that has mapped a file
    goes on with it after that.
    """

    def __init__(self, root: Path, most_bytes: int) -> None:
        self._root = root
        self._most_bytes = most_bytes

    def load(self, name: str, size: int, fetch: Callable[[Path], None]) -> tuple[ModelCard, Arrays]:
        """Read an artefact of `size` bytes, which `fetch` writes into a folder if it is not here.

        What is here and is damaged is fetched anew. One of `files.UNREADABLE` if what was fetched
        is not what its SHA256SUMS says, or the disk cannot be written; or what `fetch` raises.
        """
        with suppress(*files.UNREADABLE):
            return self._read(name)
        self._root.mkdir(parents=True, exist_ok=True)
        with self._draft_of(name) as draft:
            with suppress(*files.UNREADABLE):  # another process has just fetched it
                found = self._read(name)
                draft.rmdir()
                return found
            self.drop(name)
            self._make_room(size)
            fetch(draft)
            found = files.read(draft)
            draft.rename(self._root / name)
        return found

    def find(self, name: str, file: str) -> Path | None:
        """A file of an artefact, if that is here."""
        found = self._root / name / file
        return found if found.exists() else None

    def new_draft(self) -> AbstractContextManager[Path]:
        """A new folder to write an artefact into, which is gone after the block; see `keep`."""
        self._root.mkdir(parents=True, exist_ok=True)
        return files.new_draft(self._root)

    def keep(self, name: str, draft: Path, size: int) -> None:
        """Keep what was written into a draft, so that nobody here has to fetch it."""
        self._make_room(size)
        with suppress(OSError):  # it is in the object store
            draft.rename(self._root / name)

    def drop(self, name: str) -> None:
        """Delete an artefact, if it is here."""
        self._delete(self._root / name)

    def retain(self, names: Collection[str]) -> None:
        """Delete all artefacts but these, and what processes left that died halfway."""
        for folder in self._folders():
            if folder.name not in names:
                self._delete(folder)
        files.sweep_drafts(self._root)

    def _read(self, name: str) -> tuple[ModelCard, Arrays]:
        found = files.read(self._root / name)
        with suppress(OSError):
            os.utime(self._root / name)
        return found

    def _folders(self) -> list[Path]:
        try:
            return [one for one in self._root.iterdir() if not one.name.startswith(files.DRAFT)]
        except FileNotFoundError:
            return []

    def _make_room(self, size: int) -> None:
        used = [(_used_at(folder), files.size_of(folder), folder) for folder in self._folders()]
        total = sum(one[1] for one in used) + size
        for _, freed, folder in sorted(used):
            if total <= self._most_bytes:
                return
            self._delete(folder)
            total -= freed

    def _delete(self, folder: Path) -> None:
        gone = folder.with_name(f"{files.DRAFT}{uuid4().hex}")
        with suppress(FileNotFoundError):  # another process was faster
            folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    @contextmanager
    def _draft_of(self, name: str) -> Iterator[Path]:
        """An empty folder for the artefact, which one process at a time has."""
        draft = self._root / f"{files.DRAFT}{name}"
        descriptor = _locked(draft)
        try:
            for left in draft.iterdir():  # by a process that died
                left.unlink()
            yield draft
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        finally:
            os.close(descriptor)


def _locked(folder: Path) -> int:
    """The descriptor of a folder that is made if need be, and locked until that is closed."""
    while True:
        with suppress(FileExistsError, FileNotFoundError):  # it went at the same moment
            folder.mkdir(exist_ok=True)
            descriptor = os.open(folder, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(folder, descriptor):
                return descriptor
            os.close(descriptor)  # it has become an artefact, or was swept


def _is_at(folder: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(folder.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _used_at(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0
