"""What an animal is worth to a visitor, who gets the places, and who is due for exploration."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from math import ceil
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import DAY, HOUR
from pawsonalize.engine.serving.animals import factors
from pawsonalize.engine.serving.animals.affinity import Likings, Tastes
from pawsonalize.engine.serving.animals.available import EVERY_SLOT, Chosen, Shelf, Slots
from pawsonalize.engine.serving.animals.eligibility import ANYBODY, Rules, Verdict
from pawsonalize.engine.serving.animals.settings import AnimalSettings, Weights
from pawsonalize.engine.serving.context import THE_ANIMAL
from pawsonalize.engine.serving.exploration import Novelty

Floats = NDArray[np.float64]

_SAMPLED = 16


@dataclass(frozen=True, slots=True)
class Weighed:
    """Animals with the parts of their utility.

    `parts` has the shape (animals, 1 + factors): how much the group is liked, then each factor
    times its weight; `utilities` are the sums of its rows, added from left to right.
    """

    slots: Slots
    parts: Floats
    utilities: Floats

    def factors(self, weights: Weights) -> Floats:
        """How much the group is liked, then the factors alone; 0 for one that has no weight."""
        by = np.array([1.0, *weights.values()])
        bare = np.zeros_like(self.parts)
        np.divide(self.parts, by, out=bare, where=by != 0)
        return bare


@dataclass(frozen=True, slots=True)
class Question:
    """What animals are weighed for: how much each group is liked, by its code, rules and a moment.

    Groups that are not to be shown have -inf; `disliked` animals lose beside what their group does.
    """

    shelf: Shelf
    likings: Floats
    rules: Rules
    settings: AnimalSettings
    at: int
    disliked: Slots = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def bound(self) -> float:
        """What no animal's utility exceeds."""
        there = self.likings[self.shelf.present]
        return float(there.max(initial=-np.inf)) + self.settings.weights.bound

    def fitting(self, slots: Slots) -> Slots:
        """Those of the animals that may be shown."""
        groups = self.shelf.column("group", slots)
        passing = self.shelf.judge(self.rules, slots).passing
        fitting: Slots = slots[passing & np.isfinite(self.likings[groups])]
        return fitting

    def weigh(self, slots: Slots) -> Weighed:
        """Weigh animals, whether they may be shown or not."""
        verdict, room = self.shelf.judge(self.rules, slots), np.empty(len(slots))
        parts = np.column_stack([part.copy() for part in self._parts(slots, verdict, room)])
        return Weighed(slots, parts, _add(parts.T, np.zeros(len(slots))))

    def utilities(self) -> Floats:
        """Of every slot of the shelf, bit for bit as `weigh` has them; the next question's go here.

        -inf for an animal that may not be shown, or has no place of its own.
        """
        verdict = self.shelf.judge(self.rules, EVERY_SLOT)
        utilities, room = self.shelf.room
        utilities.fill(0)
        _add(self._parts(EVERY_SLOT, verdict, room), utilities)
        utilities[~(verdict.passing & self.shelf.leads)] = -np.inf
        return utilities

    def _parts(self, slots: Chosen, verdict: Verdict, room: Floats) -> Iterator[Floats]:
        """The liking of the group and the weighted factors, in order, each written into `room`.

        Whoever is weighed, the same steps are taken for each animal, so that no sum is rounded
        one way for one list and another way for another. And memory that is not asked for anew
        with each request is what makes weighing everybody quick.
        """
        shelf, rules, weights = self.shelf, self.rules, self.settings.weights
        np.take(self.likings, shelf.column("group", slots), out=room, mode="clip")
        if len(self.disliked):
            lost = self.disliked if isinstance(slots, slice) else np.isin(slots, self.disliked)
            room[lost] -= THE_ANIMAL
        yield room
        yield np.multiply(shelf.waiting(self.at, slots), weights.waiting, out=room)
        yield np.multiply(shelf.column("exposure", slots), weights.exposure, out=room)
        if rules.place is not None:
            near = weights.distance * factors.distance(shelf.places.kilometres(rules.place))
            yield np.take(near, shelf.column("place", slots), out=room, mode="clip")
        else:
            room.fill(0)
            yield room
        yield np.multiply(shelf.column("photos", slots), weights.photos, out=room)
        factors.compatibility(verdict, room)
        yield np.multiply(room, weights.compatibility, out=room)
        yield np.multiply(shelf.column("priority", slots), weights.priority, out=room)


