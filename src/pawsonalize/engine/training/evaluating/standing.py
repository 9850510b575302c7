"""The live version as it would have stood at the hold-out, to be judged beside a new one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.resources.solutions import SolutionVersion
from pawsonalize.engine.training.evaluating.holdout import Holdout
from pawsonalize.engine.training.evaluating.part import part_of
from pawsonalize.engine.training.settings import trained_settings
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.recipes.contract import Model, TrainingData

Fit = Callable[[TrainingData], Model]


@dataclass(frozen=True, slots=True)
class Standing:
    """The live version: how to fit it, the moment whose knowledge it has, and what it had seen.

    `seen` is a mask over the events of the hold-out's data: those that were in the log when it
    was trained, however late they were sent.
    """

    solution_version: str
    as_of: int
    fit: Fit
    seen: NDArray[np.bool_]


def fit_of(version: SolutionVersion) -> Fit:
    """Fit with a version's recipe, settings and seed."""
    recipe, settings = recipe_named(version.recipe), trained_settings(version)
    return lambda data: recipe.fit(data, settings, version.seed)


def live_training(holdout: Holdout, live: Standing, born: NDArray[np.int64]) -> TrainingData:
    """What the live version is fitted on: as much older than the new one's part as it is in truth.

    Never a held-out event. `born` are `item_births`; items born since are unknown to it.
    """
    staleness = max(holdout.data.as_of - live.as_of, 0)
    moment = holdout.training.as_of - staleness
    rows = holdout.split.training & live.seen & (holdout.data.time <= moment)
    return part_of(holdout.data, rows, holdout.there & (born <= moment), moment)
