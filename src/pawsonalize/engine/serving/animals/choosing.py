"""Choice of the animals that get the places, and of their exploration shares."""

from threading import Lock
from weakref import WeakKeyDictionary

import msgspec
import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from pawsonalize.domain.times import DAY, HOUR
from pawsonalize.engine.serving.animals.affinity import GroupAffinity, TraitAffinity
from pawsonalize.engine.serving.animals.available import EVERY_SLOT, AvailableAnimals, Slots
from pawsonalize.engine.serving.animals.choices import ChoiceTables
from pawsonalize.engine.serving.animals.utility import Estimates, Weighing
from pawsonalize.engine.serving.exploration import Novelty

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
_SAMPLED = 64
_FAIR = 2.0  # times its share of what may be shown, which a group may have of a page
_VERSIONS_KEPT = 4  # at once: a recommender's and a reranker's, and what replaces them
# Whole shares add without rounding, see `exploration`. So many that even the floor is many, and few
# enough for 32 bits.
_WHOLE = 2.0**30


def choose(weighing: Weighing, estimates: Estimates, limit: int) -> Slots:
    """The best places; a group gets at most its share, unless no other animal is left."""
    most = _most_of_groups(weighing, estimates, limit)
    # Most answers end among the best; otherwise put all animals that may be shown in order.
    for enough in (limit * 8 + 300, limit * 64 + 8_000):
        best, least = _best(estimates, enough)
        if len(best):
            utilities = weighing.utilities(best)
            surely = utilities >= least  # and so higher than those of all others
            varied, _ = _varied(weighing, best[surely], utilities[surely], most, limit)
            if len(varied) == limit:
                return varied
    slots = np.flatnonzero(estimates.values > -np.inf)
    varied, rest = _varied(weighing, slots, weighing.utilities(slots), most, limit)
    return np.concatenate([varied, rest])[:limit]


def _most_of_groups(weighing: Weighing, estimates: Estimates, limit: int) -> Floats:
    """The most animals that each group may have among so many places, by its code."""
    available, share = weighing.available, weighing.settings.max_per_group_share
    if weighing.relevance is not None and weighing.relevance.scores.any():
        # Of a name or a story, the best come first, whatever their group.
        return np.full(len(available.codes["group"]), float(limit))
    groups = available.column("group", EVERY_SLOT)[estimates.values > -np.inf]
    of_all = np.bincount(groups, minlength=len(available.codes["group"])) / max(len(groups), 1)
    return np.asarray(np.ceil(limit * np.maximum(share, _FAIR * of_all)))


def _best(estimates: Estimates, enough: int) -> tuple[Slots, float]:
    """About `enough` best animals, with all of a utility as high as the returned one; or none.

    Only every `_SAMPLED`-th decides how many: to partition 300,000 utilities takes as long as to
    add them up. Animals that may not be shown go first, as equal numbers take long to partition as
    well.
    """
    sampled = estimates.values[::_SAMPLED]
    some = sampled[sampled > -np.inf]
    rank = len(some) - enough // _SAMPLED
    if rank <= len(some) // 2:
        return np.empty(0, np.int64), 0.0
    some.partition(rank)
    least = float(some[rank]) - estimates.error
    return np.flatnonzero(estimates.values >= least - estimates.error), least


def _varied(
    weighing: Weighing, slots: Slots, utilities: Floats, most: Floats, limit: int
) -> tuple[Slots, Slots]:
    """The best animals with at most so many of each group, and the others, both in order.

    An animal that the visitor picked has its place in any case.
    """
    available = weighing.available
    order = np.lexsort((available.rank[slots], -utilities))
    groups = available.column("group", slots[order])
    together = np.argsort(groups, kind="stable")
    sorted_groups = groups[together]
    starts = np.searchsorted(sorted_groups, sorted_groups)
    place = np.empty(len(groups), np.int64)
    place[together] = np.arange(len(groups)) - starts
    within = place < most[groups]
    picked = weighing.personal.boards.picked_animals
    if picked:  # "whom would you like to meet?", and then many others like her, but not her
        within |= np.isin(slots[order], available.slots(picked))
    return slots[order[within]][:limit], slots[order[~within]]


class ExplorationShares:
    """The exploration share of each place: of newcomers and long-stayers, as of the hour.

    share = (1 - floor) * s / S * o / sum of s / S * o  +  floor / animals

    s  1 / (1 + times shown); S is the sum of it over the group
    o  exp(utility), so the odds that this visitor chooses the animal
    """

    def __init__(self) -> None:
        self._known: object = None

    def of(self, weighing: Weighing, estimates: Estimates) -> Novelty:
        """Of those who have a share now: 0 for one that may not be shown to the visitor."""
        known = (weighing.available.version, weighing.at // HOUR)
        if self._known != known:
            self._find(weighing)
            self._known = known
        shares = np.take(estimates.values, self._slots, out=self._room, mode="clip")
        highest = shares.max(initial=-np.inf)
        if highest == -np.inf:
            return Novelty(np.empty(0, np.int32), self._positions[:0])
        fitting = shares > -np.inf
        floor = weighing.settings.newcomer_floor
        shares -= highest
        np.exp(shares, out=shares)
        shares *= self._of_group
        shares *= np.float32((1 - floor) / shares.sum() * _WHOLE)
        weights = shares.astype(np.int32)
        count = np.count_nonzero(fitting)
        weights += int(floor / count * _WHOLE) + 1
        if count < len(weights):
            weights *= fitting
        return Novelty(weights, self._positions)

    def _find(self, weighing: Weighing) -> None:
        available, settings, at = weighing.available, weighing.settings, weighing.at // HOUR * HOUR
        long = available.moments.searchsorted(at - settings.long_stay_days * DAY, side="right")
        new = available.moments.searchsorted(at - settings.newcomer_days * DAY, side="left")
        slots = np.concatenate([available.order[:long], available.order[max(long, new) :]])
        self._slots: Slots = slots[available.leads[slots]]
        self._positions: Slots = available.rank[self._slots]
        # Each one's part of what its group has: the less it was shown, the more.
        groups = available.column("group", self._slots)
        shares = 1 / (1 + available.column("shown", self._slots))
        self._of_group = (shares / np.bincount(groups, shares)[groups]).astype(np.float32)
        self._room = np.empty(len(self._slots), np.float32)  # memory that queries share


class Derived(msgspec.Struct, frozen=True):
    """Cached values of one set of available animals; use them only while you hold its lock."""

    groups: GroupAffinity = msgspec.field(default_factory=GroupAffinity)
    traits: TraitAffinity = msgspec.field(default_factory=TraitAffinity)
    shares: ExplorationShares = msgspec.field(default_factory=ExplorationShares)
    choices: LRUCache[str, ChoiceTables] = msgspec.field(
        default_factory=lambda: LRUCache(_VERSIONS_KEPT)
    )
    """By solution version."""


class CachedTables:
    """Tables computed from a set of available animals, so that no answer mixes two sets."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[AvailableAnimals, Derived] = WeakKeyDictionary()
        self._lock = Lock()

    def of(self, available: AvailableAnimals) -> Derived:
        """Return the cached tables of these available animals."""
        with self._lock:
            return self._of.setdefault(available, Derived())
