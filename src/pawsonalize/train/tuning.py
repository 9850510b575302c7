"""Tuning: which settings within their ranges order a held-out day best?"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.models.evaluation.intervals import paired_differences
from pawsonalize.models.evaluation.metrics import METRICS, NDCG_AT_10, judge
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.contract import Model, Recipe
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.resources.job_table import Progress, silent
from pawsonalize.resources.solutions import SolutionVersion, Trial, Tuned
from pawsonalize.train.holdout import Holdout, SplitName, gate_queries, hold_out, part_of
from pawsonalize.train.solutions import planned_trials, random_seed, trained_settings

# A trial is fitted on at most so many users, drawn by chance, so that it takes seconds.
MOST_USERS = 5_000
MOST_QUESTIONS = 1_000
# With fewer test cases, the better of two settings is a matter of luck.
FEWEST_QUESTIONS = 40
# In this share of resamples of the visitors the best trial must beat the given settings.
SURE = 0.8


def tune(
    data: TrainingData,
    born: NDArray[np.int64],
    version: SolutionVersion,
    clock: Callable[[], float],
    progress: Progress = silent,
    recipe: Recipe[Any] | None = None,
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
    holdout: Holdout, recipe: Recipe[Any], seed: int, settings: object, questions: NDArray[np.int64]
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
