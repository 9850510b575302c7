"""The individuals that get the places: everybody is weighed, and the best are taken."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import ceil

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.serving.animals import factors
from pawsonalize.engine.serving.animals.rules import Rules, Verdict
from pawsonalize.engine.serving.animals.settings import AnimalSettings, Weights
from pawsonalize.engine.serving.animals.shelf import EVERY_SLOT, Chosen, Shelf, Slots
from pawsonalize.engine.serving.dislikes import THE_ANIMAL

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
