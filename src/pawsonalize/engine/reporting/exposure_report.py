"""Whether exposure is shared as the animals are: by species, age, size, colour, days of waiting."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pawsonalize.domain.ages import AGE_NAMES
from pawsonalize.domain.animals import Animal
from pawsonalize.domain.sizes import SIZE_NAMES
from pawsonalize.domain.species import SPECIES_NAMES
from pawsonalize.domain.statuses import AnimalStatus
from pawsonalize.engine.ingest.inventory.inventory import Inventory
from pawsonalize.storage.animals.animal_exposures import AnimalExposures

_WAITS = (
    (14, "under 14 days"),
    (30, "14 to 29 days"),
    (60, "30 to 59 days"),
    (180, "60 to 179 days"),
)
_LONGEST = "180 days and more"


@dataclass(frozen=True, slots=True)
class ExposureShare:
    """Animals with one thing in common: how many they are, and how often they were shown.

    Both shares are of all available animals, 0 to 1. `ratio` is the share of the exposure divided
    by the share of the animals: 1 is even, None means that nothing was shown.
    """

    by: str
    value: str
    animals: int
    shown: int
    share_of_stock: float
    share_of_exposure: float
    ratio: float | None


def available_exposure(
    inventory: Inventory, exposures: AnimalExposures, at: int
) -> list[ExposureShare]:
    """Return the shares of all available animals, at that moment."""
    animals = list(inventory.all(AnimalStatus.AVAILABLE))
    return exposure_report(animals, exposures.of([animal.animal_id for animal in animals]), at)


def exposure_report(
    animals: Iterable[Animal], shown: Mapping[str, int], at: int
) -> list[ExposureShare]:
    """The shares of the animals, which are available at that moment; the most animals first."""
    stock: Counter[tuple[str, str]] = Counter()
    seen: Counter[tuple[str, str]] = Counter()
    total = times = 0
    for animal in animals:
        here = shown.get(animal.animal_id, 0)
        total, times = total + 1, times + here
        for by, value_of in _RESPECTS.items():
            stock[by, value_of(animal, at)] += 1
            seen[by, value_of(animal, at)] += here
    return [
        ExposureShare(
            by,
            value,
            count,
            seen[by, value],
            count / total,
            seen[by, value] / times if times else 0.0,
            seen[by, value] / times / (count / total) if times else None,
        )
        for respect in _RESPECTS
        for (by, value), count in sorted(stock.items(), key=lambda one: (-one[1], one[0]))
        if by == respect
    ]


def _wait(animal: Animal, at: int) -> str:
    days = animal.waiting_days(at)
    return next((words for limit, words in _WAITS if days < limit), _LONGEST)


def _age(animal: Animal, at: int) -> str:
    age = animal.group_at(at).age
    return AGE_NAMES.get(age, age)


_RESPECTS: Mapping[str, Callable[[Animal, int], str]] = MappingProxyType(
    {
        "species": lambda animal, _at: SPECIES_NAMES.get(animal.species, animal.species),
        "age": _age,
        "size": lambda animal, _at: SIZE_NAMES.get(animal.size, animal.size),
        "colour": lambda animal, _at: animal.colours[0] if animal.colours else "unknown",
        "waiting": _wait,
    }
)
