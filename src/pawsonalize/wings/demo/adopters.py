"""The adopters of a world, and their true affinities, which no recommender gets to see."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.wings.demo import calibration as measured
from pawsonalize.wings.demo import traits
from pawsonalize.wings.demo.stock import SHELTERS

FAVOURITES = 3
_DEVIATION = 0.45  # of one adopter from the archetype, in log odds
_SPECIES_FIRMNESS = 5.0  # the larger, the nearer to the archetype's shares of species
_FAVOURITE_BOOST = np.array([1.7, 1.2, 0.8])
_LOG_ODDS_PER_KM = -0.012
_KM_PER_DEGREE = 111.2
# Log odds when the household has kids (dogs, cats): the animal's flag is no, unknown, yes.
_HOUSEHOLD_LOG_ODDS = np.array([-2.5, -0.3, 0.3])


@dataclass(frozen=True, slots=True)
class Archetype:
    """Preferences that adopters of one sort have in common."""

    share: float
    species: tuple[float, float, float]  # the mean share of their visits to cats, dogs and rabbits
    home: tuple[float, float, float]  # the chances that kids, dogs and cats live there
    sizes: tuple[float, float, float, float]
    """Added to the log odds of a choice by each size, as `ages` and `families`."""
    ages: tuple[float, float, float, float]
    families: Mapping[str, float]


ARCHETYPES = (
    Archetype(  # wants a kitten, or two
        17,
        (0.93, 0.06, 0.01),
        (0.45, 0.15, 0.40),
        (0.5, 0.0, -0.4, -0.6),
        (1.6, 0.4, -0.9, -1.8),
        {"dlh": 0.4, "dmh": 0.3},
    ),
    Archetype(  # wants calm company
        13,
        (0.72, 0.26, 0.02),
        (0.08, 0.15, 0.30),
        (0.5, 0.3, -0.4, -1.0),
        (-1.6, -0.3, 0.9, 1.2),
        {"toy_companion": 0.7, "dsh": 0.4, "hound": 0.3},
    ),
    Archetype(  # wants a dog for the lap
        16,
        (0.07, 0.92, 0.01),
        (0.25, 0.40, 0.15),
        (1.4, -0.3, -2.0, -2.6),
        (0.5, 0.4, 0.0, -0.4),
        {"toy_companion": 1.4, "chihuahua": 1.0, "terrier": 0.6},
    ),
    Archetype(  # runs, hikes, herds
        14,
        (0.02, 0.98, 0.0),
        (0.20, 0.40, 0.12),
        (-1.2, 0.6, 0.7, -0.6),
        (0.2, 1.0, 0.1, -1.6),
        {"herding": 1.4, "husky_spitz": 1.0, "retriever_sporting": 0.7, "hound": 0.4},
    ),
    Archetype(  # wants a dog for the children
        16,
        (0.20, 0.76, 0.04),
        (0.90, 0.25, 0.25),
        (-0.2, 0.6, 0.3, -0.8),
        (1.0, 0.6, -0.2, -1.4),
        {"retriever_sporting": 1.5, "hound": 0.7, "other_dog": 0.4},
    ),
    Archetype(  # speaks up for the bully breeds
        7,
        (0.02, 0.98, 0.0),
        (0.20, 0.45, 0.12),
        (-1.0, 0.6, 0.6, 0.2),
        (-0.2, 0.4, 0.6, 0.1),
        {"bully": 2.2, "shepherd_guard": 0.5},
    ),
    Archetype(  # loves a pedigree cat
        6,
        (0.96, 0.04, 0.0),
        (0.15, 0.10, 0.50),
        (0.0, 0.3, 0.6, 0.8),
        (0.4, 0.6, 0.2, -0.6),
        {"siamese": 2.0, "other_cat": 2.2, "dlh": 1.0, "dmh": 0.5},
    ),
    Archetype(  # the bigger the better
        6,
        (0.02, 0.98, 0.0),
        (0.30, 0.40, 0.15),
        (-2.0, -0.8, 0.8, 2.0),
        (0.2, 0.6, 0.2, -0.5),
        {"shepherd_guard": 1.5, "retriever_sporting": 0.4, "husky_spitz": 0.4},
    ),
    Archetype(  # looks for who has waited longest
        3,
        (0.40, 0.55, 0.05),
        (0.05, 0.30, 0.30),
        (0.0, 0.1, 0.2, 0.1),
        (-2.0, -0.6, 1.0, 2.2),
        {"bully": 0.6, "dsh": 0.2},
    ),
    Archetype(  # small and furry
        2,
        (0.28, 0.04, 0.68),
        (0.50, 0.05, 0.10),
        (0.7, 0.2, -0.5, -0.2),
        (0.6, 0.4, 0.0, -0.6),
        {},
    ),
)


@dataclass(frozen=True, slots=True)
class Affinities(traits.Columns):
    """Affinities, a row per visitor; log odds but for `species`, which are shares of visits."""

    species: traits.Singles
    family: traits.Singles
    size: traits.Singles
    age: traits.Singles
    shelter: traits.Singles
    favourite: NDArray[np.int16]  # favourite breeds, positions in `BREEDS`; shape (visitors, 3)
    boost: traits.Singles
    home: NDArray[np.int8]  # bits: 1 kids, 2 dogs, 4 cats
    place: traits.Floats  # latitude and longitude of the home in degrees; shape (visitors, 2)


def draw_affinities(
    rng: np.random.Generator, size: int, shelters: int, strength: float
) -> Affinities:
    """Independent visitors; `strength` scales every taste (not homes, species or distances)."""
    share = np.array([kind.share for kind in ARCHETYPES])
    kind = rng.choice(len(share), size, p=share / share.sum())
    liked = np.array(
        [[row.families.get(name, 0.0) for name in traits.FAMILIES] for row in ARCHETYPES],
        np.float32,
    )
    family = _around(rng, liked, kind)
    means = np.array([row.species for row in ARCHETYPES])[kind]
    parts = rng.standard_gamma(_SPECIES_FIRMNESS * means)
    species = np.asarray(parts / parts.sum(axis=1, keepdims=True), np.float32)
    favourite = _favourite_breeds(rng, species, family)
    boost = _FAVOURITE_BOOST * rng.lognormal(0, 0.4, (size, FAVOURITES))
    lives_with = np.array([row.home for row in ARCHETYPES])[kind]
    size_affinity = strength * _around(rng, np.array([row.sizes for row in ARCHETYPES]), kind)
    age_affinity = strength * _around(rng, np.array([row.ages for row in ARCHETYPES]), kind)
    place, nearness = _places(rng, size, shelters)
    boosts = (strength * boost).astype(np.float32)
    home = ((rng.random(lives_with.shape) < lives_with) @ np.array([1, 2, 4])).astype(np.int8)
    by_group = (strength * family, size_affinity, age_affinity)
    return Affinities(species, *by_group, nearness, favourite, boosts, home, place)


def household_log_odds() -> traits.Singles:
    """Log odds by home (8 rows) and by an animal's flags (27 columns, see `flag_code`)."""
    home = (np.arange(8)[:, None] >> np.arange(3)) & 1
    flags = np.arange(27)[:, None] // np.array([9, 3, 1]) % 3
    return np.asarray(home @ _HOUSEHOLD_LOG_ODDS[flags].T, np.float32)


