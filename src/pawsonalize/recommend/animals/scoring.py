"""The utility of animals for a visitor, part by part, and the choice of animals for the places."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.core.times import DAY, HOUR
from pawsonalize.models.recipes.choices import own_effects
from pawsonalize.models.recipes.choices.effects import VISITOR_TRAITS
from pawsonalize.models.recipes.choices.own_effects import VisitorPosterior
from pawsonalize.recommend.animals import factors
from pawsonalize.recommend.animals.available import EVERY_SLOT, AvailableAnimals, Slots
from pawsonalize.recommend.animals.choices import (
    ChoiceTables,
    ChoiceWeights,
    CommonParts,
    GroupAffinity,
    VisitorParts,
)
from pawsonalize.recommend.animals.eligibility import ANYBODY, NOBODY, Eligibility, judge
from pawsonalize.recommend.animals.settings import AnimalSettings
from pawsonalize.recommend.exploration import Novelty
from pawsonalize.recommend.query import THE_ANIMAL, Relevance

Floats = NDArray[np.float64]
_PRECISION = 2.0**-20
"""Of a sum of some numbers in single precision, beside how large they may be together."""
_SAMPLED = 64
_DOUBTED = 20.0  # more than a visitor's tastes are worth: no unknown goes before a written yes
_FAIR = 2.0  # times its share of what may be shown, which a group may have of a page
# Whole shares add without rounding, see `exploration`. So many that even the floor is many, and few
# enough for 32 bits.
_WHOLE = 2.0**30


class ScoredAnimals(msgspec.Struct, frozen=True):
    """Animals with the parts of their utility, (animals, parts), with and without weights."""

    slots: Slots
    parts: Floats
    bare: Floats  # the parts without their weights
    utilities: Floats  # the sums of the parts, from left to right
    shown: Floats  # the number of showings of each
    kilometres: Floats  # from the visitor; NaN if unknown


class _Columns(NamedTuple):
    """What the parts of some animals are looked up by: codes, and factors without weights."""

    place: Slots
    group: Slots
    colour: Slots
    seen: Floats
    relevance: Floats
    doubts: Floats
    compatibility: Floats


@dataclass(eq=False, kw_only=True)
class ScoringInputs:
    """Inputs of the utilities of available animals for one visitor at one moment."""

    available: AvailableAnimals
    eligibility: Eligibility
    at: int
    tables: ChoiceTables
    settings: AnimalSettings
    liked: GroupAffinity
    personal: VisitorParts
    lost: Floats
    """Loss of each group by dislikes, by its code; infinite if it must not be shown."""
    disliked: Slots
    near: Floats
    """The factor `distance` of each place, by its code; 0 for a visitor without a place."""
    relevance: Relevance | None = None
    weights: ChoiceWeights = field(init=False)
    common: CommonParts = field(init=False)
    """The parts that are the same for every visitor."""
    affinity: Floats = field(init=False)
    """The part of the group, by its code."""
    of_groups: Floats = field(init=False)
    """The parts of the group and of the quiz, by the group's code."""
    nearness: Floats = field(init=False)
    """The part of the distance, by the code of each place."""

    def __post_init__(self) -> None:
        weights = self.weights = self.tables.weights
        self.common = self.tables.common(self.available, self.at)
        self.affinity = weights.group * self.liked.affinity - self.lost
        self.of_groups = self.affinity + weights.quiz * self.liked.quiz
        self.nearness = weights.factors.distance * self.near
        self.nearness += weights.far * factors.far(self.near)

    @property
    def bound(self) -> float:
        """No animal could have a higher utility."""
        highest, personal = (
            self.of_groups[self.available.present].max(initial=-np.inf),
            self.personal,
        )
        visitor = float(personal.visitor.max(initial=0.0))
        visitor += float(personal.visitor_in_colours.max(initial=0.0))
        own = float(highest) + self.weights.visitor * (visitor + max(0.0, -personal.distance))
        searched = 0.0 if self.relevance is None else self.weights.relevance
        return self.common.highest + own + max(0.0, self.weights.seen) + searched

    def posterior(self, slots: Slots) -> VisitorPosterior:
        """The visitor's effects with their covariance, as they bear on these animals."""
        group, colour = (
            self.available.column("group", slots),
            self.available.column("colour", slots),
        )
        variances, own = self.tables.model.visitor_variances, self.personal.effects
        return own_effects.visitor_posterior(
            own_effects.unknown_effects(variances) if own is None else own,
            variances,
            np.vstack([self.tables.of_group[:, group], colour]),
            self.near[self.available.column("place", slots)],
        )

    def variance_left(self, slots: Slots) -> Floats:
        """About the variance of the visitor's log-odds of each animal, by traits alone."""
        of_group = self.tables.of_group[:, self.available.column("group", slots)]
        codes = (*of_group, self.available.column("colour", slots))
        left, own = np.zeros(len(slots)), self.personal.effects
        for trait, (name, column) in enumerate(zip(VISITOR_TRAITS, codes, strict=True)):
            prior = self.tables.model.visitor_variances[name]
            left += prior if own is None else own.variance(trait, column, prior)
        return left

    def fitting(self, slots: Slots) -> Slots:
        """The animals among these that may be shown."""
        groups = self.available.column("group", slots)
        passing = self.available.judge(self.eligibility, slots).passing
        if self.relevance is not None:
            passing &= self.relevance.found[slots]
        fitting: Slots = slots[passing & np.isfinite(self.lost[groups])]
        return fitting

    def score(self, slots: Slots) -> ScoredAnimals:
        """Score animals, also those that may not be shown."""
        columns, personal = self._columns(slots), self.personal
        near, liked = self.near[columns.place], self.liked
        visitor = personal.visitor[columns.group] + personal.visitor_in_colours[columns.colour]
        visitor += personal.distance * near
        own = (liked.affinity[columns.group], visitor, columns.seen, near, columns.compatibility)
        bare = [column[slots] for column in self.common.bare]
        bare += [*own, columns.relevance, liked.quiz[columns.group]]
        parts = [*(column[slots] for column in self.common.parts), *self._own(slots, columns)]
        utilities, here = np.zeros(len(slots)), self.eligibility.place
        for part in parts:
            utilities += part
        far = np.full(len(slots), np.nan)
        if here is not None:
            far = self.available.places.kilometres(here)[columns.place]
        shown = self.available.column("shown", slots)
        return ScoredAnimals(
            slots, np.column_stack(parts), np.column_stack(bare), utilities, shown, far
        )

    def utilities(self, slots: Slots) -> Floats:
        """The utilities of these animals alone, bit for bit as `score` gives them."""
        # From left to right, column by column: a matrix product rounds otherwise.
        total = self.common.total[slots]
        for part in self._own(slots, self._columns(slots)):
            total += part
        return total

    def _columns(self, slots: Slots) -> _Columns:
        verdict = self.available.judge(self.eligibility, slots)
        compatibility = (0.0 - verdict.uncertain) / max(1, verdict.rule_count)  # no -0.0
        seen, column = np.zeros(len(slots)), self.available.column
        if len(self.personal.seen):
            place = np.searchsorted(self.personal.seen, slots)
            place = np.minimum(place, len(self.personal.seen) - 1)
            is_seen = self.personal.seen[place] == slots
            seen = np.where(is_seen, self.personal.seen_by[place], 0.0)
        words = doubts = np.zeros(len(slots))
        if self.relevance is not None:
            words, doubts = self.relevance.scores[slots], self.relevance.doubts[slots]
        codes = column("place", slots), column("group", slots), column("colour", slots)
        return _Columns(*codes, seen, words, doubts, compatibility)

    def _own(self, slots: Slots, columns: _Columns) -> Iterator[Floats]:
        """The weighted parts that depend on the visitor, in order."""
        # All animals go through the same steps, so that a sum is rounded alike in every list.
        weights, personal = self.weights, self.personal
        yield self.affinity[columns.group] - THE_ANIMAL * np.isin(slots, self.disliked)
        own = weights.visitor * personal.visitor[columns.group]
        own += (weights.visitor * personal.visitor_in_colours)[columns.colour]
        own += (weights.visitor * personal.distance * self.near)[columns.place]
        yield own
        yield weights.seen * columns.seen
        yield self.nearness[columns.place]
        yield weights.factors.compatibility * columns.compatibility
        yield weights.relevance * columns.relevance - _DOUBTED * columns.doubts
        yield weights.quiz * self.liked.quiz[columns.group]


