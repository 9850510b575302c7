"""Utility of an animal to a visitor: the truth behind every choice in the world.

A visitor on a page picks the animal at position k with probability proportional to

    (k + 1) ** -position_bias * exp(appeal(animal) + taste(visitor, animal) + intent(previous))

All terms are log odds. `appeal` is what everybody likes, `taste` the visitor's own, `intent`
the likeness to the animal just looked at in the same session.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.wings.demo.adopters import FAVOURITES, Affinities, flag_code, household_log_odds
from pawsonalize.wings.demo.settings import WorldSettings
from pawsonalize.wings.demo.stock import AnimalColumns
from pawsonalize.wings.demo.traits import Ints, Singles

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
