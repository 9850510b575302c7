"""Whether the service can answer: from campaigns of any dataset group, or by ordering animals."""

from collections.abc import Sequence
from dataclasses import dataclass

from pawsonalize.domain.errors import NotReady
from pawsonalize.engine.resources.defaults import DATASET_GROUP, RECOMMENDER, RERANKER
from pawsonalize.engine.serving.directory import DirectoryEntry, listed
from pawsonalize.engine.serving.recommender import Runtime


@dataclass(frozen=True, slots=True)
class Readiness:
    """What answers: `solution_version` is that of the default group, None while none is live.

    `message` says in words what does not answer yet; None if everything does.
    """

    solution_version: str | None
    message: str | None
    campaigns: tuple[DirectoryEntry, ...]


def readiness(
    runtime: Runtime, entries: Sequence[DirectoryEntry], *, orders_animals: bool
) -> Readiness:
    """What can answer; NotReady with the next move if nothing can.

    `runtime` answers queries that name nothing. With `orders_animals` there are available animals,
    which can be ordered without a model.
    """
    campaigns = tuple(sorted(entries, key=lambda one: one.age))
    if runtime.can_recommend:
        return Readiness(runtime.served.version.name, None, campaigns)
    serving = [one for one in campaigns if _serves(one, runtime)]
    if not serving and not orders_animals:
        raise NotReady(
            "no model is live yet, and there is no available animal: run `pawsonalize train`, or"
            " put animals"
        )
    message = "no model is live yet"
    if serving:
        named = listed(f"{one.name} of dataset group {one.dataset_group}" for one in serving)
        message = f"the campaign {RECOMMENDER} serves no model yet; these answer: {named}"
    # Another campaign of the default group orders them by its model.
    if orders_animals and all(one.dataset_group != DATASET_GROUP for one in serving):
        message += f"{'; ' if serving else ': '}animals are ordered by what is known of them"
    return Readiness(None, message, campaigns)


def _serves(one: DirectoryEntry, runtime: Runtime) -> bool:
    """Whether the campaign answers; those in memory from the start must have loaded a model."""
    if one.name == RECOMMENDER:
        return runtime.can_recommend
    return one.serves and (one.name != RERANKER or runtime.can_rank)
