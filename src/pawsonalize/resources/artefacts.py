"""Artefacts of models: where they are kept, their files, and a folder of this machine."""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.core.database import data_folder
from pawsonalize.core.errors import Conflict, CorruptArtefact, StorageUnavailable
from pawsonalize.core.objects.store import sync
from pawsonalize.models.recipes.artefact import ModelCard
from pawsonalize.models.recipes.data import Arrays


def nobody(_location: str) -> bool:
    """False for each location: no writer is known to be dead."""
    return False


class ArtefactStore(Protocol):
    """The trained models. A location names one of them."""

    def save(self, name: str, card: ModelCard, arrays: Arrays) -> str:
        """Store an artefact, whole or not at all; returns its location.

        Conflict if there is one of that name; StorageUnavailable if it cannot be written.
        """

    def load(self, location: str) -> tuple[ModelCard, Arrays]:
        """Read an artefact. Its arrays are read-only and shared between processes.

        CorruptArtefact if it is missing, or not what was written; StorageUnavailable if it cannot
        be reached right now.
        """

    def array(self, location: str, name: str) -> NDArray[Any] | None:
        """One array, unchecked; None without that name, CorruptArtefact if it cannot be read."""

    def locations(self, prefix: str) -> list[str]:
        """The locations of the artefacts whose name begins with `prefix`, sorted."""

    def sizes(self) -> dict[str, int]:
        """The bytes of every artefact, by its location."""

    def export(self, location: str, folder: Path) -> None:
        """Write its files into an empty folder, as `files.read` reads them; raises as `load`."""

    def bring_back(self, location: str, folder: Path) -> None:
        """List an exported artefact under its location; CorruptArtefact if damaged, or Conflict."""

    def remove(self, location: str) -> None:
        """Delete an artefact, if it is there. It is gone at once, though deleting takes a while."""

    def sweep(self, is_dead: Callable[[str], bool] = nobody) -> int:
        """Delete what dead writers left, as the lock or `is_dead` of a location tells; how many."""

    def forget_removed(self) -> None:
        """Delete the copies that this machine has of artefacts that are removed."""

    def unfinished(self) -> list[str]:
        """The locations of what is half written, or removed and not deleted yet, sorted."""


SUMS = "SHA256SUMS"
DRAFT = data_folder.DRAFT
"""Prefix of folders that are not whole yet."""
UNREADABLE = (OSError, ValueError, EOFError, msgspec.MsgspecError)
"""Errors that `read` raises for files that are missing or damaged."""

_CARD = "card.json"


# `SHA256SUMS` lists the files with their digests, in the form that `sha256sum --check` reads. Its
# own digest stands for the artefact. Processes that map the same files share their pages.
def write(folder: Path, card: ModelCard, arrays: Arrays) -> None:
    """Write an artefact's files into an empty folder, durably."""
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    (folder / _CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2))
    files = sorted(folder.iterdir())
    (folder / SUMS).write_text("".join(f"{digest_of(file)}  {file.name}\n" for file in files))
    # The folder comes last: its names are durable then, too.
    for file in (*files, folder / SUMS, folder):
        sync(file)
    # mkdtemp's 0700 would hide the model from those who may read the folder of models.
    folder.chmod(stat.S_IMODE(folder.parent.stat().st_mode))


def read(folder: Path) -> tuple[ModelCard, Arrays]:
    """Read an artefact's files, of which the arrays are mapped; one of UNREADABLE if it cannot."""
    files = check(folder)
    card = msgspec.json.decode((folder / _CARD).read_bytes(), type=ModelCard)
    arrays = {
        name.removesuffix(".npy"): np.load(folder / name, mmap_mode="r", allow_pickle=False)
        for name in files
        if name != _CARD
    }
    return card, arrays


def check(folder: Path) -> list[str]:
    """The names of an artefact's files; ValueError unless each is as it was written."""
    # Before NumPy reads them: it has no check of its own, and a broken header surprises it.
    files = listed_digests((folder / SUMS).read_text())
    for name, digest in files.items():
        if digest_of(folder / name) != digest:
            raise ValueError(f"{name} is not what was written")
    if _CARD not in files:
        raise ValueError(f"{SUMS} lists no {_CARD}")
    return list(files)


