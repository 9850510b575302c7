"""One training: from a part of the log to a stored model with its metrics."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from pawsonalize.artefacts.base import ArtefactStore
from pawsonalize.domain.errors import NotFound, StorageUnavailable, reason_of
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP, EventTypes
from pawsonalize.engine.serving.facets import FacetReader
from pawsonalize.engine.training.evaluating.holdout import SplitName, hold_out, item_births
from pawsonalize.engine.training.kept_rows import KeptRows, rows_through
from pawsonalize.engine.training.refresh import refresh_model, rows_beyond
from pawsonalize.engine.training.remote import RemoteMetrics, RemoteTraining, stand_in_of
from pawsonalize.engine.training.settings import trained_settings
from pawsonalize.engine.training.training_data import MEASURED_EVENTS, LogReading, data_of
from pawsonalize.engine.training.tuning import tune
from pawsonalize.evaluation.metrics import METRICS, coverage
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.resource import Status, moved
from pawsonalize.kinds.solutions import (
    Progress,
    Solution,
    SolutionVersion,
    TrainingMode,
    Tuned,
)
from pawsonalize.recipes.artefact import ModelCard
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.recipes.choices.model import UNFITTED, ChoiceModel
from pawsonalize.recipes.contract import Recipe
from pawsonalize.recipes.counts.counting import EventCounts, LogSummary, MemoryCounts
from pawsonalize.recipes.data import Arrays, TrainingData
from pawsonalize.storage.animals.catalogue import Catalogue
from pawsonalize.storage.events.event_log import EventLog


@dataclass(frozen=True, slots=True)
class HeldOutMetrics:
    """Metrics by name, or the reason why there are none."""

    metrics: Mapping[str, float]
    why_not: str = ""


def held_out_metrics(
    data: TrainingData,
    born: NDArray[np.int64],
    recipe: Recipe[Any],
    settings: Any,
    seed: int,
) -> HeldOutMetrics:
    """Means over test users, of a model that was fitted without them.

    It has the same settings and seed. None if no user can be held out.
    """
    if len(data) == 0:
        return HeldOutMetrics({}, "there are no events: send or import some, and train again")
    holdout = hold_out(SplitName.PERSONALIZE, data, born, seed)
    if len(holdout.split) == 0:
        return HeldOutMetrics({}, "no user has two events, so nothing of anybody can be held out")
    if len(holdout.training) == 0:
        return HeldOutMetrics(
            {}, "nothing is left to train on when a user is held out: there are too few"
        )
    judgement = holdout.judge(recipe.fit(holdout.training, settings, seed))
    means = judgement.values().mean(axis=0).tolist()
    covered = coverage(judgement.best, len(holdout.training.item_ids))
    return HeldOutMetrics({"coverage": covered, **dict(zip(METRICS, means, strict=True))})


_REPORT_SECONDS = 1.0
_BEING_MEASURED = HeldOutMetrics(
    {},
    "it is being measured, ask again in a minute; if that does not change, the training process"
    " has ended without a result; train again",
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model just made, of what data: `card` and `arrays` are to be stored.

    What was counted in memory has the rows of the log among the arrays as well, so that a refresh
    reads only what came after them.
    """

    summary: LogSummary
    sample: TrainingData
    """Data that the model is measured on."""
    card: ModelCard
    arrays: Arrays


