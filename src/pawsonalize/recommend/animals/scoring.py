"""The utility of animals for a visitor, part by part, and the affinity for groups in it."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import msgspec
import numpy as np
from cachetools import LRUCache
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.core.breeds import TRAITS, traits_of
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.preferences import PREFERRED, USER_FACET
from pawsonalize.core.times import HOUR
from pawsonalize.models.recipes.choices.own_effects import VisitorPosterior
from pawsonalize.models.recipes.classes import LatentClasses, Value
from pawsonalize.models.recipes.contract import Context
from pawsonalize.recommend.animals import factors
from pawsonalize.recommend.animals.available import EVERY_SLOT, AvailableAnimals, Codes, Slots
from pawsonalize.recommend.animals.choices import (
    ChoiceTables,
    ChoiceWeights,
    CommonParts,
    GroupAffinity,
    VisitorParts,
)
from pawsonalize.recommend.animals.eligibility import (
    ANYBODY,
    NOBODY,
    Eligibility,
    EligibilityVerdict,
    judge,
)
from pawsonalize.recommend.animals.settings import AffinitySettings, AnimalSettings
from pawsonalize.recommend.context import THE_ANIMAL
from pawsonalize.recommend.groups import GroupScores
from pawsonalize.recommend.query import Relevance

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_ROW = {trait: row for row, trait in enumerate(TRAITS)}
_QUIZ_TRAITS = {f"{USER_FACET}{question}": trait for question, trait in PREFERRED.items()}
_KEPT = 4  # classes at once: a recommender's and a reranker's, and what replaces them
_OUTSIDE = -1
_LEAST_SCORE = 1e-12  # below the share of any item, and its log is finite
MOST = 5.0  # the model's part of an affinity lies between minus this and this


class TraitAffinity:
    """The part of the affinity that comes from what a visitor looks at; and the part of the quiz.

    For each of species, breed, family, size and age:

        part = weight * ln((n_v + doubt * e_v) / ((n + doubt) * a_v ** (1 - usual) * l_v ** usual))

        n_v, n  the visitor's events with this value, and all (of this species)
        e_v     the share of the value in the events of similar visitors, a_v if unknown
        a_v     its share of the available animals
        l_v     its share of what all visitors look at, a_v if unknown

    A group that does not match an answer of the quiz loses wish * doubt / (doubt + events).
    """

    def __init__(self) -> None:
        self._groups: Codes | None = None
        self._there: Ints = np.empty(0, np.int64)

    def _begin(self, groups: Codes) -> None:
        self._groups = groups
        self._there = np.empty(0, np.int64)
        self._codes: dict[Value, int] = {}
        self._of_group: Ints = np.empty((len(TRAITS), 0), np.int64)  # the codes of their values
        self._wholes: dict[tuple[str, str], int] = {}  # traits by species
        # By value: its trait, its whole, and its share of the available animals.
        self._trait_of = self._whole_of = np.empty(0, np.int64)
        self._share = np.empty(0)
        self._known: LRUCache[LatentClasses, tuple[Ints, Floats]] = LRUCache(_KEPT)

    def of(
        self,
        context: Context,
        codes: Codes,
        there: Ints,
        settings: AffinitySettings,
        classes: LatentClasses | None = None,
    ) -> Floats:
        """By group; `there` counts available animals. 0 for a visitor without events and facets."""
        if not context.events and not context.facets:
            return np.zeros(len(codes))
        self._use(codes, there)
        seen = [one.item for one in context.events if traits_of(one.item)]
        lifts = self._lifts(seen, context, settings, classes)
        affinity: Floats = lifts[self._of_group].sum(axis=0)
        return affinity

    def quiz(
        self, context: Context, codes: Codes, there: Ints, settings: AffinitySettings
    ) -> Floats:
        """By group: the loss of what does not match the answers of the quiz, 0 or less."""
        lost = np.zeros(len(codes))
        wanted: dict[str, set[str]] = {}  # the answers, by trait
        for name, value in context.facets:
            if name in _QUIZ_TRAITS:
                wanted.setdefault(_QUIZ_TRAITS[name], set()).add(value)
        if not wanted:
            return lost
        self._use(codes, there)
        seen = sum(bool(traits_of(one.item)) for one in context.events)
        wish = settings.wish * settings.doubt / (settings.doubt + seen)
        for trait, answers in wanted.items():
            other = np.array([value not in answers for _, (_, value) in self._codes], np.bool_)
            lost -= wish * other[self._of_group[_ROW[trait]]]
        return lost

    def _use(self, codes: Codes, there: Ints) -> None:
        # Compared by identity: both are made anew whenever animals come or go, so nothing stale is
        # used, and no request counts what has not changed.
        if codes is not self._groups:
            self._begin(codes)
        if there is not self._there:
            self._count(codes.names, there)
            self._there = there

    def _count(self, groups: Sequence[str], there: Ints) -> None:
        """Count the available animals of each value; groups may be added, but never change."""
        codes, wholes = self._codes, self._wholes
        # An item that is no animal group has no traits, and a species of its own.
        no_group = [(trait, read(AnimalGroup("", "", "", ""))) for trait, read in TRAITS.items()]
        new = [
            [codes.setdefault(value, len(codes)) for value in traits_of(group) or no_group]
            for group in groups[self._of_group.shape[1] :]
        ]
        columns = np.array(new, np.int64).reshape(-1, len(TRAITS)).T
        self._of_group = np.concatenate([self._of_group, columns], axis=1)
        names = [(trait, species) for trait, (species, _) in codes]
        self._trait_of = np.array([_ROW[trait] for trait, _ in names], np.int64)
        self._whole_of = np.array([wholes.setdefault(one, len(wholes)) for one in names], np.int64)
        each = np.broadcast_to(there, self._of_group.shape)
        values = np.bincount(self._of_group.ravel(), each.ravel(), len(codes))
        # Half an animal more, so that a value without available animals is rare, not impossible.
        self._share = (values + 0.5) / (np.bincount(self._whole_of, values)[self._whole_of] + 1)
        self._known.clear()

    def _lifts(
        self,
        seen: Sequence[str],
        context: Context,
        settings: AffinitySettings,
        classes: LatentClasses | None,
    ) -> Floats:
        """By value: the weighted log of its share of the visitor's events over its usual share."""
        like = usual = self._share
        if classes is not None:
            code, usual = self._known_to(classes, settings.usual)
            like = np.where(code >= 0, classes.expected(context)[code], like)
        values, whole = self._counted(seen)
        doubt, weights = settings.doubt, np.array(settings.weights())[self._trait_of]
        shares = (values + doubt * like) / ((whole[self._whole_of] + doubt) * usual)
        return np.asarray(weights * np.log(shares))

    def _counted(self, seen: Sequence[str]) -> tuple[Ints, Ints]:
        """Events by value, and by species of each trait."""
        assert self._groups is not None
        # Groups that ever had an animal have their codes; most events are of those.
        known = [self._groups[one] for one in seen if one in self._groups]
        others = [one for item in seen if item not in self._groups for one in traits_of(item)]
        codes = self._of_group[:, known].ravel()
        more = [self._codes[one] for one in others if one in self._codes]
        names = [(trait, species) for trait, (species, _) in others]
        wholes = [self._wholes[one] for one in names if one in self._wholes]
        values = np.concatenate([codes, np.array(more, np.int64)])
        whole = np.concatenate([self._whole_of[codes], np.array(wholes, np.int64)])
        return (
            np.bincount(values, minlength=len(self._codes)),
            np.bincount(whole, minlength=len(self._wholes)),
        )

    def _known_to(self, classes: LatentClasses, usual: float) -> tuple[Ints, Floats]:
        """By value: its code in the classes, -1 if they do not know it, and its usual share."""
        known = self._known.get(classes)
        if known is None:
            code = np.array([classes.values.get(value, -1) for value in self._codes], np.int64)
            looked_at = np.where(code >= 0, classes.usual[code], self._share)
            known = code, self._share ** (1 - usual) * looked_at**usual
            self._known[classes] = known
        return known


