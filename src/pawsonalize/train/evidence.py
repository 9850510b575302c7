"""Evidence for the gate: the new version, simple baselines and the live one, side by side."""

from collections.abc import Callable

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.calibration import find_newly_off, find_off
from pawsonalize.models.evaluation import gate
from pawsonalize.models.evaluation.gate import MeasuredVersion, decide_by_metrics
from pawsonalize.models.evaluation.gate_settings import GateSettings
from pawsonalize.models.evaluation.intervals import chance_of_lead, intervals, paired_differences
from pawsonalize.models.evaluation.metrics import (
    DEPTH,
    METRICS,
    NDCG_AT_5,
    Judgement,
    Ranker,
    judge,
)
from pawsonalize.models.evaluation.splits import Slice
from pawsonalize.models.recipes import NEXT_BEST_ACTION
from pawsonalize.models.recipes.catalogue import BROUGHT, recipe_named, recipe_of
from pawsonalize.models.recipes.contract import Model
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.train.holdout import (
    SIMPLE,
    STRONG,
    Holdout,
    SplitName,
    baselines,
    gate_queries,
    hold_out,
    item_births,
    may_repeat,
    part_of,
    slices_of,
)
from pawsonalize.train.solutions import trained_settings
from pawsonalize.train.training_data import Sampling, TrainingLog, marked_training_data, whole_log
from pawsonalize.train.versions import SolutionVersions

_FIRST_PLACES = 5
_FEW_ITEMS = 3_000  # up to these, baselines that only inform cost seconds at most


def spread_of(judgement: Judgement, holdout: Holdout) -> gate.Spread:
    """Measure how answers spread over the candidates; needs a test case and a candidate."""
    items, questions = holdout.training.item_ids, len(judgement.best)
    first = np.concatenate([best[:_FIRST_PLACES] for best in judgement.best])
    counts = np.bincount(first, minlength=len(items))
    return gate.Spread(
        shown=len(np.unique(np.concatenate(judgement.best))),
        possible=min(len(items), DEPTH * questions),
        top_item=items[int(counts.argmax())],
        top_share=int(counts.max()) / questions,
    )


def unsound(ranker: Ranker, questions: int) -> tuple[int, int]:
    """Count answers with a score that is not finite, and answers with one score for all."""
    not_finite = constant = 0
    for question in range(questions):
        scores = ranker(question)
        scores = scores[scores != -np.inf]  # which marks an item that must not be recommended
        not_finite += not np.isfinite(scores).all()
        constant += len(scores) > 1 and bool((scores == scores[0]).all())
    return not_finite, constant


Fit = Callable[[TrainingData], Model]
Load = Callable[[SolutionVersion], Model]
"""Reads a version's model."""


class LiveStanding(msgspec.Struct, frozen=True):
    """The live version: how to fit it, as of which moment, and which events it had seen."""

    solution_version: str
    as_of: int
    fit: Fit
    seen: NDArray[np.bool_]  # which events were in the log, however late they were sent
    is_first: bool = False


def fit_of(version: SolutionVersion, load: Load | None = None) -> Fit:
    """Fit with a version's recipe, settings and seed, and what it was trained with elsewhere."""
    recipe, settings = recipe_named(version.recipe), trained_settings(version)
    if load is not None and version.recipe in BROUGHT:
        recipe = recipe_of(load(version))
    return lambda data: recipe.fit(data, settings, version.seed)


def live_training(holdout: Holdout, live: LiveStanding, born: NDArray[np.int64]) -> TrainingData:
    """The data for the live version: older than the new one's by as much as it is in truth."""
    staleness = max(holdout.data.as_of - live.as_of, 0)
    moment = holdout.training.as_of - staleness
    # Never a held-out event, nor an item that was born since.
    rows = holdout.split.training & live.seen & (holdout.data.time <= moment)
    return part_of(holdout.data, rows, holdout.there & (born <= moment), moment)


_METRIC = {NDCG_AT_5: METRICS[NDCG_AT_5]}
# Beside species, the gate protects visitors without history and untouched items.
_PROTECTED = {("history", "0"), ("item", "new")}


def gather(
    log: TrainingLog,
    catalogue: Catalogue,
    new: SolutionVersion,
    live: SolutionVersion | None,
    *,
    load: Load | None = None,
    seed: int = 0,
) -> gate.Evidence:
    """Judge a new version on the newest events of its training data, beside the live one."""
    mark = new.log_offset if live is None else live.log_offset
    data, seen = marked_training_data(log, catalogue, new.cut, mark, selection=new.selection)
    standing = None
    if live is not None:
        # A first version learned no ranker, to be live soon; one that may learn is to replace it.
        learns = [one.settings.get("learn", True) for one in (live, new)]
        standing = LiveStanding(
            live.name, live.as_of, fit_of(live, load), seen, learns == [False, True]
        )
    if len(data) == 0:
        return _nothing_known(new.recipe, data, seed)
    born = item_births(data, catalogue)
    holdout = hold_out(SplitName.TIME, data, born, seed)
    trained = None if load is None else load(new)
    fit = fit_of(new, load)
    return evidence_on(holdout, born, new.recipe, fit, standing, trained, seed)


