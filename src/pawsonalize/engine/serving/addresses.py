"""What requests call dataset groups and campaigns: by their names, or by their full ones."""

from collections.abc import Callable
from dataclasses import dataclass

from pawsonalize.domain.errors import InvalidInput, NotFound
from pawsonalize.engine.resources.campaigns import Campaign
from pawsonalize.engine.resources.datasets import DatasetGroup
from pawsonalize.engine.resources.recommenders import Recommender
from pawsonalize.engine.resources.resource import Resource

Reference = Callable[[str], tuple[type[Resource], str] | None]
"""Reads a resource's full name (an ARN): its kind and its name. None for any other text."""


@dataclass(frozen=True, slots=True)
class Address:
    """What a request names, each by its name or its full name: a group, a campaign, or neither."""

    dataset_group: str | None = None
    campaign: str | None = None

    @property
    def is_default(self) -> bool:
        """Whether the request leaves it to the default dataset group."""
        return self.dataset_group is None and self.campaign is None


@dataclass(frozen=True, slots=True)
class Names:
    """An address with nothing but names in it; `kind` is Recommender where it names one."""

    dataset_group: str | None
    campaign: str | None
    kind: type[Resource] = Campaign


def names_of(address: Address, reference: Reference) -> Names:
    """The names; InvalidInput for the full name of something else."""
    _, group = _read(reference, address.dataset_group, "datasetGroup", DatasetGroup)
    kind, campaign = _read(reference, address.campaign, "campaign", Campaign, Recommender)
    return Names(group, campaign, kind)


def _read(
    reference: Reference, given: str | None, field: str, *kinds: type[Resource]
) -> tuple[type[Resource], str | None]:
    """The kind and the name that a text stands for; a bare name is of the first kind."""
    try:
        found = None if given is None else reference(given)
    except (InvalidInput, NotFound) as error:
        raise type(error)(error.message, field=field) from error
    if found is None:
        return kinds[0], given
    if found[0] not in kinds:
        wanted = " or a ".join(kind.kind for kind in kinds)
        raise InvalidInput(f"{given} names a {found[0].kind}: send a {wanted}", field=field)
    return found
