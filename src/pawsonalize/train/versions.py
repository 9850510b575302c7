"""Solution versions: each is stored before its training begins."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress

import msgspec

from pawsonalize import __version__
from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.errors import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    NotFound,
    PawsonalizeError,
    TooManyRequests,
)
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import DAY, SECOND, iso
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.events.erasure.tables import ErasedLookup
from pawsonalize.events.tables.event_log import EventLog, GroupDays
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.recommend.live_model import RefreshedArtefacts
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.jobs import BatchInferenceJob, BatchSegmentJob
from pawsonalize.resources.kind import Status, moved, new_resource_name
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import Cut, Solution, SolutionVersion, TrainingMode, Tuning
from pawsonalize.train.retraining.runs import RETRAINING, read_record
from pawsonalize.train.solutions import planned_trials, trained_settings, with_meanings


class SolutionVersions(msgspec.Struct, frozen=True):
    """Creates, finds and deletes solution versions."""

    registry: Registry
    log: EventLog
    catalogue: Catalogue
    artefacts: ArtefactStore
    erased: ErasedLookup
    days: GroupDays

    def get(self, name: str) -> SolutionVersion:
        """One solution version; NotFound if there is none."""
        return self.registry.get(SolutionVersion, name)

    def dataset_group(self, version: SolutionVersion) -> str:
        """The dataset group whose data the version is trained on."""
        return self.registry.get(Solution, version.solution).dataset_group

    def create(
        self,
        solution: str,
        *,
        as_of: int,
        now: int,
        mode: TrainingMode = TrainingMode.FULL,
        seed: int = 0,
        name: str | None = None,
        recipe: str | None = None,
        settings: Mapping[str, object] | None = None,
        tuning: Tuning | None = None,
        **others: object,
    ) -> SolutionVersion:
        """Store what to train: the log up to its head, as of a moment. CREATE PENDING.

        `recipe`, `settings` and `tuning` replace the solution's, `others` are other fields. The
        same call again gives the existing version. InvalidInput for what cannot be trained or
        updated; Conflict if the name is another version's. TooManyRequests above the dataset
        group's limit.
        """
        chosen = {"recipe": recipe, "settings": settings, "tuning": tuning}
        wishes = {"solution": solution, "as_of": as_of, "mode": mode, **chosen}
        if mode is TrainingMode.FULL:  # an update has the seed of its base
            wishes["seed"] = seed
        name = name or new_resource_name(solution, now)
        if (existing := self.registry.find(SolutionVersion, name)) is not None:
            return _as_wished(existing, wishes)
        given = {"mode": mode, "seed": seed, **chosen, **others}
        version = self._wanted(name, solution, as_of, given)
        group = self.dataset_group(version)
        # Counted before it is stored, so that of two servers only one takes the last place.
        self._count_training(group, now)
        try:
            return self.registry.create(version, now)
        except PawsonalizeError as error:
            self.days.return_training(group, now // DAY)
            if isinstance(error, AlreadyExists):  # somebody ordered the same at the same moment
                return _as_wished(self.get(name), wishes)
            raise

    def _count_training(self, group: str, now: int) -> None:
        found = self.registry.find(DatasetGroup, group)
        most = None if found is None else found.limits.trainings_per_day
        if not self.days.take_training(group, now // DAY, most):
            tomorrow = (now // DAY + 1) * DAY
            raise TooManyRequests(
                f"dataset group {group} may be trained {most:,} times a day (trainings_per_day),"
                f" and was: train again from {iso(tomorrow)} on",
                retry_after=max(math.ceil((tomorrow - now) / SECOND), 1),
            )

    def _wanted(
        self, name: str, solution: str, as_of: int, given: Mapping[str, object]
    ) -> SolutionVersion:
        trained = self.registry.get(Solution, solution)
        if trained.status is not Status.ACTIVE:
            raise Conflict(f"solution {solution} is {trained.status}: it cannot be trained")
        version = SolutionVersion(
            name=name,
            solution=solution,
            recipe=trained.recipe,
            settings=trained.settings,
            selection=with_meanings(trained.selection, self.log.event_types),
            objective=trained.objective,
            tuning=trained.tuning,
            cut=Cut(self.log.head(), as_of, self.catalogue.item_changes()),
            code_version=__version__,
        )
        changes = {field: value for field, value in given.items() if value is not None}
        version = msgspec.structs.replace(version, **changes)
        trained_settings(version)  # refuse it now, rather than let the training fail
        if version.mode is TrainingMode.FULL:
            planned_trials(version)
            return version
        if given["tuning"] is not None:
            raise InvalidInput(
                "an update keeps the settings of what it updates: tune in mode FULL", field="tuning"
            )
        return self._updating(version)

    def newest(self, solution: str) -> SolutionVersion | None:
        """The solution's newest version that is ACTIVE, or None."""
        versions = self.registry.all(SolutionVersion, parent=solution)
        return next((one for one in versions if one.status is Status.ACTIVE), None)

    def first_settings(self, solution: str) -> Mapping[str, object] | None:
        """Settings of a first version, without a ranker: live soon. None if there is one."""
        found = self.registry.get(Solution, solution)
        known = recipe_named(found.recipe).settings.__struct_fields__
        if "learn" not in known or self.newest(solution) is not None:
            return None
        return {"learn": False, **found.settings}

    def newest_to_serve(self, solution: str) -> SolutionVersion:
        """The solution's newest version that is ACTIVE; Conflict while there is none."""
        newest = self.newest(self.registry.get(Solution, solution).name)
        if newest is None:
            raise Conflict(f"solution {solution} has no ACTIVE version yet: wait for one")
        return newest

    def free_name(self, solution: str, name: str) -> str:
        """The full name of a version with this name; AlreadyExists if there is one."""
        full = f"{solution}-{name}"
        if self.registry.find(SolutionVersion, full) is not None:
            raise AlreadyExists(f"solution {solution} has a version {name} already")
        return full

    def newest_to_follow(self, solution: str, followed: str | None) -> SolutionVersion | None:
        """The newest ACTIVE version newer than `followed` and of no run."""
        # A run serves its own version.
        for version in self.registry.all(SolutionVersion, parent=solution):
            if version.name == followed:
                return None
            if version.status is Status.ACTIVE and version.run is None:
                return version
        return None

    def delete_solution(self, name: str, now: int) -> None:
        """Delete a solution with its versions; Conflict names what must go first."""
        solution = self.registry.get(Solution, name)
        self.registry.check_unneeded(solution)
        if solution.status is Status.ACTIVE:  # from here on nothing new is trained of it
            self.registry.change(Solution, name, lambda one: moved(one, Status.DELETE_PENDING), now)
        for version in list(self.registry.all(SolutionVersion, parent=name)):
            self.delete(version.name)
        self.registry.delete(Solution, name)

    def delete(self, name: str) -> None:
        """Delete a version with its artefacts; Conflict that names what must go first."""
        version = self.get(name)
        # A Conflict if it is needed, so the artefacts go after it.
        self.registry.delete(SolutionVersion, name)
        if version.artefact is not None:
            self.artefacts.remove(version.artefact)
            RefreshedArtefacts(self.artefacts).remove(name)

    def _updating(self, version: SolutionVersion) -> SolutionVersion:
        base = self.newest(version.solution)
        if base is None:
            raise InvalidInput(
                f"solution {version.solution} has no version to update: train it in mode FULL",
                field="mode",
            )
        if self.erased.has_any_since(base.created_at, self.dataset_group(base)):
            raise InvalidInput(
                f"users were erased since {base.name} was trained, and an update would know them"
                " still: train it in mode FULL",
                field="mode",
            )
        if version.as_of < base.as_of:
            raise InvalidInput(
                f"the newest version, {base.name}, knows what came later: train in mode FULL",
                field="as_of",
            )
        return msgspec.structs.replace(
            version,
            recipe=base.recipe,
            settings=base.settings,
            selection=base.selection,
            tuning=None,
            tuned=base.tuned,
            metrics=base.metrics,
            unmeasured=base.unmeasured,
            seed=base.seed,
            base=base.name,
        )