def evidence_on(
    holdout: Holdout,
    born: NDArray[np.int64],
    recipe: str,
    fit: Fit,
    live: LiveStanding | None,
    trained: Model | None = None,
    seed: int = 0,
) -> gate.Evidence:
    """The same on a hold-out at hand; `fit` is the new version's, `born` are `item_births`."""
    if not holdout.targets or not holdout.training.item_ids:
        return _nothing_known(recipe, holdout.data, seed)
    ask, targets = gate_queries(holdout, recipe, seed), holdout.targets
    # Fitted anew without the held-out events, as the live version is below.
    model = fit(holdout.training)
    ours = judge(ask.of_model(model), targets)
    # What gives everybody the same cannot leave out what a visitor has seen.
    strong = ask.personal and len(holdout.training.item_ids) <= _FEW_ITEMS
    repeats = not ask.personal or may_repeat(holdout, model)
    made = baselines(holdout, seed, repeats=repeats, strong=strong)
    judged = {name: judge(ask.of_baseline(made[name]), targets) for name in SIMPLE if name in made}
    compared_with = {name: _compared(ours, theirs, seed) for name, theirs in judged.items()}
    stronger = {
        one.name: _compared(ours, judge(ask.of_baseline(made[one.name]), targets), seed)
        for one in STRONG
        if one.name in made
    }
    # Popularity: of unseen items, where no baseline repeats.
    standing, rival = None, next(iter(judged.values()))
    if live is not None:
        rival = judge(ask.of_model(live.fit(live_training(holdout, live, born))), targets)
        compared = _compared(ours, rival, seed)
        standing = gate.LiveEvidence(live.solution_version, live.as_of, compared, live.is_first)
    # The model that would go live gets the same test cases, only to check its scores.
    not_finite, constant = unsound(ask.of_model(trained or model), len(targets))
    return gate.Evidence(
        recipe=recipe,
        seed=seed,
        moment=holdout.training.as_of,
        test_cases=len(targets),
        candidates=len(holdout.training.item_ids),
        ndcg_at_5=intervals(ours.values(metrics=_METRIC), seed)[0],
        baselines=compared_with if ask.personal else {},
        stronger=stronger,
        popularity=next(iter(compared_with.values())) if ask.personal else None,
        live=standing,
        spread=spread_of(ours, holdout) if ask.chooses else None,
        slices=tuple(
            _sliced(part, ours, rival, seed)
            for part in slices_of(holdout)
            if part.kind == "species" or (part.kind, part.value) in _PROTECTED
        ),
        not_finite=not_finite,
        constant=constant,
    )


def _nothing_known(recipe: str, data: TrainingData, seed: int) -> gate.Evidence:
    return gate.Evidence(recipe, seed, data.as_of, test_cases=0, candidates=len(data.item_ids))


def _compared(
    ours: Judgement, theirs: Judgement, seed: int, targets: NDArray[np.bool_] | None = None
) -> gate.Comparison:
    mine, other = ours.values(targets, _METRIC), theirs.values(targets, _METRIC)
    lead = paired_differences(mine, other, seed)[0]
    chance = chance_of_lead(mine[:, 0], other[:, 0], seed)
    return gate.Comparison(float(other.mean()), lead, chance)


def _sliced(part: Slice, ours: Judgement, theirs: Judgement, seed: int) -> gate.SliceEvidence:
    values = ours.values(part.targets, _METRIC)
    compared = _compared(ours, theirs, seed, part.targets)
    loss = chance_of_lead(theirs.values(part.targets, _METRIC)[:, 0], values[:, 0], seed)
    return gate.SliceEvidence(
        part.kind, part.value, len(values), float(values.mean()), compared, loss
    )


def _engine_metrics(version: SolutionVersion) -> MeasuredVersion:
    engine = "this service" if version.remote is None else "Amazon Personalize"
    return MeasuredVersion(version.name, engine, version.as_of, version.metrics, version.unmeasured)


class Gate(msgspec.Struct, frozen=True):
    """Asks the gate about new versions, on events that were held out."""

    log: EventLog
    catalogue: Catalogue
    versions: SolutionVersions
    load: Load
    settings: GateSettings
    sampling: Sampling = whole_log

    def judge(
        self, new: SolutionVersion, live: SolutionVersion | None, as_of: int
    ) -> tuple[gate.Evidence | None, gate.Decision] | None:
        """The decision about a version beside the live one; None for a recipe it cannot judge."""
        # The metrics of an engine elsewhere are all the evidence there is.
        if new.remote is not None and new.recipe not in BROUGHT:
            served = None if live is None else _engine_metrics(live)
            return None, decide_by_metrics(_engine_metrics(new), served, self.settings, as_of)
        # It judges how items are ranked for visitors with histories.
        if recipe_named(new.recipe).needs_item or new.recipe == NEXT_BEST_ACTION:
            return None
        group = self.versions.dataset_group(new)
        log, catalogue = self.log.of(group), self.catalogue.of(group)
        evidence = gather(self.sampling(log, catalogue), catalogue, new, live, load=self.load)
        if new.calibration:
            newly = () if live is None else find_newly_off(new.calibration, live.calibration)
            evidence = replace(evidence, off=find_off(new.calibration), newly_off=newly)
        return evidence, gate.decide(evidence, self.settings, as_of)

    def refusal(self, new: SolutionVersion, live: SolutionVersion | None, as_of: int) -> str | None:
        """Return why it may not replace the live version; None if it may, or cannot be judged."""
        judged = self.judge(new, live, as_of)
        return None if judged is None or judged[1].promoted else judged[1].reason
