"""Recommends, compares and orders animals: groups from the model, then animals and reasons."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from itertools import islice
from math import isnan, nan
from threading import Lock
from weakref import WeakKeyDictionary

import msgspec
import numpy as np
from cachetools import LRUCache
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.animals.animal import Animal
from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.errors import NotFound
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.limits import check_between
from pawsonalize.core.preferences import NO_WISHES
from pawsonalize.models.recipes.classes import classes_of
from pawsonalize.recommend.animals import factors
from pawsonalize.recommend.animals.available import AvailableAnimals, AvailableAnimalsWatch, Slots
from pawsonalize.recommend.animals.choices import (
    ChoiceTables,
    ChoiceWeights,
    GroupAffinity,
    ModelAffinity,
    TraitAffinity,
)
from pawsonalize.recommend.animals.counting import AnimalEffects
from pawsonalize.recommend.animals.eligibility import kilometres, place_of
from pawsonalize.recommend.animals.pages import (
    EXPLORED,
    OpenPages,
    PageReader,
    Pages,
    places_of,
    rest_of,
)
from pawsonalize.recommend.animals.reasons import MAX_REASONS, AnimalStanding, reasons_for
from pawsonalize.recommend.animals.scoring import (
    ExplorationShares,
    ScoredAnimals,
    ScoringInputs,
    choose,
    estimate,
)
from pawsonalize.recommend.animals.settings import PARTS, AnimalSettings
from pawsonalize.recommend.exploration import Explored, ImpressionLog, UnseenAnswers, explore
from pawsonalize.recommend.groups import MAX_RESULTS, Arms, GroupRecommender, GroupScores, check_ids
from pawsonalize.recommend.live_model import UNTRAINED, LoadedModel
from pawsonalize.recommend.live_tests import AS_SENT, mark, team_draft
from pawsonalize.recommend.query import (
    AnimalSearches,
    Query,
    disliked_animals,
    interactions_by_animal,
    penalties,
    with_wishes,
)
from pawsonalize.recommend.reasons import Reason
from pawsonalize.recommend.tables import (
    ANIMAL_RANKING,
    ANIMALS,
    SEARCH,
    SIMILAR_ANIMALS,
    Impression,
)
from pawsonalize.resources.kind import new_recommendation_id

Floats = NDArray[np.float64]
_DECIMALS = 4  # of what is logged for the model of choices
_CERTAIN_OF_SEARCHES = 3
_VERSIONS_KEPT = 6  # at once: a recommender's, a reranker's, what replaces them, a test's arms


class SnapshotCache(msgspec.Struct, frozen=True):
    """Cached values of one set of available animals; use them only while you hold its lock."""

    groups: ModelAffinity = msgspec.field(default_factory=ModelAffinity)
    traits: TraitAffinity = msgspec.field(default_factory=TraitAffinity)
    shares: ExplorationShares = msgspec.field(default_factory=ExplorationShares)
    choices: LRUCache[str, ChoiceTables] = msgspec.field(
        default_factory=lambda: LRUCache(_VERSIONS_KEPT)
    )
    """By solution version."""


class AnimalPlace(msgspec.Struct, frozen=True):
    """One place of an answer: the animal, and the animals that are bonded with it.

    `score` is exp(utility - highest possible utility), in a ranking the animal's share of
    exp(utility). `parts` add up to `utility`, in the order of `PARTS`; `factors` are the same
    without their weights.
    """

    animal_ids: tuple[str, ...]
    group_id: str
    score: float
    utility: float
    parts: tuple[float, ...]
    factors: tuple[float, ...]
    explored: bool = False
    propensity: float = 1.0
    reasons: tuple[Reason, ...] = ()
    recommendation_id: str | None = None


class AnimalsAnswer(msgspec.Struct, frozen=True):
    """Animals in order, and the impression id they were logged under."""

    recommendation_id: str
    solution_version: str
    places: tuple[AnimalPlace, ...]
    asks: bool = False  # True if a board is worth its place now


def places_in_order(
    inputs: ScoringInputs,
    scored: ScoredAnimals,
    ids: Sequence[tuple[str, ...]],
    scores: Floats,
    chosen: Explored | None = None,
) -> list[AnimalPlace]:
    """The places of animals that were put in order, each with all of its `ids`."""
    names = inputs.available.codes["group"].names
    groups = inputs.available.column("group", scored.slots).tolist()
    columns = (
        ids,
        [names[group] for group in groups],
        scores.tolist(),
        scored.utilities.tolist(),
        map(tuple, scored.parts.tolist()),
        map(tuple, scored.bare.round(_DECIMALS).tolist()),
        chosen.explored if chosen else (False,) * len(ids),
        chosen.propensities if chosen else (1.0,) * len(ids),
    )
    return [AnimalPlace(*row) for row in zip(*columns, strict=True)]


def places_left(inputs: ScoringInputs, query: Query) -> Explored:
    """The first places of the query's page, without animals that may not be shown any more."""
    available = inputs.available
    left: dict[int, float] = {}
    for ids, propensity, _ in islice(places_of(query.page), query.limit):
        slots = available.slots(ids)
        left |= dict.fromkeys(slots[available.leads[slots]].tolist(), propensity)
    slots = inputs.fitting(np.array(list(left), np.int64))
    odds = tuple(left[slot] for slot in slots.tolist())
    explored = tuple(one < EXPLORED for one in odds)
    return Explored(tuple(available.rank[slots].tolist()), explored, odds)


