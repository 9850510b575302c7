"""Trainings that a command waits for, and the campaigns that serve what they make."""

import time

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.cli.opening import dataset_group_of
from pawsonalize.cli.terminal import progress
from pawsonalize.domain.errors import InvalidInput, TrainingFailed
from pawsonalize.engine.serving.directory import list_names
from pawsonalize.kinds.campaigns import Campaign
from pawsonalize.kinds.defaults import RECOMMENDER, RERANKER
from pawsonalize.kinds.solutions import Solution, SolutionVersion, Tuned
from pawsonalize.kinds.status import Status
from pawsonalize.settings import Settings

_LOOK_SECONDS = 0.05


def solutions_to_train(settings: Settings) -> tuple[str, ...]:
    """The default solutions that the settings want a model of."""
    return (RECOMMENDER, RERANKER) if settings.reranking_enabled else (RECOMMENDER,)


def train_and_serve(adapters: Adapters, version: SolutionVersion) -> SolutionVersion:
    """Train the version to its end; then every campaign of its solution is asked to serve it.

    Raises TrainingFailed with the reason. An interrupt stops the training.
    """
    trained = _awaited(adapters, version)
    if trained.status is not Status.ACTIVE:
        raise TrainingFailed(f"{trained.name} is {trained.status}: {trained.failure_reason}")
    for campaign in list(adapters.registry.all(Campaign, parent=trained.solution)):
        adapters.campaigns.update(campaign.name, trained.name, clock.now())
    return trained


def chosen_solutions(
    adapters: Adapters,
    settings: Settings,
    dataset_group: str | None,
    solution: str | None,
    *,
    default: bool,
) -> tuple[str, ...]:
    """The solutions to train; more than one only with their `default` recipe and settings."""
    if dataset_group is not None:
        group = dataset_group_of(adapters, settings, dataset_group)
        names = _solutions_of(adapters, group, solution)
    elif solution is None and default:
        names = solutions_to_train(settings)
    else:
        names = (solution or RECOMMENDER,)
    if len(names) > 1 and not default:
        raise InvalidInput(
            f"--recipe and --set are for one alone: add --solution, of {list_names(names)}"
        )
    return names


def _solutions_of(adapters: Adapters, group: str, wanted: str | None) -> tuple[str, ...]:
    """All solutions of the dataset group, or the one that is wanted; it must be of the group."""
    names = tuple(sorted(one.name for one in adapters.registry.all(Solution, parent=group)))
    if wanted is not None and wanted not in names:
        raise InvalidInput(
            f"dataset group {group} has no solution {wanted}; it has {list_names(names)}"
        )
    if not names:
        raise InvalidInput(f"dataset group {group} has no solution: create one first")
    return names if wanted is None else (wanted,)


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


def tuned_line(tuned: Tuned) -> str:
    """Return a line with the number of trials, the gain on other visitors, and the settings."""
    line = f"tuned in {len(tuned.trials)} trials: {tuned.note}"
    if tuned.settings:
        assert tuned.given_ndcg_at_10 is not None
        assert tuned.best_ndcg_at_10 is not None
        values = ", ".join(f"{name}={value:.4g}" for name, value in tuned.settings.items())
        line += f" (NDCG@10 {tuned.given_ndcg_at_10:.4f} -> {tuned.best_ndcg_at_10:.4f}): {values}"
    return line
