"""The metrics that Amazon Personalize gives every solution version, from its own data."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.evaluating.holdout import SplitName, hold_out
from pawsonalize.evaluation.metrics.catalogue import METRICS
from pawsonalize.recipes.contract import Recipe, TrainingData


def held_out_metrics(
    data: TrainingData,
    born: NDArray[np.int64],
    recipe: Recipe[Any],
    settings: Any,
    seed: int,
) -> dict[str, float]:
    """Means over test users of a model that was not told the newest tenth of their events.

    It is fitted for that, with the same settings and seed. Empty where no user can be tested.
    """
    if len(data) == 0:
        return {}
    holdout = hold_out(SplitName.PERSONALIZE, data, born, seed)
    if len(holdout.split) == 0 or len(holdout.training) == 0:
        return {}
    judgement = holdout.judge(recipe.fit(holdout.training, settings, seed))
    means = judgement.values().mean(axis=0).tolist()
    covered = judgement.coverage(len(holdout.training.item_ids))
    return {"coverage": covered, **dict(zip(METRICS, means, strict=True))}
