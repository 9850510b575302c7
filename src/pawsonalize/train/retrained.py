"""Solutions that ask to be retrained every day, and the campaigns that then serve them."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

import msgspec

from pawsonalize.core.errors import InvalidInput
from pawsonalize.resources.campaigns import Campaign, Recommender
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.defaults import DATASET_GROUP
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import Solution


class Part(msgspec.Struct, frozen=True):
    """Part to retrain: one dataset group, one solution, or (both None) all that ask for it."""

    dataset_group: str | None = None
    solution: str | None = None


EVERYTHING = Part()


class Retrained(NamedTuple):
    """A campaign, and the solution that gets a new version for it."""

    solution: Solution
    campaign: Campaign


def find_retrained(
    registry: Registry, part: Part = EVERYTHING, without: Collection[str] = ()
) -> list[Retrained]:
    """Return what a retraining trains and may serve: the default dataset group first, then by name.

    Every solution that a campaign serves asks for it, unless `why_not` has a reason; one that
    `part` names always does. InvalidInput for a solution that no campaign serves.
    """
    named = _named(registry, part)
    apart = _apart(registry, part)
    found = [
        one
        for one in _served(registry, part)
        if one.campaign.name not in without
        and (named or why_not(one) is None)
        and one.solution.dataset_group not in apart
    ]
    if named is not None and not found:
        raise InvalidInput(
            f"no campaign serves solution {named.name}, so nothing would go live: create one, or"
            f" train alone with `pawsonalize train --solution {named.name}`",
            field="solution",
        )
    return sorted(found, key=_place)


def left_out(registry: Registry, part: Part = EVERYTHING) -> dict[str, str]:
    """The campaigns of the part that are retrained only if you name them, and why."""
    if part.solution is not None:
        return {}
    apart = _apart(registry, part)
    reasons = {
        one.campaign.name: why_not(one) or apart.get(one.solution.dataset_group)
        for one in sorted(_served(registry, part), key=_place)
    }
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _apart(registry: Registry, part: Part) -> dict[str, str]:
    """The dataset groups that are not retrained with all others, and why."""
    if part != EVERYTHING:
        return {}
    return {
        group.name: f"dataset group {group.name} has a schedule of its own; name it to retrain it"
        for group in registry.all(DatasetGroup)
        if group.limits.retrain_schedule is not None
    }


def why_not(one: Retrained) -> str | None:
    """Return why the solution is not retrained for this campaign; None if it is."""
    solution, campaign = one
    if solution.retrain is False:
        return f"solution {solution.name} has retrain: false; name it to retrain it nevertheless"
    by_itself = solution.auto_training_days is not None
    if solution.retrain is None and by_itself and campaign.follows_latest:
        return f"solution {solution.name} is trained by itself, and the campaign follows it"
    return None


def _named(registry: Registry, part: Part) -> Solution | None:
    if part.dataset_group is not None:
        registry.get(DatasetGroup, part.dataset_group)
    if part.solution is None:
        return None
    solution = registry.get(Solution, part.solution)
    if part.dataset_group not in {None, solution.dataset_group}:
        raise InvalidInput(
            f"solution {solution.name} is of dataset group {solution.dataset_group}, not of"
            f" {part.dataset_group}: name one of the two",
            field="solution",
        )
    return solution


def _served(registry: Registry, part: Part) -> Iterator[Retrained]:
    """Every campaign of the part with its solution, but those of recommenders that are stopped."""
    stopped = {one.served_by for one in registry.all(Recommender) if one.status is Status.INACTIVE}
    for campaign in registry.all(Campaign):
        solution = registry.find(Solution, campaign.solution)
        if solution is None or solution.status is not Status.ACTIVE or campaign.name in stopped:
            continue
        group = solution.dataset_group
        if part.solution in {None, solution.name} and part.dataset_group in {None, group}:
            yield Retrained(solution, campaign)


def _place(one: Retrained) -> tuple[bool, str, str]:
    # False comes before True, so the default dataset group comes first.
    group = one.solution.dataset_group
    return group != DATASET_GROUP, group, one.campaign.name
