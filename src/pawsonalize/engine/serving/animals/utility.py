"""The utility of animals, which of them get the places, and their exploration shares."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from pawsonalize.domain.times import DAY, HOUR
from pawsonalize.engine.serving.animals import factors
from pawsonalize.engine.serving.animals.affinity import GroupAffinity, TraitAffinity
from pawsonalize.engine.serving.animals.available import EVERY_SLOT, AvailableAnimals, Chosen, Slots
from pawsonalize.engine.serving.animals.choices import (
    ChoiceTables,
    ChoiceWeights,
    CommonParts,
    Personal,
)
from pawsonalize.engine.serving.animals.eligibility import Eligibility, EligibilityVerdict
from pawsonalize.engine.serving.animals.settings import AnimalSettings
from pawsonalize.engine.serving.context import THE_ANIMAL
from pawsonalize.engine.serving.exploration import Novelty

Floats = NDArray[np.float64]

_SAMPLED = 16
_VERSIONS_KEPT = 4  # at once: a recommender's and a reranker's, and what replaces them


@dataclass(frozen=True, slots=True)
class Weighed:
    """Animals with the parts of their utility.

    `parts` and `bare` have the shape (animals, parts), in the order of `PARTS`; `bare` are the same
    without their weights. `utilities` are the sums of the rows of `parts`, from left to right.
    """

    slots: Slots
    parts: Floats
    bare: Floats
    utilities: Floats


@dataclass(frozen=True, slots=True)
class Weighing:
    """What animals are weighed for: affinities for groups, by their codes, the rules, a moment.

    `lost` is what a group loses by dislikes; groups that must not be shown lose all. `disliked`
    animals lose more than their group does.
    """

    available: AvailableAnimals
    liked: Floats
    lost: Floats
    common: CommonParts
    personal: Personal
    weights: ChoiceWeights
    eligibility: Eligibility
    settings: AnimalSettings
    at: int
    disliked: Slots = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def affinity(self) -> Floats:
        """The part of the group, by its code."""
        return self.weights.group * self.liked - self.lost

    @property
    def bound(self) -> float:
        """No animal could have a higher utility."""
        there = self.affinity[self.available.present]
        own = float(there.max(initial=-np.inf)) + self.weights.visitor * self.personal.bound
        return float(self.common.total.max(initial=-np.inf)) + own + max(0.0, self.weights.seen)

    def fitting(self, slots: Slots) -> Slots:
        """The animals among these that may be shown."""
        groups = self.available.column("group", slots)
        passing = self.available.judge(self.eligibility, slots).passing
        fitting: Slots = slots[passing & np.isfinite(self.lost[groups])]
        return fitting

    def weigh(self, slots: Slots) -> Weighed:
        """Weigh animals, whether they may be shown or not."""
        verdict, room = self.available.judge(self.eligibility, slots), np.empty(len(slots))
        nothing = np.zeros(len(slots))
        own = [nothing if part is None else part.copy() for part in self._own(slots, verdict, room)]
        parts = [*(column[slots] for column in self.common.parts), *own]
        bare = [*(column[slots] for column in self.common.bare), *self._bare(slots, verdict)]
        utilities = _add(parts, nothing.copy())
        return Weighed(slots, np.column_stack(parts), np.column_stack(bare), utilities)

    def utilities(self) -> Floats:
        """The utility of every slot, bit for bit as `weigh` gives it; kept until the next question.

        -inf for an animal that may not be shown, or that has no place of its own.
        """
        utilities, room = self.available.room
        verdict = self.available.judge(self.eligibility, EVERY_SLOT)
        np.copyto(utilities, self.common.total)
        _add((part for part in self._own(EVERY_SLOT, verdict, room) if part is not None), utilities)
        utilities[~(verdict.passing & self.available.leads)] = -np.inf
        return utilities

    def _own(
        self, slots: Chosen, verdict: EligibilityVerdict, room: Floats
    ) -> Iterator[Floats | None]:
        """The weighted parts that depend on the visitor, in order; None for one that is 0.

        Each is written into `room`. All animals go through the same steps, so that a sum is rounded
        the same way in every list. Weighing all animals is quick because no request allocates much
        memory for it.
        """
        weights, personal = self.weights, self.personal
        place, groups = self._columns(slots, "place", "group")
        np.take(self.affinity, groups, out=room, mode="clip")
        if len(self.disliked):
            lost = self.disliked if isinstance(slots, slice) else np.isin(slots, self.disliked)
            room[lost] -= THE_ANIMAL
        yield room
        near = self._near()
        if personal.is_known:
            np.take(weights.visitor * personal.visitor, groups, out=room, mode="clip")
            if personal.visitor_in_colours.any():
                in_colours = weights.visitor * personal.visitor_in_colours
                room += in_colours[self.available.column("colour", slots)]
            if near is not None:
                room += (weights.visitor * personal.distance * near)[place]
            yield room
        else:
            yield None
        yield None if not len(personal.seen) else self._seen(slots, weights.seen, room)
        yield None if near is None else np.take(weights.near(near), place, out=room, mode="clip")
        if verdict.asked:
            factors.compatibility(verdict, room)
            yield np.multiply(room, weights.factors.compatibility, out=room)
        else:
            yield None

    def _bare(self, slots: Slots, verdict: EligibilityVerdict) -> Sequence[Floats]:
        """The same without their weights."""
        personal, nothing, near = self.personal, np.zeros(len(slots)), self._near()
        place, groups = self._columns(slots, "place", "group")
        compatibility = np.empty(len(slots))
        factors.compatibility(verdict, compatibility)
        visitor, colour = personal.visitor[groups], self.available.column("colour", slots)
        visitor = visitor + personal.visitor_in_colours[colour]
        if near is None:
            return self.liked[groups], visitor, self._seen(slots), nothing, compatibility
        visitor += personal.distance * near[place]
        return self.liked[groups], visitor, self._seen(slots), near[place], compatibility

    def _columns(self, slots: Chosen, *names: str) -> Iterator[Slots]:
        return (self.available.column(name, slots) for name in names)

    def _near(self) -> Floats | None:
        """The factor `distance` of each place, by its code; None for a visitor without a place."""
        place = self.eligibility.place
        return None if place is None else factors.distance(self.available.places.kilometres(place))

    def _seen(self, slots: Chosen, weight: float = 1.0, room: Floats | None = None) -> Floats:
        """What the visitor was shown of these animals; written into `room`, if there is one."""
        told = np.zeros(len(slots)) if room is None else room  # type: ignore[arg-type]
        told.fill(0)
        seen, by = self.personal.seen, self.personal.seen_by
        if isinstance(slots, slice):
            told[seen] = weight * by
        elif len(seen):
            place = np.minimum(np.searchsorted(seen, slots), len(seen) - 1)
            told[:] = np.where(seen[place] == slots, weight * by[place], 0.0)
        return told


def choose(weighing: Weighing, everybody: Floats, limit: int) -> Slots:
    """The places of the highest utility, best first; ties by longest listed, then by id.

    `everybody` are the utilities by slot. A group gets at most its share of the places, unless no
    other animal is left.
    """
    available = weighing.available
    most = max(1, ceil(limit * weighing.settings.max_per_group_share))
    # Most answers end among the best; otherwise put all animals that may be shown in order.
    for enough in (limit * 8 + 1_000, limit * 64 + 8_000):
        best = _best(everybody, enough)
        if best is not None:
            varied, _ = _varied(available, best, everybody[best], most, limit)
            if len(varied) == limit:
                return varied
    slots = np.flatnonzero(everybody > -np.inf)
    varied, rest = _varied(available, slots, everybody[slots], most, limit)
    return np.concatenate([varied, rest])[:limit]


def _best(everybody: Floats, enough: int) -> Slots | None:
    """About `enough` best animals, as all from some utility up; None if that saves no time.

    The exact utility does not matter, so only every `_SAMPLED`-th animal decides it: to partition
    300,000 utilities takes as long as to add them up. Animals that may not be shown are left out
    first, because numbers that are mostly equal take long to partition as well.
    """
    sampled = everybody[::_SAMPLED]
    some = sampled[sampled > -np.inf]
    rank = len(some) - enough // _SAMPLED
    if rank <= len(some) // 2:
        return None
    some.partition(rank)
    best: Slots = np.flatnonzero(everybody >= some[rank])
    return best


def _add(parts: Iterable[Floats], total: Floats) -> Floats:
    """Add to the total from left to right, column by column: a matrix product rounds otherwise."""
    for part in parts:
        total += part
    return total


def _varied(
    available: AvailableAnimals, slots: Slots, utilities: Floats, most: int, limit: int
) -> tuple[Slots, Slots]:
    """The best animals with at most `most` of a group, and the others, both in order."""
    order = np.lexsort((available.rank[slots], -utilities))
    groups = available.column("group", slots[order])
    together = np.argsort(groups, kind="stable")
    sorted_groups = groups[together]
    starts = np.searchsorted(sorted_groups, sorted_groups)
    place = np.empty(len(groups), np.int64)
    place[together] = np.arange(len(groups)) - starts
    within = place < most
    return slots[order[within]][:limit], slots[order[~within]]


# Whole shares add without rounding, see `exploration`; so many that even the floor is many.
_WHOLE = 2.0**44


class ExplorationShares:
    """The exploration share of each place: of newcomers and long-stayers, as of the hour.

        share = (1 - floor) * s / S * o / sum of s / S * o  +  floor / animals

        s  1 / (1 + times shown); S is the sum of it over the group
        o  exp(utility), so the odds that this visitor chooses the animal

    `animals` counts those that have a share. So this visitor is shown whom they may like, of equals
    those who were shown least, and no animal has less than floor / animals.
    """

    def __init__(self) -> None:
        self._due: tuple[object, _Due] | None = None

    def of(self, weighing: Weighing, utilities: Floats) -> Novelty:
        """Of those who have a share now: 0 for one that may not be shown to the visitor.

        `utilities` are those of `Weighing.utilities`, by slot.
        """
        now = (weighing.available.version, weighing.at // HOUR)
        if self._due is None or self._due[0] != now:
            self._due = now, _Due.of(weighing)
        due = self._due[1]
        shares = due.room
        np.take(utilities, due.slots, out=shares, mode="clip")
        highest = shares.max(initial=-np.inf)
        if highest == -np.inf:
            return Novelty(np.empty(0, np.int64), np.empty(0, np.int64), due.positions[:0])
        fitting = shares > -np.inf
        floor = weighing.settings.newcomer_floor
        shares -= highest
        np.exp(shares, out=shares)
        shares *= due.of_group
        shares *= (1 - floor) / shares.sum() * _WHOLE
        shares += fitting * (floor / np.count_nonzero(fitting) * _WHOLE)
        weights = np.ceil(shares, out=shares).astype(np.int64)
        return Novelty(weights, np.cumsum(weights), due.positions)


@dataclass(frozen=True, slots=True)
class _Due:
    """Who has a share, in the order of the animals."""

    slots: Slots
    positions: Slots
    of_group: Floats
    """Each one's part of what its group has: the less it was shown, the more."""
    room: Floats
    """For a query: it is quick as long as it hardly allocates memory."""

    @classmethod
    def of(cls, weighing: Weighing) -> "_Due":
        available, slots = weighing.available, _newcomers_and_long_stayers(weighing)
        groups = available.column("group", slots)
        shares = 1 / (1 + available.shown[slots])
        of_group = shares / np.bincount(groups, shares)[groups]
        return cls(slots, available.rank[slots], of_group, np.empty(len(slots)))


