"""Counts kept current: of served versions, and of what answers before the first training."""

import time
from collections.abc import Callable
from itertools import chain

import msgspec
from msgspec.structs import replace

from pawsonalize.animals.tables.animals import Availability
from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core import clock
from pawsonalize.core.errors import NotReady, PawsonalizeError
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import DAY
from pawsonalize.core.work.problems import Problems
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.recipes.artefact import ModelCard
from pawsonalize.models.recipes.catalogue import rebuild_model, refreshed
from pawsonalize.models.recipes.contract import Model
from pawsonalize.models.recipes.counts.counting import Countable
from pawsonalize.models.recipes.data import Arrays, TrainingData
from pawsonalize.models.recipes.user_personalization import UserPersonalization
from pawsonalize.recommend.live_model import (
    UNTRAINED,
    LiveModel,
    LoadedModel,
    RefreshedArtefacts,
    RefreshedCounts,
    ServingSettings,
)
from pawsonalize.recommend.query import FacetReader
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.defaults import RECOMMENDER
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import Cut, Solution, SolutionVersion, TrainingSelection
from pawsonalize.train.kept_rows import KeptRows, rows_through
from pawsonalize.train.training_data import LogReading, data_of, training_data

FAILED = 1
"""Exit code of a process that reported itself what it could not refresh."""

log = get_logger()


class CountRefresher(msgspec.Struct, frozen=True):
    """Counts the events after a version's cut into its model; with `reading` out of core."""

    registry: Registry
    log: EventLog
    catalogue: Catalogue
    artefacts: ArtefactStore
    reading: LogReading | None = None

    @property
    def _folds(self) -> RefreshedArtefacts:
        return RefreshedArtefacts(self.artefacts)

    def served(self) -> set[str]:
        """The versions that campaigns serve."""
        campaigns = self.registry.all(Campaign)
        return {one.solution_version for one in campaigns if one.solution_version is not None}

    def is_behind(self) -> bool:
        """True if there are events or items that the newest counts of a served version lack."""
        newest = newest_cut(self.log, self.catalogue)
        for name in self.served():
            before = self._folds.newest(name)
            cut = self.registry.get(SolutionVersion, name).cut if before is None else before.cut
            if cut.lacks(newest):
                return True
        return False

    def refresh(self, name: str, now: int) -> RefreshedCounts | None:
        """Store a version with all that is new counted into it; None if nothing is new."""
        version = self.registry.get(SolutionVersion, name)
        before = self._folds.newest(name)
        done = version.cut if before is None else before.cut
        cut = newest_cut(self.log, self.catalogue, max(now, done.as_of))
        if version.artefact is None or not done.lacks(cut):
            return None
        self.artefacts.sweep()  # left by an earlier update that died halfway
        card, arrays = self.artefacts.load(version.artefact)
        model = rebuild_model(version.fitted_recipe, card, arrays)
        counts = RefreshedCounts(name, cut)
        # Counted from the version on each time, so that none inherits from another.
        self.artefacts.save(counts.location, *self._counted(version, model, arrays, cut))
        # A campaign may go back to a version of before, so the counts of all of these stay.
        targets = (one.versions for one in self.registry.all(Campaign))
        self._folds.trim({name, *chain.from_iterable(targets)})
        return counts

    def _counted(
        self, version: SolutionVersion, model: Model, arrays: Arrays, cut: Cut
    ) -> tuple[ModelCard, Arrays]:
        group = self.registry.get(Solution, version.solution).data_group
        log, catalogue = self.log.of(group), self.catalogue.of(group)
        selection = version.selection
        if self.reading is not None:
            purpose = f"refresh-{version.name}"
            with self.reading.counts(purpose, log, catalogue, cut, selection) as counts:
                return refresh_model(model, counts)
        reader, kept = FacetReader.of(catalogue), KeptRows.from_arrays(arrays)
        through, after = cut.log_offset, version.log_offset
        rows = rows_through(log, reader, through, kept=kept, after=after)
        return refresh_model(model, data_of_rows(rows, log, catalogue, cut, selection))


def newest_cut(log: EventLog, catalogue: Catalogue, as_of: int = 0) -> Cut:
    """All events and items that there are."""
    return Cut(log.head(), as_of, catalogue.item_changes())


def data_of_rows(
    rows: KeptRows, log: EventLog, catalogue: Catalogue, cut: Cut, selection: TrainingSelection
) -> TrainingData:
    """The data to train on, of kept rows of the log."""
    seen, types = rows.sent_by(cut.as_of), log.event_types
    return data_of(seen, catalogue, cut, selection, digested=True, event_types=types)


def refresh_model(model: Model, data: Countable) -> tuple[ModelCard, Arrays]:
    """The model with the counts of the data; what the card says of its tuning stays."""
    fresh = refreshed(model, data)
    card = replace(fresh.card, extra={**model.card.extra, **fresh.card.extra})
    return card, fresh.arrays()


