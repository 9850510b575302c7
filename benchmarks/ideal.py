"""The most that anybody can make of what a site knows of a visitor: a limit to measure against.

The oracle knows each visitor's true taste, which nobody can know. This policy knows the laws of the
demo world: how tastes are made, and how they decide what is looked at. Of the visitor it knows what
a site does: the events, where home is and who lives there. From those it reckons, by Bayes' rule,
how likely each taste of a crowd is the visitor's, and orders by the mean odds over them.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.adoption_world import Floats, Request
from pawsonalize.demo import World
from pawsonalize.demo.adopters import Affinities, draw_affinities
from pawsonalize.demo.log import EVENT_TYPES, VIEW
from pawsonalize.demo.utility import Utility
from pawsonalize.domain.times import MINUTE

_CROWD = 4_000
_SESSION = 30 * MINUTE  # events nearer to each other than this are of one session
_VIEW = EVENT_TYPES[VIEW]


class Ideal:
    """Tastes of a crowd that is drawn as the world's visitors are, but of none of them."""

    def __init__(self, world: World) -> None:
        utility, settings = world.oracle.utility, world.settings
        crowd = draw_affinities(
            np.random.default_rng((world.seed, 11)), _CROWD, settings.shelters, settings.taste
        )
        self._world = world
        self._home = crowd.home
        self._species = np.log(np.maximum(crowd.species, 1e-6))
        self._group = {group.id: code for code, group in enumerate(world.groups)}
        # One animal of each group stands for all.
        _, self._one = np.unique(world.oracle.group, return_index=True)
        self._kind = world.oracle.stock.traits.species[self._one]
        everybody = np.arange(_CROWD)[:, np.newaxis]
        anywhere = replace(utility, affinities=_at_home_anywhere(crowd))
        charm = utility.appeal[self._one]
        self._likes = anywhere.of_animals(everybody, self._one) - charm
        self._log_odds = self._likes + _usual(utility.appeal, world.oracle.group)
        self._odds = np.exp(self._log_odds)
        self._there = _days_there(world)
        self._rivals: dict[int, Floats] = {}
        self._indifferent = replace(utility, affinities=_indifferent(utility.affinities))

    def scores(self, request: Request) -> NDArray[np.floating]:
        """How likely each animal is to be looked at, were all liked alike by everybody else."""
        animals, utility = request.animals, self._indifferent
        given = utility.of_animals(np.array(request.visitor), animals) - utility.appeal[animals]
        groups = self._world.oracle.group[animals]
        among, place = np.unique(groups, return_inverse=True)
        likely = self._likely(request, int(self._kind[groups[0]]))
        some = np.flatnonzero(likely > 1e-7)
        liked = likely[some] @ np.exp(self._likes[np.ix_(some, among)])
        return np.asarray(given + np.log(liked)[place])

    def _likely(self, request: Request, looked_for: int) -> Floats:
        """How likely each of the crowd is who asks, shape (crowd,)."""
        home = self._world.oracle.utility.affinities.home[request.visitor]
        logs = np.where(self._home == home, 0.0, -1e9) + self._species[:, looked_for]
        views = [
            (self._group[seen.item], seen.time)
            for seen in request.known
            if seen.event_type == _VIEW and seen.item in self._group
        ]
        for (group, time), (before, then) in pairwise([*views, (-1, 0)]):
            kin = before >= 0 and self._kind[before] == self._kind[group]
            same = kin and time - then < _SESSION
            logs += self._log_chance(group, before if same else None)
            if not same:
                logs += self._species[:, self._kind[group]]
        likely = np.exp(logs - logs.max())
        return np.asarray(likely / likely.sum())

    def _log_chance(self, group: int, before: int | None) -> Floats:
        """The log of each one's chance to look at the group, up to what is the same for all."""
        kind = int(self._kind[group])
        key = ~kind if before is None else before
        if key not in self._rivals:
            there = np.where(self._kind == kind, self._there, 0.0)
            if before is not None:
                utility: Utility = self._world.oracle.utility
                there *= np.exp(utility.intent(self._one[before], self._one))
            self._rivals[key] = np.log(self._odds @ there)
        return np.asarray(self._log_odds[:, group] - self._rivals[key])


def _at_home_anywhere(affinities: Affinities) -> Affinities:
    return replace(
        affinities, shelter=np.zeros_like(affinities.shelter), home=np.zeros_like(affinities.home)
    )


def _indifferent(affinities: Affinities) -> Affinities:
    """The same homes without any taste."""
    names = ("family", "size", "age", "boost")
    return replace(affinities, **{name: np.zeros_like(getattr(affinities, name)) for name in names})


def _usual(values: NDArray[np.floating], group: NDArray[np.integer]) -> Floats:
    """The mean of each group's animals."""
    return np.asarray(np.bincount(group, values) / np.bincount(group), np.float64)


def _days_there(world: World) -> Floats:
    """How many animals of each group are there on a usual day, up to a factor."""
    stock = world.oracle.stock
    days = np.clip(stock.adopted, None, world.end) - np.clip(stock.listed, world.start, None)
    return np.asarray(np.bincount(world.oracle.group, np.maximum(days, 0)) + 1.0, np.float64)
