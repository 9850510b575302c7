"""What an answer says of its animals with `"include": ["animal"]`: what a page shows of each."""

from collections.abc import Mapping, Sequence
from math import isfinite
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pawsonalize.domain.ages import AGE_NAMES
from pawsonalize.domain.animals import UNKNOWN, Animal
from pawsonalize.domain.breeds import UNKNOWN_BREED
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.sizes import SIZE_NAMES
from pawsonalize.domain.species import SPECIES_NAMES
from pawsonalize.domain.times import iso
from pawsonalize.engine.serving.animals.ranking import Individuals
from pawsonalize.engine.serving.context import Query
from pawsonalize.http.services import Services

Includable = Literal["animal"]
Include = Annotated[
    list[Includable],
    Meta(
        description="`animal` adds to each animal of the answer what a page shows of it: name,"
        " photo, address, breed, age, distance."
    ),
]
_ANIMAL: Includable = "animal"
INCLUDABLE = (_ANIMAL,)


class IncludedAnimal(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What a page shows of an animal, in words; what nobody told is left out.

    The ids of species, breed, size and age make up the `itemId` beside it.
    """

    name: str = ""
    """Its name."""
    photo: str = ""
    """The address of its first photo."""
    url: str = ""
    """The address of its own page."""
    species: str = ""
    """Such as `dog`."""
    breed: str = ""
    """Such as `Saint Bernard`."""
    size: str = ""
    """`small`, `medium`, `large` or `extra large`."""
    age: str = ""
    """`baby`, `young`, `adult` or `senior`."""
    sex: str = ""
    """`female` or `male`."""
    shelter: str = ""
    """Where it lives."""
    waiting_days: int | UnsetType = UNSET
    """Whole days since it became available last."""
    first_listed_at: str = ""
    """When it first came in, if it left and came back since."""
    fee: float | UnsetType = UNSET
    """What an adoption costs, in the site's currency."""
    distance_km: float | UnsetType = UNSET
    """Kilometres from the visitor, if it is known where both are."""
    bonded_names: list[str] = []
    """The names of the animals that go with it."""


Included = Mapping[str, IncludedAnimal]
"""Animals by id."""
NOTHING: Included = MappingProxyType({})


def wants_animals(include: Sequence[Includable]) -> bool:
    """Whether the animals are to be included."""
    return _ANIMAL in include


def read_include(given: str | None) -> list[Includable]:
    """The query parameter, names with commas between; InvalidInput names an unknown one."""
    names = [] if given is None else [one.strip() for one in given.split(",")]
    for name in names:
        if name not in INCLUDABLE:
            raise InvalidInput(
                f"include must be {' or '.join(INCLUDABLE)}: it is {name[:40]!r}", field="include"
            )
    return [_ANIMAL] if names else []


def read_included(
    services: Services,
    individuals: Individuals,
    include: Sequence[Includable],
    query: Query,
    places: Sequence[Sequence[str]],
) -> Included:
    """The animal that each place names first, as of the query; the others of a place go with it.

    All are read at once. An animal that is not in the inventory is left out.
    """
    if not (wants_animals(include) and places):
        return {}
    known = services.inventory.get_many([one for ids in places for one in ids])
    leaders = [known[ids[0]] for ids in places if ids[0] in known]
    distances = individuals.distances(query, leaders)
    far = dict(zip([one.animal_id for one in leaders], distances, strict=True))
    return {
        first: _included(
            known[first], query.at, far[first], [known[one].name for one in others if one in known]
        )
        for first, *others in places
        if first in known
    }


def _included(animal: Animal, at: int, far: float, bonded: list[str]) -> IncludedAnimal:
    group, first = animal.group_at(at), animal.first_listed_at
    return IncludedAnimal(
        name=animal.name,
        photo=next(iter(animal.photos), ""),
        url=animal.url,
        species=_word(animal.species, SPECIES_NAMES),
        breed="" if group.breed == UNKNOWN_BREED else group.breed.replace("_", " "),
        size=_word(group.size, SIZE_NAMES),
        age=_word(group.age, AGE_NAMES),
        sex=_word(animal.sex, {}),
        shelter=animal.shelter,
        waiting_days=animal.waiting_days(at),
        first_listed_at=iso(first) if first < animal.waits_since(at) else "",
        fee=UNSET if animal.fee is None else animal.fee,
        distance_km=round(far, 1) if isfinite(far) else UNSET,
        bonded_names=bonded,
    )


def _word(value: str, names: Mapping[str, str]) -> str:
    return "" if value == UNKNOWN else names.get(value, value.replace("_", " "))
