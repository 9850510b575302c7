"""Effects that the model of choices gives to animals, groups and visitors, from their pages."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from cachetools import LRUCache
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.core.breeds import TRAITS, traits_of
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.preferences import PREFERRED, USER_FACET
from pawsonalize.core.times import HOUR
from pawsonalize.models.recipes.choices import own_effects
from pawsonalize.models.recipes.choices.effects import FACTORS
from pawsonalize.models.recipes.choices.model import ChoiceModel
from pawsonalize.models.recipes.choices.picks import AnsweredBoard
from pawsonalize.models.recipes.classes import LatentClasses, Value
from pawsonalize.models.recipes.contract import Context
from pawsonalize.recommend.animals import factors
from pawsonalize.recommend.animals.available import (
    EVERY_SLOT,
    AvailableAnimals,
    Chosen,
    Codes,
    Slots,
)
from pawsonalize.recommend.animals.factors import OF_GROUPS, group_values
from pawsonalize.recommend.animals.pages import NO_BOARDS, BoardHistory, Pages
from pawsonalize.recommend.animals.settings import COMMON, PARTS, AffinitySettings, Weights
from pawsonalize.recommend.groups import GroupScores

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_DISTANCE = PARTS.index("distance")
_GONE = -1
_ROW = {trait: row for row, trait in enumerate(TRAITS)}
_QUIZ_TRAITS = {f"{USER_FACET}{question}": trait for question, trait in PREFERRED.items()}
_KEPT = 4  # classes at once: a recommender's and a reranker's, and what replaces them
_OUTSIDE = -1
_LEAST_SCORE = 1e-12  # below the share of any item, and its log is finite
MOST = 5.0  # the model's part of an affinity lies between minus this and this


class ChoiceWeights(msgspec.Struct, frozen=True):
    """Weights of the parts of a utility that the model of choices learns."""

    factors: Weights
    far: float = 0.0  # of the distance itself, beside that of its log
    group: float = 1.0
    visitor: float = 1.0
    seen: float = -0.5
    relevance: float = FACTORS["relevance"][0]
    quiz: float = FACTORS["quiz"][0]

    @classmethod
    def of(cls, model: ChoiceModel, settings: Weights) -> "ChoiceWeights":
        """The learned ones; those of the settings where nothing was learned."""
        if not model.is_fitted:
            return cls(settings)
        # Choices do not say what is fair: the shelter's wish is never learned.
        names = ("waiting", "distance", "photos", "compatibility")
        factors = replace(settings, **{name: model.weight(name) for name in names})
        if model.plays:
            best = model.plays[0]
            factors = replace(factors, exposure=best.exposure, bid_price=best.price)
        own = (model.weight(name) for name in cls.__struct_fields__[1:])
        return cls(factors, *own)


class CommonParts(msgspec.Struct, frozen=True):
    """The parts of utilities by slot that are the same for every visitor, in order of `COMMON`."""

    bare: tuple[Floats, ...]
    parts: tuple[Floats, ...]
    total: Floats  # the sum of the parts, from left to right
    estimates: NDArray[np.float32]  # of the total; -inf for an animal without a place of its own
    lowest: float
    highest: float


class VisitorParts(msgspec.Struct, frozen=True):
    """One visitor's effects in the model of choices, by the group's and by the colour's code."""

    visitor: Floats
    visitor_in_colours: Floats
    distance: float = 0.0  # added by the visitor's own effect to each unit of the factor `distance`
    seen: Slots = np.empty(0, np.int64)
    """The animals that the visitor was shown in this visit, ascending."""
    seen_by: Floats = np.empty(0)
    """The log of 1 + the attention that the visitor paid to each of them."""
    boards: BoardHistory = NO_BOARDS
    effects: own_effects.VisitorEffects | None = None


class GroupAffinity(NamedTuple):
    """One visitor's liking of groups, by the group's code."""

    affinity: Floats
    quiz: Floats  # the loss of what does not match the answers of the quiz, 0 or less


class _Shown(NamedTuple):
    """Animals that were shown: slots, codes of traits, and log-odds of their groups and own."""

    there: Slots
    traits: Slots
    of_group: Floats
    of_animal: Floats


