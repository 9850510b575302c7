"""The traits of groups and animals, by the names that the model of choices knows them by."""

from functools import lru_cache

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.traits import TRAITS
from pawsonalize.recipes.choices.shown_places import VISITOR_TRAITS

OF_GROUPS = VISITOR_TRAITS[:-1]
"""The traits that a group has; the others are of an animal."""

_UNKNOWN = ("",) * len(OF_GROUPS)


@lru_cache(maxsize=65_536)
def group_values(item: str) -> tuple[str, ...]:
    """The values of a group's traits in the order of `OF_GROUPS`, as `species/value`."""
    group = AnimalGroup.parse(item)
    if group is None:
        return _UNKNOWN
    return tuple("/".join(TRAITS[name](group)) for name in OF_GROUPS)


def animal_values(animal: Animal | None) -> tuple[str, ...]:
    """The values of an animal in the order of the model's `TRAITS`; empty if unknown."""
    if animal is None:
        return (*_UNKNOWN, "", "")
    group = animal.group_at(animal.history[-1].at)
    return (*group_values(group.id), colour_of(animal), animal.shelter)


def colour_of(animal: Animal) -> str:
    """The colour that counts; empty if none is known."""
    return animal.colours[0] if animal.colours else ""
