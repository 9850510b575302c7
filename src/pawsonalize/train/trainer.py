"""One training: from a part of the log to a stored model with its metrics; tuning before it."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Protocol

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.errors import NotFound, StorageUnavailable, reason_of
from pawsonalize.core.event import DEFAULT_DATASET_GROUP, owning_group
from pawsonalize.core.logs import get_logger
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.evaluation.intervals import paired_differences
from pawsonalize.models.evaluation.metrics import METRICS, NDCG_AT_10, coverage, judge
from pawsonalize.models.recipes import POPULARITY_COUNT, USER_PERSONALIZATION
from pawsonalize.models.recipes.artefact import ModelCard
from pawsonalize.models.recipes.catalogue import other_recipes, rebuild_model, recipe_named
from pawsonalize.models.recipes.choices.model import UNFITTED, ChoiceModel
from pawsonalize.models.recipes.contract import AnyRecipe, Model
from pawsonalize.models.recipes.counts.counting import EventCounts, LogSummary
from pawsonalize.models.recipes.data import Arrays, TrainingData
from pawsonalize.models.recipes.imported_scores import ImportedScores
from pawsonalize.recommend.live_model import RemoteCampaign, try_out
from pawsonalize.recommend.query import FacetReader
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.job_table import silent
from pawsonalize.resources.kind import Status, moved
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import (
    Progress,
    Solution,
    SolutionVersion,
    TrainingMode,
    Trial,
    Tuned,
)
from pawsonalize.train.holdout import (
    Holdout,
    SplitName,
    gate_queries,
    hold_out,
    item_births,
    judge_segments,
    part_of,
)
from pawsonalize.train.imported_files import ScoreFiles
from pawsonalize.train.kept_rows import KeptRows, rows_through
from pawsonalize.train.refresh import data_of_rows, refresh_model
from pawsonalize.train.solutions import planned_trials, random_seed, trained_settings
from pawsonalize.train.training_data import MEASURED_EVENTS, LogReading

# A trial is fitted on at most so many users, drawn by chance, so that it takes seconds.
MOST_USERS = 5_000
MOST_QUESTIONS = 1_000
# With fewer test cases, the better of two settings is a matter of luck.
FEWEST_QUESTIONS = 40
# In this share of resamples of the visitors the best trial must beat the given settings.
SURE = 0.8


class HeldOutMetrics(msgspec.Struct, frozen=True):
    """Metrics by name, or the reason why there are none."""

    metrics: Mapping[str, float]
    why_not: str = ""


Report = Callable[[Progress, str | None], object]
"""Stores how far the training is and, once it is known, what the remote engine calls the version.

