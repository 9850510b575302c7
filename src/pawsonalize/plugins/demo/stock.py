"""The animals of a world: their breeds, arrivals and stays, and how the site lists them.

`breeds.csv` is a table of our own. Shares of families follow two public shelters. Two names carry a
hyphen: readers of item ids must cope with it.
"""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import NormalDist
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.animals.animal import Animal, AnimalStatus, StatusChange
from pawsonalize.core.attributes import GoodWith
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.plugins.demo import calibration
from pawsonalize.plugins.demo import calibration as measured
from pawsonalize.plugins.demo.settings import WorldSettings

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

    def __getitem__(self, rows: object) -> Self:
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


class Shelter(msgspec.Struct, frozen=True):
    """A place of animals; the name is unique, latitude and longitude are in degrees."""

    name: str
    city: str
    latitude: float
    longitude: float
    share: float  # weight among the animals


PET_NAMES = tuple(Path(__file__).with_name("pet_names.txt").read_text(encoding="utf-8").split())

# Coats other than black, commonest first: cats, dogs, rabbits.
COLOURS = (
    ("brown tabby", "black and white", "gray", "gray tabby", "orange tabby", "white", "buff"),
    ("tan", "black and tan", "white", "brown", "brindle", "tricolour", "red", "gray", "fawn"),
    ("white", "brown", "gray", "agouti", "black and white"),
)

# The coats of these need two X chromosomes.
FEMALE_BREEDS = frozenset({"Calico", "Tortoiseshell"})

# Invented shelters in real cities.
SHELTERS = (
    Shelter("Redwood Road Animal Shelter", "Santa Rosa", 38.440, -122.714, 16),
    Shelter("East Bay Companions", "Oakland", 37.804, -122.271, 20),
    Shelter("Second Chance San José", "San Jose", 37.338, -121.886, 22),
    Shelter("Riverbank Animal Haven", "Sacramento", 38.581, -121.494, 18),
    Shelter("Delta Paws Rescue", "Stockton", 37.958, -121.291, 10),
    Shelter("Vineyard Valley Humane", "Napa", 38.297, -122.287, 5),
    Shelter("Carquinez Animal Refuge", "Vallejo", 38.104, -122.257, 6),
    Shelter("Lighthouse Pet Rescue", "Santa Cruz", 36.974, -122.031, 6),
    Shelter("Egg Basket Small Animals", "Petaluma", 38.233, -122.637, 3),
    Shelter("Orchard Park Shelter", "Modesto", 37.639, -120.997, 9),
    Shelter("Foothill Friends", "Auburn", 38.897, -121.077, 4),
    Shelter("Peninsula Humane Circle", "San Mateo", 37.563, -122.326, 8),
)


# Animals that were there before the first event: hardly any stay is longer than this.
WARM_UP_DAYS = 500
MIN_STAY = 6 * HOUR
_P90 = NormalDist().inv_cdf(0.9)
# Part of the spread of stays that attributes do not explain, by species; with the attributes'
# part the 90th percentile comes out as measured.
_UNEXPLAINED = np.array([0.86, 0.69, 0.88])
_CHARM_DEVIATION = 0.35
_MORE_PHOTOS = np.array([0.14, 0.16, 0.16, 0.15, 0.13, 0.12, 0.14])  # 1 to 7, an assumption

_FEMALE = np.array([name in FEMALE_BREEDS for name in BREED_NAMES])
_ONE_COAT = np.array([breed.coat != "" for breed in BREEDS])
_BLACK = np.array([breed.coat == "black" for breed in BREEDS])
_GOOD_WITH = {-1: GoodWith.UNKNOWN, 0: GoodWith.NO, 1: GoodWith.YES}
_LESS_COMMON = 0.7  # each coat is that much rarer than the one before
# Nobody in the world chooses by these two, so they are made up and not measured.
_KNOWN = 0.6  # of so many it is known whether they are house-trained or have special needs
_SPECIAL_NEEDS = 0.08
_GROWN = ("3", "4")


