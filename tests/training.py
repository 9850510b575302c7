"""Trainings for tests: in this very process, which is quicker than one of their own."""

import time
from collections.abc import Mapping
from typing import Any

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.settings import Settings
from pawsonalize.core.work.leases import is_held
from pawsonalize.resources.defaults import RECOMMENDER
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.train.trainings import TrainingProcesses

LEARNS_QUICKLY = {"max_requests": 400}
"""Settings of a personal recipe that still learns its ranker, from a few requests of the log."""


def train(
    adapters: Adapters,
    as_of: int,
    *,
    solution: str = RECOMMENDER,
    recipe: str | None = None,
    settings: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> SolutionVersion:
    """A new version that is ACTIVE, which nobody serves yet."""
    created = adapters.versions.create(
        solution, as_of=as_of, now=as_of, recipe=recipe, settings=settings, name=name
    )
    return adapters.trainer.train(created.name)


def train_and_serve(
    adapters: Adapters, as_of: int, settings: Mapping[str, Any] | None = None
) -> SolutionVersion:
    """A new version that the campaign of its solution is asked to serve."""
    version = train(adapters, as_of, settings=settings)
    adapters.campaigns.update(version.solution, version.name, as_of)
    return version


def let_trainings_end(trainings: TrainingProcesses, settings: Settings) -> None:
    """Wait until their processes, whose versions may be ready already or deleted, are gone."""
    while any(is_held(lock) for lock in settings.leases_dir.glob("training.*.lock")):
        time.sleep(0.01)
    # A process lets go of its lock a moment before it is gone.
    for child in list(trainings._children._running.values()):
        child.wait(60)
    trainings.alive("nobody")  # lets go of those that ended