def _newcomers_and_long_stayers(weighing: Weighing) -> Slots:
    """The places of newcomers and long-stayers."""
    available, settings, at = weighing.available, weighing.settings, weighing.at // HOUR * HOUR
    long = available.moments.searchsorted(at - settings.long_stay_days * DAY, side="right")
    new = available.moments.searchsorted(at - settings.newcomer_days * DAY, side="left")
    slots = np.concatenate([available.order[:long], available.order[max(long, new) :]])
    led: Slots = slots[available.leads[slots]]
    return led


@dataclass(frozen=True, slots=True)
class Derived:
    """Kept for one set of available animals; use it only while you hold their lock."""

    groups: GroupAffinity = field(default_factory=GroupAffinity)
    traits: TraitAffinity = field(default_factory=TraitAffinity)
    shares: ExplorationShares = field(default_factory=ExplorationShares)
    choices: LRUCache[str, ChoiceTables] = field(default_factory=lambda: LRUCache(_VERSIONS_KEPT))
    """By solution version."""


class DerivedOfShelves:
    """Belongs to its available animals, so that no answer mixes two sets of them."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[AvailableAnimals, Derived] = WeakKeyDictionary()
        self._lock = Lock()

    def of(self, available: AvailableAnimals) -> Derived:
        """What is kept for these available animals."""
        with self._lock:
            return self._of.setdefault(available, Derived())