class ChoiceTables:
    """The model's numbers by the codes of one set of available animals; hold its lock."""

    def __init__(self, model: ChoiceModel, weights: ChoiceWeights) -> None:
        self.model = model
        self.weights = weights
        self._values = {name: Codes() for name in OF_GROUPS}
        self.of_group = np.empty((len(OF_GROUPS), 0), np.int64)
        # To open, and to open and ask; shape (2, values).
        self._groups = np.empty((2, 0))
        self._of_animals = {trait: np.empty((2, 0)) for trait in ("colour", "shelter")}
        self._attention = np.array(model.attention)
        # What the visitor likes is as it is now, not as it was logged.
        now = ("group", "visitor", "quiz")
        self._logged = np.array(
            [0.0 if one in now else model.weights.get(one, 0.0) for one in PARTS]
        )
        self._common: tuple[tuple[int, int], CommonParts] | None = None

    def common(self, available: AvailableAnimals, at: int) -> CommonParts:
        """Return everybody's appeal of each animal; cached for an hour, or until they change."""
        known = available.version, at // HOUR
        if self._common is None or self._common[0] != known:
            self._common = known, self._common_parts(available, at)
        return self._common[1]

    def _common_parts(self, available: AvailableAnimals, at: int) -> CommonParts:
        self._grow(available)
        appeal = self._appeal(available, EVERY_SLOT)[1]
        own = available.column("animal_effect", EVERY_SLOT).copy()
        photos = self.weights.factors.photos * available.column("photos", EVERY_SLOT)
        bare = (
            appeal,
            own,
            available.waiting(at, EVERY_SLOT).copy(),
            *(available.column(name, EVERY_SLOT).copy() for name in COMMON[3:-1]),
            own_effects.bid_prices(self.model.home_rate, appeal + own + photos),
        )
        weights = (1.0, 1.0, *self.weights.factors.values())[: len(COMMON)]
        parts = tuple(weight * column for weight, column in zip(weights, bare, strict=True))
        total = np.zeros(len(appeal))
        for part in parts:
            total += part
        estimates = np.where(available.leads, total, -np.inf).astype(np.float32)
        lowest, highest = total.min(initial=0.0), total.max(initial=-np.inf)
        return CommonParts(bare, parts, total, estimates, lowest, highest)

    def _appeal(self, available: AvailableAnimals, slots: Chosen) -> Floats:
        """To open, and to open and ask; shape (2, animals)."""
        appeal = self._groups[:, available.column("group", slots)]
        appeal = appeal + self._of_animals["colour"][:, available.column("colour", slots)]
        return np.asarray(
            appeal + self._of_animals["shelter"][:, available.column("shelter", slots)]
        )

    def of(
        self, available: AvailableAnimals, pages: Pages, liked: GroupAffinity, near: Floats
    ) -> VisitorParts:
        """For the visitor of these pages.

        `near` is `factors.near` of the places.
        """
        self._grow(available)
        groups, colours = self._groups.shape[1], self._of_animals["colour"].shape[1]
        if not (pages.groups or pages.boards.picked) or not available.ids:
            return VisitorParts(np.zeros(groups), np.zeros(colours), boards=pages.boards)
        watched, there, boards = self._evidence(available, pages, liked, near)
        variances, learned = self.model.visitor_variances, self.model.picks
        own = own_effects.visitor_effects(watched, variances, boards, learned)
        # What a visitor opens of everything has no part in an order, but pages must not seem to
        # show liked animals where somebody opens all of them more readily.
        wholly = np.full(groups, own.anything)
        for row, values in enumerate(self._values.values()):
            wholly += own.of(row, len(values))[self.of_group[row]]
        in_colours = own.of(len(OF_GROUPS), len(available.codes["colour"]))[:colours]
        here = (there != _GONE) & pages.lately
        shown, which = np.unique(there[here], return_inverse=True)
        paid = np.bincount(which, self._attention[pages.place[here]], len(shown))
        seen_by = np.log1p(paid)
        return VisitorParts(wholly, in_colours, own.distance, shown, seen_by, pages.boards, own)

    def log_odds(
        self, available: AvailableAnimals, animals: Sequence[str], columns: Mapping[str, Floats]
    ) -> Floats:
        """To open each animal, by its factors, but for its own effect; shape (animals,)."""
        self._grow(available)
        found = [available.codes["animal"].get(one) for one in animals]
        here = np.array([one is not None for one in found], np.bool_)
        slots = np.array([one for one in found if one is not None], np.int64)
        appeal = np.zeros(len(animals))
        appeal[here] = self._appeal(available, slots)[0]
        own = sum(weight * columns[name] for name, weight in self.model.weights.items())
        return np.asarray(self.model.intercept + appeal + own)

    def _evidence(
        self, available: AvailableAnimals, pages: Pages, liked: GroupAffinity, near: Floats
    ) -> tuple[own_effects.Watched, Slots, list[AnsweredBoard]]:
        """The places of the pages, the slot of the animal at each, and the boards."""
        places, boards = len(pages.groups), pages.boards.picked
        groups, animals = [*pages.groups], [*pages.animals]
        for board in boards:
            groups += board.groups
            animals += board.animals
        shown = self._shown(available, groups, animals, liked)
        away = self._away(available, shown.there[places:], near)
        distance = np.concatenate([pages.factors[:, _DISTANCE], away])
        # The log-odds to open each place. What makes visitors ask has no part in it: a place that
        # was not opened says nothing of that. On a board, all are beyond an average animal's.
        weights = self.model.weights
        logged = np.concatenate([pages.factors @ self._logged, weights["distance"] * away])
        logged += weights["far"] * factors.far(distance)
        shown.of_group[:places] += self.model.intercept
        odds = shown.of_group + logged + shown.of_animal
        # Who does not open again what they had opened turned nothing down.
        attention = np.where(pages.known, 0.0, self._attention[pages.place])
        opened = pages.opened & ~pages.known
        watched = own_effects.Watched(
            shown.traits[:, :places], distance[:places], odds[:places], attention, opened
        )
        found, end = [], places
        for board in boards:
            own = slice(end, end := end + len(board.groups))
            found.append(AnsweredBoard(shown.traits[:, own], distance[own], odds[own], board.picks))
        return watched, shown.there[:places], found

    def _away(self, available: AvailableAnimals, there: Slots, near: Floats) -> Floats:
        """The factor `distance` of animals at these slots; 0 for one that is gone."""
        here = there != _GONE
        return np.where(here, near[available.column("place", np.where(here, there, 0))], 0.0)

    def _shown(
        self,
        available: AvailableAnimals,
        groups: Sequence[str],
        animals: Sequence[str],
        liked: GroupAffinity,
    ) -> _Shown:
        group, slot_of = available.codes["group"], available.codes["animal"].get
        there = np.array([slot_of(one, _GONE) for one in animals], np.int64)
        known = np.array([group.get(item, _GONE) for item in groups], np.int64)
        codes = self.of_group[:, known]
        for place in np.flatnonzero(known == _GONE).tolist():
            coded = zip(self._values.values(), group_values(groups[place]), strict=True)
            codes[:, place] = [values[one] for values, one in coded]
        here = there != _GONE
        slots = np.where(here, there, 0)
        colour, shelter = (available.column(name, slots) for name in ("colour", "shelter"))
        # Last: of no group.
        own = self.model.weights["group"] * liked.affinity + self.model.to_open("quiz") * liked.quiz
        common = np.append(self._groups[0] + own, 0.0)
        of_animal = self._of_animals["colour"][0][colour] + self._of_animals["shelter"][0][shelter]
        of_animal += available.column("animal_effect", slots)
        codes = np.vstack([codes, np.where(here, colour, available.codes["colour"][""])])
        return _Shown(there, codes, common[known], np.where(here, of_animal, 0.0))

    def _grow(self, available: AvailableAnimals) -> None:
        known = self._groups.shape[1]
        names = available.codes["group"].names[known:]
        if names:
            codes = np.empty((len(OF_GROUPS), len(names)), np.int64)
            effects = np.zeros((2, len(names)))
            for row, (trait, values) in enumerate(self._values.items()):
                found = [group_values(item)[row] for item in names]
                codes[row] = [values[value] for value in found]
                effects += self._effects(trait, found)
            self.of_group = np.concatenate([self.of_group, codes], axis=1)
            self._groups = np.concatenate([self._groups, effects], axis=1)
        for trait, before in self._of_animals.items():
            if new := available.codes[trait].names[before.shape[1] :]:
                more = self._effects(trait, new)
                self._of_animals[trait] = np.concatenate([before, more], axis=1)

    def _effects(self, trait: str, values: Sequence[str]) -> Floats:
        """To open, and to open and ask; shape (2, values)."""
        opening = self.model.levels.get(trait, {})
        inquiring = self.model.inquiry_levels.get(trait, {})
        to_open = np.array([opening.get(value, 0.0) for value in values])
        return np.array([to_open, to_open + [inquiring.get(value, 0.0) for value in values]])


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

    def of(
        self,
        context: Context,
        codes: Codes,
        there: Ints,
        settings: AffinitySettings,
        classes: LatentClasses | None = None,
    ) -> GroupAffinity:
        """Both parts by group; `there` counts available animals. 0 of whom nothing is known."""
        quiz, affinity = np.zeros(len(codes)), np.zeros(len(codes))
        if not context.events and not context.facets:
            return GroupAffinity(affinity, quiz)
        self._use(codes, there)
        seen = [event.item for event in context.events if traits_of(event.item)]
        wanted: dict[str, set[str]] = {}  # the answers, by trait
        for name, value in context.facets:
            if name in _QUIZ_TRAITS:
                wanted.setdefault(_QUIZ_TRAITS[name], set()).add(value)
        wish = settings.wish * settings.doubt / (settings.doubt + len(seen))
        for trait, answers in wanted.items():
            other = np.array([value not in answers for _, (_, value) in self._codes], np.bool_)
            quiz -= wish * other[self._of_group[_ROW[trait]]]
        lifts = self._lifts(seen, context, settings, classes)
        return GroupAffinity(lifts[self._of_group].sum(axis=0), quiz)

    def _use(self, codes: Codes, there: Ints) -> None:
        """Count the available animals of each value; groups may be added, but never change."""
        # Compared by identity: both are made anew whenever animals come or go, so nothing stale is
        # used, and no request counts what has not changed.
        if codes is not self._groups:
            self._groups = codes
            self._there = np.empty(0, np.int64)
            self._codes: dict[Value, int] = {}
            self._of_group: Ints = np.empty((len(TRAITS), 0), np.int64)  # the codes of their values
            self._wholes: dict[tuple[str, str], int] = {}  # traits by species
            self._known: LRUCache[LatentClasses, tuple[Ints, Floats]] = LRUCache(_KEPT)
        if there is self._there:
            return
        self._there = there
        values, wholes = self._codes, self._wholes
        # An item that is no animal group has no traits, and a species of its own.
        no_group = [(trait, read(AnimalGroup("", "", "", ""))) for trait, read in TRAITS.items()]
        new = [
            [values.setdefault(value, len(values)) for value in traits_of(group) or no_group]
            for group in codes.names[self._of_group.shape[1] :]
        ]
        columns = np.array(new, np.int64).reshape(-1, len(TRAITS)).T
        self._of_group = np.concatenate([self._of_group, columns], axis=1)
        # By value: its trait, its whole, and its share of the available animals.
        names = [(trait, species) for trait, (species, _) in values]
        self._trait_of = np.array([_ROW[trait] for trait, _ in names], np.int64)
        self._whole_of = np.array(
            [wholes.setdefault(name, len(wholes)) for name in names], np.int64
        )
        each = np.broadcast_to(there, self._of_group.shape)
        counts = np.bincount(self._of_group.ravel(), each.ravel(), len(values))
        # Half an animal more, so that a value without available animals is rare, not impossible.
        self._share = (counts + 0.5) / (np.bincount(self._whole_of, counts)[self._whole_of] + 1)
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
        assert self._groups is not None
        # Groups that ever had an animal have their codes; most events are of those.
        groups: list[int] = []
        others: list[Value] = []
        for item in seen:
            if item in self._groups:
                groups.append(self._groups[item])
            else:
                others += traits_of(item)
        codes = self._of_group[:, groups].ravel()
        more: list[int] = []
        wholes: list[int] = []
        for trait, (species, name) in others:
            if (trait, (species, name)) in self._codes:
                more.append(self._codes[trait, (species, name)])
            if (trait, species) in self._wholes:
                wholes.append(self._wholes[trait, species])
        values = np.concatenate([codes, np.array(more, np.int64)])
        whole = np.concatenate([self._whole_of[codes], np.array(wholes, np.int64)])
        events = np.bincount(values, minlength=len(self._codes))
        of_species = np.bincount(whole, minlength=len(self._wholes))[self._whole_of]
        own = (settings.species, settings.breed, settings.family, settings.size, settings.age)
        weights, doubt = np.array(own)[self._trait_of], settings.doubt
        shares = (events + doubt * like) / ((of_species + doubt) * usual)
        return np.asarray(weights * np.log(shares))

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
        self._versions: LRUCache[str, _VersionScores] = LRUCache(_KEPT)

    def of(self, groups: GroupScores, codes: Codes, present: Ints) -> Floats:
        """By the code of each group; groups without available animals may have none."""
        if not groups.context.events and not groups.context.facets:
            return np.zeros(len(codes))
        version = self._version(groups)
        if groups.used_fallback:  # popularity says nothing of the visitor
            return np.zeros(len(codes))
        unknown = version.logs_of_nobody(groups, codes, present)
        if unknown is None:
            return np.zeros(len(codes))
        return np.clip(version.logs(groups, codes, present) - unknown, -MOST, MOST)

    def in_general(self, groups: GroupScores, codes: Codes, present: Ints) -> Floats:
        """By group: the log of its score for an unknown visitor over the mean, at most `MOST`."""
        logs = None
        if len(present):
            logs = self._version(groups).logs_of_nobody(groups, codes, present)
        if logs is None:
            return np.zeros(len(codes))
        lifts: Floats = np.clip(logs - logs[present].mean(), -MOST, MOST)
        return lifts

    def _version(self, groups: GroupScores) -> "_VersionScores":
        name = groups.served.version.name
        if name not in self._versions:
            self._versions[name] = _VersionScores()
        return self._versions[name]


