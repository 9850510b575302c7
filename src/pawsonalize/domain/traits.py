"""The traits of an animal group: what a visitor may like about its animals."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pawsonalize.domain.breeds import family_of
from pawsonalize.domain.groups import AnimalGroup

Trait = tuple[str, str]
"""The species that the trait belongs to, empty for the species itself, and its value."""

SPECIES = "species"
TRAITS: Mapping[str, Callable[[AnimalGroup], Trait]] = MappingProxyType(
    {
        SPECIES: lambda group: ("", group.species),
        "breed": lambda group: (group.species, group.breed),
        "family": lambda group: (
            group.species,
            family_of(group.species, group.breed) or group.breed,
        ),
        "size": lambda group: (group.species, group.size),
        "age": lambda group: (group.species, group.age),
    }
)
"""Species, breed, family, size and age of a group. A breed of no family is a family of its own.

Every trait but the species belongs to a species: a visitor who likes small kittens does not
therefore want a small dog.
"""
