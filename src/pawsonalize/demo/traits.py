"""The breeds of the demo world, a table of our own, and arrays of traits.

`share` is the weight among arrivals of the species, `sizes` the weights of small to extra large,
`appeal` the log of how much faster than its family the breed finds a home. Shares of families
follow two public shelters. Two names carry a hyphen: readers of item ids must cope with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pawsonalize.demo import calibration
from pawsonalize.demo.calibration import CAT, DOG, RABBIT
from pawsonalize.domain.groups import AnimalGroup

Singles = NDArray[np.float32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Int32s = NDArray[np.int32]
Bools = NDArray[np.bool_]
FAMILIES = tuple(calibration.FAMILY_HAZARD)
_SIZE_HAZARD = np.log(calibration.SIZE_HAZARD)
_AGE_HAZARD = np.log(calibration.AGE_HAZARD)


@dataclass(frozen=True, slots=True)
class Breed:
    """One breed as an adoption site lists it."""

    species: str
    name: str
    family: str
    share: float
    sizes: tuple[int, int, int, int]
    appeal: float


BREEDS = (
    Breed(CAT, "Domestic_Short_Hair", "dsh", 48.0, (40, 52, 8, 0), 0.0),
    Breed(CAT, "Tabby", "dsh", 12.0, (38, 54, 8, 0), 0.1),
    Breed(CAT, "Tuxedo", "dsh", 5.0, (38, 54, 8, 0), 0.1),
    Breed(CAT, "American_Shorthair", "dsh", 4.0, (35, 55, 10, 0), 0.0),
    Breed(CAT, "Calico", "dsh", 3.5, (42, 54, 4, 0), 0.2),
    Breed(CAT, "Tortoiseshell", "dsh", 3.0, (42, 54, 4, 0), -0.1),
    Breed(CAT, "Domestic_Medium_Hair", "dmh", 9.0, (32, 58, 10, 0), 0.0),
    Breed(CAT, "Domestic_Long_Hair", "dlh", 6.5, (28, 57, 15, 0), 0.0),
    Breed(CAT, "Siamese", "siamese", 2.6, (42, 56, 2, 0), 0.0),
    Breed(CAT, "Snowshoe", "siamese", 0.6, (40, 58, 2, 0), 0.1),
    Breed(CAT, "Himalayan", "siamese", 0.5, (25, 65, 10, 0), 0.0),
    Breed(CAT, "Maine_Coon", "other_cat", 1.0, (2, 33, 55, 10), 0.6),
    Breed(CAT, "Ragdoll", "other_cat", 0.6, (3, 52, 43, 2), 0.6),
    Breed(CAT, "Bengal", "other_cat", 0.5, (12, 75, 13, 0), 0.4),
    Breed(CAT, "Persian", "other_cat", 0.5, (30, 65, 5, 0), 0.2),
    Breed(CAT, "Manx", "other_cat", 0.5, (30, 65, 5, 0), 0.0),
    Breed(CAT, "Russian_Blue", "other_cat", 0.5, (30, 67, 3, 0), 0.4),
    Breed(CAT, "Bombay", "other_cat", 0.4, (30, 67, 3, 0), -0.1),
    Breed(CAT, "British_Shorthair", "other_cat", 0.3, (10, 70, 20, 0), 0.4),
    Breed(CAT, "Scottish_Fold", "other_cat", 0.2, (25, 70, 5, 0), 0.5),
    Breed(CAT, "Abyssinian", "other_cat", 0.2, (40, 58, 2, 0), 0.2),
    Breed(CAT, "Birman", "other_cat", 0.2, (15, 75, 10, 0), 0.4),
    Breed(CAT, "Turkish_Van", "other_cat", 0.2, (10, 70, 20, 0), 0.1),
    Breed(CAT, "Egyptian_Mau", "other_cat", 0.15, (30, 68, 2, 0), 0.2),
    Breed(CAT, "Sphynx", "other_cat", 0.15, (35, 63, 2, 0), 0.4),
    Breed(DOG, "Pit_Bull_Terrier", "bully", 8.5, (1, 54, 44, 1), 0.0),
    Breed(DOG, "American_Staffordshire_Terrier", "bully", 2.6, (1, 50, 48, 1), 0.0),
    Breed(DOG, "American_Bulldog", "bully", 1.6, (0, 25, 67, 8), 0.1),
    Breed(DOG, "Staffordshire_Bull_Terrier", "bully", 1.0, (3, 82, 15, 0), 0.1),
    Breed(DOG, "Boxer", "bully", 1.6, (0, 30, 68, 2), 0.5),
    Breed(DOG, "Cane_Corso", "bully", 0.6, (0, 2, 58, 40), 0.2),
    Breed(DOG, "Chihuahua", "chihuahua", 11.5, (98, 2, 0, 0), 0.0),
    Breed(DOG, "German_Shepherd_Dog", "shepherd_guard", 7.6, (0, 18, 76, 6), 0.1),
    Breed(DOG, "Belgian_Malinois", "shepherd_guard", 1.4, (0, 34, 65, 1), 0.0),
    Breed(DOG, "Rottweiler", "shepherd_guard", 1.5, (0, 8, 76, 16), 0.0),
    Breed(DOG, "Doberman_Pinscher", "shepherd_guard", 1.0, (0, 10, 86, 4), 0.2),
    Breed(DOG, "Great_Pyrenees", "shepherd_guard", 1.2, (0, 2, 52, 46), 0.3),
    Breed(DOG, "Anatolian_Shepherd", "shepherd_guard", 0.7, (0, 1, 50, 49), 0.0),
    Breed(DOG, "Mastiff", "shepherd_guard", 0.8, (0, 2, 40, 58), 0.0),
    Breed(DOG, "Saint_Bernard", "shepherd_guard", 0.3, (0, 0, 35, 65), 0.3),
    Breed(DOG, "Great_Dane", "shepherd_guard", 0.4, (0, 0, 22, 78), 0.3),
    Breed(DOG, "Newfoundland", "shepherd_guard", 0.2, (0, 0, 35, 65), 0.5),
    Breed(DOG, "Leonberger", "shepherd_guard", 0.1, (0, 0, 35, 65), 0.4),
    Breed(DOG, "Jack_Russell_Terrier", "terrier", 3.2, (88, 12, 0, 0), 0.0),
    Breed(DOG, "Terrier", "terrier", 2.2, (60, 38, 2, 0), 0.0),
    Breed(DOG, "Rat_Terrier", "terrier", 1.2, (88, 12, 0, 0), 0.0),
    Breed(DOG, "Cairn_Terrier", "terrier", 1.0, (96, 4, 0, 0), 0.2),
    Breed(DOG, "Miniature_Schnauzer", "terrier", 0.9, (90, 10, 0, 0), 0.4),
    Breed(DOG, "Fox_Terrier", "terrier", 0.5, (86, 14, 0, 0), 0.0),
    Breed(DOG, "Scottish_Terrier", "terrier", 0.2, (90, 10, 0, 0), 0.2),
    Breed(DOG, "Wheaten_Terrier", "terrier", 0.2, (5, 92, 3, 0), 0.5),
    Breed(DOG, "Airedale_Terrier", "terrier", 0.2, (0, 45, 55, 0), 0.3),
    Breed(DOG, "Border_Collie", "herding", 2.7, (2, 88, 10, 0), 0.1),
    Breed(DOG, "Australian_Cattle_Dog", "herding", 2.3, (3, 92, 5, 0), 0.0),
    Breed(DOG, "Australian_Shepherd", "herding", 1.6, (3, 77, 20, 0), 0.3),
    Breed(DOG, "Australian_Kelpie", "herding", 0.7, (3, 95, 2, 0), 0.0),
    Breed(DOG, "Corgi", "herding", 0.5, (60, 40, 0, 0), 0.8),
    Breed(DOG, "Collie", "herding", 0.3, (0, 40, 60, 0), 0.4),
    Breed(DOG, "Sheltie", "herding", 0.2, (60, 40, 0, 0), 0.5),
    Breed(DOG, "Shih_Tzu", "toy_companion", 1.0, (98, 2, 0, 0), 0.2),
    Breed(DOG, "Miniature_Poodle", "toy_companion", 1.6, (92, 8, 0, 0), 0.2),
    Breed(DOG, "Yorkshire_Terrier", "toy_companion", 1.1, (99, 1, 0, 0), 0.2),
    Breed(DOG, "Maltese", "toy_companion", 0.9, (99, 1, 0, 0), 0.2),
    Breed(DOG, "Miniature_Pinscher", "toy_companion", 0.9, (98, 2, 0, 0), -0.1),
    Breed(DOG, "Pug", "toy_companion", 0.5, (90, 10, 0, 0), 0.4),
    Breed(DOG, "French_Bulldog", "toy_companion", 0.5, (75, 25, 0, 0), 0.8),
    Breed(DOG, "Cavalier_King_Charles_Spaniel", "toy_companion", 0.2, (92, 8, 0, 0), 0.7),
    Breed(DOG, "Havanese", "toy_companion", 0.2, (98, 2, 0, 0), 0.4),
    Breed(DOG, "Japanese_Chin", "toy_companion", 0.1, (98, 2, 0, 0), 0.2),
    Breed(DOG, "Siberian_Husky", "husky_spitz", 4.0, (0, 62, 38, 0), 0.0),
    Breed(DOG, "Alaskan_Malamute", "husky_spitz", 0.5, (0, 5, 75, 20), 0.2),
    Breed(DOG, "Pomeranian", "husky_spitz", 0.8, (99, 1, 0, 0), 0.9),
    Breed(DOG, "Akita", "husky_spitz", 0.4, (0, 8, 82, 10), -0.1),
    Breed(DOG, "Shiba_Inu", "husky_spitz", 0.3, (25, 75, 0, 0), 0.5),
    Breed(DOG, "Samoyed", "husky_spitz", 0.2, (0, 45, 55, 0), 0.9),
    Breed(DOG, "Keeshond", "husky_spitz", 0.1, (5, 90, 5, 0), 0.5),
    Breed(DOG, "Labrador_Retriever", "retriever_sporting", 8.2, (0, 32, 65, 3), 0.0),
    Breed(DOG, "Golden_Retriever", "retriever_sporting", 1.3, (0, 20, 78, 2), 0.7),
    Breed(DOG, "Cocker_Spaniel", "retriever_sporting", 0.9, (48, 52, 0, 0), 0.2),
    Breed(DOG, "German_Shorthaired_Pointer", "retriever_sporting", 0.7, (0, 30, 70, 0), 0.2),
    Breed(DOG, "English_Setter", "retriever_sporting", 0.2, (0, 35, 65, 0), 0.3),
    Breed(DOG, "Vizsla", "retriever_sporting", 0.2, (0, 50, 50, 0), 0.5),
    Breed(DOG, "Beagle", "hound", 3.4, (45, 54, 1, 0), 0.1),
    Breed(DOG, "Hound", "hound", 2.4, (3, 50, 46, 1), -0.1),
    Breed(DOG, "Dachshund", "hound", 1.8, (96, 4, 0, 0), 0.4),
    Breed(DOG, "Treeing_Walker_Coonhound", "hound", 1.1, (0, 35, 65, 0), -0.2),
    Breed(DOG, "Basset_Hound", "hound", 0.5, (8, 82, 10, 0), 0.3),
    Breed(DOG, "Catahoula_Leopard_Dog", "hound", 0.8, (0, 45, 55, 0), 0.0),
    Breed(DOG, "Rhodesian_Ridgeback", "hound", 0.3, (0, 8, 84, 8), 0.2),
    Breed(DOG, "Greyhound", "hound", 0.3, (0, 15, 85, 0), 0.3),
    Breed(DOG, "Mixed_Breed", "other_dog", 4.0, (28, 42, 28, 2), 0.0),
    Breed(DOG, "Carolina_Dog", "other_dog", 0.6, (3, 92, 5, 0), 0.0),
    Breed(DOG, "Standard_Poodle", "other_dog", 0.5, (0, 45, 55, 0), 0.5),
    Breed(DOG, "Shar-Pei", "other_dog", 0.5, (0, 82, 18, 0), -0.2),
    Breed(DOG, "Chow_Chow", "other_dog", 0.5, (0, 50, 50, 0), -0.2),
    Breed(DOG, "Dalmatian", "other_dog", 0.3, (0, 55, 45, 0), 0.2),
    Breed(RABBIT, "Domestic_Rabbit", "rabbit", 40.0, (55, 42, 3, 0), 0.0),
    Breed(RABBIT, "Lop-Eared", "rabbit", 18.0, (60, 38, 2, 0), 0.4),
    Breed(RABBIT, "Lionhead", "rabbit", 12.0, (85, 15, 0, 0), 0.3),
    Breed(RABBIT, "Rex", "rabbit", 9.0, (40, 55, 5, 0), 0.1),
    Breed(RABBIT, "New_Zealand", "rabbit", 9.0, (5, 45, 50, 0), -0.2),
    Breed(RABBIT, "Dutch", "rabbit", 8.0, (85, 15, 0, 0), 0.2),
    Breed(RABBIT, "Flemish_Giant", "rabbit", 4.0, (0, 10, 50, 40), 0.1),
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
