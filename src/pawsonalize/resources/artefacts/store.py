"""The port of trained models.

An artefact is a JSON card and one array for each name. It is saved once, whole or not at all, and
then never changed.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from pawsonalize.models.recipes.artefact import ModelCard
from pawsonalize.models.recipes.data import Arrays


def nobody(_location: str) -> bool:
    """Of no writer it is known that it is dead."""
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
