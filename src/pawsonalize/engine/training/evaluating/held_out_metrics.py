"""The metrics that Amazon Personalize gives every solution version, from its own data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.training.evaluating.holdout import SplitName, hold_out
from pawsonalize.evaluation.metrics.catalogue import METRICS
from pawsonalize.recipes.contract import Recipe, TrainingData


@dataclass(frozen=True, slots=True)
class Measured:
    """Metrics by their names; where there are none, why."""

    metrics: Mapping[str, float]
    why_not: str = ""


def held_out_metrics(
    data: TrainingData,
    born: NDArray[np.int64],
    recipe: Recipe[Any],
    settings: Any,
    seed: int,
) -> Measured:
    """Means over test users of a model that was not told of them.

    It is fitted for that, with the same settings and seed. None where no user can be tested.
    """
    if len(data) == 0:
        return Measured({}, "there are no events: send or import some, and train again")
    holdout = hold_out(SplitName.PERSONALIZE, data, born, seed)
    if len(holdout.split) == 0:
        return Measured({}, "no user has two events, so nothing of anybody can be held out")
    if len(holdout.training) == 0:
        return Measured(
            {}, "nothing is left to train on when a user is held out: there are too few"
        )
    judgement = holdout.judge(recipe.fit(holdout.training, settings, seed))
    means = judgement.values().mean(axis=0).tolist()
    covered = judgement.coverage(len(holdout.training.item_ids))
    return Measured({"coverage": covered, **dict(zip(METRICS, means, strict=True))})
