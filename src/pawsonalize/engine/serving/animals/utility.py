"""The utility of animals for a visitor, part by part."""

from collections.abc import Iterable, Iterator
from functools import cached_property

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.engine.serving.animals import factors
from pawsonalize.engine.serving.animals.available import EVERY_SLOT, AvailableAnimals, Slots
from pawsonalize.engine.serving.animals.choices import (
    ChoiceTables,
    ChoiceWeights,
    CommonParts,
    Liked,
    Personal,
)
from pawsonalize.engine.serving.animals.eligibility import (
    ANYBODY,
    NOBODY,
    Eligibility,
    EligibilityVerdict,
    judge,
)
from pawsonalize.engine.serving.animals.settings import AnimalSettings
from pawsonalize.engine.serving.context import THE_ANIMAL, Relevance
from pawsonalize.recipes.choices.own_effects import VisitorPosterior

Floats = NDArray[np.float64]
_PRECISION = 2.0**-20
"""Of a sum of some numbers in single precision, beside how large they may be together."""


class Weighed(msgspec.Struct, frozen=True):
    """Animals with the parts of their utility, (animals, parts), with and without weights."""

    slots: Slots
    parts: Floats
    bare: Floats  # the parts without their weights
    utilities: Floats  # the sums of the parts, from left to right


class Weighing(msgspec.Struct, frozen=True, dict=True):
    """Inputs of a weighing; `lost` is what a group loses by dislikes: all, if not to be shown."""

    available: AvailableAnimals
    liked: Liked
    lost: Floats
    common: CommonParts
    personal: Personal
    weights: ChoiceWeights
    eligibility: Eligibility
    settings: AnimalSettings
    at: int
    near: Floats
    """The factor `distance` of each place, by its code; 0 for a visitor without a place."""
    disliked: Slots
    tables: ChoiceTables
    relevance: Relevance | None = None

    @cached_property
    def affinity(self) -> Floats:
        """The part of the group, by its code."""
        return self.weights.group * self.liked.affinity - self.lost

    @cached_property
    def of_groups(self) -> Floats:
        """The parts of the group and of the quiz, by the group's code."""
        return self.affinity + self.weights.quiz * self.liked.quiz

    @cached_property
    def nearness(self) -> Floats:
        """The part of the distance, by the code of each place."""
        weights = self.weights
        return weights.factors.distance * self.near + weights.far * factors.far(self.near)

    @property
    def bound(self) -> float:
        """No animal could have a higher utility."""
        there = self.of_groups[self.available.present]
        own = float(there.max(initial=-np.inf)) + self.weights.visitor * self.personal.bound
        searched = 0.0 if self.relevance is None else self.weights.relevance
        return self.common.highest + own + max(0.0, self.weights.seen) + searched

    def posterior(self, slots: Slots) -> VisitorPosterior:
        """See `ChoiceTables.posterior`."""
        return self.tables.posterior(self.available, self.personal.effects, self.near, slots)

    def variance_left(self, slots: Slots) -> Floats:
        """See `ChoiceTables.variance_left`."""
        return self.tables.variance_left(self.available, self.personal.effects, slots)

    def fitting(self, slots: Slots) -> Slots:
        """The animals among these that may be shown."""
        groups = self.available.column("group", slots)
        passing = self.available.judge(self.eligibility, slots).passing
        if self.relevance is not None:
            passing &= self.relevance.found[slots]
        fitting: Slots = slots[passing & np.isfinite(self.lost[groups])]
        return fitting

    def weigh(self, slots: Slots) -> Weighed:
        """Weigh animals, also those that may not be shown."""
        verdict = self.available.judge(self.eligibility, slots)
        parts = [*(column[slots] for column in self.common.parts), *self._own(slots, verdict)]
        place, groups, colour = self._columns(slots)
        personal, near = self.personal, self.near[place]
        visitor = personal.visitor[groups] + personal.visitor_in_colours[colour]
        visitor += personal.distance * near
        liked = self.liked.affinity[groups]
        own = (liked, visitor, self._seen(slots), near, factors.compatibility(verdict))
        words = self._relevance(slots), self.liked.quiz[groups]
        bare = [*(column[slots] for column in self.common.bare), *own, *words]
        utilities = _add(parts, np.zeros(len(slots)))
        return Weighed(slots, np.column_stack(parts), np.column_stack(bare), utilities)

    def utilities(self, slots: Slots) -> Floats:
        """The utilities of these animals alone, bit for bit as `weigh` gives them."""
        verdict = self.available.judge(self.eligibility, slots)
        return _add(self._own(slots, verdict), self.common.total[slots])

    def _own(self, slots: Slots, verdict: EligibilityVerdict) -> Iterator[Floats]:
        """The weighted parts that depend on the visitor, in order."""
        # All animals go through the same steps, so that a sum is rounded alike in every list.
        weights, personal, near = self.weights, self.personal, self.near
        place, groups, colour = self._columns(slots)
        lost = np.isin(slots, self.disliked)
        yield self.affinity[groups] - THE_ANIMAL * lost
        own = weights.visitor * personal.visitor[groups]
        own += (weights.visitor * personal.visitor_in_colours)[colour]
        own += (weights.visitor * personal.distance * near)[place]
        yield own
        yield weights.seen * self._seen(slots)
        yield self.nearness[place]
        yield weights.factors.compatibility * factors.compatibility(verdict)
        yield weights.relevance * self._relevance(slots)
        yield weights.quiz * self.liked.quiz[groups]

    def _relevance(self, slots: Slots) -> Floats:
        return np.zeros(len(slots)) if self.relevance is None else self.relevance.scores[slots]

    def _columns(self, slots: Slots) -> Iterator[Slots]:
        return (self.available.column(name, slots) for name in ("place", "group", "colour"))

    def _seen(self, slots: Slots) -> Floats:
        """Return which of these animals the visitor saw, and where."""
        seen, by = self.personal.seen, self.personal.seen_by
        if not len(seen):
            return np.zeros(len(slots))
        place = np.minimum(np.searchsorted(seen, slots), len(seen) - 1)
        return np.where(seen[place] == slots, by[place], 0.0)


