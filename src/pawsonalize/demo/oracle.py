"""The best that any recommender could know, and more than any can.

The oracle knows the visitor's true taste, every animal's true appeal, what is available at the
moment, the rules of the site's pages and, if given, the animal last looked at in the session.
It does not know the page that will be shown, nor the dice. It counts the rivals an animal meets
on a page by their mean, which costs nothing in the order (simulated: within 0.003 of the best
possible hit rates at 5, 10 and 25) and overstates probabilities above 0.1 by about a tenth.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.demo import calibration as measured
from pawsonalize.demo.browsing import notice_weights
from pawsonalize.demo.settings import WorldSettings
from pawsonalize.demo.stock import AnimalColumns
from pawsonalize.demo.utility import Utility

Floats = NDArray[np.float64]

_CROWD = 500  # visitors that stand for everybody; affinities are drawn independently


@dataclass(frozen=True, slots=True)
class Oracle:
    """True choice probabilities of a world; visitors and animals are positions."""

    settings: WorldSettings
    utility: Utility
    stock: AnimalColumns
    group: NDArray[np.int64]

    def available(self, at: int) -> NDArray[np.int64]:
        """Positions of the animals that are listed and not adopted at the moment."""
        return np.flatnonzero((self.stock.listed <= at) & (at < self.stock.adopted))

    def baseline(self, visitor: int) -> Floats:
        """By species: what turns log odds within it into a log probability over all the stock."""
        odds = self.utility.of_animals(np.array(visitor), np.arange(len(self.stock)))
        total = np.bincount(self.stock.traits.species, np.exp(odds), len(measured.SPECIES))
        share = self.utility.affinities.species[visitor].astype(float)
        return np.asarray(np.log(np.maximum(share, 1e-9) / np.maximum(total, 1e-9)))

    def next_view(
        self, visitor: int | None, available: NDArray[np.int64], previous: int | None = None
    ) -> NDArray[np.float64]:
        """Probability that the next view is of each available animal; sums to 1, or is empty.

        Without `previous` it is a session's first view. `visitor` None is a stranger: the mean
        over a crowd.
        """
        crowd = np.arange(min(_CROWD, self.settings.adopters))
        who = crowd if visitor is None else np.array([visitor])
        odds = self.utility.of_animals(who[:, None], available).astype(float)
        share = self.utility.affinities.species[who].astype(float)
        again = np.zeros(len(available), bool)
        if previous is not None:
            again = available == previous
            odds += self.utility.intent(np.array(previous), available)
            looked_for = self.stock.traits.species[previous]
            share = np.eye(len(measured.SPECIES))[[looked_for]]
        fresh = np.where(again, 0.0, self._picked(np.exp(odds), share, available))
        fresh = fresh.mean(axis=0)
        stays = self.settings.revisit_rate * again
        return np.asarray(stays + (1 - stays.sum()) * fresh / max(fresh.sum(), 1e-300))

    def _picked(self, weight: Floats, share: Floats, available: NDArray[np.int64]) -> Floats:
        """Probabilities, shape (visitors, animals): the species looked for, then the pick.

        At position k of a page of n with notice e_k, an animal of weight w is picked with
        probability e_k w / (e_k w + (e_1 + … + e_n - e_k) m); m is the mean of the rivals.
        """
        picked = np.zeros_like(weight)
        kinds = self.stock.traits.species[available]
        for species in range(len(measured.SPECIES)):
            same = np.flatnonzero(kinds == species)
            if not len(same):
                continue
            size = min(self.settings.page_size, len(same))
            notice = np.exp(notice_weights(size, self.settings.position_bias))
            own = weight[:, same]
            rivals = (own.sum(axis=1, keepdims=True) - own) / max(len(same) - 1, 1)
            chance = np.zeros_like(own)
            for here in notice:
                chance += here * own / (here * own + (notice.sum() - here) * rivals)
            chance /= chance.sum(axis=1, keepdims=True)
            picked[:, same] = share[:, [species]] * chance
        return picked