class ModelAffinity:
    """The log of a visitor's score for a group over an unknown visitor's, at most `MOST`."""

    # So popularity counts for nothing: with it, animals that few visitors like would wait.

    def __init__(self) -> None:
        self._versions: LRUCache[str, _OfVersion] = LRUCache(_KEPT)

    def of(self, groups: GroupScores, codes: Codes, present: Ints) -> Floats:
        """By the code of each group; groups without available animals may have none."""
        if not groups.context.events and not groups.context.facets:
            return np.zeros(len(codes))
        kept = self._of(groups)
        of_nobody = kept.of_nobody(groups)
        if (
            groups.used_fallback or of_nobody.used_fallback
        ):  # popularity says nothing of the visitor
            return np.zeros(len(codes))
        visitor = kept.logs(groups, codes, present)
        return np.clip(visitor - kept.logs_of_nobody(of_nobody, codes, present), -MOST, MOST)

    def in_general(self, groups: GroupScores, codes: Codes, present: Ints) -> Floats:
        """By group: the log of its score for an unknown visitor over the mean, at most `MOST`."""
        if not len(present):
            return np.zeros(len(codes))
        kept = self._of(groups)
        logs = kept.logs_of_nobody(kept.of_nobody(groups), codes, present)
        lifts: Floats = np.clip(logs - logs[present].mean(), -MOST, MOST)
        return lifts

    def _of(self, groups: GroupScores) -> "_OfVersion":
        return self._versions.setdefault(groups.served.version.name, _OfVersion())