@dataclass(frozen=True, slots=True)
class AnimalColumns(Columns):
    """All animals in care during the world as columns, in order of listing."""

    traits: Traits
    male: Bools
    black: Bools
    photos: Ints
    good_with: Ints  # kids, dogs, cats: -1 not known, 0 no, 1 yes; shape (animals, 3)
    shelter: Ints
    charm: Floats
    """Log hazard ratio by which it is wanted more than its group, mean 0 in each species."""
    listed: Ints
    adopted: Ints  # also of animals that leave only after the end


def draw_animals(settings: WorldSettings, rng: np.random.Generator, end: int) -> AnimalColumns:
    """Draw animals until exactly `settings.animals` of them are still waiting at `end`."""
    start = end - settings.days * DAY
    span = settings.days + WARM_UP_DAYS
    wanted = 3 * settings.animals * span // int(min(measured.STAY_MEDIAN_DAYS)) + 100
    while True:
        pool = _draw_pool(settings, rng, wanted, end)
        waiting = np.cumsum(pool.adopted >= end)  # all are listed before the end
        if waiting[-1] >= settings.animals:
            break
        wanted *= 2
    drawn = np.arange(int(np.searchsorted(waiting, settings.animals)) + 1)
    seen = drawn[pool.adopted[drawn] > start]
    return pool[seen[np.argsort(pool.listed[seen], kind="stable")]]


def _draw_pool(
    settings: WorldSettings, rng: np.random.Generator, size: int, end: int
) -> AnimalColumns:
    traits, listed = _arrivals(rng, size, end, settings.days + WARM_UP_DAYS)
    species, n = traits.species, len(listed)
    male = (rng.random(n) < measured.MALE_SHARE) & ~_FEMALE[traits.breed]
    black = rng.random(n) < np.take(measured.BLACK_SHARE, species)
    black = np.where(_ONE_COAT[traits.breed], _BLACK[traits.breed], black)
    photos = 1 + rng.choice(len(_MORE_PHOTOS), n, p=_MORE_PHOTOS)
    photos[rng.random(n) < measured.NO_PHOTO_SHARE] = 0
    good = rng.random((n, 3)) < np.take(measured.GOOD_WITH_SHARE, species, axis=0)
    unknown = rng.random((n, 3)) < measured.UNKNOWN_SHARE
    charm = _charm(species, male, black, photos) + rng.normal(0, _CHARM_DEVIATION, n)
    charm = _centred(charm, species)
    share = np.array([one.share for one in SHELTERS[: settings.shelters]])
    stay = _stays(rng, species, _centred(traits.log_hazard() + charm, species))
    return AnimalColumns(
        traits=traits,
        male=male,
        black=black,
        photos=photos,
        good_with=np.where(unknown, -1, good.astype(np.int64)),
        shelter=rng.choice(len(share), n, p=share / share.sum()),
        charm=charm,
        listed=listed,
        adopted=_in_opening_hours(rng, listed + stay, listed + MIN_STAY),
    )


def _arrivals(rng: np.random.Generator, size: int, end: int, span: int) -> tuple[Traits, Ints]:
    """Kittens by their season, all others evenly; about 3 in 5 of `size`."""
    weight = BREED_SHARE / np.bincount(BREED_SPECIES, BREED_SHARE)[BREED_SPECIES]
    breed = rng.choice(len(weight), size, p=weight * np.take(measured.SPECIES_SHARE, BREED_SPECIES))
    species = BREED_SPECIES[breed]
    traits = Traits(
        breed=breed,
        size=_pick(rng, BREED_SIZES[breed]),
        age=_pick(rng, np.take(measured.AGE_SHARE, species, axis=0)),
    )
    day = end - DAY * rng.integers(1, span + 1, size)
    listed = np.minimum(_in_opening_hours(rng, day, day), end - 1)
    month = listed.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64) % 12
    index = np.take(measured.KITTEN_MONTH_INDEX, month)
    kitten = (species == 0) & (traits.age == 0)
    season = np.where(kitten, index, np.mean(measured.KITTEN_MONTH_INDEX))
    kept = rng.random(size) * max(measured.KITTEN_MONTH_INDEX) < season
    return Traits(breed[kept], traits.size[kept], traits.age[kept]), listed[kept]


