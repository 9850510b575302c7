"""Gathering evidence for the gate: the new version, popularity and the live one, side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.evaluating.holdout import Holdout, SplitName, hold_out, item_births
from pawsonalize.engine.evaluating.lists import draw_lists, ranked_lists, within_lists
from pawsonalize.engine.evaluating.rankers import popularity
from pawsonalize.engine.evaluating.slicing import slices_of
from pawsonalize.engine.evaluating.standing import Fit, Standing, fit_of, live_training
from pawsonalize.engine.resources.solutions import SolutionVersion
from pawsonalize.engine.training_data import marked_training_data
from pawsonalize.evaluation.bootstrap import Interval, intervals, paired_differences
from pawsonalize.evaluation.gate.evidence import (
    Comparison,
    Evidence,
    LiveEvidence,
    SliceEvidence,
    Spread,
)
from pawsonalize.evaluation.judging import Judgement, Ranker, judge
from pawsonalize.evaluation.metrics.catalogue import DEPTH, METRICS, NDCG_AT_5
from pawsonalize.evaluation.randomization import chance_of_lead
from pawsonalize.evaluation.slices import Slice
from pawsonalize.recipes.contract import Model, TrainingData
from pawsonalize.storage.base import Catalogue, EventLog

_METRIC = {NDCG_AT_5: METRICS[NDCG_AT_5]}
_RERANKER = "personalized-ranking"
_SAME_FOR_EVERYBODY = frozenset({"popularity-count", "trending-now"})
_FIRST_PLACES = 5


def gather(
    log: EventLog,
    catalogue: Catalogue,
    new: SolutionVersion,
    live: SolutionVersion | None,
    *,
    trained: Model | None = None,
    split: SplitName = SplitName.TIME,
    seed: int = 0,
) -> Evidence:
    """Judge a new version on held-out events of what it was trained on, beside the live one.

    Both are fitted anew without the held-out events. `trained`, the new version's own model, is
    asked the same questions, to see that its scores are sound. The seed draws the test cases.
    """
    mark = new.log_offset if live is None else live.log_offset
    data, seen = marked_training_data(log, catalogue, new.cut, mark, selection=new.selection)
    standing = None if live is None else Standing(live.name, live.as_of, fit_of(live), seen)
    if len(data) == 0:
        return nothing_known(new.recipe, data, split, seed)
    born = item_births(data, catalogue)
    holdout = hold_out(split, data, born, seed)
    return evidence_on(holdout, born, new.recipe, fit_of(new), standing, trained, seed)


def evidence_on(
    holdout: Holdout,
    born: NDArray[np.int64],
    recipe: str,
    fit: Fit,
    live: Standing | None,
    trained: Model | None = None,
    seed: int = 0,
) -> Evidence:
    """The same on a hold-out at hand; `born` are `item_births`."""
    if not holdout.targets:
        return nothing_known(recipe, holdout.data, holdout.name, seed)
    asked = _asked(holdout, recipe, seed)
    model = fit(holdout.training)
    ours = judge(asked.model(model), holdout.targets)
    common = judge(asked.baseline(popularity(holdout)), holdout.targets)
    theirs = common
    if live is not None:
        standing = live.fit(live_training(holdout, live, born))
        theirs = judge(asked.model(standing), holdout.targets)
    not_finite, constant = soundness(asked.model(trained or model), len(holdout.targets))
    same = recipe in _SAME_FOR_EVERYBODY
    return Evidence(
        recipe=recipe,
        split=holdout.name,
        seed=seed,
        moment=holdout.training.as_of,
        test_cases=len(holdout.targets),
        candidates=len(holdout.training.item_ids),
        ndcg_at_5=intervals(ours.values(metrics=_METRIC), seed)[0],
        popularity=None if same else _compared(ours, common, seed),
        live=None
        if live is None
        else LiveEvidence(live.solution_version, live.as_of, _compared(ours, theirs, seed)),
        spread=None if same or recipe == _RERANKER else _spread(holdout, ours),
        slices=tuple(
            _sliced(part, ours, theirs, seed) for part in slices_of(holdout) if _matters(part)
        ),
        not_finite=not_finite,
        constant=constant,
    )


def nothing_known(recipe: str, data: TrainingData, split: SplitName, seed: int) -> Evidence:
    """The evidence where no event can be held out."""
    return Evidence(
        recipe=recipe,
        split=split,
        seed=seed,
        moment=data.as_of,
        test_cases=0,
        candidates=len(data.item_ids),
        ndcg_at_5=Interval(0.0, 0.0, 0.0),
        popularity=None,
        live=None,
        spread=None,
        slices=(),
        not_finite=0,
        constant=0,
    )


def soundness(ranker: Ranker, questions: int) -> tuple[int, int]:
    """How many answers have a score that is no finite number, and how many a single score."""
    not_finite = constant = 0
    for question in range(questions):
        scores = ranker(question)
        scores = scores[scores != -np.inf]
        not_finite += not np.isfinite(scores).all()
        constant += len(scores) > 1 and bool((scores == scores[0]).all())
    return not_finite, constant


@dataclass(frozen=True, slots=True)
class _Asked:
    """How rankers are asked: for a whole catalogue, or for the order of a list."""

    model: Callable[[Model], Ranker]
    baseline: Callable[[Ranker], Ranker]


def _asked(holdout: Holdout, recipe: str, seed: int) -> _Asked:
    if recipe != _RERANKER:
        return _Asked(holdout.ranker, lambda ranker: ranker)
    lists = draw_lists(holdout, seed)
    return _Asked(
        lambda model: ranked_lists(holdout, model, lists),
        lambda ranker: within_lists(ranker, lists),
    )


def _compared(
    ours: Judgement, theirs: Judgement, seed: int, targets: NDArray[np.bool_] | None = None
) -> Comparison:
    mine, other = ours.values(targets, _METRIC), theirs.values(targets, _METRIC)
    lead = paired_differences(mine, other, seed)[0]
    chance = chance_of_lead(mine[:, 0], other[:, 0], seed)
    return Comparison(float(other.mean()), lead, chance)


def _matters(part: Slice) -> bool:
    """Species, visitors of whom nothing is known, and items that nobody had touched."""
    return part.kind == "species" or (part.kind, part.value) in {("history", "0"), ("item", "new")}


def _sliced(part: Slice, ours: Judgement, theirs: Judgement, seed: int) -> SliceEvidence:
    values = ours.values(part.targets, _METRIC)
    compared = _compared(ours, theirs, seed, part.targets)
    return SliceEvidence(part.kind, part.value, len(values), float(values.mean()), compared)


def _spread(holdout: Holdout, judgement: Judgement) -> Spread:
    items = holdout.training.item_ids
    shown = len(np.unique(np.concatenate(judgement.best)))
    first = _counts([best[:_FIRST_PLACES] for best in judgement.best], len(items))
    top = int(first.argmax())
    return Spread(
        shown=shown,
        possible=min(len(items), DEPTH * len(judgement.best)),
        top_item=items[top],
        top_share=float(first[top]) / len(judgement.best),
    )


def _counts(lists: Sequence[NDArray[np.int64]], n_items: int) -> NDArray[np.int64]:
    return np.bincount(np.concatenate(lists), minlength=n_items)
