"""Effects that the model of choices gives to animals, groups and visitors, from their pages."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
from cachetools import LRUCache
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.core.event import DEFAULT_DATASET_GROUP
from pawsonalize.core.times import HOUR
from pawsonalize.events.erasure.tables import ErasedLookup
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import Deed
from pawsonalize.models.recipes.choices import own_effects
from pawsonalize.models.recipes.choices.effects import FACTORS, VISITOR_TRAITS, mean_chances
from pawsonalize.models.recipes.choices.model import ChoiceModel
from pawsonalize.models.recipes.choices.own_effects import ANYTHING, FEW, animal_effects, are_eager
from pawsonalize.models.recipes.choices.picks import AnsweredBoard
from pawsonalize.recommend.animals import factors
from pawsonalize.recommend.animals.available import (
    EVERY_SLOT,
    AvailableAnimals,
    Chosen,
    Codes,
    Slots,
)
from pawsonalize.recommend.animals.factors import OF_GROUPS, group_values
from pawsonalize.recommend.animals.pages import (
    NO_BOARDS,
    BoardHistory,
    Pages,
    ShownPages,
    Suspects,
    digest_of_key,
    factor_columns,
    opens,
    places_counted,
    visit_of,
    visitor_of,
    was_shown,
)
from pawsonalize.recommend.animals.settings import COMMON, PARTS, Weights
from pawsonalize.recommend.tables import Impression, Impressions
from pawsonalize.resources.kind import first_recommendation_id

Floats = NDArray[np.float64]
_DISTANCE = PARTS.index("distance")
_GONE = -1


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
    seen: Slots = msgspec.field(default_factory=lambda: np.empty(0, np.int64))
    """The animals that the visitor was shown in this visit, ascending."""
    seen_by: Floats = msgspec.field(default_factory=lambda: np.empty(0))
    """The log of 1 + the attention that the visitor paid to each of them."""
    boards: BoardHistory = NO_BOARDS
    effects: own_effects.VisitorEffects | None = None

    @property
    def bound(self) -> float:
        """No animal could gain more."""
        own = sum(float(one.max(initial=0.0)) for one in (self.visitor, self.visitor_in_colours))
        return own + max(0.0, -self.distance)


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
        self._of_group = np.empty((len(OF_GROUPS), 0), np.int64)
        # To open, and to open and ask; shape (2, values).
        self._groups, self._colours, self._shelters = (np.empty((2, 0)) for _ in range(3))
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
        appeal = appeal + self._colours[:, available.column("colour", slots)]
        return np.asarray(appeal + self._shelters[:, available.column("shelter", slots)])

    def of(
        self, available: AvailableAnimals, pages: Pages, liked: GroupAffinity, near: Floats
    ) -> VisitorParts:
        """For the visitor of these pages.

        `near` is `factors.near` of the places.
        """
        self._grow(available)
        groups, colours = self._groups.shape[1], self._colours.shape[1]
        if not (pages.groups or pages.boards.picked) or not available.ids:
            return VisitorParts(np.zeros(groups), np.zeros(colours), boards=pages.boards)
        watched, there, boards = self._evidence(available, pages, liked, near)
        variances, learned = self.model.visitor_variances, self.model.picks
        own = own_effects.visitor_effects(watched, variances, boards, learned)
        # What a visitor opens of everything has no part in an order, but pages must not seem to
        # show liked animals where somebody opens all of them more readily.
        wholly = np.full(groups, own.anything)
        for row, values in enumerate(self._values.values()):
            wholly += own.of(row, len(values))[self._of_group[row]]
        in_colours = own.of(len(OF_GROUPS), len(available.codes["colour"]))[:colours]
        here = (there != _GONE) & pages.lately
        shown, which = np.unique(there[here], return_inverse=True)
        paid = np.bincount(which, self._attention[pages.place[here]], len(shown))
        seen_by = np.log1p(paid)
        return VisitorParts(wholly, in_colours, own.distance, shown, seen_by, pages.boards, own)

    def posterior(
        self,
        available: AvailableAnimals,
        own: own_effects.VisitorEffects | None,
        near: Floats,
        slots: Slots,
    ) -> own_effects.VisitorPosterior:
        """The visitor's effects with their covariance, as they bear on these animals."""
        group, colour, place = (
            available.column(name, slots) for name in ("group", "colour", "place")
        )
        traits, variances = (
            np.vstack([self._of_group[:, group], colour]),
            self.model.visitor_variances,
        )
        known = own_effects.unknown_effects(variances) if own is None else own
        return own_effects.visitor_posterior(known, variances, traits, near[place])

    def variance_left(
        self, available: AvailableAnimals, own: own_effects.VisitorEffects | None, slots: Slots
    ) -> Floats:
        """About the variance of the visitor's log-odds of each animal, by traits alone."""
        of_group = self._of_group[:, available.column("group", slots)]
        codes = (*of_group, available.column("colour", slots))
        left = np.zeros(len(slots))
        for trait, (name, column) in enumerate(zip(VISITOR_TRAITS, codes, strict=True)):
            prior = self.model.visitor_variances[name]
            left += prior if own is None else own.variance(trait, column, prior)
        return left

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
        codes = self._of_group[:, known]
        for place in np.flatnonzero(known == _GONE).tolist():
            coded = zip(self._values.values(), group_values(groups[place]), strict=True)
            codes[:, place] = [values[one] for values, one in coded]
        here = there != _GONE
        slots = np.where(here, there, 0)
        colour, shelter = (available.column(name, slots) for name in ("colour", "shelter"))
        # Last: of no group.
        own = self.model.weights["group"] * liked.affinity + self.model.to_open("quiz") * liked.quiz
        common = np.append(self._groups[0] + own, 0.0)
        of_animal = self._colours[0][colour] + self._shelters[0][shelter]
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
            self._of_group = np.concatenate([self._of_group, codes], axis=1)
            self._groups = np.concatenate([self._groups, effects], axis=1)
        self._colours = self._grown("colour", self._colours, available)
        self._shelters = self._grown("shelter", self._shelters, available)

    def _grown(self, trait: str, before: Floats, available: AvailableAnimals) -> Floats:
        new = available.codes[trait].names[before.shape[1] :]
        return np.concatenate([before, self._effects(trait, new)], axis=1) if new else before

    def _effects(self, trait: str, values: Sequence[str]) -> Floats:
        """To open, and to open and ask; shape (2, values)."""
        opening = self.model.levels.get(trait, {})
        inquiring = self.model.inquiry_levels.get(trait, {})
        to_open = np.array([opening.get(value, 0.0) for value in values])
        return np.array([to_open, to_open + [inquiring.get(value, 0.0) for value in values]])