class _VersionScores(msgspec.Struct):
    """Cached values of one version; `where` has each group's position in the catalogue, by code."""

    item_ids: tuple[str, ...] = ()
    positions: dict[str, int] = {}
    codes: Codes | None = None
    where: Ints = np.empty(0, np.int64)
    unknown: tuple[int, GroupScores] | None = None
    """The scores for an unknown visitor, and the hour that they are as of."""
    unknown_logs: tuple[GroupScores, Ints, Floats] | None = None
    """Their logs by the group's code; kept as long as the groups with animals are the same."""

    def logs(self, groups: GroupScores, codes: Codes, present: Ints) -> Floats:
        """The log of each group's score, by its code."""
        if groups.model.item_ids is not self.item_ids:
            self.item_ids, self.codes = groups.model.item_ids, None
            self.positions = {item: place for place, item in enumerate(self.item_ids)}
        if codes is not self.codes:
            self.codes, self.where = codes, np.empty(0, np.int64)
        if len(codes) > len(self.where):
            names = codes.names[len(self.where) :]
            new = [self.positions.get(name, _OUTSIDE) for name in names]
            self.where = np.concatenate([self.where, np.array(new, np.int64)])
        catalogue = np.append(np.asarray(groups.scores, np.float64), 0.0)
        scores: Floats = catalogue[self.where]
        outside = present[self.where[present] == _OUTSIDE]
        if len(outside):
            strangers = [codes.names[code] for code in outside.tolist()]
            scores[outside] = groups.model.score(groups.context, strangers)
        return np.log(np.maximum(scores, _LEAST_SCORE))

    def logs_of_nobody(self, groups: GroupScores, codes: Codes, present: Ints) -> Floats | None:
        """The same for an unknown visitor, as of the hour; None if a fallback answers."""
        hour, kept = groups.context.now // HOUR, self.unknown
        if kept and kept[0] == hour and kept[1].model.item_ids is groups.model.item_ids:
            unknown = kept[1]
        else:
            context = replace(groups.context, events=(), facets=(), visitor=None, now=hour * HOUR)
            scores = groups.model.score_catalogue(context)
            unknown = GroupScores(groups.served, groups.model, context, scores)
        if unknown.used_fallback:  # its scores are not kept for an hour
            return None
        self.unknown = hour, unknown
        logs = self.unknown_logs
        if logs is None or logs[0] is not unknown or logs[1] is not present:
            logs = self.unknown_logs = unknown, present, self.logs(unknown, codes, present)
        return logs[2]