def _as_wished(existing: SolutionVersion, wishes: Mapping[str, object]) -> SolutionVersion:
    """The existing version, if it is as ordered (None: anything); the log may have grown."""
    for field, wish in wishes.items():
        if wish is not None and getattr(existing, field) != wish:
            raise Conflict(
                f"solution version {existing.name} exists already, with another {field}:"
                " choose another name"
            )
    return existing


log = get_logger()


def delete_old_versions(
    versions: SolutionVersions,
    work: WorkTable,
    keep: int,
    needed: Callable[[], Collection[str]] = tuple,
) -> int:
    """Delete old versions, of which `keep` of each solution stay (0: all); return their number.

    Versions that are `needed` for something else stay as well.
    """
    deleted, registry = 0, versions.registry
    for solution in list(registry.all(Solution)) if keep else ():
        old = _old(registry, work, solution, keep)
        kept = needed() if old else ()
        for name in (one for one in old if one not in kept):
            with suppress(Conflict, NotFound):  # it is needed after all, or another was faster
                versions.delete(name)
                deleted += 1
                log.info("old version deleted", solution_version=name)
    return deleted


def _old(registry: Registry, work: WorkTable, solution: Solution, keep: int) -> list[str]:
    # Newest first; those that failed are counted by themselves.
    versions = list(registry.all(SolutionVersion, parent=solution.name))
    active = [one.name for one in versions if one.status is Status.ACTIVE]
    settled = [one for one in versions if one.status.is_settled]
    failed = [one.name for one in settled if one.status is not Status.ACTIVE]
    old = active[keep:] + failed[keep:]
    needed = set(_named(registry, work, versions)) if old else set()
    return [name for name in old if name not in needed]


def _named(registry: Registry, work: WorkTable, versions: list[SolutionVersion]) -> Iterator[str]:
    # Also what a campaign served before, to roll back to, and what it has not taken up yet.
    for campaign in registry.all(Campaign):
        update = campaign.latest_update
        yield from (*campaign.versions, campaign.followed or "")
        yield "" if update is None else update.solution_version
    if (run := work.open(RETRAINING)) is not None:
        yield from (half.solution_version for half in read_record(run).halves)
    for kind in (BatchInferenceJob, BatchSegmentJob):
        for job in registry.all(kind):
            if not job.status.is_settled:
                yield job.solution_version
    yield from (one.base for one in versions if one.base and not one.status.is_settled)