def certain_places(inputs: ScoringInputs) -> tuple[int, Floats | None]:
    """The number of first places that chance never fills, and the relevance of each position.

    Whoever searched finds the best first, and chance decides between equals alone. Whoever picked
    sees first what follows from it.
    """
    if inputs.relevance is not None:
        fits = inputs.relevance.scores - inputs.relevance.doubts
        return _CERTAIN_OF_SEARCHES, fits[inputs.available.order]
    return int(bool(inputs.personal.boards.picked_animals)), None


def with_logged_ids(answer: AnimalsAnswer, page: Sequence[Impression]) -> AnimalsAnswer:
    """The answer under the ids that its places were logged under."""
    first = page[0].recommendation_id
    own = {one: name for ids, _, name in places_of(page) for one in ids if name != first}
    places = (replace(one, recommendation_id=own.get(one.animal_ids[0])) for one in answer.places)
    return replace(answer, recommendation_id=first, places=tuple(places))


def never(_weighing: ScoringInputs, _slots: Slots, _query: Query) -> bool:
    """The rule of a service without boards."""
    return False


@dataclass(eq=False)
class AnimalRecommender:
    """Recommends, orders and compares animals that are available."""

    group_recommender: GroupRecommender
    available: AvailableAnimalsWatch
    animals: Animals
    impressions: ImpressionLog | UnseenAnswers
    pages: PageReader
    effects: AnimalEffects
    settings: AnimalSettings
    open_pages: OpenPages
    asks: Callable[[ScoringInputs, Slots, Query], bool] = never
    """True if a board is worth its place beside a page of these animals."""
    searches: AnimalSearches | None = None
    """None where no plugin searches."""

    def __post_init__(self) -> None:
        self._snapshots: WeakKeyDictionary[AvailableAnimals, SnapshotCache] = WeakKeyDictionary()
        self._lock = Lock()

    def with_group_recommender(
        self, group_recommender: GroupRecommender, *, is_seen: bool = True
    ) -> "AnimalRecommender":
        """Return the same animals, ordered by another model; only `is_seen` is logged."""
        other = copy(self)
        other.group_recommender = group_recommender
        if not is_seen:
            other.impressions = self.impressions.unseen()
        return other

    def with_profile(self, query: Query) -> Query:
        """The query, its eligibility completed by what is stored of the user."""
        catalogue = self.group_recommender.filtering.catalogue
        query = query.with_user(catalogue)
        stored = query.attributes(catalogue)
        rules = query.eligibility.complete(stored, self.available.postcodes)
        return replace(query, eligibility=rules)

    def distances(self, query: Query, animals: Sequence[Animal]) -> list[float]:
        """Return each animal's distance from the visitor in kilometres; NaN if unknown."""
        here = query.eligibility.place
        if here is None:
            return [nan] * len(animals)
        places = [place_of(animal, self.available.postcodes) for animal in animals]
        points = [(nan, nan) if one is None else (one.latitude, one.longitude) for one in places]
        far: list[float] = kilometres(here, *np.array(points).reshape(-1, 2).T).tolist()
        return far

    def count_choices(self, now: int) -> None:
        """Count what visitors did with animals on pages since the last time."""
        if self.group_recommender.can_answer:
            available = self.available.of(now, now)
            with available.lock:
                tables = self._tables(self._cache_of(available), self.group_recommender.served)
            self.effects.count(tables, available)

    def can_order(self, now: int) -> bool:
        """True if animals can be ordered: by a live model, or by counts of available animals."""
        if self.group_recommender.can_recommend:
            return True
        return self.group_recommender.can_answer and len(self.available.of(now, now)) > 0

    def recommend(self, query: Query) -> AnimalsAnswer:
        """The best animals for the visitor, except for explored places; InvalidInput by limit.

        Of a query with a search, those that it finds.
        """
        question = ANIMALS if query.search is None else SEARCH
        arms = self.group_recommender.arms(query)
        if arms is not None and arms.rival is not None and query.search is not None:
            arms = None  # words decide there, and chance between equals alone
        return self._by_arms(arms, lambda own, arms: own._page(query, question, arms))

    def _by_arms(
        self,
        arms: Arms | None,
        answer: Callable[["AnimalRecommender", Arms | None], AnimalsAnswer],
    ) -> AnimalsAnswer:
        """Return the answer of the visitor's arms; without any, or if they fail, the campaign's."""
        own = None if arms is None else self.with_group_recommender(arms.first)
        found = arms and own and arms.attempt(arms.number, answer, own, arms)
        return found or answer(self, None)

    def _page(self, query: Query, question: str, arms: Arms | None) -> AnimalsAnswer:
        version = arms.version if arms else self.group_recommender.served.version.name
        query = self.open_pages.read(query, question, version)
        answer = self._recommended(query, None, arms)
        # A page that is repeated goes on up to the limit, where it had fewer places.
        if not query.page or query.continues:
            return answer
        left = query.limit - sum(len(shown.item_ids) for shown in query.page)
        if left <= 0:
            return answer
        rest = self._recommended(rest_of(replace(query, limit=left)), None, arms)
        places = (replace(one, recommendation_id=rest.recommendation_id) for one in rest.places)
        return replace(answer, places=(*answer.places, *places))

    def recommend_nearest(self, query: Query, shown: int) -> AnimalsAnswer | None:
        """The animals that nearly fit the query's search, for the places that are left."""
        nearest = query.search and query.search.nearest
        if nearest is None or shown >= query.limit:
            return None
        return self.recommend(replace(query, search=nearest, limit=query.limit - shown))

    def similar(self, animal_id: str, query: Query) -> AnimalsAnswer:
        """Animals for visitors who like this one; NotFound for an unknown animal."""
        animal = self.animals.get(animal_id)
        if animal is None:
            raise NotFound(
                f"there is no animal {animal_id}: see GET /v1/animals or `pawsonalize animals ls`"
            )
        query = replace(query, eligibility=query.eligibility.without({animal_id}))
        arms = self.group_recommender.arms(query)
        group = animal.group_at(query.at).id
        alone = arms if arms and not arms.rival else None  # two draft no page about an animal
        return self._by_arms(alone, lambda own, _: own._recommended(query, group))

    def rerank(self, animal_ids: Sequence[str], query: Query) -> AnimalsAnswer:
        """The animals among these that are available and may be shown, best first; scores sum to 1.

        Ties go by longest listed, then by id. A repeated ranking keeps its order; new animals
        follow. InvalidInput for an empty list, more than 500 animals or an animal given twice.
        """
        check_ids(animal_ids)
        arms = self.group_recommender.arms(query, ranking=True)
        return self._by_arms(arms, lambda own, arms: own._ranked(animal_ids, query, arms))

    def _ranked(self, animal_ids: Sequence[str], query: Query, arms: Arms | None) -> AnimalsAnswer:
        query = query.with_user(self.group_recommender.filtering.catalogue)
        groups = self.group_recommender.score_groups(query, ranking=True)
        version = arms.version if arms else groups.served.version.name
        query = self.open_pages.read(query, ANIMAL_RANKING, version)
        name = query.recommendation_id or new_recommendation_id(query.now)
        query = replace(query, recommendation_id=name)
        place_in_page = {ids[0]: place for place, (ids, *_) in enumerate(places_of(query.page))}
        rival = None
        if arms is not None and arms.rival is not None:
            other = self.with_group_recommender(arms.rival)
            rival = arms.attempt(1, other._ranked_ids, animal_ids, query)
        teams: tuple[int | None, ...] = ()
        with self.inputs(query, groups, self.settings.group_affinity) as inputs:
            available, end = inputs.available, len(place_in_page)
            slots = inputs.fitting(available.slots(animal_ids))
            names = [available.ids[slot] for slot in slots.tolist()]
            before = np.array([place_in_page.get(one, end) for one in names], np.int64)
            order = self._ranked_places(inputs, slots, before)
            if rival is not None and not query.page:
                place_of = {one: place for place, one in enumerate(names)}
                others = [place_of[one] for one in rival if one in place_of]
                draft = team_draft(order.tolist(), others, len(order), name)
                order, teams = np.array(draft.explored.positions, np.intp), draft.teams
            scored = inputs.score(slots[order])
            shares = np.exp(scored.utilities - scored.utilities.max(initial=-np.inf))
            ids = [(available.ids[slot],) for slot in scored.slots.tolist()]
            places = places_in_order(inputs, scored, ids, shares / shares.sum())
        if end in before[order]:  # somebody new makes it another page
            query = replace(query, page=())
        draft_of = (version, mark(arms.test.name, teams)) if arms and teams else None
        return self.answer(ANIMAL_RANKING, query, groups, places, scored, drafted=draft_of)

    def _ranked_places(
        self, inputs: ScoringInputs, slots: Slots, before: NDArray[np.int64]
    ) -> NDArray[np.intp]:
        """Return the order of the slots: by their places before, then by utility."""
        if self.group_recommender.keeps_order:
            return np.argsort(before, kind="stable")[:MAX_RESULTS]
        utilities = inputs.utilities(slots)
        return np.lexsort((inputs.available.rank[slots], -utilities, before))[:MAX_RESULTS]

    def _ranked_ids(self, animal_ids: Sequence[str], query: Query) -> list[str]:
        """Return the animals among these that may be shown, best first."""
        groups = self.group_recommender.score_groups(query, ranking=True)
        with self.inputs(query, groups, self.settings.group_affinity) as inputs:
            slots = inputs.fitting(inputs.available.slots(animal_ids))
            order = self._ranked_places(inputs, slots, np.zeros(len(slots), np.int64))
            return [inputs.available.ids[slot] for slot in slots[order].tolist()]

    def _best_ids(self, query: Query, pages: Pages) -> list[str]:
        """Return the best animals for the visitor of these pages, best first; none is explored."""
        groups = self.group_recommender.score_groups(query)
        with self.inputs(query, groups, self.settings.group_affinity, pages) as inputs:
            slots = choose(inputs, estimate(inputs), query.limit)
            return [inputs.available.ids[slot] for slot in slots.tolist()]

    def fitting(self, query: Query) -> list[str]:
        """The animals that may be shown, longest listed first: one for each place."""
        with self._fitting(query) as (available, slots):
            return [available.ids[slot] for slot in slots.tolist()]

    def count_fitting(self, query: Query, attribute: str = "species") -> dict[str, int]:
        """The number of animals that may be shown, by species or another attribute."""
        with self._fitting(query) as (available, slots):
            counts = np.bincount(available.column(attribute, slots))
            names = available.codes[attribute].names
            return {names[code]: int(counts[code]) for code in np.flatnonzero(counts).tolist()}

    @contextmanager
    def _fitting(self, query: Query) -> Iterator[tuple[AvailableAnimals, Slots]]:
        available = self.available.of(query.at, query.now)
        with available.lock:
            led = available.order[available.leads[available.order]]
            passing = available.judge(query.eligibility, led).passing
            if query.search is not None:
                passing &= query.search.relevance(available).found[led]
            yield available, led[passing]

    def _recommended(
        self, query: Query, about: str | None, arms: Arms | None = None
    ) -> AnimalsAnswer:
        check_between("limit", query.limit, 1, MAX_RESULTS)
        name = query.recommendation_id or new_recommendation_id(query.now)
        query = query.with_user(self.group_recommender.filtering.catalogue)
        query = replace(query, recommendation_id=name)
        groups, settings = self.group_recommender.score_groups(query, about), self.settings
        share = settings.group_affinity if about is None else settings.similar_affinity
        is_repeated = bool(query.page) and not query.continues
        rival, pages, drafted = None, None, None
        if arms is not None and arms.rival is not None and not is_repeated:
            pages = self._read_pages(query, groups)
            other = self.with_group_recommender(arms.rival)
            rival = arms.attempt(1, other._best_ids, query, pages)
        with self.inputs(query, groups, share, pages) as inputs:
            available = inputs.available
            if is_repeated:
                chosen = places_left(inputs, query)
            else:
                estimates = estimate(inputs)
                best = available.rank[choose(inputs, estimates, query.limit)]
                weight = groups.served.settings.exploration_weight
                novelty = self._cache_of(available).shares
                due = novelty.of(inputs, estimates) if weight > 0 else None
                kept, alike = certain_places(inputs)
                if arms is not None and rival is not None:
                    others = available.rank[inputs.fitting(available.slots(rival))].tolist()
                    orders = (best.tolist(), others)
                    draft = team_draft(*orders, len(best), name, due, weight, kept=kept)
                    chosen = draft.explored
                    drafted = (arms.version, mark(arms.test.name, draft.teams))
                else:
                    best = best.astype(np.intp)
                    chosen = explore(best, due, weight, name, kept=kept, alike=alike)
            slots = available.order[list(chosen.positions)]
            scored = inputs.score(slots)
            ids = [available.members(slot) for slot in slots.tolist()]
            shares = np.exp(scored.utilities - inputs.bound)
            places = places_in_order(inputs, scored, ids, shares, chosen)
            is_page = about is None and query.search is None
            asks = is_page and not query.continues and self.asks(inputs, slots, query)
        kind = SEARCH if query.search else ANIMALS if about is None else SIMILAR_ANIMALS
        return self.answer(kind, query, groups, places, scored, asks=asks, drafted=drafted)

    def _read_pages(self, query: Query, groups: GroupScores) -> Pages:
        return self.pages.of(
            query.visitor,
            query.page[0].as_of if query.page else query.at,
            self.impressions.waiting_of(query.visitor),
            self.effects.kinds.union(groups.served.choices.kinds),
            picked=groups.context.picked,
            wishes=groups.context.wishes,
        )

    @contextmanager
    def inputs(
        self, query: Query, groups: GroupScores, share: float, pages: Pages | None = None
    ) -> Iterator[ScoringInputs]:
        """Hold the available animals' lock, with the inputs of the weighing.

        `share` weighs the model's part in the affinity; `pages` are read if they were not. Groups
        that do not pass the query's filter must not be shown; nor groups that came since it was
        applied.
        """
        available = self.available.of(query.at, query.now)
        # All that reads tables comes before the lock: other queries would wait for the tables.
        log, passed = self.group_recommender.filtering.log, None
        disliked = disliked_animals(log, query.visitor, groups.context)
        if query.filter is not None:
            with available.lock:
                names = available.codes["group"].names
                present = [names[code] for code in available.present.tolist()]
            passed = self.group_recommender.passing_groups(present, query)
        pages = self._read_pages(query, groups) if pages is None else pages
        with available.lock:
            codes, cache = available.codes["group"], self._cache_of(available)
            affinity = share * cache.groups.of(groups, codes, available.present)
            if groups.served.version.name == UNTRAINED:
                # Without a model, an unknown visitor is expected to like what others look at.
                usual = cache.groups.in_general(groups, codes, available.present)
                affinity += self.settings.group_affinity * usual
            traits, classes = self.settings.traits, classes_of(groups.model)
            context = groups.context
            if not query.search and pages.wanted != NO_WISHES:
                context = with_wishes(context, pages.wanted)
            taste = cache.traits.of(context, codes, available.there, traits, classes)
            liked = GroupAffinity(affinity + taste.affinity, taste.quiz)
            penalty = penalties(groups.context, codes.names)
            lost = np.zeros(len(codes)) if penalty is None else -penalty
            if passed is not None:
                lost[[name not in passed for name in codes.names]] = np.inf
            tables = self._tables(cache, groups.served)
            near = factors.near(available.places, query.eligibility.place)
            yield ScoringInputs(
                available=available,
                eligibility=query.eligibility,
                at=query.at,
                tables=tables,
                settings=self.settings,
                liked=liked,
                personal=tables.of(available, pages, liked, near),
                lost=lost,
                disliked=available.slots(disliked),
                near=near,
                relevance=None if query.search is None else query.search.relevance(available),
            )

    def _cache_of(self, available: AvailableAnimals) -> SnapshotCache:
        with self._lock:
            cache = self._snapshots.get(available)
            if cache is None:
                cache = self._snapshots[available] = SnapshotCache()
            return cache

    def _tables(self, cache: SnapshotCache, served: LoadedModel) -> ChoiceTables:
        tables = cache.choices.get(served.version.name)
        if tables is None or tables.model is not served.choices:
            weights = ChoiceWeights.of(served.choices, self.settings.weights)
            tables = ChoiceTables(served.choices, weights)
            cache.choices[served.version.name] = tables
        return tables

    def answer(
        self,
        kind: str,
        query: Query,
        groups: GroupScores,
        places: list[AnimalPlace],
        scored: ScoredAnimals,
        *,
        asks: bool = False,
        drafted: tuple[str, str] | None = None,
    ) -> AnimalsAnswer:
        """Explain the answer if that is wanted, and log it.

        Of two arms of a live test, `drafted` are the versions and what is logged of the arms.
        """
        if query.explain:
            places = self._explained(query, groups, places, scored)
        by = self.group_recommender
        own = AS_SENT if by.keeps_order else groups.served.answered_by(groups.context)
        version, marked = drafted or (own, by.mark)
        answer = AnimalsAnswer(
            query.recommendation_id or new_recommendation_id(query.now),
            version,
            tuple(places),
            asks,
        )
        if query.page and not query.continues:  # it is logged already
            return with_logged_ids(answer, query.page)
        if query.page and not places:  # everybody is shown
            return replace(answer, recommendation_id=query.continues[-1])
        impression = query.impression(
            answer.recommendation_id,
            kind,
            version,
            (place.group_id for place in places),
            propensities=tuple(place.propensity for place in places),
            animal_ids=tuple(place.animal_ids for place in places),
            factors=tuple(place.factors for place in places),
            search=query.search.record if query.search else None,
            live_test=marked,
        )
        self.impressions.add(impression)
        return answer

    def _explained(
        self,
        query: Query,
        groups: GroupScores,
        places: Sequence[AnimalPlace],
        scored: ScoredAnimals,
    ) -> list[AnimalPlace]:
        known = self.animals.get_many([one for place in places for one in place.animal_ids])
        rules, days = query.eligibility, self.settings.newcomer_days
        interactions = interactions_by_animal(
            self.group_recommender.filtering.log, query.visitor, query.at
        )
        lifts = scored.parts - scored.parts.sum(axis=0) / max(1, len(places))
        facts = (lifts.tolist(), scored.shown.tolist(), scored.kilometres.tolist())
        explained = []
        for place, lift, shown, far in zip(places, *facts, strict=True):
            here = [known[one] for one in place.animal_ids if one in known]
            group = AnimalGroup.parse(place.group_id)
            parts = dict(zip(PARTS, place.parts, strict=True))
            own = frozenset().union(*(interactions.get(one.animal_id, ()) for one in here))
            standing = AnimalStanding(
                animals=here,
                group=group,
                lifts=dict(zip(PARTS, lift, strict=True)),
                shown=shown,
                kilometres=None if isnan(far) else far,
                explored=place.explored,
                parts=parts,
                interactions=own,
            )
            seen = groups.context.events
            reasons = reasons_for(standing, seen, rules, query.at, days) if here else ()
            wrote = query.search.reason(here[0]) if query.search and here else None
            if wrote is not None:
                reasons = (wrote, *reasons[: MAX_REASONS - 1])
            explained.append(replace(place, reasons=reasons))
        return explained
