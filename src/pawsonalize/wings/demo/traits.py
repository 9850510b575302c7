"""The breeds of the demo world, and arrays of traits.

`breeds.csv` is a table of our own. Shares of families follow two public shelters. Two names carry a
hyphen: readers of item ids must cope with it.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.wings.demo import calibration

Singles = NDArray[np.float32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Int32s = NDArray[np.int32]
Bools = NDArray[np.bool_]
FAMILIES = tuple(calibration.FAMILY_HAZARD)
_SIZE_HAZARD = np.log(calibration.SIZE_HAZARD)
_AGE_HAZARD = np.log(calibration.AGE_HAZARD)
_SIZES = ("small", "medium", "large", "extra_large")


class Breed(msgspec.Struct, frozen=True):
    """One breed as an adoption site lists it."""

    species: str
    name: str
    family: str
    share: float  # weight among arrivals of the species
    sizes: tuple[int, ...]  # weights of small to extra large
    appeal: float  # log of how much faster than its family it finds a home
    coat: str  # the one that it always, or nearly always, has; empty: any


def read_table(name: str) -> list[dict[str, str]]:
    """Return the rows of a table in this folder."""
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


BREEDS = tuple(
    msgspec.convert({**row, "sizes": [row[size] for size in _SIZES]}, Breed, strict=False)
    for row in read_table("breeds.csv")
)
BREED_NAMES = tuple(breed.name for breed in BREEDS)
BREED_SPECIES = np.array([calibration.SPECIES.index(breed.species) for breed in BREEDS])
BREED_FAMILY = np.array([FAMILIES.index(breed.family) for breed in BREEDS])
BREED_SHARE = np.array([breed.share for breed in BREEDS])
BREED_SIZES = np.array([breed.sizes for breed in BREEDS], float)

_BREED_HAZARD = np.array(
    [np.log(calibration.FAMILY_HAZARD[breed.family]) + breed.appeal for breed in BREEDS]
)


@dataclass(frozen=True, slots=True)
class Columns:
    """Arrays of one length, or more columns: a row is one thing."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def __getitem__(self, rows: Any) -> Self:
        return type(self)(*(getattr(self, column.name)[rows] for column in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """One after the other."""
        names = [column.name for column in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True, slots=True)
class Traits(Columns):
    """Attributes of groups, or of animals: codes from 0."""

    breed: Ints
    size: Ints
    age: Ints

    @property
    def species(self) -> Ints:
        """Index into `calibration.SPECIES`."""
        return BREED_SPECIES[self.breed]

    @property
    def family(self) -> Ints:
        """Index into `FAMILIES`."""
        return BREED_FAMILY[self.breed]

    def log_hazard(self) -> Floats:
        """Log of the adoption hazard ratio that breed, size and age bring."""
        species = self.species
        total = _BREED_HAZARD[self.breed] + _SIZE_HAZARD[species, self.size]
        return np.asarray(total + _AGE_HAZARD[species, self.age])

    def groups(self) -> list[AnimalGroup]:
        """The animal group of each row; rows of one group share one object."""
        known: dict[tuple[int, int, int], AnimalGroup] = {}
        rows = [*zip(self.breed.tolist(), self.size.tolist(), self.age.tolist(), strict=True)]
        for breed, size, age in dict.fromkeys(rows):
            kind = BREEDS[breed]
            group = AnimalGroup(kind.species, kind.name, str(size + 1), str(age + 1))
            known[breed, size, age] = group
        return [known[row] for row in rows]
