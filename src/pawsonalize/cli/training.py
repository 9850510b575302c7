"""Waiting for a training in its own process, and letting the campaigns serve what it made."""

import time

from pawsonalize import clock
from pawsonalize.app import Adapters
from pawsonalize.cli.progress import progress
from pawsonalize.domain.errors import InvalidInput, TrainingFailed
from pawsonalize.engine.resources.campaigns import Campaign
from pawsonalize.engine.resources.defaults import RECOMMENDER, RERANKER
from pawsonalize.engine.resources.solutions import Solution, SolutionVersion
from pawsonalize.engine.resources.status import Status
from pawsonalize.engine.serving.directory import listed
from pawsonalize.settings import Settings

_LOOK_SECONDS = 0.05


def solutions_to_train(settings: Settings) -> tuple[str, ...]:
    """The default solutions that the settings want a model of."""
    return (RECOMMENDER, RERANKER) if settings.reranking_enabled else (RECOMMENDER,)


def solutions_of(adapters: Adapters, group: str, wanted: str | None) -> tuple[str, ...]:
    """All solutions of the dataset group, or the one that is wanted; it must be of the group."""
    names = tuple(sorted(one.name for one in adapters.registry.all(Solution, parent=group)))
    if wanted is not None and wanted not in names:
        raise InvalidInput(
            f"dataset group {group} has no solution {wanted}; it has {listed(names)}"
        )
    if not names:
        raise InvalidInput(f"dataset group {group} has no solution: create one first")
    return names if wanted is None else (wanted,)


def train_and_serve(adapters: Adapters, version: SolutionVersion) -> SolutionVersion:
    """Train the version to its end; then every campaign of its solution is asked to serve it.

    Raises TrainingFailed with the reason. Who interrupts the waiting stops the training.
    """
    trained = _awaited(adapters, version)
    if trained.status is not Status.ACTIVE:
        raise TrainingFailed(f"{trained.name} is {trained.status}: {trained.failure_reason}")
    for campaign in list(adapters.registry.all(Campaign, parent=trained.solution)):
        adapters.campaigns.update(campaign.name, trained.name, clock.now())
    return trained


def _awaited(adapters: Adapters, version: SolutionVersion) -> SolutionVersion:
    name = version.name
    with progress(f"training {name}") as bar:
        try:
            version = adapters.trainings.start(name, clock.now())
            while not version.status.is_settled:
                if version.progress is not None:
                    bar(round(version.progress.share * 1000), 1000)
                time.sleep(_LOOK_SECONDS)
                version = adapters.trainings.look(name, clock.now())
        except KeyboardInterrupt:
            adapters.trainings.stop(name, clock.now())
            raise
    return version