_PROBLEM = "refresh of counts"
_NEXT = "What is served goes on with the counts it has, and it is tried again; if it lasts, train"
_WITHIN = DAY


def refresh_served(
    folder: CountRefresher, registry: Registry, problems: Problems, now: Callable[[], int]
) -> bool:
    """Count new events for every served version; a failure is a problem until one succeeds."""
    failed: dict[str, str] = {}
    for name in sorted(folder.served()):
        try:
            folder.refresh(name, now())
        except PawsonalizeError as error:
            log.error("not refreshed", solution_version=name, reason=error.message)
            failed[name] = error.message
        except Exception as error:  # an unexpected error must not stop the other versions' updates
            log.error("not refreshed", solution_version=name, exc_info=error)
            failed[name] = f"{type(error).__name__}: {error}"
    messages = {
        f"{_PROBLEM}: {registry.get(SolutionVersion, name).solution}": f"{name}: {why}. {_NEXT}."
        for name, why in failed.items()
    }
    # A problem ends with the first refresh that goes well.
    for problem in problems.standing(now()):
        if problem.name.startswith(_PROBLEM) and problem.name not in messages:
            problems.clear(problem.name, now())
    for name, message in messages.items():
        problems.report(name, message, now(), within=_WITHIN)
    return not failed


def report_death(problems: Problems, exit_code: int, now: int) -> None:
    """Report a process of refreshes that died before it could report, for instance killed."""
    message = f"its process ended with exit code {exit_code}; the log of the server has more"
    problems.report(_PROBLEM, f"{message}. {_NEXT}.", now, within=_WITHIN)


_NEWEST_EVENTS = 20_000  # counted in about a second; a training counts all events
_REST = 9  # times as long as a count took, so that answers have nine tenths of the time


# A visitor's own events and the quiz are to count from the first event on, before any training.
def report_refresh_end(problems: Problems, code: int) -> None:
    """Count how a refresh ended, and report a process that died; one that failed reported it."""
    from pawsonalize.core.metrics import REFRESHES  # noqa: PLC0415 - commands that look need none

    REFRESHES.labels({0: "succeeded", FAILED: "failed"}.get(code, "died")).inc()
    if code not in {0, FAILED}:
        report_death(problems, code, clock.now())


class Untrained(msgspec.Struct):
    """Counts of the inventory's groups and the newest events, in place of a model."""

    log: EventLog
    catalogue: Catalogue
    availability: Availability
    settings: ServingSettings
    now: Callable[[], int]
    steady: Callable[[], float] = time.monotonic
    _served: LoadedModel | None = None
    _seen: tuple[int, int] = (0, 0)
    _rested_at: float = 0.0
    name: str = ""

    @property
    def current(self) -> LoadedModel:
        """The counts of the last `refresh`, or the first ones; NotReady if no animal is known."""
        if self._served is None:
            self.refresh()
        if (served := self._served) is None:
            raise NotReady(
                "no model is live yet, and no animal is in the inventory: put animals, or run"
                " `pawsonalize train`, then ask again"
            )
        return served

    @property
    def is_ready(self) -> bool:
        """True if there is something to answer with."""
        return self._served is not None or self.availability.revision().number > 0

    def refresh(self) -> None:
        """Count again if animals or events changed, after a pause since the last count."""
        revision, head = self.availability.revision().number, self.log.head()
        began = self.steady()
        if not revision or (revision, head) == self._seen or began < self._rested_at:
            return
        now = self.now()
        data = training_data(
            self.log, self.catalogue, through=head, as_of=now, after=max(0, head - _NEWEST_EVENTS)
        )
        recipe = UserPersonalization()
        model = recipe.fit(data, recipe.settings(learn=False, classes=0), seed=0)
        version = SolutionVersion(
            name=UNTRAINED, solution=RECOMMENDER, recipe=recipe.name, cut=Cut(head, now)
        )
        self._served = LoadedModel(version, model, self.settings)
        self._seen = revision, head
        counted = self.steady()
        self._rested_at = counted + _REST * (counted - began)

    def forget(self) -> None:
        """Drop the counts."""
        # From now on a live model answers.
        self._served, self._seen = None, (0, 0)


class TrainedOrNot(msgspec.Struct, frozen=True):
    """Model that a campaign serves; until it serves any, the counts."""

    live: LiveModel
    untrained: Untrained

    @property
    def name(self) -> str:
        """See `ModelSource`."""
        return self.live.name

    @property
    def current(self) -> LoadedModel:
        """See `Serving`."""
        return self.live.current if self.live.is_ready else self.untrained.current

    @property
    def is_ready(self) -> bool:
        """See `Serving`."""
        return self.live.is_ready or self.untrained.is_ready

    def refresh(self) -> None:
        """Count again while no model is live; drop the counts once one is."""
        if self.live.is_ready:
            self.untrained.forget()
        else:
            self.untrained.refresh()
