"""Folds: the counts of a solution version as of later, each an artefact beside the version's."""

from collections.abc import Collection
from dataclasses import dataclass

from pawsonalize.engine.resources.solutions import Cut
from pawsonalize.storage.base import ArtefactStore

_MARK = ".fold-"
_KEPT = 2  # a worker may be loading the one before the newest


@dataclass(frozen=True, slots=True)
class Fold:
    """A version's model with the counts of what the cut sees of the log."""

    version: str
    cut: Cut

    @property
    def location(self) -> str:
        """Where its artefact lies; later folds of a version have later names."""
        return f"{self.version}{_MARK}{self.cut.log_offset:020}-{self.cut.as_of}"

    @classmethod
    def at(cls, location: str) -> "Fold":
        """The fold of that location."""
        version, _, cut = location.rpartition(_MARK)
        offset, as_of = cut.split("-")
        return cls(version, Cut(int(offset), int(as_of)))


@dataclass(frozen=True, slots=True)
class Folds:
    """The folds among the artefacts."""

    artefacts: ArtefactStore

    def of(self, version: str) -> list[Fold]:
        """All folds of a version, oldest first."""
        return [Fold.at(location) for location in self.artefacts.locations(f"{version}{_MARK}")]

    def newest(self, version: str) -> Fold | None:
        """The version's newest, or None."""
        return max(self.of(version), key=lambda fold: fold.cut.log_offset, default=None)

    def trim(self, versions: Collection[str]) -> None:
        """Remove all but the newest folds of these versions."""
        locations = [one for one in self.artefacts.locations("") if _MARK in one]
        kept = {fold.location for version in versions for fold in self.of(version)[-_KEPT:]}
        for location in locations:
            if location not in kept:
                self.artefacts.remove(location)

    def remove(self, version: str) -> None:
        """Remove all folds of a version."""
        for fold in self.of(version):
            self.artefacts.remove(fold.location)
