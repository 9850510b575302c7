"""The adopters of a world, and their true affinities, which no recommender gets to see.

What sorts of adopters there are is a table of our own, the structure behind affinities.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.demo import calibration as measured
from pawsonalize.demo.stock import SHELTERS
from pawsonalize.demo.traits import BREED_FAMILY, BREED_SHARE, BREED_SPECIES, FAMILIES


@dataclass(frozen=True, slots=True)
class Archetype:
    """Preferences that adopters of one sort have in common."""

    share: float
    """Their weight among visitors."""
    species: tuple[float, float, float]
    """The mean share of their visits to cats, dogs and rabbits."""
    sizes: tuple[float, float, float, float]
    """Added to the log odds of a choice by each size."""
    ages: tuple[float, float, float, float]
    """The same by each age."""
    families: Mapping[str, float]
    """The same by each breed family."""
    home: tuple[float, float, float]
    """The chances that kids, dogs and cats live there."""


ARCHETYPES = (
    Archetype(  # wants a kitten, or two
        share=17,
        species=(0.93, 0.06, 0.01),
        sizes=(0.5, 0.0, -0.4, -0.6),
        ages=(1.6, 0.4, -0.9, -1.8),
        families={"dlh": 0.4, "dmh": 0.3},
        home=(0.45, 0.15, 0.40),
    ),
    Archetype(  # wants calm company
        share=13,
        species=(0.72, 0.26, 0.02),
        sizes=(0.5, 0.3, -0.4, -1.0),
        ages=(-1.6, -0.3, 0.9, 1.2),
        families={"toy_companion": 0.7, "dsh": 0.4, "hound": 0.3},
        home=(0.08, 0.15, 0.30),
    ),
    Archetype(  # wants a dog for the lap
        share=16,
        species=(0.07, 0.92, 0.01),
        sizes=(1.4, -0.3, -2.0, -2.6),
        ages=(0.5, 0.4, 0.0, -0.4),
        families={"toy_companion": 1.4, "chihuahua": 1.0, "terrier": 0.6},
        home=(0.25, 0.40, 0.15),
    ),
    Archetype(  # runs, hikes, herds
        share=14,
        species=(0.02, 0.98, 0.0),
        sizes=(-1.2, 0.6, 0.7, -0.6),
        ages=(0.2, 1.0, 0.1, -1.6),
        families={"herding": 1.4, "husky_spitz": 1.0, "retriever_sporting": 0.7, "hound": 0.4},
        home=(0.20, 0.40, 0.12),
    ),
    Archetype(  # wants a dog for the children
        share=16,
        species=(0.20, 0.76, 0.04),
        sizes=(-0.2, 0.6, 0.3, -0.8),
        ages=(1.0, 0.6, -0.2, -1.4),
        families={"retriever_sporting": 1.5, "hound": 0.7, "other_dog": 0.4},
        home=(0.90, 0.25, 0.25),
    ),
    Archetype(  # speaks up for the bully breeds
        share=7,
        species=(0.02, 0.98, 0.0),
        sizes=(-1.0, 0.6, 0.6, 0.2),
        ages=(-0.2, 0.4, 0.6, 0.1),
        families={"bully": 2.2, "shepherd_guard": 0.5},
        home=(0.20, 0.45, 0.12),
    ),
    Archetype(  # loves a pedigree cat
        share=6,
        species=(0.96, 0.04, 0.0),
        sizes=(0.0, 0.3, 0.6, 0.8),
        ages=(0.4, 0.6, 0.2, -0.6),
        families={"siamese": 2.0, "other_cat": 2.2, "dlh": 1.0, "dmh": 0.5},
        home=(0.15, 0.10, 0.50),
    ),
    Archetype(  # the bigger the better
        share=6,
        species=(0.02, 0.98, 0.0),
        sizes=(-2.0, -0.8, 0.8, 2.0),
        ages=(0.2, 0.6, 0.2, -0.5),
        families={"shepherd_guard": 1.5, "retriever_sporting": 0.4, "husky_spitz": 0.4},
        home=(0.30, 0.40, 0.15),
    ),
    Archetype(  # looks for who has waited longest
        share=3,
        species=(0.40, 0.55, 0.05),
        sizes=(0.0, 0.1, 0.2, 0.1),
        ages=(-2.0, -0.6, 1.0, 2.2),
        families={"bully": 0.6, "dsh": 0.2},
        home=(0.05, 0.30, 0.30),
    ),
    Archetype(  # small and furry
        share=2,
        species=(0.28, 0.04, 0.68),
        sizes=(0.7, 0.2, -0.5, -0.2),
        ages=(0.6, 0.4, 0.0, -0.6),
        families={},
        home=(0.50, 0.05, 0.10),
    ),
)


FAVOURITES = 3
_DEVIATION = 0.45  # of one adopter from the archetype, in log odds
_SPECIES_FIRMNESS = 5.0  # the larger, the nearer to the archetype's shares of species
_FAVOURITE_BOOST = np.array([1.7, 1.2, 0.8])
_LOG_ODDS_PER_KM = -0.012
_KM_PER_DEGREE = 111.2

# Log odds when the household has kids (dogs, cats): the animal's flag is no, unknown, yes.
_HOUSEHOLD_LOG_ODDS = np.array([-2.5, -0.3, 0.3])


@dataclass(frozen=True, slots=True)
class Affinities:
    """Affinities of the visitors, one row per visitor."""

    species: NDArray[np.float32]
    """Shares of visits, which sum to 1."""
    family: NDArray[np.float32]
    """Log odds by breed family."""
    size: NDArray[np.float32]
    """Log odds by size."""
    age: NDArray[np.float32]
    """Log odds by age."""
    shelter: NDArray[np.float32]
    """Log odds by shelter."""
    favourite: NDArray[np.int16]
    """Favourite breeds, positions in `BREEDS`; shape (visitors, 3)."""
    boost: NDArray[np.float32]
    """Added to the log odds by each of them; shape (visitors, 3)."""
    home: NDArray[np.int8]
    """Bits: 1 kids, 2 dogs, 4 cats."""
    place: NDArray[np.float64]
    """Latitude and longitude of the home in degrees; shape (visitors, 2)."""

    def __len__(self) -> int:
        return len(self.home)


def draw_affinities(
    rng: np.random.Generator, size: int, shelters: int, strength: float
) -> Affinities:
    """Independent visitors; `strength` scales every taste (not homes, species or distances)."""
    share = np.array([kind.share for kind in ARCHETYPES])
    kind = rng.choice(len(share), size, p=share / share.sum())
    liked = np.array(
        [[row.families.get(name, 0.0) for name in FAMILIES] for row in ARCHETYPES], np.float32
    )
    family = _around(rng, liked, kind)
    species = _species(rng, kind)
    favourite = _favourite_breeds(rng, species, family)
    boost = _FAVOURITE_BOOST * rng.lognormal(0, 0.4, (size, FAVOURITES))
    lives_with = np.array([row.home for row in ARCHETYPES])[kind]
    size_affinity = strength * _around(rng, np.array([row.sizes for row in ARCHETYPES]), kind)
    age_affinity = strength * _around(rng, np.array([row.ages for row in ARCHETYPES]), kind)
    place, nearness = _places(rng, size, shelters)
    return Affinities(
        species=species,
        family=strength * family,
        size=size_affinity,
        age=age_affinity,
        shelter=nearness,
        favourite=favourite,
        boost=(strength * boost).astype(np.float32),
        home=((rng.random(lives_with.shape) < lives_with) @ np.array([1, 2, 4])).astype(np.int8),
        place=place,
    )


def household_log_odds() -> NDArray[np.float32]:
    """Log odds by home (8 rows) and by an animal's flags (27 columns, see `flag_code`)."""
    home = (np.arange(8)[:, None] >> np.arange(3)) & 1
    flags = np.arange(27)[:, None] // np.array([9, 3, 1]) % 3
    return np.asarray(home @ _HOUSEHOLD_LOG_ODDS[flags].T, np.float32)


