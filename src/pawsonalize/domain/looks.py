"""What animals of a group look like: what somebody may like about them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pawsonalize.domain.breeds import family_of
from pawsonalize.domain.groups import AnimalGroup

Look = tuple[str, str]
"""What a look is a part of, and its value."""

SPECIES = "species"
LOOKS: Mapping[str, Callable[[AnimalGroup], Look]] = MappingProxyType(
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
"""Species, breed, family, size and age of a group; a breed of no family is a family of its own.

That a kitten is small says nothing of the dogs somebody wants, so all but the species are a part
of their species.
"""