_AT_FIRST = 20_000  # of the newest pages, where no training counted any
_AT_ONCE = 5_000
_PAGES_KEPT = 20_000
_DEEDS_AT_FIRST = 200_000  # of the newest events, beside the pages above
_LAG = 10_000  # milliseconds; writers may be so late
_UNKNOWN = np.empty(0), np.empty(0)


class _Visits(msgspec.Struct):
    """Counts of one visitor by animal: no more than there are animals."""

    first: dict[str, str] = msgspec.field(default_factory=dict)
    """The visit in which each animal was shown first."""
    counted: dict[str, list[float]] = msgspec.field(default_factory=dict)
    counts: bool = True


@dataclass(eq=False)
class AnimalEffects:
    """Effects of each animal on pages: counted by the training, and since then by every worker."""

    # All workers read the same tables in the same order, so all come to the same numbers.

    impressions: Impressions
    log: EventLog
    erased: ErasedLookup
    kinds: frozenset[str] = frozenset()
    """The kinds of answers that the site is known to show, by now. Answers read it in any thread,
    so it is swapped as a whole."""

    def __post_init__(self) -> None:
        self._model: ChoiceModel | None = None  # until the first count: to make one reads nothing
        self._counts: dict[str, list[float]] = {}

    def _begin(self, model: ChoiceModel) -> None:
        self._model = model
        self._erased_at = self.erased.last_noted()  # what is read from here on is without them
        self._counts = {one: list(counts) for one, counts in model.counts.items()}
        self._changed = set[str]()
        self._attention = np.array(model.attention)
        self._shown = ShownPages(model.kinds)
        self._chances: LRUCache[str, tuple[Floats, Floats]] = LRUCache(_PAGES_KEPT)
        self._unseen: LRUCache[str, Impression] = LRUCache(_PAGES_KEPT)
        self._visits: LRUCache[str, _Visits] = LRUCache(_PAGES_KEPT)
        # Opened, looked at and expected in each visit: see `eager_visits`.
        self._by_visit: LRUCache[str, Floats] = LRUCache(_PAGES_KEPT)
        self._suspects = Suspects()
        self._through = model.through
        self._offset = model.log_offset or max(0, self.log.head() - _DEEDS_AT_FIRST)

    def counts_of(self, animal_id: str) -> tuple[float, float, float]:
        """Openings of an animal, looks at it, and the openings that so many looks usually bring."""
        opened, looked, expected = self._counts.get(animal_id, (0.0, 0.0, 0.0))
        return opened, looked, expected

    def count(self, tables: ChoiceTables, available: AvailableAnimals) -> None:
        """Count what came since the last time, and store it with the available animals."""
        anew = tables.model is not self._model
        if anew:
            self._begin(tables.model)
        self._forget_erased()
        self._count_pages(self._new_pages(), tables, available)
        self.kinds = frozenset(self._shown.kinds)
        if anew or self._changed:
            ids = sorted(self._counts if anew else self._changed)
            counts = np.array([self._counts[one] for one in ids]).reshape(-1, 3)
            opened, looked, expected = counts.T
            own, unexplained = tables.model.own, tables.model.unexplained
            found = animal_effects(opened, looked, expected, own, unexplained)
            with available.lock:
                available.put_effects(dict(zip(ids, found.tolist(), strict=True)), anew=anew)
            self._changed = set()

    def _forget_erased(self) -> None:
        noted = self.erased.noted_since(self._erased_at, DEFAULT_DATASET_GROUP)
        if not noted:
            return
        self._erased_at = max(noted.values())
        for key in [key for key in self._visits if digest_of_key(key) in noted]:
            self._dismiss(self._visits.pop(key))
        pages = [page for page in self._unseen.values() if digest_of_key(visitor_of(page)) in noted]
        for page in (*pages, *self._shown.forget(noted)):
            self._unseen.pop(page.recommendation_id, None)
            self._chances.pop(page.recommendation_id, None)
            self._by_visit.pop(visit_of(page), None)
        self._suspects.forget(noted)

    def _new_pages(self) -> list[Impression]:
        if not self._through:
            return self.impressions.newest_pages(_AT_FIRST)
        after = self._through
        found: list[Impression] = []
        while batch := self.impressions.pages(after, _AT_ONCE):
            found.extend(page for page in batch if page.recommendation_id not in self._shown)
            after = batch[-1].recommendation_id
        return found

    def _count_pages(
        self, pages: Sequence[Impression], tables: ChoiceTables, available: AvailableAnimals
    ) -> None:
        if pages:
            self._through = first_recommendation_id(pages[-1].answered_at - _LAG)
            self._expect(pages, tables, available)
        coming = deque(pages)
        if not coming and self._shown.is_empty:  # no deed came from a page: none need be read
            self._offset = max(self._offset, self.log.head())
        while batch := self.log.deeds(self._offset, _AT_ONCE):
            self._offset = batch[-1].offset
            for deed in batch:
                while coming and was_shown(coming[0], deed):
                    self._show(coming.popleft())
                if opens(deed, self.log.event_types):
                    self._open(deed)
        for page in coming:
            self._show(page)

    def _expect(
        self, pages: Sequence[Impression], tables: ChoiceTables, available: AvailableAnimals
    ) -> None:
        """Note the attention of each place, and its chance to be opened without its own effect."""
        sizes = [places_counted(page) for page in pages]
        ids = [one[0] for page, n in zip(pages, sizes, strict=True) for one in _first(page, n)]
        _, columns = factor_columns(self.impressions, pages, sizes)
        with available.lock:
            odds = tables.log_odds(available, ids, columns)
        place = np.concatenate([np.arange(size) for size in sizes])
        seeing = self._attention[place]
        ends = np.cumsum(sizes)[:-1]
        rows = zip(
            pages,
            np.split(seeing, ends),
            np.split(seeing * mean_chances(odds, tables.model.unexplained)[0], ends),
            strict=True,
        )
        for page, of_page, expected in rows:
            self._chances[page.recommendation_id] = of_page, expected

    def _show(self, page: Impression) -> None:
        self._shown.add(page)
        self._suspects.shown(visitor_of(page), len(page.animal_ids or ()))
        if self._shown.is_seen(page):
            self._look(page)
        else:
            self._unseen[page.recommendation_id] = page

    def _look(self, page: Impression) -> None:
        """Count the looks at a page, and the openings that so many usually bring."""
        visitor = visitor_of(page)
        visits = self._visits.setdefault(visitor, _Visits())
        if not visits.counts:
            return
        seeing, expected = self._chances.get(page.recommendation_id, _UNKNOWN)
        visit = visit_of(page)
        self._by_visit.setdefault(visit, np.zeros(3))[1:] += seeing.sum(), expected.sum()
        ids = (one[0] for one in _first(page, len(seeing)))
        for animal_id, *counted in zip(ids, seeing.tolist(), expected.tolist(), strict=True):
            # Who opened it before, and does not again, turned nothing down. And later visits would
            # count of those alone who did not open it in the first one.
            is_first = visits.first.setdefault(animal_id, visit) == visit
            if is_first and not self._suspects.has_opened(visitor, animal_id):
                self._add(visits, animal_id, 0, *counted)

    def _open(self, deed: Deed) -> None:
        """Count an opening, once for each visitor."""
        kinds = len(self._shown.kinds)
        found = self._shown.find(deed)
        if found is None:
            return
        page, place = found
        if len(self._shown.kinds) > kinds:  # all pages of a kind that the site shows were seen
            for one in [one for one in self._unseen.values() if self._shown.is_seen(one)]:
                del self._unseen[one.recommendation_id]
                self._look(one)
        if not self._shown.is_seen(page):  # it would count only where something was opened
            return
        visitor = visitor_of(page)
        visits = self._visits.setdefault(visitor, _Visits())
        if not visits.counts:
            return
        is_eager = False
        is_first = self._suspects.opened(visitor, deed.animal_id)
        if is_first and place < len(self._chances.get(page.recommendation_id, _UNKNOWN)[0]):
            if visits.first.get(deed.animal_id) == visit_of(page):
                self._add(visits, deed.animal_id, 1, 0, 0)
            counts = self._by_visit.setdefault(visit_of(page), np.zeros(3))
            counts[0] += 1
            is_eager = counts[0] >= FEW and self._is_eager(counts)
        if is_eager or self._suspects.is_one(visitor):
            self._dismiss(visits)

    def _is_eager(self, counts: Floats) -> bool:
        assert self._model is not None, "visits are counted by a model"
        opened, looked, expected = counts[:, None]
        variance = self._model.visitor_variances[ANYTHING]
        return bool(are_eager(opened, looked, expected, variance)[0])

    def _dismiss(self, visits: _Visits) -> None:
        """Take back whatever the visitor did: no person would do so much of it."""
        for animal_id, own in visits.counted.items():
            counted = self._counts[animal_id]
            self._counts[animal_id] = [a - b for a, b in zip(counted, own, strict=True)]
        self._changed |= visits.counted.keys()
        visits.counted, visits.first, visits.counts = {}, {}, False

    def _add(self, visits: _Visits, animal_id: str, *counted: float) -> None:
        """Add an animal's counts: opened, looked at and expected."""
        self._changed.add(animal_id)
        for counts in (self._counts, visits.counted):
            before = counts.get(animal_id, (0.0, 0.0, 0.0))
            counts[animal_id] = [a + b for a, b in zip(before, counted, strict=True)]


def _first(page: Impression, size: int) -> Sequence[tuple[str, ...]]:
    return (page.animal_ids or ())[:size]
