"""The breed table and the hazards as arrays, so that groups can be handled by the thousand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.demo import calibration
from pawsonalize.demo.breeds import BREEDS
from pawsonalize.domain.groups import AnimalGroup

FAMILIES = tuple(calibration.FAMILY_HAZARD)
BREED_NAMES = tuple(breed.name for breed in BREEDS)
BREED_SPECIES = np.array([calibration.SPECIES.index(breed.species) for breed in BREEDS])
BREED_FAMILY = np.array([FAMILIES.index(breed.family) for breed in BREEDS])
BREED_SHARE = np.array([breed.share for breed in BREEDS])
BREED_SIZES = np.array([breed.sizes for breed in BREEDS], float)

_BREED_HAZARD = np.array(
    [np.log(calibration.FAMILY_HAZARD[breed.family]) + breed.appeal for breed in BREEDS]
)
_SIZE_HAZARD = np.log(calibration.SIZE_HAZARD)
_AGE_HAZARD = np.log(calibration.AGE_HAZARD)
_BREED_CODE = {(breed.species, breed.name): code for code, breed in enumerate(BREEDS)}
_CODES_FROM_ONE = ("1", "2", "3", "4")


@dataclass(frozen=True, slots=True)
class Traits:
    """What groups, or animals, are made of: codes from 0, arrays of one length.

    `breed` indexes `BREEDS` (and so gives species and family); sizes and ages are in the order
    of their ids. A breed of -1 is one the table does not know.
    """

    breed: NDArray[np.int64]
    size: NDArray[np.int64]
    age: NDArray[np.int64]

    @property
    def species(self) -> NDArray[np.int64]:
        """Index into `calibration.SPECIES`."""
        return BREED_SPECIES[self.breed]

    @property
    def family(self) -> NDArray[np.int64]:
        """Index into `FAMILIES`."""
        return BREED_FAMILY[self.breed]

    def log_hazard(self) -> NDArray[np.float64]:
        """Log of the adoption hazard ratio that breed, size and age bring."""
        species = self.species
        total = _BREED_HAZARD[self.breed] + _SIZE_HAZARD[species, self.size]
        return np.asarray(total + _AGE_HAZARD[species, self.age])

    def groups(self) -> list[AnimalGroup]:
        """The animal group of each row; rows of one group share one object."""
        known: dict[tuple[int, int, int], AnimalGroup] = {}
        rows = zip(self.breed.tolist(), self.size.tolist(), self.age.tolist(), strict=True)
        return [known.setdefault(row, _group(*row)) for row in rows]

    @classmethod
    def of(cls, groups: Sequence[AnimalGroup]) -> "Traits":
        """The codes of the groups; what the table does not know gets the breed -1."""
        rows = np.array([_codes(group) for group in groups], np.int64).reshape(-1, 3)
        return cls(rows[:, 0], rows[:, 1], rows[:, 2])


def _group(breed: int, size: int, age: int) -> AnimalGroup:
    row = BREEDS[breed]
    return AnimalGroup(row.species, row.name, _CODES_FROM_ONE[size], _CODES_FROM_ONE[age])


def _codes(group: AnimalGroup) -> tuple[int, int, int]:
    breed = _BREED_CODE.get((group.species, group.breed), -1)
    if breed < 0 or group.size not in _CODES_FROM_ONE or group.age not in _CODES_FROM_ONE:
        return -1, 0, 0
    return breed, int(group.size) - 1, int(group.age) - 1