def choose(question: Question, limit: int) -> Slots:
    """The places of the highest utility, best first; ties go to who is listed longest, then by id.

    A group has at most its share of the places, unless nobody else is left.
    """
    shelf, everybody = question.shelf, question.utilities()
    most = max(1, ceil(limit * question.settings.max_per_group_share))
    # Most lists end among the best; where they do not, all who may be shown are put in order.
    for enough in (limit * 8 + 1_000, limit * 64 + 8_000):
        best = _best(everybody, enough)
        if best is not None:
            varied, _ = _varied(shelf, best, everybody[best], most, limit)
            if len(varied) == limit:
                return varied
    slots = np.flatnonzero(everybody > -np.inf)
    varied, rest = _varied(shelf, slots, everybody[slots], most, limit)
    return np.concatenate([varied, rest])[:limit]


def _best(everybody: Floats, enough: int) -> Slots | None:
    """All from some utility up, about so many; None if they are too many to be worth it.

    From which one matters for the time only, so it is looked for in one of `_SAMPLED`: to part all
    of 300,000 utilities took as long as to add them up. Who may not be shown is left out first:
    to part numbers of which most are the same takes long as well.
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
    shelf: Shelf, slots: Slots, utilities: Floats, most: int, limit: int
) -> tuple[Slots, Slots]:
    """The best of the animals with at most so many of a group, and the others, both in order."""
    order = np.lexsort((shelf.rank[slots], -utilities))
    groups = shelf.column("group", slots[order])
    together = np.argsort(groups, kind="stable")
    sorted_groups = groups[together]
    starts = np.searchsorted(sorted_groups, sorted_groups)
    place = np.empty(len(groups), np.int64)
    place[together] = np.arange(len(groups)) - starts
    within = place < most
    return slots[order[within]][:limit], slots[order[~within]]


_KEPT = 8  # of 300,000 animals, 5 MB each; most visitors' homes are like others'
# Whole shares add without rounding, see `exploration`; so many that even the floor is many.
_WHOLE = 2.0**44


class Dues:
    """What each place of a shelf is due, remembered as long as nothing changes.

    Newcomers and long-stayers are due, by the day and hour. Each of their groups has the same
    budget, shared inside it in proportion to 1 / (1 + times shown); but the floor's share of all
    is spread evenly, so that nobody who is due has less than it divided by their number.
    """

    def __init__(self) -> None:
        self._led: tuple[object, Slots] | None = None
        self._kept: OrderedDict[Rules, Novelty] = OrderedDict()

    def of(self, question: Question) -> Novelty:
        """By the order of the shelf: 0 for who may not be shown, or is not due."""
        now = (question.shelf.version, question.at // HOUR)
        if self._led is None or self._led[0] != now:
            self._led = now, _due(question)
            self._kept.clear()
        slots, rules = self._led[1], _that_exclude(question.rules)
        if not np.isfinite(question.likings).all():
            return _shared(question, question.fitting(slots))
        if (kept := self._kept.get(rules)) is None:
            fitting = slots if rules == ANYBODY else question.fitting(slots)
            kept = self._kept[rules] = _shared(question, fitting)
        self._kept.move_to_end(rules)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return kept


def _that_exclude(rules: Rules) -> Rules:
    """The same rules for whoever asks from another place, where that only weighs."""
    return rules if rules.max_distance_km is not None else replace(rules, place=None)


def _due(question: Question) -> Slots:
    """The places of newcomers and long-stayers."""
    shelf, settings, at = question.shelf, question.settings, question.at // HOUR * HOUR
    long = shelf.moments.searchsorted(at - settings.long_stay_days * DAY, side="right")
    new = shelf.moments.searchsorted(at - settings.newcomer_days * DAY, side="left")
    slots = np.concatenate([shelf.order[:long], shelf.order[max(long, new) :]])
    led: Slots = slots[shelf.leads[slots]]
    return led


def _shared(question: Question, slots: Slots) -> Novelty:
    shelf, floor = question.shelf, question.settings.newcomer_floor
    weights = np.zeros(len(shelf), np.int64)
    if len(slots):
        groups = shelf.column("group", slots)
        shares = 1 / (1 + shelf.shown[slots])
        budgets = np.bincount(groups, shares)
        each = (1 - floor) / np.count_nonzero(budgets)
        mixed = shares * (each / np.maximum(budgets, np.finfo(float).tiny))[groups]
        mixed += floor / len(slots)
        weights[shelf.rank[slots]] = np.ceil(mixed * _WHOLE)
    return Novelty(weights, np.cumsum(weights))


@dataclass(frozen=True, slots=True)
class Derived:
    """Of one shelf; used by who holds the shelf's lock."""

    likings: Likings = field(default_factory=Likings)
    tastes: Tastes = field(default_factory=Tastes)
    dues: Dues = field(default_factory=Dues)


class DerivedOfShelves:
    """Goes with its shelf, so that no shelf is answered from what was worked out of another."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Shelf, Derived] = WeakKeyDictionary()
        self._lock = Lock()

    def of(self, shelf: Shelf) -> Derived:
        """What is kept of the shelf."""
        with self._lock:
            return self._of.setdefault(shelf, Derived())