def _add(parts: Iterable[Floats], total: Floats) -> Floats:
    """Add to the total from left to right, column by column: a matrix product rounds otherwise."""
    for part in parts:
        total += part
    return total


class Estimates(msgspec.Struct, frozen=True):
    """About the utility of every slot; -inf if it may not be shown, or has no place of its own."""

    values: NDArray[np.float32]
    error: float  # no utility is farther from its estimate


def estimate(weighing: Weighing) -> Estimates:
    """Estimate all utilities; the values are kept until the next question."""
    available, personal, denied = weighing.available, weighing.personal, weighing.eligibility.denied
    values, room = available.room
    total = weighing.common.estimates
    largest = max(abs(weighing.common.lowest), abs(weighing.common.highest)) + THE_ANIMAL
    # What depends on the visitor is found by group, kind and place: far fewer than animals.
    for name, part in _parts(weighing):
        largest += float(np.abs(part[np.isfinite(part)]).max(initial=0.0))
        if not part.any():
            continue
        gained = part.astype(np.float32)
        if part.min() == part.max():  # to look it up for each takes six times as long
            total = np.add(total, gained[0], out=values)
        else:
            codes = available.column(name, EVERY_SLOT)
            total = np.add(total, np.take(gained, codes, out=room, mode="clip"), out=values)
    if total is not values:
        np.copyto(values, total)
    if weighing.relevance is not None:
        largest += weighing.weights.relevance
        values += (weighing.weights.relevance * weighing.relevance.scores).astype(np.float32)
        values[~weighing.relevance.found] = -np.inf
    values[weighing.disliked] -= THE_ANIMAL
    seen = weighing.weights.seen * personal.seen_by
    largest += float(np.abs(seen).max(initial=0.0))
    values[personal.seen] += seen.astype(np.float32)
    values[available.slots(denied.animals)] = -np.inf
    units = available.in_units[available.leads[available.in_units]]
    if len(units):  # each may be shown if all its animals may
        values[units] = -np.inf
        units = weighing.fitting(units)
        values[units] = weighing.utilities(units)
    return Estimates(values, largest * _PRECISION)


def _parts(weighing: Weighing) -> Iterator[tuple[str, Floats]]:
    """Gains by the code of each group, kind and place, and by slot; -inf if not to be shown."""
    available, weights, personal = weighing.available, weighing.weights, weighing.personal
    rules, codes, kinds = weighing.eligibility, available.codes, available.kinds
    # Rules that a whole kind of animals answers alike, and the one of all animals in a place.
    of_kinds = replace(rules, max_fee=None, max_distance_km=None, denied=NOBODY)
    of_places = Eligibility(place=rules.place, max_distance_km=rules.max_distance_km)
    yield "group", weighing.of_groups + weights.visitor * personal.visitor
    colours = (weights.visitor * personal.visitor_in_colours)[kinds.take("colour")]
    gained = [("kind", colours, judge(of_kinds, kinds.take, len(kinds), codes))]
    if rules.place is not None:
        far = {"kilometres": available.places.kilometres(rules.place)}
        verdict = judge(of_places, far.__getitem__, len(available.places), codes)
        own = weights.visitor * personal.distance * weighing.near
        gained.append(("place", weighing.nearness + own, verdict))
    # All others but animals that are denied one by one.
    denied = replace(rules.denied, animals=frozenset())
    of_animals = Eligibility(max_fee=rules.max_fee, denied=denied)
    if of_animals != ANYBODY:
        count = len(available.ids)
        verdict = judge(of_animals, available.take(EVERY_SLOT), count, codes)
        gained.append(("slot", np.zeros(count), verdict))
    rule_count = max(1, sum(verdict.rule_count for _, _, verdict in gained))
    for name, part, verdict in gained:
        unknown = weights.factors.compatibility / rule_count * verdict.uncertain
        yield name, np.where(verdict.passing, part - unknown, -np.inf)
