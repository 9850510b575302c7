"""The best individuals of the best groups, found without weighing everybody."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.animals.factors import factors
from pawsonalize.engine.animals.rules import Rules
from pawsonalize.engine.animals.settings import AnimalSettings
from pawsonalize.engine.animals.shelf import Shelf, Slots

Floats = NDArray[np.float64]

_FIRST_GROUPS = 64
_GROWTH = 4
# An animal of a group that the model gives no chance still has a place, after all others.
_LEAST_SCORE = 1e-12


@dataclass(frozen=True, slots=True)
class Weighed:
    """Animals with the parts of their utility.

    `parts` has the shape (animals, 1 + factors): the log of the group's score, then each factor
    times its weight; `utilities` are the sums of its rows, added from left to right.
    """

    slots: Slots
    parts: Floats
    utilities: Floats


@dataclass(frozen=True, slots=True)
class Question:
    """What animals are weighed for: groups' log scores by group code, rules and a moment.

    Groups that are not to be shown have -inf.
    """

    shelf: Shelf
    group_logs: Floats
    rules: Rules
    settings: AnimalSettings
    at: int

    def fitting(self, slots: Slots) -> Slots:
        """Those of the animals that may be shown."""
        groups = self.shelf.column("group", slots)
        passing = self.shelf.judge(self.rules, slots).passing
        fitting: Slots = slots[passing & np.isfinite(self.group_logs[groups])]
        return fitting

    def weigh(self, slots: Slots) -> Weighed:
        """Weigh animals, whether they may be shown or not."""
        shelf, take = self.shelf, self.shelf.take(slots)
        verdict = shelf.judge(self.rules, slots)
        weighted = factors(take, self.rules, verdict, self.at) * self.settings.weights.values()
        parts = np.column_stack([self.group_logs[take("group")], weighted])
        # Column by column: a matrix product may round another way for another number of rows.
        utilities = parts[:, 0].copy()
        for column in parts.T[1:]:
            utilities += column
        return Weighed(slots, parts, utilities)


def logs_of(scores: NDArray[np.floating]) -> Floats:
    """The logs of groups' scores; nothing is known of a group that has none, and it comes last."""
    return np.log(np.maximum(np.asarray(scores, np.float64), _LEAST_SCORE))


def choose(question: Question, limit: int) -> Slots:
    """The places of the highest utility, best first; ties go to who is listed longest, then by id.

    A group has at most its share of the places, unless nobody else is left. Groups are looked at
    from the best on, and no further than a group whose best possible animal could not be in.
    """
    shelf, logs = question.shelf, question.group_logs
    codes = shelf.present[np.isfinite(logs[shelf.present])]
    codes = codes[np.argsort(-logs[codes], kind="stable")]
    most = max(1, ceil(limit * question.settings.max_per_group_share))
    slots, utilities = np.empty(0, np.int64), np.empty(0)
    end, step = 0, _FIRST_GROUPS
    while end < len(codes):
        new = [shelf.of_group[code] for code in codes[end : end + step].tolist()]
        weighed = _led(question, np.concatenate(new))
        slots = np.concatenate([slots, weighed.slots])
        utilities = np.concatenate([utilities, weighed.utilities])
        end, step = end + step, step * _GROWTH
        if end < len(codes) and len(slots) >= limit:
            reach = logs[codes[end]] + question.settings.weights.bound
            sure = utilities > reach
            varied, _ = _varied(shelf, slots[sure], utilities[sure], most, limit)
            if len(varied) == limit:
                return varied
    varied, rest = _varied(shelf, slots, utilities, most, limit)
    return np.concatenate([varied, rest])[:limit]


def _led(question: Question, slots: Slots) -> Weighed:
    """The animals that stand for a place and may be shown."""
    return question.weigh(question.fitting(slots[question.shelf.leads[slots]]))


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
