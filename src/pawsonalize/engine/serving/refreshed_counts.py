"""Incremental updates of models: counts of newer events, stored beside the versions they are of."""

from collections.abc import Collection

import msgspec

from pawsonalize.artefacts.base import ArtefactStore
from pawsonalize.kinds.solutions import Cut

_MARK = ".counts-"
_KEPT = 2  # a worker may be loading the one before the newest


class RefreshedCounts(msgspec.Struct, frozen=True):
    """A version's model with the counts of what the cut sees of the log."""

    version: str
    cut: Cut

    @property
    def location(self) -> str:
        """Location of its artefact; later updates of a version have later names."""
        return (
            f"{self.version}{_MARK}{self.cut.log_offset:020}-{self.cut.as_of}-{self.cut.items:020}"
        )

    @staticmethod
    def is_at(location: str) -> bool:
        """True if the location is that of an update."""
        return _MARK in location

    @classmethod
    def at(cls, location: str) -> "RefreshedCounts":
        """The update at that location."""
        version, _, cut = location.rpartition(_MARK)
        return cls(version, Cut(*map(int, cut.split("-"))))  # older ones say nothing of items


class RefreshedArtefacts(msgspec.Struct, frozen=True):
    """The incremental updates among the artefacts."""

    artefacts: ArtefactStore

    def of(self, version: str) -> list[RefreshedCounts]:
        """All updates of a version, oldest first."""
        return [
            RefreshedCounts.at(location)
            for location in self.artefacts.locations(f"{version}{_MARK}")
        ]

    def newest(self, version: str) -> RefreshedCounts | None:
        """The version's newest, or None."""
        return max(self.of(version), key=lambda counts: counts.cut, default=None)

    def trim(self, versions: Collection[str]) -> None:
        """Remove all but the newest updates of these versions."""
        locations = [one for one in self.artefacts.locations("") if RefreshedCounts.is_at(one)]
        kept = {counts.location for version in versions for counts in self.of(version)[-_KEPT:]}
        for location in locations:
            if location not in kept:
                self.artefacts.remove(location)

    def remove(self, version: str) -> None:
        """Remove all updates of a version."""
        for counts in self.of(version):
            self.artefacts.remove(counts.location)
