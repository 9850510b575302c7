"""Search: which available animals a visitor's words describe."""

from collections.abc import Callable, Mapping

from pawsonalize.domain.ages import AGE_NAMES, age_id
from pawsonalize.domain.animals import Animal
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.sizes import SIZE_NAMES, size_id
from pawsonalize.domain.species import SPECIES_NAMES, species_id
from pawsonalize.engine.serving.recommender import MAX_RESULTS
from pawsonalize.storage.animals import Animals

MAX_CHARS = 100
_MAX_WORDS = 8
_READ = (
    5_000  # animals that are looked through for words such as `small`, which records have as ids
)
_KINDS: Mapping[str, tuple[Callable[[str], str], Mapping[str, str]]] = {
    "species": (species_id, SPECIES_NAMES),
    "size": (size_id, SIZE_NAMES),
    "age": (age_id, AGE_NAMES),
}


def search(animals: Animals, text: str, at: int) -> list[Animal]:
    """The animals that are available at `at` and fit every word, longest wait first; at most 500.

    A word may name a species, a size or an age, or be in what the record says.
    """
    words = text[:MAX_CHARS].casefold().split()[:_MAX_WORDS]
    kinds = {word: _kinds(word) for word in words}
    plain = [word for word in words if not kinds[word]]
    found = animals.mentioning(plain, at, _READ)
    return [one for one in found if _fits(one, one.group_at(at), kinds)][:MAX_RESULTS]


def _kinds(word: str) -> dict[str, str]:
    named = {name: read(word) for name, (read, _) in _KINDS.items()}
    return {name: found for name, found in named.items() if found in _KINDS[name][1]}


def _fits(animal: Animal, group: AnimalGroup, kinds: Mapping[str, dict[str, str]]) -> bool:
    said = " ".join(
        (
            animal.name,
            animal.breed,
            animal.secondary_breed or "",
            animal.shelter,
            animal.coat,
            *animal.colours,
            animal.description,
        )
    )
    said = said.replace("_", " ").casefold()
    return all(
        (word in said.split() or any(getattr(group, name) == one for name, one in meant.items()))
        if meant
        else word in said
        for word, meant in kinds.items()
    )