def expected_household_log_odds() -> NDArray[np.float32]:
    """Mean log odds by home (8 rows) and species (3 columns), over the rates of the flags."""
    yes = np.array(measured.GOOD_WITH_SHARE) * (1 - np.array(measured.UNKNOWN_SHARE))
    unknown = np.broadcast_to(measured.UNKNOWN_SHARE, yes.shape)
    chances = np.stack([1 - yes - unknown, unknown, yes], axis=-1)
    home = (np.arange(8)[:, None] >> np.arange(3)) & 1
    return np.asarray(home @ (chances @ _HOUSEHOLD_LOG_ODDS).T, np.float32)


def flag_code(good_with: NDArray[np.int64]) -> NDArray[np.int64]:
    """Flags for kids, dogs, cats (-1, 0, 1; last axis) as one number below 27, no = 0 first."""
    digit = np.where(good_with < 0, 1, 2 * good_with)
    return np.asarray(digit @ np.array([9, 3, 1]))


def _around(
    rng: np.random.Generator, means: NDArray[np.floating], kind: NDArray[np.int64]
) -> NDArray[np.float32]:
    shape = (len(kind), means.shape[1])
    noise = _DEVIATION * rng.standard_normal(shape, np.float32)
    return np.asarray(means[kind] + noise, np.float32)


def _species(rng: np.random.Generator, kind: NDArray[np.int64]) -> NDArray[np.float32]:
    means = np.array([row.species for row in ARCHETYPES])[kind]
    parts = rng.standard_gamma(_SPECIES_FIRMNESS * means)
    return np.asarray(parts / parts.sum(axis=1, keepdims=True), np.float32)


def _favourite_breeds(
    rng: np.random.Generator, species: NDArray[np.float32], family: NDArray[np.float32]
) -> NDArray[np.int16]:
    """Three breeds of the species most visited: commoner ones, and of families liked, sooner."""
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


def _places(
    rng: np.random.Generator, size: int, shelters: int
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Draw the homes of visitors around the shelters, and log odds by shelter: far ones cost."""
    at = np.array([row[2:4] for row in SHELTERS[:shelters]], float)
    share = np.array([row[4] for row in SHELTERS[:shelters]], float)
    lives = at[rng.choice(shelters, size, p=share / share.sum())]
    lives = lives + rng.normal(0, 0.12, (size, 2))
    gap = (lives[:, None, :] - at) * [1.0, np.cos(np.radians(at[:, 0].mean()))]
    km = _KM_PER_DEGREE * np.hypot(gap[..., 0], gap[..., 1])
    return lives, np.asarray(_LOG_ODDS_PER_KM * km, np.float32)
