"""An incremental update: the events after a version's cut become counts of its model."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import chain

import structlog

from pawsonalize.artefacts.base import ArtefactStore
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.domain.times import DAY
from pawsonalize.engine.serving.facets import FacetReader
from pawsonalize.engine.serving.live_model import LiveModel
from pawsonalize.engine.serving.served import RefreshedArtefacts, RefreshedCounts
from pawsonalize.engine.training.kept_rows import KeptRows, rows_since, rows_through
from pawsonalize.engine.training.training_data import LogReading, data_of
from pawsonalize.kinds.campaigns import Campaign
from pawsonalize.kinds.job_table import Progress, silent
from pawsonalize.kinds.problems import Problems
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.solutions import Cut, Solution, SolutionVersion
from pawsonalize.recipes.artefact import ModelCard
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.recipes.contract import Model
from pawsonalize.recipes.counts.counting import Countable
from pawsonalize.recipes.data import Arrays
from pawsonalize.storage.animals.catalogue import Catalogue
from pawsonalize.storage.events.event_log import EventLog

log = structlog.get_logger()


class CountRefresher:
    """Updates in this process. Each update begins at the version, so none inherits from another."""

    def __init__(
        self,
        registry: Registry,
        log: EventLog,
        catalogue: Catalogue,
        artefacts: ArtefactStore,
        reading: LogReading | None = None,
    ) -> None:
        """With `reading`, the log is counted out of core."""
        self._registry = registry
        self._log = log
        self._catalogue = catalogue
        self._artefacts = artefacts
        self._folds = RefreshedArtefacts(artefacts)
        self._reading = reading

    def served(self) -> set[str]:
        """The versions that campaigns serve."""
        campaigns = self._registry.all(Campaign)
        return {one.solution_version for one in campaigns if one.solution_version is not None}

    def is_behind(self) -> bool:
        """Whether the log holds more than the newest counts of a served version."""
        head = self._log.head()
        for name in self.served():
            before = self._folds.newest(name)
            cut = self._registry.get(SolutionVersion, name).cut if before is None else before.cut
            if cut.log_offset < head:
                return True
        return False

    def refresh(self, name: str, now: int) -> RefreshedCounts | None:
        """Count all that is new into a version, and store that beside it, whole or not at all.

        None if nothing is new, or if the version cannot take it. Raises CorruptArtefact if the
        version cannot be read.
        """
        version = self._registry.get(SolutionVersion, name)
        before = self._folds.newest(name)
        done = version.cut if before is None else before.cut
        cut = Cut(self._log.head(), max(now, done.as_of))
        if version.artefact is None or cut.log_offset <= done.log_offset:
            return None
        self._artefacts.sweep()  # left by an earlier update that died halfway
        card, arrays = self._artefacts.load(version.artefact)
        model = recipe_named(version.fitted_recipe).load(card, arrays)
        counts = RefreshedCounts(name, cut)
        self._artefacts.save(counts.location, *self._counted(version, model, arrays, cut))
        targets = (one.versions for one in self._registry.all(Campaign))
        self._folds.trim({name, *chain.from_iterable(targets)})
        return counts

    def _counted(
        self, version: SolutionVersion, model: Model, arrays: Arrays, cut: Cut
    ) -> tuple[ModelCard, Arrays]:
        group = self._registry.get(Solution, version.solution).data_group
        log, catalogue = self._log.of(group), self._catalogue.of(group)
        selection = version.selection
        if self._reading is not None:
            purpose = f"refresh-{version.name}"
            with self._reading.counts(purpose, log, catalogue, cut, selection) as counts:
                return refresh_model(model, counts)
        reader, kept = FacetReader.of(catalogue), KeptRows.from_arrays(arrays)
        rows = rows_beyond(version, kept, log, reader, cut.log_offset)
        seen = rows.sent_by(cut.as_of)
        types = log.event_types
        data = data_of(seen, catalogue, cut, selection, digested=True, event_types=types)
        return refresh_model(model, data)


def refresh_model(model: Model, data: Countable) -> tuple[ModelCard, Arrays]:
    """The model with the counts of the data; what the card says of its tuning stays."""
    fresh = model.refreshed(data)
    card = replace(fresh.card, extra={**model.card.extra, **fresh.card.extra})
    return card, fresh.arrays()


def rows_beyond(
    version: SolutionVersion,
    kept: KeptRows | None,
    log: EventLog,
    reader: FacetReader,
    through: int,
    progress: Progress = silent,
) -> KeptRows:
    """The rows up to the offset that the log still has.

    All are read again if the version's artefact keeps none.
    """
    if kept is None:
        return rows_through(log, reader, through, progress)
    rows = rows_since(kept, version.log_offset, log, reader, through, progress)
    if not (log.forgotten_through() or log.left_early()):
        return rows
    return rows.newest(log.rows_through(through))  # those that left the log are the oldest


_PROBLEM = "refresh of counts"
_NEXT = "What is served goes on with the counts it has, and it is tried again; if it lasts, train"
_WITHIN = DAY


def are_behind(live: Iterable[LiveModel], log: EventLog) -> bool:
    """Whether the log holds more than a served model has counted."""
    known = [one.current.cut.log_offset for one in live if one.is_ready]
    return bool(known) and min(known) < log.head()


def refresh_served(
    folder: CountRefresher, registry: Registry, problems: Problems, now: Callable[[], int]
) -> bool:
    """Count new events for every served version; whether all went well.

    If one fails, the others go on, and it is a problem of its solution until one succeeds.
    """
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