def flag_code(good_with: traits.Ints) -> traits.Ints:
    """Flags for kids, dogs, cats (-1, 0, 1; last axis) as one number below 27, no = 0 first."""
    digit = np.where(good_with < 0, 1, 2 * good_with)
    return np.asarray(digit @ np.array([9, 3, 1]))


def _around(
    rng: np.random.Generator, means: NDArray[np.floating], kind: traits.Ints
) -> traits.Singles:
    shape = (len(kind), means.shape[1])
    noise = _DEVIATION * rng.standard_normal(shape, np.float32)
    return np.asarray(means[kind] + noise, np.float32)


def _favourite_breeds(
    rng: np.random.Generator, species: traits.Singles, family: traits.Singles
) -> NDArray[np.int16]:
    known = np.log(traits.BREED_SHARE) / 2
    chosen = np.empty((len(species), FAVOURITES), np.int16)
    main = species.argmax(axis=1)
    for code in range(len(measured.SPECIES)):
        rows = np.flatnonzero(main == code)
        breeds = np.flatnonzero(code == traits.BREED_SPECIES)
        drawn = rng.gumbel(size=(len(rows), len(breeds)))
        score = drawn + known[breeds] + family[rows][:, traits.BREED_FAMILY[breeds]]
        chosen[rows] = breeds[np.argsort(-score, axis=1)[:, :FAVOURITES]]
    return chosen


def _places(
    rng: np.random.Generator, size: int, shelters: int
) -> tuple[traits.Floats, traits.Singles]:
    at = np.array([(one.latitude, one.longitude) for one in SHELTERS[:shelters]])
    share = np.array([one.share for one in SHELTERS[:shelters]])
    lives = at[rng.choice(shelters, size, p=share / share.sum())]
    lives = lives + rng.normal(0, 0.12, (size, 2))
    gap = (lives[:, None, :] - at) * [1.0, np.cos(np.radians(at[:, 0].mean()))]
    km = _KM_PER_DEGREE * np.hypot(gap[..., 0], gap[..., 1])
    return lives, np.asarray(_LOG_ODDS_PER_KM * km, np.float32)