def link(file: Path, other: Path) -> None:
    """Give a file that is never changed another name; a copy where the disk is another one."""
    try:
        os.link(file, other)
    except OSError:
        shutil.copyfile(file, other)
        sync(other)


def listed_digests(sums: str) -> dict[str, str]:
    """The digest of each file that SHA256SUMS lists, by the file's name."""
    lines = (line.partition("  ") for line in sums.splitlines())
    return {name: digest for digest, _, name in lines}


def digest_of(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@contextmanager
def new_draft(root: Path) -> Iterator[Path]:
    """A new folder, locked by this process while the block runs, and gone afterwards."""
    while True:
        draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=root))
        descriptor = os.open(draft, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if draft.exists():  # a sweep may have come between the making and the locking
                yield draft
                return
        finally:
            os.close(descriptor)
            shutil.rmtree(draft, ignore_errors=True)


def sweep_drafts(root: Path) -> int:
    """Delete the drafts below a folder that nobody holds locked."""
    # They have lost their writers.
    return sum(_swept(draft) for draft in list(root.glob(f"{DRAFT}*")))


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


def size_of(folder: Path) -> int:
    """The bytes of an artefact's files; 0 if it is gone."""
    with suppress(FileNotFoundError):
        return sum(file.stat().st_size for file in folder.iterdir())
    return 0


# The processes of a machine share it: one of them fetches what is missing, and all map the same
# files. What was used longest ago makes room for what is new; a process that has mapped a file goes
# on with it.
class ArtefactCache:
    """A folder of artefacts, each by its location and digest."""

    def __init__(self, root: Path, most_bytes: int) -> None:
        self._root = root
        self._most_bytes = most_bytes

    def load(self, name: str, size: int, fetch: Callable[[Path], None]) -> tuple[ModelCard, Arrays]:
        """Read an artefact of `size` bytes; `fetch` writes it into a folder if it is not here."""
        # What is here and is damaged is fetched anew. One of `UNREADABLE` if what was fetched is
        # not what its SHA256SUMS says, or the disk cannot be written; or what `fetch` raises.
        with suppress(*UNREADABLE):
            return self._read(name)
        self._root.mkdir(parents=True, exist_ok=True)
        with self._draft_of(name) as draft:
            with suppress(*UNREADABLE):  # another process has just fetched it
                found = self._read(name)
                draft.rmdir()
                return found
            self.drop(name)
            self._make_room(size)
            fetch(draft)
            found = read(draft)
            draft.rename(self._root / name)
        return found

    def find(self, name: str, file: str) -> Path | None:
        """A file of an artefact, if that is here."""
        found = self._root / name / file
        return found if found.exists() else None

    def new_draft(self) -> AbstractContextManager[Path]:
        """A new folder to write an artefact into, which is gone after the block; see `keep`."""
        self._root.mkdir(parents=True, exist_ok=True)
        return new_draft(self._root)

    def keep(self, name: str, draft: Path, size: int) -> None:
        """Keep what was written into a draft."""
        # Nobody here has to fetch it then.
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
        sweep_drafts(self._root)

    def _read(self, name: str) -> tuple[ModelCard, Arrays]:
        found = read(self._root / name)
        # The folder's time is that of its last use, which `_make_room` goes by.
        with suppress(OSError):
            os.utime(self._root / name)
        return found

    def _folders(self) -> list[Path]:
        with suppress(FileNotFoundError):
            return [one for one in self._root.iterdir() if not one.name.startswith(DRAFT)]
        return []

    def _make_room(self, size: int) -> None:
        used = [(_used_at(folder), size_of(folder), folder) for folder in self._folders()]
        total = sum(one[1] for one in used) + size
        # What was used longest ago goes first.
        for _, freed, folder in sorted(used):
            if total <= self._most_bytes:
                return
            self._delete(folder)
            total -= freed

    def _delete(self, folder: Path) -> None:
        # Renamed first, so that nobody finds half of it.
        gone = folder.with_name(f"{DRAFT}{uuid4().hex}")
        with suppress(FileNotFoundError):  # another process was faster
            folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    @contextmanager
    def _draft_of(self, name: str) -> Iterator[Path]:
        """An empty folder for the artefact, which one process at a time has."""
        draft = self._root / f"{DRAFT}{name}"
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
    with suppress(FileNotFoundError):
        return os.path.samestat(folder.stat(), os.fstat(descriptor))
    return False


def _used_at(folder: Path) -> float:
    with suppress(FileNotFoundError):
        return folder.stat().st_mtime
    return 0.0


@contextmanager
def _readable(location: str) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise CorruptArtefact(f"the model in {location} cannot be read: {error}") from error


class FolderArtefacts:
    """`ArtefactStore` on a folder. An artefact's location is the name of its folder in there."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def save(self, name: str, card: ModelCard, arrays: Arrays) -> str:
        """See `ArtefactStore.save`."""
        # Written under another name, synced, then renamed: whole or not at all.
        with self._created(name) as draft:
            write(draft, card, arrays)
        return name

    def load(self, location: str) -> tuple[ModelCard, Arrays]:
        """See `ArtefactStore.load`."""
        with _readable(location):
            return read(self._root / location)

    def array(self, location: str, name: str) -> NDArray[Any] | None:
        """See `ArtefactStore.array`."""
        file = self._root / location / f"{name}.npy"
        with _readable(location), suppress(FileNotFoundError):
            return np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))
        return None

    def locations(self, prefix: str) -> list[str]:
        """See `ArtefactStore.locations`."""
        try:
            names = [folder.name for folder in self._root.iterdir()]
        except FileNotFoundError:
            return []
        wanted = (name for name in names if name.startswith(prefix))
        return sorted(name for name in wanted if not name.startswith(DRAFT))

    def sizes(self) -> dict[str, int]:
        """See `ArtefactStore.sizes`."""
        return {name: size_of(self._root / name) for name in self.locations("")}

    def export(self, location: str, folder: Path) -> None:
        """See `ArtefactStore.export`."""
        # The files are never changed, so links do where they can be made.
        with _readable(location):
            for file in sorted((self._root / location).iterdir()):
                link(file, folder / file.name)
            check(folder)

    def bring_back(self, location: str, folder: Path) -> None:
        """See `ArtefactStore.bring_back`."""
        with self._created(location) as draft:
            try:
                check(folder)
            except ValueError as error:
                raise CorruptArtefact(f"the model in {location} cannot be read: {error}") from error
            for file in sorted(folder.iterdir()):
                link(file, draft / file.name)
            draft.chmod(stat.S_IMODE(self._root.stat().st_mode))

    def remove(self, location: str) -> None:
        """See `ArtefactStore.remove`."""
        if not (self._root / location).exists():
            return
        try:
            # Renamed into a draft first: so it is gone at once, and swept if this process dies.
            with new_draft(self._root) as draft:
                (self._root / location).rename(draft / location)
        except OSError as error:
            raise StorageUnavailable(
                f"the model cannot be deleted ({error.strerror})", detail=str(error)
            ) from error

    def sweep(self, is_dead: Callable[[str], bool] = nobody) -> int:
        """See `ArtefactStore.sweep`."""
        # A draft that nobody holds locked has lost its writer.
        del is_dead  # the lock tells
        return sweep_drafts(self._root)

    def forget_removed(self) -> None:
        """See `ArtefactStore.forget_removed`. There are no copies."""

    def unfinished(self) -> list[str]:
        """See `ArtefactStore.unfinished`."""
        # What is left after a sweep is being written.
        return []

    @contextmanager
    def _created(self, name: str) -> Iterator[Path]:
        """Yield a folder that becomes the artefact of that name, whole or not at all."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with new_draft(self._root) as draft:
                yield draft
                draft.rename(self._root / name)
            sync(self._root)
        except OSError as error:
            if (self._root / name).is_dir():
                raise Conflict(f"there is a model named {name} already") from error
            raise StorageUnavailable(
                f"the model cannot be written ({error.strerror})", detail=str(error)
            ) from error
