"""Counts what visitors did with the animals on their pages, and the effect of each from that."""

from collections import Counter, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from pawsonalize.core.event import DEFAULT_DATASET_GROUP
from pawsonalize.events.erasure.tables import ErasedLookup
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import Interaction
from pawsonalize.models.recipes.choices.effects import FACTORS, mean_chances
from pawsonalize.models.recipes.choices.model import ChoiceModel
from pawsonalize.models.recipes.choices.own_effects import ANYTHING, FEW, animal_effects, are_eager
from pawsonalize.models.recipes.data import Bools
from pawsonalize.recommend.animals import factors
from pawsonalize.recommend.animals.available import AvailableAnimals
from pawsonalize.recommend.animals.choices import ChoiceTables
from pawsonalize.recommend.animals.pages import (
    EXPLORED,
    ShownPages,
    digest_of_key,
    logged_factors,
    opens,
    places_counted,
    visit_of,
    visitor_of,
    was_shown,
)
from pawsonalize.recommend.animals.settings import PARTS
from pawsonalize.recommend.tables import Impression, Impressions
from pawsonalize.resources.kind import first_recommendation_id

Floats = NDArray[np.float64]
_VISITORS_KEPT = 20_000
_AGAIN = 10  # openings of one animal that a person in love may come to
_CURIOUS, _SHARE = 20, 0.5  # so many animals anybody may open, and beyond that half of those shown
_PAGES_AT_ONCE = 1_000
_AT_FIRST = 20_000  # of the newest pages, where no training counted any
_AT_ONCE = 5_000
_PAGES_KEPT = 20_000
_DEEDS_AT_FIRST = 200_000  # of the newest events, beside the pages above
_LAG = 10_000  # milliseconds; writers may be so late
_UNKNOWN = np.empty(0), np.empty(0)


class Suspects:
    """Visitors who open what no person would: nearly all they see, or one animal on and on."""

    def __init__(self, kept: int = _VISITORS_KEPT) -> None:
        self._shown: LRUCache[str, int] = LRUCache(kept)
        self._opened: LRUCache[str, Counter[str]] = LRUCache(kept)

    def shown(self, visitor: str, places: int) -> None:
        """The visitor was shown so many places more."""
        self._shown[visitor] = self._shown.get(visitor, 0) + places

    def opened(self, visitor: str, animal_id: str) -> bool:
        """The visitor opened an animal; True for the first time."""
        counts = self._opened.setdefault(visitor, Counter())
        counts[animal_id] += 1
        return counts[animal_id] == 1

    def has_opened(self, visitor: str, animal_id: str) -> bool:
        """True if the visitor opened the animal before."""
        return animal_id in self._opened.get(visitor, ())

    def forget(self, visitors: Collection[str]) -> None:
        """Drop these visitors, given by hashes of their ids."""
        for known in (self._shown, self._opened):
            for key in [key for key in known if digest_of_key(key) in visitors]:
                del known[key]

    def is_one(self, visitor: str) -> bool:
        """True if the visitor counts no more."""
        counts = self._opened.get(visitor)
        if counts is None:
            return False
        most = max(counts.values())
        return most > _AGAIN or len(counts) > max(_CURIOUS, _SHARE * self._shown.get(visitor, 0))


def factor_columns(
    impressions: Impressions, pages: Sequence[Impression], sizes: Sequence[int]
) -> tuple[Bools, dict[str, Floats]]:
    """For the first places: True if filled by chance; the factors of `FACTORS`, 0 if not logged."""
    explored, factors_of = [np.empty(0, np.bool_)], [np.empty((0, len(PARTS)))]
    for start in range(0, len(pages), _PAGES_AT_ONCE):
        some = pages[start : start + _PAGES_AT_ONCE]
        whole = impressions.get_many([page.recommendation_id for page in some])
        logged: list[Sequence[float]] = []
        odds: list[float] = []
        for page, size in zip(some, sizes[start : start + _PAGES_AT_ONCE], strict=True):
            known = whole.get(page.recommendation_id, page)
            logged.extend(logged_factors(known, size))
            odds.extend(known.propensities[:size] if known.propensities else [1.0] * size)
        explored.append(np.array(odds) < EXPLORED)
        factors_of.append(np.array(logged, np.float64).reshape(-1, len(PARTS)))
    rows = np.concatenate(factors_of)
    columns = {name: rows[:, PARTS.index(name)] for name in FACTORS if name in PARTS}
    columns["far"] = factors.far(columns["distance"])
    return np.concatenate(explored), columns


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
        while batch := self.log.interactions(self._offset, _AT_ONCE):
            self._offset = batch[-1].offset
            for interaction in batch:
                while coming and was_shown(coming[0], interaction):
                    self._show(coming.popleft())
                if opens(interaction, self.log.event_types):
                    self._open(interaction)
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

    def _open(self, interaction: Interaction) -> None:
        """Count an opening, once for each visitor."""
        kinds = len(self._shown.kinds)
        found = self._shown.find(interaction)
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
        is_first = self._suspects.opened(visitor, interaction.animal_id)
        if is_first and place < len(self._chances.get(page.recommendation_id, _UNKNOWN)[0]):
            if visits.first.get(interaction.animal_id) == visit_of(page):
                self._add(visits, interaction.animal_id, 1, 0, 0)
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