class _OfVersion(msgspec.Struct):
    """Cached values; `where` has the positions of groups in the catalogue, by code."""

    item_ids: tuple[str, ...] = ()
    positions: dict[str, int] = msgspec.field(default_factory=dict)
    codes: Codes | None = None
    where: Ints = msgspec.field(default_factory=lambda: np.empty(0, np.int64))
    unknown: tuple[int, GroupScores] | None = None
    """The scores for an unknown visitor, and the hour that they are as of."""
    unknown_logs: tuple[GroupScores, Ints, Floats] | None = None

    def logs(self, groups: GroupScores, codes: Codes, present: Ints) -> Floats:
        """The log of each group's score, by its code."""
        where = self._where(groups.model.item_ids, codes)
        catalogue = np.append(np.asarray(groups.scores, np.float64), 0.0)
        scores: Floats = catalogue[where]
        outside = present[where[present] == _OUTSIDE]
        if len(outside):
            strangers = [codes.names[code] for code in outside.tolist()]
            scores[outside] = groups.model.score(groups.context, strangers)
        return np.log(np.maximum(scores, _LEAST_SCORE))

    def _where(self, item_ids: tuple[str, ...], codes: Codes) -> Ints:
        if item_ids is not self.item_ids:
            self.item_ids, self.codes = item_ids, None
            self.positions = {item: place for place, item in enumerate(item_ids)}
        if codes is not self.codes:
            self.codes, self.where = codes, np.empty(0, np.int64)
        new = [self.positions.get(name, _OUTSIDE) for name in codes.names[len(self.where) :]]
        if new:
            self.where = np.concatenate([self.where, np.array(new, np.int64)])
        return self.where

    def of_nobody(self, groups: GroupScores) -> GroupScores:
        hour, kept = groups.context.now // HOUR, self.unknown
        if kept and kept[0] == hour and kept[1].model.item_ids is groups.model.item_ids:
            return kept[1]
        context = replace(groups.context, events=(), facets=(), visitor=None, now=hour * HOUR)
        scores = groups.model.score_catalogue(context)
        found = GroupScores(groups.served, groups.model, context, scores)
        if not found.used_fallback:  # the stand-in's are not kept for an hour
            self.unknown = hour, found
        return found

    def logs_of_nobody(self, of_nobody: GroupScores, codes: Codes, present: Ints) -> Floats:
        """Their logs by the group's code; kept as long as the groups with animals are the same."""
        kept = self.unknown_logs
        if kept is None or kept[0] is not of_nobody or kept[1] is not present:
            kept = self.unknown_logs = of_nobody, present, self.logs(of_nobody, codes, present)
        return kept[2]


_PRECISION = 2.0**-20
"""Of a sum of some numbers in single precision, beside how large they may be together."""


class ScoredAnimals(msgspec.Struct, frozen=True):
    """Animals with the parts of their utility, (animals, parts), with and without weights."""

    slots: Slots
    parts: Floats
    bare: Floats  # the parts without their weights
    utilities: Floats  # the sums of the parts, from left to right
    shown: Floats  # the number of showings of each
    kilometres: Floats  # from the visitor; NaN if unknown


class ScoringInputs(msgspec.Struct, frozen=True, kw_only=True, dict=True):
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
    relevance: Relevance | None = None

    @property
    def weights(self) -> ChoiceWeights:
        """The weights of the parts."""
        return self.tables.weights

    @cached_property
    def common(self) -> CommonParts:
        """The parts that are the same for every visitor."""
        return self.tables.common(self.available, self.at)

    @cached_property
    def near(self) -> Floats:
        """The factor `distance` of each place, by its code; 0 for a visitor without a place."""
        return factors.near(self.available.places, self.eligibility.place)

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

    def score(self, slots: Slots) -> ScoredAnimals:
        """Score animals, also those that may not be shown."""
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
        here = self.eligibility.place
        return ScoredAnimals(
            slots,
            np.column_stack(parts),
            np.column_stack(bare),
            _add(parts, np.zeros(len(slots))),
            self.available.column("shown", slots),
            self.available.places.kilometres(here)[place] if here else np.full(len(slots), np.nan),
        )

    def utilities(self, slots: Slots) -> Floats:
        """The utilities of these animals alone, bit for bit as `score` gives them."""
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
        largest += inputs.weights.relevance
        values += (inputs.weights.relevance * inputs.relevance.scores).astype(np.float32)
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
    of_kinds = replace(rules, max_fee=None, max_distance_km=None, denied=NOBODY)
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
    of_animals = Eligibility(max_fee=rules.max_fee, denied=denied)
    if of_animals != ANYBODY:
        count = len(available.ids)
        verdict = judge(of_animals, available.take(EVERY_SLOT), count, codes)
        gained.append(("slot", np.zeros(count), verdict))
    rule_count = max(1, sum(verdict.rule_count for _, _, verdict in gained))
    for name, part, verdict in gained:
        unknown = weights.factors.compatibility / rule_count * verdict.uncertain
        yield name, np.where(verdict.passing, part - unknown, -np.inf)