class Estimates(msgspec.Struct, frozen=True):
    """About the utility of every slot; -inf if it may not be shown, or has no place of its own."""

    values: NDArray[np.float32]
    error: float  # no utility is farther from its estimate


def estimate(inputs: ScoringInputs) -> Estimates:
    """Estimate all utilities; the values are kept until the next question."""
    available, personal, denied = inputs.available, inputs.personal, inputs.eligibility.denied
    values, room = available.room
    total = inputs.common.estimates
    largest = max(abs(inputs.common.lowest), abs(inputs.common.highest)) + THE_ANIMAL
    # What depends on the visitor is found by group, kind and place: far fewer than animals.
    for name, part in _parts(inputs):
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
    if inputs.relevance is not None:
        words = inputs.weights.relevance * inputs.relevance.scores
        words -= _DOUBTED * inputs.relevance.doubts
        largest += float(np.abs(words).max(initial=0.0))
        values += words.astype(np.float32)
        values[~inputs.relevance.found] = -np.inf
    values[inputs.disliked] -= THE_ANIMAL
    seen = inputs.weights.seen * personal.seen_by
    largest += float(np.abs(seen).max(initial=0.0))
    values[personal.seen] += seen.astype(np.float32)
    values[available.slots(denied.animals)] = -np.inf
    units = available.in_units[available.leads[available.in_units]]
    if len(units):  # each may be shown if all its animals may
        values[units] = -np.inf
        units = inputs.fitting(units)
        values[units] = inputs.utilities(units)
    return Estimates(values, largest * _PRECISION)


