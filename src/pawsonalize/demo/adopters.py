"""The visitors' true tastes, which no recommender gets to see."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.demo import calibration as measured
from pawsonalize.demo.archetypes import ARCHETYPES
from pawsonalize.demo.names import SHELTERS
from pawsonalize.demo.traits import BREED_FAMILY, BREED_SHARE, BREED_SPECIES, FAMILIES

FAVOURITES = 3
_DEVIATION = 0.45  # of one adopter from the archetype, in log odds
_SPECIES_FIRMNESS = 5.0  # the larger, the nearer to the archetype's shares of species
_FAVOURITE_BOOST = np.array([1.7, 1.2, 0.8])
_LOG_ODDS_PER_KM = -0.012
_KM_PER_DEGREE = 111.2

# Log odds when the household has kids (dogs, cats): the animal's flag is no, unknown, yes.
_HOUSEHOLD_LOG_ODDS = np.array([-2.5, -0.3, 0.3])


@dataclass(frozen=True, slots=True)
class Tastes:
    """One row per visitor: log odds by family, size, age, shelter; favourite breeds; the home.

    `species` are shares of visits that sum to 1. `favourite` indexes `BREEDS` and `boost` is
    what each adds, both (visitors, 3). `home` has the bits 1 kids, 2 dogs, 4 cats; `place`
    (visitors, 2) is where it lies, latitude and longitude in degrees.
    """

    species: NDArray[np.float32]
    family: NDArray[np.float32]
    size: NDArray[np.float32]
    age: NDArray[np.float32]
    shelter: NDArray[np.float32]
    favourite: NDArray[np.int16]
    boost: NDArray[np.float32]
    home: NDArray[np.int8]
    place: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.home)


def draw_tastes(rng: np.random.Generator, size: int, shelters: int, strength: float) -> Tastes:
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
    size_taste = strength * _around(rng, np.array([row.sizes for row in ARCHETYPES]), kind)
    age_taste = strength * _around(rng, np.array([row.ages for row in ARCHETYPES]), kind)
    place, nearness = _places(rng, size, shelters)
    return Tastes(
        species=species,
        family=strength * family,
        size=size_taste,
        age=age_taste,
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
    """Where visitors live, around the shelters, and log odds by shelter: far ones cost."""
    at = np.array([row[2:4] for row in SHELTERS[:shelters]], float)
    share = np.array([row[4] for row in SHELTERS[:shelters]], float)
    lives = at[rng.choice(shelters, size, p=share / share.sum())]
    lives = lives + rng.normal(0, 0.12, (size, 2))
    gap = (lives[:, None, :] - at) * [1.0, np.cos(np.radians(at[:, 0].mean()))]
    km = _KM_PER_DEGREE * np.hypot(gap[..., 0], gap[..., 1])
    return lives, np.asarray(_LOG_ODDS_PER_KM * km, np.float32)
