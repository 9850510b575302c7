"""Takes erased visitors out of the rows that trainings kept beside their models."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b

import msgspec

from pawsonalize.artefacts.base import ArtefactStore
from pawsonalize.domain.errors import CorruptArtefact, NotFound
from pawsonalize.domain.events import owning_group
from pawsonalize.engine.serving.served import RefreshedArtefacts, RefreshedCounts
from pawsonalize.engine.training.kept_rows import VISITORS, KeptRows, digests
from pawsonalize.engine.upkeep.erased_archive import Watch
from pawsonalize.engine.upkeep.erasing import NamedErasure
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.solutions import Solution, SolutionVersion
from pawsonalize.storage.erasures import Erasure, Trouble

_MARK = ".erased-"


class ErasedRows:
    """The artefacts of all versions, served ones and old ones."""

    def __init__(
        self, registry: Registry, artefacts: ArtefactStore, now: Callable[[], int]
    ) -> None:
        self._registry = registry
        self._artefacts = artefacts
        self._now = now

    def purge(self, erasures: Sequence[NamedErasure], watch: Watch) -> Iterator[Trouble]:
        """Write artefacts again without the rows of visitors who were erased after their training.

        Their models stay as they are. Updates of counts from before the erasure are removed: the
        next one counts anew. Yields what is in training, and what cannot be read.
        """
        versions = list(self._versions())
        in_training = {one.name for one, _ in versions if not one.status.is_settled}

        def is_dead(location: str) -> bool:
            """Only trainings and this method itself, which runs once at a time, write rows."""
            return not RefreshedCounts.is_at(location) and _owner(location) not in in_training

        self._artefacts.sweep(is_dead)
        for version, group in versions:
            about = [one for one in erasures if _concerns(one.erasure, version, group)]
            if about and not version.status.is_settled:
                yield Trouble(version.name, "its training must end first", waits=True)
            elif about:
                yield from self._purged(version, about, watch)
        self._forget_counts(versions, erasures)
        self._remove_unowned({version.name: version for version, _ in versions}, erasures)
        for location in filter(is_dead, self._artefacts.unfinished()):
            yield Trouble(location, "its objects are not deleted yet", waits=True)

    def _versions(self) -> Iterator[tuple[SolutionVersion, str]]:
        """Every version with the dataset group that it learned from."""
        for solution in list(self._registry.all(Solution)):
            for version in list(self._registry.all(SolutionVersion, parent=solution.name)):
                yield version, owning_group(solution.data_group)

    def _purged(
        self, version: SolutionVersion, erasures: Sequence[NamedErasure], watch: Watch
    ) -> Iterator[Trouble]:
        before, gone = version.artefact, _digests(erasures)
        if before is None:
            return
        try:
            if not self._holds(before, gone):
                return
            card, arrays = self._artefacts.load(before)
            rows = KeptRows.from_arrays(arrays)
        except CorruptArtefact as error:
            yield Trouble(version.name, f"{error.message}: bring it back from a copy, or delete it")
            return
        assert rows is not None
        after = _location(version, erasures)
        self._artefacts.remove(after)  # of an attempt that ended here
        self._artefacts.save(after, card, {**arrays, **rows.without(gone).arrays()})
        watch("model written")
        try:
            self._registry.change(
                SolutionVersion,
                version.name,
                lambda newest: msgspec.structs.replace(newest, artefact=after),
                self._now(),
            )
            watch("model changed")
        except NotFound:  # somebody deleted it meanwhile
            self._artefacts.remove(after)
        self._artefacts.remove(before)

    def _holds(self, location: str, visitors: set[str]) -> bool:
        kept = self._artefacts.array(location, VISITORS)
        return kept is not None and KeptRows.hold(kept, visitors)

    def _forget_counts(
        self,
        versions: Sequence[tuple[SolutionVersion, str]],
        erasures: Sequence[NamedErasure],
    ) -> None:
        folds = RefreshedArtefacts(self._artefacts)
        for version, group in versions:
            about = [one.erasure for one in erasures if one.erasure.dataset_group == group]
            for counts in folds.of(version.name) if about else ():
                if any(_counted(one, counts) for one in about):
                    self._artefacts.remove(counts.location)

    def _remove_unowned(
        self, versions: dict[str, SolutionVersion], erasures: Sequence[NamedErasure]
    ) -> None:
        """Remove what no version points at: a process died before it could say so, or remove it."""
        gone, owned = _digests(erasures), {version.artefact for version in versions.values()}
        for location in self._artefacts.locations(""):
            version = versions.get(_owner(location))
            is_written = version is not None and not version.status.is_settled
            if location not in owned and not is_written and self._holds(location, gone):
                newest = version and self._registry.find(SolutionVersion, version.name)
                if newest is None or newest.artefact != location:
                    self._artefacts.remove(location)


def _owner(location: str) -> str:
    """The name of the version whose rows are there."""
    return location.partition(_MARK)[0]


def _location(version: SolutionVersion, erasures: Sequence[NamedErasure]) -> str:
    """The same for every attempt of these erasures; not too long for a folder."""
    ids = " ".join(one.erasure.erasure_id for one in erasures)
    return f"{version.name}{_MARK}{blake2b(ids.encode(), digest_size=8).hexdigest()}"


def _concerns(erasure: Erasure, version: SolutionVersion, group: str) -> bool:
    """Whether the version may have read rows that are erased; it may know newer ones as well."""
    if erasure.dataset_group != group:
        return False
    tables_at = erasure.tables_at
    is_later = tables_at is not None and version.created_at > tables_at
    return version.log_offset <= erasure.through or not is_later


def _counted(erasure: Erasure, counts: RefreshedCounts) -> bool:
    tables_at = erasure.tables_at
    return tables_at is None or counts.cut.as_of <= tables_at


def _digests(erasures: Sequence[NamedErasure]) -> set[str]:
    return {digest for one in erasures for digest in digests(one.names.users, one.names.sessions)}