def _parts(inputs: ScoringInputs) -> Iterator[tuple[str, Floats]]:
    """Gains by the code of each group, kind and place, and by slot; -inf if not to be shown."""
    available, weights, personal = inputs.available, inputs.weights, inputs.personal
    rules, codes, kinds = inputs.eligibility, available.codes, available.kinds
    # Rules that a whole kind of animals answers alike, and the one of all animals in a place.
    none = frozenset[str]()
    of_kinds = replace(
        rules, breeds=none, colours=none, max_fee=None, max_distance_km=None, denied=NOBODY
    )
    of_places = Eligibility(place=rules.place, max_distance_km=rules.max_distance_km)
    yield "group", inputs.of_groups + weights.visitor * personal.visitor
    colours = (weights.visitor * personal.visitor_in_colours)[kinds.take("colour")]
    gained = [("kind", colours, judge(of_kinds, kinds.take, len(kinds), codes))]
    if rules.place is not None:
        far = {"kilometres": available.places.kilometres(rules.place)}
        verdict = judge(of_places, far.__getitem__, len(available.places), codes)
        own = weights.visitor * personal.distance * inputs.near
        gained.append(("place", inputs.nearness + own, verdict))
    # All others but animals that are denied one by one.
    denied = replace(rules.denied, animals=frozenset())
    of_animals = Eligibility(
        breeds=rules.breeds, colours=rules.colours, max_fee=rules.max_fee, denied=denied
    )
    if of_animals != ANYBODY:
        count = len(available.ids)
        verdict = judge(of_animals, available.take(EVERY_SLOT), count, codes)
        gained.append(("slot", np.zeros(count), verdict))
    rule_count = max(1, sum(verdict.rule_count for _, _, verdict in gained))
    for name, part, verdict in gained:
        unknown = weights.factors.compatibility / rule_count * verdict.uncertain
        yield name, np.where(verdict.passing, part - unknown, -np.inf)


def choose(inputs: ScoringInputs, estimates: Estimates, limit: int) -> Slots:
    """The best places; a group gets at most its share, unless no other animal is left."""
    most = _most_of_groups(inputs, estimates, limit)
    # Most answers end among the best; otherwise put all animals that may be shown in order.
    for enough in (limit * 8 + 300, limit * 64 + 8_000):
        best, least = _best(estimates, enough)
        if len(best):
            utilities = inputs.utilities(best)
            surely = utilities >= least  # and so higher than those of all others
            varied, _ = _varied(inputs, best[surely], utilities[surely], most, limit)
            if len(varied) == limit:
                return varied
    slots = np.flatnonzero(estimates.values > -np.inf)
    varied, rest = _varied(inputs, slots, inputs.utilities(slots), most, limit)
    return np.concatenate([varied, rest])[:limit]


def _most_of_groups(inputs: ScoringInputs, estimates: Estimates, limit: int) -> Floats:
    """The most animals that each group may have among so many places, by its code."""
    available, share = inputs.available, inputs.settings.max_per_group_share
    if inputs.relevance is not None and inputs.relevance.scores.any():
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
    inputs: ScoringInputs, slots: Slots, utilities: Floats, most: Floats, limit: int
) -> tuple[Slots, Slots]:
    """The best animals with at most so many of each group, and the others, both in order.

    An animal that the visitor picked has its place in any case.
    """
    available = inputs.available
    order = np.lexsort((available.rank[slots], -utilities))
    groups = available.column("group", slots[order])
    together = np.argsort(groups, kind="stable")
    sorted_groups = groups[together]
    starts = np.searchsorted(sorted_groups, sorted_groups)
    place = np.empty(len(groups), np.int64)
    place[together] = np.arange(len(groups)) - starts
    within = place < most[groups]
    boards = inputs.personal.boards
    if boards.picked:  # "whom would you like to meet?", and then many others like her, but not her
        within |= np.isin(slots[order], available.slots(boards.picked_animals))
    return slots[order[within]][:limit], slots[order[~within]]


class ExplorationShares:
    """The exploration share of each place: of newcomers and long-stayers, as of the hour.

    share = (1 - floor) * s / S * o / sum of s / S * o  +  floor / animals

    s  1 / (1 + times shown); S is the sum of it over the group
    o  exp(utility), so the odds that this visitor chooses the animal
    """

    def __init__(self) -> None:
        self._known: object = None

    def of(self, inputs: ScoringInputs, estimates: Estimates) -> Novelty:
        """Of those who have a share now: 0 for one that may not be shown to the visitor."""
        known = (inputs.available.version, inputs.at // HOUR)
        if self._known != known:
            self._find(inputs)
            self._known = known
        shares = np.take(estimates.values, self._slots, out=self._room, mode="clip")
        highest = shares.max(initial=-np.inf)
        if highest == -np.inf:
            return Novelty(np.empty(0, np.int32), self._positions[:0])
        fitting = shares > -np.inf
        floor = inputs.settings.newcomer_floor
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

    def _find(self, inputs: ScoringInputs) -> None:
        available, settings, at = inputs.available, inputs.settings, inputs.at // HOUR * HOUR
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