class Trainer:
    """Trains solution versions in this process."""

    def __init__(
        self,
        registry: Registry,
        log: EventLog,
        catalogue: Catalogue,
        artefacts: ArtefactStore,
        now: Callable[[], int],
        learn_choices: Callable[[int], ChoiceModel] = lambda _: UNFITTED,
        reading: LogReading | None = None,
        remote: RemoteTraining | None = None,
    ) -> None:
        """`learn_choices` is told up to which offset of the log it may read.

        With `reading`, the log is counted out of core. What `remote` trains has a stand-in
        here: popularity, as of the same cut.
        """
        self._remote = remote
        self._registry = registry
        self._log = log
        self._catalogue = catalogue
        self._artefacts = artefacts
        self._now = now
        self._learn_choices = learn_choices
        self._reading = reading

    def train(self, name: str) -> SolutionVersion:
        """Train the version and store its model. ACTIVE, or CREATE FAILED with the reason.

        The same part of the log, items dataset, settings and seed give the same model, bit for bit.
        A version that is ACTIVE already is left as it is. Conflict if it was stopped meanwhile.
        """
        version = self._registry.get(SolutionVersion, name)
        if version.status is Status.ACTIVE:
            return version
        if version.status is not Status.CREATE_IN_PROGRESS:
            version = self._registry.update(moved(version, Status.CREATE_IN_PROGRESS), self._now())
        report = ProgressReport(self._registry, version, self._now)
        try:
            trained, unmeasured = self._trained(version, report)
        except Exception as error:
            report.settle(Status.CREATE_FAILED, failure_reason=reason_of(error))
            raise
        return trained if unmeasured is None else self._measured_later(trained, unmeasured)

    def _trained(
        self, version: SolutionVersion, report: "ProgressReport"
    ) -> tuple[SolutionVersion, TrainingData | None]:
        """The version, ACTIVE, and the data it is yet to be measured on."""
        # An earlier training may have stored its model and died before it could say so.
        self._artefacts.remove(version.name)
        self._artefacts.sweep(lambda location: location == version.name)
        remote = self._trained_elsewhere(version, report)
        fitted = self._fitted(version if remote is None else stand_in_of(version), report)
        choices = self._choices(version)
        found, later = HeldOutMetrics(version.metrics, version.unmeasured), False
        if remote is not None:
            found = HeldOutMetrics(remote.metrics, remote.why_not)
        elif version.mode is TrainingMode.FULL and version.measured:
            report.phase("measuring")
            found = self._measured(version, fitted.sample)
        elif version.mode is TrainingMode.FULL:
            found, later = _BEING_MEASURED, True
        report.phase("saving")
        arrays = {**fitted.arrays, **choices.arrays()}
        location = self._artefacts.save(version.name, fitted.card, arrays)
        trained = report.settle(
            Status.ACTIVE,
            progress=None,
            artefact=location,
            fingerprint=fitted.card.fingerprint,
            events=fitted.summary.n_events,
            users=fitted.summary.n_users,
            items=fitted.summary.n_items,
            metrics=found.metrics,
            unmeasured=found.why_not,
        )
        return trained, fitted.sample if later else None

    def _trained_elsewhere(
        self, version: SolutionVersion, report: "ProgressReport"
    ) -> RemoteMetrics | None:
        """Return how a remote engine trained the version; None if this machine has to."""
        if self._remote is None or not self._remote.trains(version):
            return None
        return self._remote.train(version, report.remote)

    def _choices(self, version: SolutionVersion) -> ChoiceModel:
        """The model of choices between individual animals, which are in the default group alone."""
        if self._registry.get(Solution, version.solution).data_group != DEFAULT_DATASET_GROUP:
            return UNFITTED
        return self._learn_choices(version.log_offset)

    def _measured_later(self, version: SolutionVersion, data: TrainingData) -> SolutionVersion:
        """Measure a version that may be served already; if that fails, the version still serves."""
        try:
            found = self._measured(version, data)
        except Exception as error:  # the model is good, whatever happens here
            log.error("not measured", solution_version=version.name, exc_info=error)
            why = reason_of(error)
            found = HeldOutMetrics({}, f"measuring failed ({why}): train it again")

        def measured(newest: SolutionVersion) -> SolutionVersion:
            return msgspec.structs.replace(newest, metrics=found.metrics, unmeasured=found.why_not)

        try:
            return self._registry.change(SolutionVersion, version.name, measured, self._now())
        except NotFound:  # somebody deleted it meanwhile
            return version

    def _measured(self, version: SolutionVersion, data: TrainingData) -> HeldOutMetrics:
        group = self._registry.get(Solution, version.solution).data_group
        born = item_births(data, self._catalogue.of(group))
        recipe = recipe_named(version.recipe)
        return held_out_metrics(data, born, recipe, trained_settings(version), version.seed)

    def _fitted(self, version: SolutionVersion, report: "ProgressReport") -> Fitted:
        report.phase("reading")
        group = self._registry.get(Solution, version.solution).data_group
        log, catalogue = self._log.of(group), self._catalogue.of(group)
        make = self._updated if version.mode is TrainingMode.UPDATE else self._learned
        if self._reading is None:
            rows = self._rows(version, log, catalogue, report)
            data = _data(rows, catalogue, version, log.event_types)
            fitted = make(version, MemoryCounts(data), catalogue, report)
            return replace(fitted, arrays={**fitted.arrays, **rows.arrays()})
        with self._reading.counts(
            version.name, log, catalogue, version.cut, version.selection, report
        ) as counts:
            return make(version, counts, catalogue, report)

    def _rows(
        self,
        version: SolutionVersion,
        log: EventLog,
        catalogue: Catalogue,
        report: "ProgressReport",
    ) -> KeptRows:
        """The rows of the log to count in memory."""
        reader = FacetReader.of(catalogue)
        if version.mode is TrainingMode.FULL:
            return rows_through(log, reader, version.log_offset, report)
        base = self._base(version)
        assert base.artefact is not None
        kept = KeptRows.from_arrays(self._artefacts.load(base.artefact)[1])
        return rows_beyond(base, kept, log, reader, version.log_offset, report)

    def _learned(
        self,
        version: SolutionVersion,
        counts: EventCounts,
        catalogue: Catalogue,
        report: "ProgressReport",
    ) -> Fitted:
        sample = counts.sample(MEASURED_EVENTS)
        tuned = version.tuned
        if version.tuning is not None and tuned is None:
            report.phase("tuning")
            born = item_births(sample, catalogue)
            tuned = tune(sample, born, version, time.monotonic, report)
            version = report.tuned(tuned)
        report.phase("fitting")
        recipe = recipe_named(version.recipe)
        model = recipe.fit(counts, trained_settings(version), version.seed)
        card = model.card
        if tuned is not None:
            card = replace(card, extra={**card.extra, "tuned": msgspec.to_builtins(tuned)})
        return Fitted(counts.summary, sample, card, model.arrays())

    def _updated(
        self,
        version: SolutionVersion,
        counts: EventCounts,
        catalogue: Catalogue,  # noqa: ARG002 - as `_learned`
        report: "ProgressReport",
    ) -> Fitted:
        base = self._base(version)
        assert base.artefact is not None
        model = recipe_named(base.recipe).load(*self._artefacts.load(base.artefact))
        report.phase("counting")
        card, arrays = refresh_model(model, counts)
        return Fitted(counts.summary, counts.sample(MEASURED_EVENTS), card, arrays)

    def _base(self, version: SolutionVersion) -> SolutionVersion:
        assert version.base is not None
        return self._registry.get(SolutionVersion, version.base)