def _charm(species: Ints, male: Bools, black: Bools, photos: Ints) -> Floats:
    by_photos = np.log(-np.log(measured.NOT_ADOPTED_IN_100_DAYS_BY_PHOTOS))
    step = np.searchsorted((1, 2, 4, 6), photos, side="right")
    total = male * np.log(np.take(measured.MALE_HAZARD, species)) + by_photos[step]
    return np.asarray(total + black * np.log(np.take(measured.BLACK_HAZARD, species)))


def _stays(rng: np.random.Generator, species: Ints, log_hazard: Floats) -> Ints:
    survival = rng.random(len(species)) ** np.exp(-log_hazard)
    normal = NormalDist().inv_cdf
    score = np.array([normal(min(max(1.0 - s, 1e-9), 1 - 1e-9)) for s in survival.tolist()])
    median = np.take(measured.STAY_MEDIAN_DAYS, species)
    spread = np.log(np.divide(measured.STAY_P90_DAYS, measured.STAY_MEDIAN_DAYS)) / _P90
    days = median * np.exp((_UNEXPLAINED * spread)[species] * score)
    return np.asarray(np.minimum(days, WARM_UP_DAYS) * DAY, np.int64)


def _in_opening_hours(rng: np.random.Generator, moment: Ints, earliest: Ints) -> Ints:
    midnight = moment // DAY * DAY - measured.UTC_OFFSET_HOURS * HOUR
    opened = midnight + 10 * HOUR + rng.integers(0, 8 * HOUR, len(moment))
    return np.asarray(np.maximum(opened, earliest))


def _pick(rng: np.random.Generator, weights: Floats) -> Ints:
    total = np.cumsum(weights, axis=1)
    return np.asarray((rng.random((len(weights), 1)) * total[:, -1:] > total).sum(axis=1))


def _centred(values: Floats, species: Ints) -> Floats:
    n = len(measured.SPECIES)
    mean = np.bincount(species, values, n) / np.maximum(np.bincount(species, minlength=n), 1)
    return np.asarray(values - mean[species])


def list_animals(stock: AnimalColumns, rng: np.random.Generator, end: int) -> tuple[Animal, ...]:
    """Every row of the stock as an animal, in its order; later adoptions are not yet known."""
    groups = stock.traits.groups()
    names = rng.choice(PET_NAMES, len(stock)).tolist()
    coats = rng.geometric(1 - _LESS_COMMON, len(stock)) - 1
    is_known = (rng.random((len(stock), 2)) < _KNOWN).tolist()
    needy = (rng.random(len(stock)) < _SPECIAL_NEEDS).tolist()
    return tuple(
        Animal(
            animal_id=f"a{row:06d}",
            **asdict(groups[row]),
            name=names[row],
            shelter=SHELTERS[stock.shelter[row]].name,
            latitude=SHELTERS[stock.shelter[row]].latitude,
            longitude=SHELTERS[stock.shelter[row]].longitude,
            sex="male" if stock.male[row] else "female",
            colours=(_colour(stock, row, int(coats[row])),),
            house_trained=groups[row].age in _GROWN if is_known[row][0] else None,
            special_needs=needy[row] if is_known[row][1] else None,
            history=_history(int(stock.listed[row]), int(stock.adopted[row]), end),
            good_with_kids=_GOOD_WITH[int(stock.good_with[row, 0])],
            good_with_dogs=_GOOD_WITH[int(stock.good_with[row, 1])],
            good_with_cats=_GOOD_WITH[int(stock.good_with[row, 2])],
        )
        for row in range(len(stock))
    )


def _history(listed: int, adopted: int, end: int) -> tuple[StatusChange, ...]:
    available = StatusChange(AnimalStatus.AVAILABLE, listed)
    if adopted >= end:
        return (available,)
    return available, StatusChange(AnimalStatus.ADOPTED, adopted)


def _colour(stock: AnimalColumns, row: int, rank: int) -> str:
    if coat := BREEDS[int(stock.traits.breed[row])].coat:
        return coat
    if stock.black[row]:
        return "black"
    coats = COLOURS[int(stock.traits.species[row])]
    return coats[rank % len(coats)]
