"""The adopters of a world, and the utility of animals to them, which no recommender gets to see.

`archetypes.csv` has what adopters of one sort have in common: their share of all, the mean shares
of their visits to each species, the chances of who lives at home, and what a size, an age or a
family of breeds adds to the log odds of a choice.

A visitor on a page picks the animal at position k with probability proportional to

    (k + 1) ** -position_bias * exp(appeal(animal) + taste(visitor, animal) + intent(previous))

All terms are log odds. `appeal` is what everybody likes, `taste` the visitor's own, `intent`
the likeness to the animal just looked at in the same session.
"""

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.plugins.demo import calibration as measured
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.stock import (
    BREED_FAMILY,
    BREED_SHARE,
    BREED_SPECIES,
    FAMILIES,
    SHELTERS,
    AnimalColumns,
    Columns,
    Floats,
    Ints,
    Singles,
    read_table,
)

FAVOURITES = 3
_DEVIATION = 0.45  # of one adopter from the archetype, in log odds
_SPECIES_FIRMNESS = 5.0  # the larger, the nearer to the archetype's shares of species
_FAVOURITE_BOOST = np.array([1.7, 1.2, 0.8])
_LOG_ODDS_PER_KM = -0.012
_KM_PER_DEGREE = 111.2
# Log odds when the household has kids (dogs, cats): the animal's flag is no, unknown, yes.
_HOUSEHOLD_LOG_ODDS = np.array([-2.5, -0.3, 0.3])


_ARCHETYPES = read_table("archetypes.csv")


def _columns(*names: str) -> Floats:
    return np.array([[float(row[name] or 0) for name in names] for row in _ARCHETYPES])


_SHARE = _columns("share")[:, 0]
_SPECIES = _columns("to_cats", "to_dogs", "to_rabbits")
_HOME = _columns("kids_at_home", "dogs_at_home", "cats_at_home")
_SIZES = _columns("small", "medium", "large", "extra_large")
_AGES = _columns("baby", "young", "adult", "senior")
_FAMILIES = _columns(*FAMILIES).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Affinities(Columns):
    """Affinities, a row per visitor; log odds but for `species`, which are shares of visits."""

    species: Singles
    family: Singles
    size: Singles
    age: Singles
    shelter: Singles
    favourite: NDArray[np.int16]  # favourite breeds, positions in `BREEDS`; shape (visitors, 3)
    boost: Singles
    home: NDArray[np.int8]  # bits: 1 kids, 2 dogs, 4 cats
    place: Floats  # latitude and longitude of the home in degrees; shape (visitors, 2)


def draw_affinities(
    rng: np.random.Generator, size: int, shelters: int, strength: float
) -> Affinities:
    """Independent visitors; `strength` scales every taste (not homes, species or distances)."""
    kind = rng.choice(len(_SHARE), size, p=_SHARE / _SHARE.sum())
    family = _around(rng, _FAMILIES, kind)
    parts = rng.standard_gamma(_SPECIES_FIRMNESS * _SPECIES[kind])
    species = np.asarray(parts / parts.sum(axis=1, keepdims=True), np.float32)
    favourite = _favourite_breeds(rng, species, family)
    boost = _FAVOURITE_BOOST * rng.lognormal(0, 0.4, (size, FAVOURITES))
    lives_with = _HOME[kind]
    size_affinity = strength * _around(rng, _SIZES, kind)
    age_affinity = strength * _around(rng, _AGES, kind)
    place, nearness = _places(rng, size, shelters)
    boosts = (strength * boost).astype(np.float32)
    home = ((rng.random(lives_with.shape) < lives_with) @ np.array([1, 2, 4])).astype(np.int8)
    by_group = (strength * family, size_affinity, age_affinity)
    return Affinities(species, *by_group, nearness, favourite, boosts, home, place)


def household_log_odds() -> Singles:
    """Log odds by home (8 rows) and by an animal's flags (27 columns, see `flag_code`)."""
    home = (np.arange(8)[:, None] >> np.arange(3)) & 1
    flags = np.arange(27)[:, None] // np.array([9, 3, 1]) % 3
    return np.asarray(home @ _HOUSEHOLD_LOG_ODDS[flags].T, np.float32)


def flag_code(good_with: Ints) -> Ints:
    """Flags for kids, dogs, cats (-1, 0, 1; last axis) as one number below 27, no = 0 first."""
    digit = np.where(good_with < 0, 1, 2 * good_with)
    return np.asarray(digit @ np.array([9, 3, 1]))


def _around(rng: np.random.Generator, means: NDArray[np.floating], kind: Ints) -> Singles:
    shape = (len(kind), means.shape[1])
    noise = _DEVIATION * rng.standard_normal(shape, np.float32)
    return np.asarray(means[kind] + noise, np.float32)