def _data(
    rows: KeptRows, catalogue: Catalogue, version: SolutionVersion, event_types: EventTypes
) -> TrainingData:
    seen = rows.sent_by(version.as_of)
    return data_of(
        seen, catalogue, version.cut, version.selection, digested=True, event_types=event_types
    )


class ProgressReport:
    """A training's progress in its version's row, written at most once a second."""

    def __init__(
        self, registry: Registry, version: SolutionVersion, now: Callable[[], int]
    ) -> None:
        self._registry = registry
        self._version = version
        self._now = now
        self._phase = ""
        self._quiet_until = 0.0

    def phase(self, phase: str) -> None:
        """Begin another phase."""
        self._phase = phase
        self._write(Progress(phase))

    def __call__(self, done: int, total: int) -> None:
        """Tell how far the phase is."""
        if time.monotonic() >= self._quiet_until:
            self._write(Progress(self._phase, round(done / total, 3) if total else 1.0))

    def remote(self, progress: Progress, remote: str | None) -> None:
        """Tell how far a remote engine is, and what it calls the version once that is known."""
        if remote is not None:
            self._version = self._registry.update(
                msgspec.structs.replace(self._version, remote=remote), self._now()
            )
        self._phase = progress.phase
        self._write(progress)

    def tuned(self, outcome: Tuned) -> SolutionVersion:
        """Store what tuning found, so that a training that dies later need not tune again."""
        newer = msgspec.structs.replace(self._version, tuned=outcome)
        self._version = self._registry.update(newer, self._now())
        return self._version

    def settle(self, status: Status, **changes: object) -> SolutionVersion:
        """Store how it ended; Conflict if somebody stopped it."""
        self._version = self._registry.update(moved(self._version, status, **changes), self._now())
        return self._version

    def _write(self, progress: Progress) -> None:
        # A Conflict means that somebody stopped the training: end at once.
        newer = msgspec.structs.replace(self._version, progress=progress)
        with suppress(StorageUnavailable):  # a report is not worth a training
            self._version = self._registry.update(newer, self._now())
        self._quiet_until = time.monotonic() + _REPORT_SECONDS