Conflict if somebody stopped it.
"""


class RemoteTraining(Protocol):
    """Trains in place of this machine; goes on with what it began before, on whichever machine."""

    def trains(self, version: SolutionVersion) -> bool:
        """Return True if the remote engine trains the version."""

    def train(self, version: SolutionVersion, report: Report) -> HeldOutMetrics:
        """Train to the end. TrainingFailed with the reason if the remote engine gives up."""

    def stop(self, version: SolutionVersion) -> None:
        """Stop the training there, if it was begun; EngineUnavailable if nobody answers."""


class RemoteEngine(Protocol):
    """A remote engine, which trains and answers in place of this service."""

    @property
    def training(self) -> RemoteTraining:
        """Its training."""

    @property
    def description(self) -> str:
        """A sentence about it, for people."""

    @property
    def most_waiting(self) -> int:
        """Most answers that wait for it at once, which take no room from others."""

    def campaign(self, name: str) -> RemoteCampaign:
        """Return the campaign there behind ours of that name."""

    def judged(self, dataset_group: str, fallback: Model) -> Model:
        """Return the model that a gate asks, which raises where the remote engine is away."""


def held_out_metrics(
    data: TrainingData, born: NDArray[np.int64], recipe: AnyRecipe, settings: object, seed: int
) -> HeldOutMetrics:
    """Means over test users, of a model that was fitted without them."""
    if len(data) == 0:
        return HeldOutMetrics({}, "there are no events: send or import some, and train again")
    holdout = hold_out(SplitName.PERSONALIZE, data, born, seed)
    if len(holdout.split) == 0:
        return HeldOutMetrics({}, "no user has two events, so nothing of anybody can be held out")
    if len(holdout.training) == 0:
        return HeldOutMetrics(
            {}, "nothing is left to train on when a user is held out: there are too few"
        )
    model = recipe.fit(holdout.training, settings, seed)
    judgement, of_segments = judge_segments(holdout, model, seed)
    means = judgement.values().mean(axis=0).tolist()
    covered = coverage(judgement.best, len(holdout.training.item_ids))
    metrics = {"coverage": covered, **dict(zip(METRICS, means, strict=True))}
    if recipe.name == USER_PERSONALIZATION:  # segments are made by it alone
        metrics |= of_segments
    return HeldOutMetrics(metrics)


_REPORT_SECONDS = 1.0
_BEING_MEASURED = HeldOutMetrics(
    {},
    "it is being measured, ask again in a minute; if that does not change, the training process"
    " has ended without a result; train again",
)

log = get_logger()


class Fitted(msgspec.Struct, frozen=True):
    """A new model: `card` and `arrays` are to be stored, `sample` is what it is measured on."""

    recipe: AnyRecipe
    summary: LogSummary
    sample: TrainingData
    card: ModelCard
    arrays: Arrays


class Trainer(msgspec.Struct, frozen=True):
    """Trains solution versions in this process; with `reading` the log is counted out of core."""

    registry: Registry
    log: EventLog
    catalogue: Catalogue
    artefacts: ArtefactStore
    now: Callable[[], int]
    learn_choices: Callable[[int], ChoiceModel] = lambda _: UNFITTED  # up to an offset of the log
    reading: LogReading | None = None
    remote: RemoteTraining | None = None
    imported: ScoreFiles | None = None

    def train(self, name: str) -> SolutionVersion:
        """Train the version and store its model. ACTIVE, or CREATE FAILED with the reason.

        A version that is ACTIVE already is left as it is. Conflict if it was stopped meanwhile.
        """
        # The same part of the log, items dataset, settings and seed give the same model, bit for
        # bit.
        version = self.registry.get(SolutionVersion, name)
        if version.status is Status.ACTIVE:
            return version
        if version.status is not Status.CREATE_IN_PROGRESS:
            now = self.now()
            begun = moved(version, Status.CREATE_IN_PROGRESS, started_at=now)
            version = self.registry.update(begun, now)
        report = ProgressReport(self.registry, version, self.now)
        try:
            trained, unmeasured = self._trained(version, report)
        except Exception as error:
            report.store(
                moved(report.version, Status.CREATE_FAILED, failure_reason=reason_of(error))
            )
            raise
        return trained if unmeasured is None else self._measured_later(trained, unmeasured)

    def _trained(
        self, version: SolutionVersion, report: "ProgressReport"
    ) -> tuple[SolutionVersion, Fitted | None]:
        # An earlier training may have stored its model and died before it could say so.
        self.artefacts.remove(version.name)
        self.artefacts.sweep(lambda location: location == version.name)
        found, later = HeldOutMetrics(version.metrics, version.unmeasured), False
        remote = self.remote if self.remote is not None and self.remote.trains(version) else None
        if remote is not None:
            found = remote.train(version, report.remote)
        # The stand-in answers while the remote engine is away.
        fitted = self._fitted(version if remote is None else _stand_in_of(version), report)
        choices = UNFITTED
        if self._data_group(version) == DEFAULT_DATASET_GROUP:  # it alone has single animals
            choices = self.learn_choices(version.log_offset)
        if version.mode is TrainingMode.FULL and remote is None:
            found, later = _BEING_MEASURED, not version.measured
            if version.measured:
                report.phase("measuring")
                found = self._measured(version, fitted)
        report.phase("saving")
        arrays = {**fitted.arrays, **choices.arrays()}
        # The model is stored before the version says so: one that is ACTIVE can be served.
        location = self.artefacts.save(version.name, fitted.card, arrays)
        trained = moved(
            report.version,
            Status.ACTIVE,
            progress=None,
            artefact=location,
            fingerprint=fitted.card.fingerprint,
            events=fitted.summary.n_events,
            users=fitted.summary.data.n_users,
            items=len(fitted.summary.data.item_ids),
            metrics=found.metrics,
            unmeasured=found.why_not,
            calibration=choices.calibration,
            plays=choices.plays,
        )
        return report.store(trained), fitted if later else None

    def _data_group(self, version: SolutionVersion) -> str:
        return self.registry.get(Solution, version.solution).data_group

    def _measured_later(self, version: SolutionVersion, fitted: Fitted) -> SolutionVersion:
        """Measure a version that may be served already; if that fails, the version still serves."""
        try:
            found = self._measured(version, fitted)
        except Exception as error:  # the model is good, whatever happens here
            log.error("not measured", solution_version=version.name, exc_info=error)
            why = reason_of(error)
            found = HeldOutMetrics({}, f"measuring failed ({why}): train it again")

        changes = {"metrics": found.metrics, "unmeasured": found.why_not}
        try:
            return self.registry.assign(SolutionVersion, version.name, self.now(), **changes)
        except NotFound:  # somebody deleted it meanwhile
            return version

    def _measured(self, version: SolutionVersion, fitted: Fitted) -> HeldOutMetrics:
        data = fitted.sample
        born = item_births(data, self.catalogue.of(self._data_group(version)))
        settings = trained_settings(version)
        return held_out_metrics(data, born, fitted.recipe, settings, version.seed)

    def _recipe(self, version: SolutionVersion, dataset_group: str) -> AnyRecipe:
        recipe = recipe_named(version.recipe)
        if isinstance(recipe, ImportedScores) and self.imported is not None:
            location = trained_settings(version).location
            recipe = self.imported.bind(recipe, location, owning_group(dataset_group))
        return recipe

    def _fitted(self, version: SolutionVersion, report: "ProgressReport") -> Fitted:
        report.phase("reading")
        group = self._data_group(version)
        log, catalogue = self.log.of(group), self.catalogue.of(group)
        cut, selection = version.cut, version.selection
        base = None if version.base is None else self.registry.get(SolutionVersion, version.base)
        recipe, model, arrays = self._recipe(version, group), None, None
        if base is not None and version.mode is TrainingMode.UPDATE:
            assert base.artefact is not None
            card, arrays = self.artefacts.load(base.artefact)
            model = rebuild_model(base.recipe, card, arrays)

        def fit(counts: EventCounts) -> Fitted:
            if model is None:
                return _learned(version, recipe, counts, catalogue, report)
            report.phase("counting")
            refreshed = refresh_model(model, counts)
            return Fitted(recipe, counts.summary, counts.sample(MEASURED_EVENTS), *refreshed)

        if self.reading is not None:
            with self.reading.counts(
                version.name, log, catalogue, cut, selection, report
            ) as counts:
                return fit(counts)
        reader, through = FacetReader.of(catalogue), version.log_offset
        kept = KeptRows.from_arrays(arrays or {})
        after = 0 if base is None else base.log_offset
        rows = rows_through(log, reader, through, report, kept=kept, after=after)
        data = data_of_rows(rows, log, catalogue, cut, selection)
        fitted = fit(EventCounts(data))
        # With the rows, a refresh has to read only what came after them.
        return replace(fitted, arrays={**fitted.arrays, **rows.arrays()})


def _stand_in_of(version: SolutionVersion) -> SolutionVersion:
    """Return what is fitted here for a remote version: the popularity of the same events."""
    return msgspec.structs.replace(
        version,
        recipe=POPULARITY_COUNT,
        settings={},
        tuning=None,
        tuned=None,
        mode=TrainingMode.FULL,
        base=None,
    )


def _learned(
    version: SolutionVersion,
    recipe: AnyRecipe,
    counts: EventCounts,
    catalogue: Catalogue,
    report: "ProgressReport",
) -> Fitted:
    sample = counts.sample(MEASURED_EVENTS)
    tuned = version.tuned
    if version.tuning is not None and tuned is None:
        report.phase("tuning")
        born = item_births(sample, catalogue)
        tuned = tune(sample, born, version, time.monotonic, report, recipe)
        # Stored at once, so that a training that dies later need not tune again.
        version = report.store(msgspec.structs.replace(report.version, tuned=tuned))
    report.phase("fitting")
    model = recipe.fit(counts, trained_settings(version), version.seed)
    if recipe.name in other_recipes():  # what it cannot do is said now, and not when it goes live
        try_out(model, version.as_of)
    card = model.card
    if tuned is not None:
        card = replace(card, extra={**card.extra, "tuned": msgspec.to_builtins(tuned)})
    return Fitted(recipe, counts.summary, sample, card, model.arrays())


class ProgressReport(msgspec.Struct):
    """A training's progress in its version's row, written at most once a second."""

    registry: Registry
    version: SolutionVersion
    now: Callable[[], int]
    _phase: str = ""
    _quiet_until: float = 0.0

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
            self.store(msgspec.structs.replace(self.version, remote=remote))
        self._phase = progress.phase
        self._write(progress)

    def store(self, newer: SolutionVersion) -> SolutionVersion:
        """Store a change of the version; Conflict if somebody stopped the training."""
        self.version = self.registry.update(newer, self.now())
        return self.version

    def _write(self, progress: Progress) -> None:
        with suppress(StorageUnavailable):  # a report is not worth a training
            self.store(msgspec.structs.replace(self.version, progress=progress))
        self._quiet_until = time.monotonic() + _REPORT_SECONDS


def tune(
    data: TrainingData,
    born: NDArray[np.int64],
    version: SolutionVersion,
    clock: Callable[[], float],
    progress: Callable[[int, int], None] = silent,
    recipe: AnyRecipe | None = None,
) -> Tuned:
    """Try the version's planned trials; `born` are `item_births`, `clock` counts seconds."""
    # The same data, version and seed give the same result, unless time runs out.
    assert version.tuning is not None
    seed = random_seed(version)
    holdout = _practice(data, born, seed)
    if holdout is None or len(holdout.targets) < FEWEST_QUESTIONS:
        return Tuned({}, f"fewer than {FEWEST_QUESTIONS} visitors to try settings on")
    questions = np.random.default_rng(seed).permutation(len(holdout.targets))
    # One half of the users chooses the best trial by drafts, without the parts that are costly to
    # learn. The best of many is partly luck, so the other half compares full models.
    choosing, confirming = np.array_split(questions, 2)
    given, planned = trained_settings(version), planned_trials(version)
    # The same seed each time, so that only the settings differ.
    measure = partial(_ndcg_at_10, holdout, recipe or recipe_named(version.recipe), seed)
    until, started = version.tuning.seconds, clock()
    scores: list[float] = []
    for trial in planned:
        if scores and until is not None and clock() - started >= until:
            break
        progress(len(scores), len(planned) + 1)
        drafted = measure(replace(given, **trial).draft(), choosing)
        scores.append(float(drafted.mean()))
    progress(len(planned), len(planned) + 1)
    best = int(np.argmax(scores))
    before = measure(given, confirming)
    after = measure(replace(given, **planned[best]), confirming) if best else before
    sure = bool(paired_differences(after, before, seed)[0].better >= SURE)
    if best == 0:
        note = "no trial was better than the given settings"
    elif sure:
        note = "the best trial was better on other visitors as well"
    else:
        note = "the best trial was not surely better than the given settings on other visitors"
    if len(scores) < len(planned):
        note += f"; time ran out after {len(scores)} of {len(planned)} trials"
    return Tuned(
        settings=planned[best] if sure else {},
        note=note,
        trials=tuple(map(Trial, planned, scores)),
        users=holdout.data.n_users,
        questions=len(questions),
        given_ndcg_at_10=float(before.mean()),
        best_ndcg_at_10=float(after.mean()),
    )


