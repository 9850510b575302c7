"""The individuals that get the places: everybody is weighed, and the best are taken."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.animals import factors
from pawsonalize.engine.animals.rules import Rules, Verdict
from pawsonalize.engine.animals.settings import AnimalSettings
from pawsonalize.engine.animals.shelf import EVERY_SLOT, Chosen, Shelf, Slots

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weighed:
    """Animals with the parts of their utility.

    `parts` has the shape (animals, 1 + factors): how much the group is liked, then each factor
    times its weight; `utilities` are the sums of its rows, added from left to right.
    """

    slots: Slots
    parts: Floats
    utilities: Floats


@dataclass(frozen=True, slots=True)
class Question:
    """What animals are weighed for: how much each group is liked, by its code, rules and a moment.

    Groups that are not to be shown have -inf.
    """

    shelf: Shelf
    likings: Floats
    rules: Rules
    settings: AnimalSettings
    at: int

    def __post_init__(self) -> None:
        self.shelf.as_of(self.at)

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
        parts = list(self._parts(slots, self.shelf.judge(self.rules, slots)))
        return Weighed(slots, np.column_stack(parts), _sum(parts))

    def utilities(self) -> Floats:
        """Of every slot of the shelf, bit for bit as `weigh` has them.

        -inf for an animal that may not be shown, or has no place of its own.
        """
        verdict = self.shelf.judge(self.rules, EVERY_SLOT)
        utilities = _sum(self._parts(EVERY_SLOT, verdict))
        utilities[~(verdict.passing & self.shelf.leads)] = -np.inf
        return utilities

    def _parts(self, slots: Chosen, verdict: Verdict) -> Iterator[Floats]:
        """The liking of the group and the weighted factors, in order; each is an array of its own.

        Whoever is weighed, the same steps are taken for each animal, so that no sum is rounded
        one way for one list and another way for another.
        """
        shelf, rules, weights = self.shelf, self.rules, self.settings.weights
        yield self.likings[shelf.column("group", slots)]
        yield weights.waiting * shelf.column("waiting", slots)
        yield weights.exposure * shelf.column("exposure", slots)
        if rules.place is None:
            yield np.zeros(len(verdict.passing))
        else:
            near = weights.distance * factors.distance(shelf.places.kilometres(rules.place))
            yield near[shelf.column("place", slots)]
        yield weights.photos * shelf.column("photos", slots)
        yield weights.compatibility * factors.compatibility(verdict)


def choose(question: Question, limit: int) -> Slots:
    """The places of the highest utility, best first; ties go to who is listed longest, then by id.

    A group has at most its share of the places, unless nobody else is left.
    """
    everybody = question.utilities()
    slots = np.flatnonzero(everybody > -np.inf)
    most = max(1, ceil(limit * question.settings.max_per_group_share))
    varied, rest = _varied(question.shelf, slots, everybody[slots], most, limit)
    return np.concatenate([varied, rest])[:limit]


def _sum(parts: Iterator[Floats] | list[Floats]) -> Floats:
    """From left to right, column by column: a matrix product may round otherwise."""
    first, *others = parts
    total = first.copy()
    for part in others:
        total += part
    return total


def _varied(
    shelf: Shelf, slots: Slots, utilities: Floats, most: int, limit: int
) -> tuple[Slots, Slots]:
    """The best of the animals with at most so many of a group, and the others, both in order."""
    if len(slots) > (enough := limit * 8 + 1_000):
        # Most lists end among the best; where they do not, everybody is put in order.
        least = np.partition(utilities, len(utilities) - enough)[len(utilities) - enough]
        best = utilities >= least
        if np.count_nonzero(best) < len(slots) // 2:
            varied, rest = _varied(shelf, slots[best], utilities[best], most, limit)
            if len(varied) == limit:
                return varied, rest
    order = np.lexsort((shelf.rank[slots], -utilities))
    groups = shelf.column("group", slots[order])
    together = np.argsort(groups, kind="stable")
    sorted_groups = groups[together]
    starts = np.searchsorted(sorted_groups, sorted_groups)
    place = np.empty(len(groups), np.int64)
    place[together] = np.arange(len(groups)) - starts
    within = place < most
    return slots[order[within]][:limit], slots[order[~within]]
