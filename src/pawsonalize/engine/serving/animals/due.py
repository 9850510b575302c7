"""Exploration of individuals: who is due for it, and how much of it each is due."""

from collections import OrderedDict
from dataclasses import replace

import numpy as np

from pawsonalize.domain.times import DAY, HOUR
from pawsonalize.engine.serving.animals.choice import Question
from pawsonalize.engine.serving.animals.rules import ANYBODY, Rules
from pawsonalize.engine.serving.animals.shelf import Slots
from pawsonalize.engine.serving.exploration import Novelty

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
