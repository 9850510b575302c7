"""Tuning: which settings within their ranges order a held-out day best?

Every trial is judged where the gate will never look: the gate's held-out days are cut off first,
and the newest tenth of what is left is held out again.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.evaluating.asking import asking
from pawsonalize.engine.evaluating.holdout import Holdout, SplitName, hold_out
from pawsonalize.engine.evaluating.part import part_of
from pawsonalize.engine.progress import Progress, silent
from pawsonalize.engine.resources.solutions import SolutionVersion
from pawsonalize.engine.resources.tuning import Trial, Tuned
from pawsonalize.engine.solutions.settings import trained_settings
from pawsonalize.evaluation.judging import judge
from pawsonalize.evaluation.metrics.catalogue import METRICS, NDCG_AT_10
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.recipes.contract import Model, TrainingData
from pawsonalize.recipes.ranges import Range, points, tunable

MOST_USERS = 5_000
"""Trials are fitted on no more users, drawn by lot, so that one takes seconds."""
MOST_QUESTIONS = 1_000
FEWEST_QUESTIONS = 40
"""Below this the better of two settings is a matter of luck."""
_REFUSED = 50  # points passed over for one that the recipe takes
_SEEDS = 2**31  # a version's seed may be any whole number, dice take none below 0

Setting = Mapping[str, Any]


def planned_trials(version: SolutionVersion) -> list[Setting]:
    """What a version's tuning tries beside its settings, in order; the first is nothing else.

    Points that the recipe refuses are passed over. Raises InvalidInput for a range of what
    cannot be tuned, and where the ranges hold no settings that the recipe takes.
    """
    if version.tuning is None:
        return []
    given, ranges = trained_settings(version), _ranges(version)
    others = islice(_taken(given, ranges, version.seed % _SEEDS), version.tuning.trials - 1)
    return [{}, *(others if ranges else ())]


def tune(
    data: TrainingData,
    born: NDArray[np.int64],
    version: SolutionVersion,
    clock: Callable[[], float],
    progress: Progress = silent,
) -> Tuned:
    """Try the version's planned trials; `born` are `item_births`, `clock` counts seconds.

    The best on one half of the held-out users must also be better on the other half, since the
    best of many is partly luck. Same data, version and seed give the same, unless time runs out.
    """
    assert version.tuning is not None
    seed = version.seed % _SEEDS
    holdout = _practice(data, born, seed)
    if holdout is None or len(holdout.targets) < FEWEST_QUESTIONS:
        return Tuned({}, f"fewer than {FEWEST_QUESTIONS} visitors to try settings on")
    trying = _Trying(holdout, version)
    planned, until = planned_trials(version), version.tuning.seconds
    started, values = clock(), list[NDArray[np.float64]]()
    for trial in planned:
        if values and until is not None and clock() - started >= until:
            break
        progress(len(values), len(planned))
        values.append(trying.of(trial))
    progress(len(values), len(planned))
    return _chosen(planned, values, holdout, seed)


@dataclass(frozen=True, slots=True)
class _Trying:
    """Fits on what the practice hold-out leaves, and asks as the gate will ask."""

    holdout: Holdout
    version: SolutionVersion

    def of(self, trial: Setting) -> NDArray[np.float64]:
        """NDCG@10 of each question, shape (questions,)."""
        version, holdout = self.version, self.holdout
        settings = replace(trained_settings(version), **trial)
        recipe = recipe_named(version.recipe)
        model: Model = recipe.fit(holdout.training, settings, version.seed)
        ask = asking(holdout, version.recipe, version.seed % _SEEDS)
        judgement = judge(ask.of_model(model), holdout.targets)
        return judgement.values(metrics={NDCG_AT_10: METRICS[NDCG_AT_10]})[:, 0]


def _ranges(version: SolutionVersion) -> dict[str, Range]:
    """What the tuning names, or the recipe's ranges of the settings that nobody has set."""
    assert version.tuning is not None
    kind = recipe_named(version.recipe).settings
    weighed = {f"{event.event_type}_weight" for event in version.selection.events}
    if not version.tuning.ranges:
        own = tunable(kind)
        return {name: own[name] for name in own if name not in {*version.settings, *weighed}}
    numbers = {field.name for field in fields(kind) if field.type is not bool}
    for name in version.tuning.ranges:
        if name not in numbers or name in weighed:
            left = ", ".join(sorted(numbers - weighed))
            raise InvalidInput(f"{name} cannot be tuned; what can: {left}", field="ranges")
    return dict(version.tuning.ranges)


def _taken(given: Any, ranges: Mapping[str, Range], seed: int) -> Iterator[Setting]:
    refused = 0
    for point in points(type(given), ranges, seed):
        try:
            replace(given, **point)
        except InvalidInput as error:
            refused += 1
            if refused > _REFUSED:
                raise InvalidInput(
                    f"hardly any settings within the ranges are allowed: {error.message}",
                    field="ranges",
                ) from error
            continue
        refused = 0
        yield point


def _practice(data: TrainingData, born: NDArray[np.int64], seed: int) -> Holdout | None:
    """The hold-out of trials, of at most so many users; None where there is nothing before it."""
    if len(data) == 0:
        return None
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


def _chosen(
    planned: list[Setting], values: list[NDArray[np.float64]], holdout: Holdout, seed: int
) -> Tuned:
    questions = len(holdout.targets)
    choosing = np.random.default_rng(seed).permutation(questions) < questions // 2
    scores = [float(of_trial[choosing].mean()) for of_trial in values]
    best = int(np.argmax(scores))
    ours, given = (float(values[trial][~choosing].mean()) for trial in (best, 0))
    if best == 0:
        note = "no trial was better than the given settings"
    elif ours <= given:
        note = "the best trial was no better than the given settings on other visitors"
    else:
        note = "the best trial was better on other visitors as well"
    if len(values) < len(planned):
        note += f"; time ran out after {len(values)} of {len(planned)} trials"
    return Tuned(
        settings=planned[best] if ours > given else {},
        note=note,
        trials=tuple(map(Trial, planned, scores)),
        users=holdout.data.n_users,
        questions=questions,
        given_ndcg_at_10=given,
        best_ndcg_at_10=ours,
    )
