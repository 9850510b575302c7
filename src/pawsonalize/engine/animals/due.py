"""Exploration of individuals: who is due for it, and how much of it each is due."""

import numpy as np

from pawsonalize.domain.times import DAY, HOUR
from pawsonalize.engine.animals.choice import Question
from pawsonalize.engine.animals.shelf import Slots
from pawsonalize.engine.exploration import Novelty

# Whole shares add without rounding, see `exploration`; so many that even the floor is many.
_WHOLE = 2.0**44


class Dues:
    """What each place is due, remembered as long as nothing changes.

    Newcomers and long-stayers are due, by the day and hour. Each of their groups has the same
    budget, shared inside it in proportion to 1 / (1 + times shown); but the floor's share of all
    is spread evenly, so that nobody who is due has less than it divided by their number.
    """

    def __init__(self) -> None:
        self._led: tuple[object, Slots] | None = None
        self._of_anybody: tuple[object, Novelty] | None = None

    def of(self, question: Question) -> Novelty:
        """By the order of the shelf: 0 for who may not be shown, or is not due."""
        shelf = question.shelf
        now = (id(shelf), shelf.version, question.at // HOUR)
        anybody = question.is_of_anybody
        if anybody and self._of_anybody is not None and self._of_anybody[0] == now:
            return self._of_anybody[1]
        if self._led is None or self._led[0] != now:
            self._led = now, _due(question)
        slots = self._led[1]
        novelty = _shared(question, slots if anybody else question.fitting(slots))
        if anybody:
            self._of_anybody = now, novelty
        return novelty


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