def _ndcg_at_10(
    holdout: Holdout, recipe: AnyRecipe, seed: int, settings: object, questions: NDArray[np.int64]
) -> NDArray[np.float64]:
    """That of each of the questions with these numbers, shape (questions, 1), as the gate tests."""
    numbers = questions.tolist()
    model: Model = recipe.fit(holdout.training, settings, seed)
    ranker = gate_queries(holdout, recipe.name, seed).of_model(model)
    targets = [holdout.targets[number] for number in numbers]
    judgement = judge(lambda place: ranker(numbers[place]), targets)
    return judgement.values(metrics={NDCG_AT_10: METRICS[NDCG_AT_10]})


def _practice(data: TrainingData, born: NDArray[np.int64], seed: int) -> Holdout | None:
    """The hold-out of trials, of at most so many users; None if nothing lies before it."""
    if len(data) == 0:
        return None
    # The gate's held-out days are cut off first, so that trials never see them. The newest tenth of
    # the rest is the trials' own hold-out.
    judged = hold_out(SplitName.TIME, data, born, seed, most=1)
    before = judged.training
    drawn = np.zeros(before.n_users, np.bool_)
    order = np.random.default_rng(seed).permutation(before.n_users)
    drawn[order[:MOST_USERS]] = True
    everything = np.ones(len(before.item_ids), np.bool_)
    sample = part_of(before, drawn[before.user], everything, before.as_of)
    if len(sample) == 0:
        return None
    holdout = hold_out(SplitName.TIME, sample, born[judged.there], seed, MOST_QUESTIONS)
    return holdout if len(holdout.training) else None
