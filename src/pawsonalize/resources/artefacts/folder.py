"""Trained models as folders below one folder of this machine."""

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.core.errors import Conflict, CorruptArtefact, StorageUnavailable
from pawsonalize.core.objects.store import sync
from pawsonalize.models.recipes.artefact import ModelCard
from pawsonalize.models.recipes.data import Arrays
from pawsonalize.resources.artefacts import files
from pawsonalize.resources.artefacts.store import nobody


@contextmanager
def _readable(location: str) -> Iterator[None]:
    try:
        yield
    except files.UNREADABLE as error:
        raise CorruptArtefact(f"the model in {location} cannot be read: {error}") from error


class FolderArtefacts:
    """`ArtefactStore` on a folder. An artefact's location is the name of its folder in there."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def save(self, name: str, card: ModelCard, arrays: Arrays) -> str:
        """See `ArtefactStore.save`."""
        # Written under another name, synced, then renamed: whole or not at all.
        with self._created(name) as draft:
            files.write(draft, card, arrays)
        return name

    def load(self, location: str) -> tuple[ModelCard, Arrays]:
        """See `ArtefactStore.load`."""
        with _readable(location):
            return files.read(self._root / location)

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
        return sorted(name for name in wanted if not name.startswith(files.DRAFT))

    def sizes(self) -> dict[str, int]:
        """See `ArtefactStore.sizes`."""
        return {name: files.size_of(self._root / name) for name in self.locations("")}

    def export(self, location: str, folder: Path) -> None:
        """See `ArtefactStore.export`."""
        # The files are never changed, so links do where they can be made.
        with _readable(location):
            for file in sorted((self._root / location).iterdir()):
                files.link(file, folder / file.name)
            files.check(folder)

    def bring_back(self, location: str, folder: Path) -> None:
        """See `ArtefactStore.bring_back`."""
        with self._created(location) as draft:
            try:
                files.check(folder)
            except ValueError as error:
                raise CorruptArtefact(f"the model in {location} cannot be read: {error}") from error
            for file in sorted(folder.iterdir()):
                files.link(file, draft / file.name)
            draft.chmod(stat.S_IMODE(self._root.stat().st_mode))

    def remove(self, location: str) -> None:
        """See `ArtefactStore.remove`."""
        if not (self._root / location).exists():
            return
        try:
            # Renamed into a draft first: so it is gone at once, and swept if this process dies.
            with files.new_draft(self._root) as draft:
                (self._root / location).rename(draft / location)
        except OSError as error:
            raise StorageUnavailable(
                f"the model cannot be deleted ({error.strerror})", detail=str(error)
            ) from error

    def sweep(self, is_dead: Callable[[str], bool] = nobody) -> int:
        """See `ArtefactStore.sweep`."""
        # A draft that nobody holds locked has lost its writer.
        del is_dead  # the lock tells
        return files.sweep_drafts(self._root)

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
            with files.new_draft(self._root) as draft:
                yield draft
                draft.rename(self._root / name)
            sync(self._root)
        except OSError as error:
            if (self._root / name).is_dir():
                raise Conflict(f"there is a model named {name} already") from error
            raise StorageUnavailable(
                f"the model cannot be written ({error.strerror})", detail=str(error)
            ) from error