def _favourite_breeds(
    rng: np.random.Generator, species: Singles, family: Singles
) -> NDArray[np.int16]:
    known = np.log(BREED_SHARE) / 2
    chosen = np.empty((len(species), FAVOURITES), np.int16)
    main = species.argmax(axis=1)
    for code in range(len(measured.SPECIES)):
        rows = np.flatnonzero(main == code)
        breeds = np.flatnonzero(code == BREED_SPECIES)
        drawn = rng.gumbel(size=(len(rows), len(breeds)))
        score = drawn + known[breeds] + family[rows][:, BREED_FAMILY[breeds]]
        chosen[rows] = breeds[np.argsort(-score, axis=1)[:, :FAVOURITES]]
    return chosen


def _places(rng: np.random.Generator, size: int, shelters: int) -> tuple[Floats, Singles]:
    at = np.array([(one.latitude, one.longitude) for one in SHELTERS[:shelters]])
    share = np.array([one.share for one in SHELTERS[:shelters]])
    lives = at[rng.choice(shelters, size, p=share / share.sum())]
    lives = lives + rng.normal(0, 0.12, (size, 2))
    gap = (lives[:, None, :] - at) * [1.0, np.cos(np.radians(at[:, 0].mean()))]
    km = _KM_PER_DEGREE * np.hypot(gap[..., 0], gap[..., 1])
    return lives, np.asarray(_LOG_ODDS_PER_KM * km, np.float32)


Codes = NDArray[np.signedinteger]
LogOdds = Singles

# What likeness in breed, family, size and age adds to the log odds of the next choice.
_LIKENESS = (1.2, 0.6, 0.5, 0.5)
_HOUSEHOLD = household_log_odds()


class Utility(msgspec.Struct, frozen=True):
    """The true utilities of one world; animals and visitors are positions."""

    affinities: Affinities
    breed: NDArray[np.int16]
    family: NDArray[np.int16]
    size: NDArray[np.int16]
    age: NDArray[np.int16]
    shelter: NDArray[np.int16]
    flags: NDArray[np.int16]
    appeal: LogOdds
    coherence: float

    @classmethod
    def of(cls, settings: WorldSettings, affinities: Affinities, stock: AnimalColumns) -> "Utility":
        """The utilities of these visitors for this stock."""
        appeal = settings.appeal * (stock.traits.log_hazard() + stock.charm)
        return cls(
            affinities=affinities,
            breed=stock.traits.breed.astype(np.int16),
            family=stock.traits.family.astype(np.int16),
            size=stock.traits.size.astype(np.int16),
            age=stock.traits.age.astype(np.int16),
            shelter=stock.shelter.astype(np.int16),
            flags=flag_code(stock.good_with).astype(np.int16),
            appeal=appeal.astype(np.float32),
            coherence=settings.coherence,
        )

    def of_animals(self, visitor: Codes, animal: Codes) -> LogOdds:
        """Log odds of appeal and taste; the two broadcast against each other."""
        affinities = self.affinities
        total = self.appeal[animal] + affinities.family[visitor, self.family[animal]]
        total += affinities.size[visitor, self.size[animal]]
        total += affinities.age[visitor, self.age[animal]]
        total += affinities.shelter[visitor, self.shelter[animal]]
        total += _HOUSEHOLD[affinities.home[visitor], self.flags[animal]]
        total += self._favourite(visitor, self.breed[animal])
        return total

    def intent(self, previous: Codes, animal: Codes) -> LogOdds:
        """Log odds that likeness to the animal just seen adds; the two broadcast."""
        weights = (self.coherence * np.array(_LIKENESS)).astype(np.float32)
        columns = (self.breed, self.family, self.size, self.age)
        total = weights[0] * (columns[0][animal] == columns[0][previous])
        for weight, column in zip(weights[1:], columns[1:], strict=True):
            total += weight * (column[animal] == column[previous])
        return np.asarray(total, np.float32)

    def _favourite(self, visitor: Codes, breed: Codes) -> LogOdds:
        affinities = self.affinities
        total = np.zeros(np.broadcast_shapes(visitor.shape, breed.shape), np.float32)
        for rank in range(FAVOURITES):
            total += affinities.boost[visitor, rank] * (
                affinities.favourite[visitor, rank] == breed
            )
        return total


def notice_weights(size: int, bias: float) -> Singles:
    """Log weight with which each position of a page is noticed, from 0."""
    return np.asarray(-bias * np.log1p(np.arange(size)), np.float32)


class Oracle(msgspec.Struct, frozen=True):
    """The truth behind a world's choices. Ids are positions."""

    settings: WorldSettings
    utility: Utility
    stock: AnimalColumns
    group: Ints

    def available(self, at: int) -> Ints:
        """Positions of the animals that are listed and not adopted at the moment."""
        return np.flatnonzero((self.stock.listed <= at) & (at < self.stock.adopted))
