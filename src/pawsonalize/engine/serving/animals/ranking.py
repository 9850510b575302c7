"""Answers of individual animals: groups from the model, then animals, their order and reasons."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from math import nan

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.errors import InvalidInput, NotFound
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.limits import check_between
from pawsonalize.engine.serving.animals.animal_effects import AnimalEffects
from pawsonalize.engine.serving.animals.answer import (
    AnimalPlace,
    AnimalsAnswer,
    OpenPages,
    places_in_order,
    places_left,
    places_of,
    rest_of,
    standings_of,
    with_logged_ids,
)
from pawsonalize.engine.serving.animals.available import AvailableAnimals, Slots
from pawsonalize.engine.serving.animals.available_watch import AvailableAnimalsWatch
from pawsonalize.engine.serving.animals.choices import (
    ChoiceTables,
    ChoiceWeights,
    PageReader,
    Pages,
)
from pawsonalize.engine.serving.animals.choosing import (
    CachedTables,
    Derived,
    ExplorationShares,
    choose,
)
from pawsonalize.engine.serving.animals.eligibility import Eligibility, kilometres, place_of
from pawsonalize.engine.serving.animals.reasons import AnimalStanding, reasons_for
from pawsonalize.engine.serving.animals.settings import PARTS, AnimalSettings
from pawsonalize.engine.serving.animals.utility import Estimates, Weighing, estimate
from pawsonalize.engine.serving.context import Query, penalties
from pawsonalize.engine.serving.exploration import Explored, explore
from pawsonalize.engine.serving.impressions import ImpressionLog, UnseenAnswers
from pawsonalize.engine.serving.recommender import MAX_RESULTS, GroupScores, Runtime
from pawsonalize.engine.serving.served import UNTRAINED, Served
from pawsonalize.kinds.resource import new_recommendation_id
from pawsonalize.recipes.classes import classes_of
from pawsonalize.recipes.contract import ContextEvent
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.storage.events.impressions import (
    ANIMAL_RANKING,
    ANIMALS,
    SIMILAR_ANIMALS,
    Impression,
)

Floats = NDArray[np.float64]


class Individuals:
    """Recommends, orders and compares animals that are available."""

    def __init__(
        self,
        runtime: Runtime,
        available: AvailableAnimalsWatch,
        animals: Animals,
        impressions: ImpressionLog | UnseenAnswers,
        pages: PageReader,
        effects: AnimalEffects,
        settings: AnimalSettings,
        open_pages: OpenPages,
    ) -> None:
        self._runtime = runtime
        self._available = available
        self._animals = animals
        self._impressions = impressions
        self._pages = pages
        self._effects = effects
        self._settings = settings
        self.open_pages = open_pages
        self._derived = CachedTables()

    def with_runtime(self, runtime: Runtime, *, is_seen: bool = True) -> "Individuals":
        """Return the same animals, ordered by another model; only `is_seen` is logged."""
        other = copy(self)
        other._runtime = runtime
        if not is_seen:
            other._impressions = self._impressions.unseen()
        return other

    def with_profile(self, query: Query) -> Query:
        """The query, its eligibility completed by what is stored of the user.

        See `Eligibility.completed`.
        """
        return self._runtime.with_profile(query, self._available.postcodes)

    def placed(self, rules: Eligibility) -> Eligibility:
        """The rules with the place of their postcode; InvalidInput if the table has it not."""
        return rules.complete({}, self._available.postcodes)

    @property
    def knows_postcodes(self) -> bool:
        """Whether a visitor can say where they are by a postcode."""
        return bool(self._available.postcodes)

    def distances(self, query: Query, animals: Sequence[Animal]) -> list[float]:
        """Return each animal's distance from the visitor in kilometres; NaN if unknown."""
        here = query.eligibility.place
        if here is None:
            return [nan] * len(animals)
        places = [place_of(animal, self._available.postcodes) for animal in animals]
        latitudes = np.array([nan if one is None else one.latitude for one in places])
        longitudes = np.array([nan if one is None else one.longitude for one in places])
        far: list[float] = kilometres(here, latitudes, longitudes).tolist()
        return far

    def count_choices(self, now: int) -> None:
        """Take in what was made of animals on pages since the last time."""
        if self._runtime.can_answer:
            available = self._available.of(now, now)
            with available.lock:
                tables = self._tables(self._derived.of(available), self._runtime.served)
            self._effects.count(tables, available)

    def can_order(self, now: int) -> bool:
        """Whether animals can be ordered: by a live model, or by counts of available animals."""
        if self._runtime.can_recommend:
            return True
        return self._runtime.can_answer and len(self._available.of(now, now)) > 0

    def recommend(self, query: Query) -> AnimalsAnswer:
        """The best animals for the visitor, except for explored places.

        As many as `limit`, if so many may be shown. Raises InvalidInput for a limit outside 1…500.
        A page that is repeated goes on up to `limit`, where it had fewer places.
        """
        query = self.open_pages.read(query, ANIMALS, self._runtime.served.version.name)
        answer = self._recommended(query, None)
        left = query.limit - sum(len(one.item_ids) for one in query.page)
        if not query.page or query.continues or left <= 0:
            return answer
        rest = self._recommended(rest_of(replace(query, limit=left)), None)
        places = (replace(one, recommendation_id=rest.recommendation_id) for one in rest.places)
        return replace(answer, places=(*answer.places, *places))

    def similar(self, animal_id: str, query: Query) -> AnimalsAnswer:
        """Animals for visitors who like this one; NotFound for an unknown animal."""
        animal = self._animals.get(animal_id)
        if animal is None:
            raise NotFound(
                f"there is no animal {animal_id}: see GET /v1/animals or `pawsonalize animals ls`"
            )
        denied = query.eligibility.denied
        denied = replace(denied, animals=denied.animals | {animal_id})
        query = replace(query, eligibility=replace(query.eligibility, denied=denied))
        return self._recommended(query, animal.group_at(query.at).id)

    def rerank(self, animal_ids: Sequence[str], query: Query) -> AnimalsAnswer:
        """The animals among these that are available and may be shown, best first; scores sum to 1.

        Ties go by longest listed, then by id. A ranking that is repeated keeps its order; animals
        that were not in it follow. InvalidInput for an empty list, more than 500 animals or an
        animal given twice.
        """
        _check(animal_ids)
        return self.rank_found(dict.fromkeys(animal_ids, 0), query)[0]

    def rank_found(self, found: Mapping[str, int], query: Query) -> tuple[AnimalsAnswer, int]:
        """The best 500 of those animals, and the number of all that may be shown.

        `found` has a level for each: whatever the visitor likes, lower levels come first.
        """
        query = self._runtime.with_user(query)
        available = self._available.of(query.at, query.now)
        groups = self._runtime.score_groups(query, ranking=True)
        query = self.open_pages.read(query, ANIMAL_RANKING, groups.served.version.name)
        place_in_page = {ids[0]: place for place, (ids, *_) in enumerate(places_of(query.page))}
        disliked = self._runtime.disliked_animals(query.visitor, groups)
        passed, pages = self._passed(available, query), self._shown(query, groups)
        with available.lock:
            counts = self._settings.group_affinity
            weighing = self._weighing(available, groups, query, counts, passed, disliked, pages)
            slots = weighing.fitting(available.slots(found))
            utilities = weighing.utilities(slots)
            names, end = [available.ids[slot] for slot in slots.tolist()], len(place_in_page)
            levels = np.array([found[one] for one in names], np.int64)
            before = np.array([place_in_page.get(one, end) for one in names], np.int64)
            order = np.lexsort((available.rank[slots], -utilities, levels, before))[:MAX_RESULTS]
            weighed = weighing.weigh(slots[order])
            shares = np.exp(weighed.utilities - weighed.utilities.max(initial=-np.inf))
            ids = [(available.ids[slot],) for slot in weighed.slots.tolist()]
            places = places_in_order(weighing, weighed, ids, shares / shares.sum())
            standings = standings_of(weighing, weighed) if query.explain else []
        if end in before[order]:  # somebody new makes it another page
            query = replace(query, page=())
        return self._answer(ANIMAL_RANKING, query, groups, places, standings), len(slots)

    def fitting(self, query: Query) -> list[str]:
        """The animals that may be shown, longest listed first: one for each place."""
        available = self._available.of(query.at, query.now)
        with available.lock:
            led = available.order[available.leads[available.order]]
            return [
                available.ids[slot]
                for slot in led[available.judge(query.eligibility, led).passing].tolist()
            ]

    def _recommended(self, query: Query, about: str | None) -> AnimalsAnswer:
        check_between("limit", query.limit, 1, MAX_RESULTS)
        name = query.recommendation_id or new_recommendation_id(query.now)
        query = replace(self._runtime.with_user(query), recommendation_id=name)
        available = self._available.of(query.at, query.now)
        groups = self._runtime.score_groups(query, about)
        counts = self._settings.group_affinity if about is None else self._settings.similar_affinity
        disliked = self._runtime.disliked_animals(query.visitor, groups)
        passed, pages = self._passed(available, query), self._shown(query, groups)
        with available.lock:
            weighing = self._weighing(available, groups, query, counts, passed, disliked, pages)
            if query.page and not query.continues:
                chosen = places_left(weighing, query)
            else:
                estimates, due = estimate(weighing), self._derived.of(available).shares
                best = available.rank[choose(weighing, estimates, query.limit)]
                chosen = _explored(weighing, estimates, best, groups, query, due)
            slots = available.order[list(chosen.positions)]
            weighed = weighing.weigh(slots)
            ids = [available.members(slot) for slot in slots.tolist()]
            shares = np.exp(weighed.utilities - weighing.bound)
            places = places_in_order(weighing, weighed, ids, shares, chosen)
            standings = standings_of(weighing, weighed) if query.explain else []
        kind = ANIMALS if about is None else SIMILAR_ANIMALS
        return self._answer(kind, query, groups, places, standings)

    def _passed(self, available: AvailableAnimals, query: Query) -> set[str] | None:
        """The groups with available animals that pass the filter; None without a filter.

        This reads the tables, so do not hold the lock: other queries would wait for the tables.
        """
        if query.filter is None:
            return None
        with available.lock:
            names = available.codes["group"].names
            waiting = [names[code] for code in available.present.tolist()]
        return self._runtime.passing_groups(waiting, query)

    def _shown(self, query: Query, groups: GroupScores) -> Pages:
        """Return the pages that the visitor saw; it reads the tables, so do not hold the lock."""
        waiting = self._impressions.waiting_of(query.visitor)
        kinds = frozenset(groups.served.choices.kinds)
        before = query.page[0].as_of if query.page else query.at
        return self._pages.of(query.visitor, before, waiting, kinds)

    def _weighing(
        self,
        available: AvailableAnimals,
        groups: GroupScores,
        query: Query,
        counts: float,
        passed: set[str] | None,
        disliked: frozenset[str],
        pages: Pages,
    ) -> Weighing:
        """Return the inputs of the weighing: `counts` weighs the model's part in the affinity.

        Disliked groups lose, and the animals `disliked` themselves most of all. Groups that are not
        in `passed` must not be shown; that includes groups that came since.
        """
        codes, derived = available.codes["group"], self._derived.of(available)
        liked = counts * derived.groups.of(groups, codes, available.present)
        if groups.served.version.name == UNTRAINED:
            # Without a model, an unknown visitor is expected to like what others look at.
            usual = derived.groups.in_general(groups, codes, available.present)
            liked += self._settings.group_affinity * usual
        traits, classes = self._settings.traits, classes_of(groups.model)
        liked += derived.traits.of(groups.context, codes, available.there, traits, classes)
        penalty = penalties(groups.context, codes.names)
        lost = np.zeros(len(codes)) if penalty is None else -penalty
        if passed is not None:
            lost[[name not in passed for name in codes.names]] = np.inf
        tables = self._tables(derived, groups.served)
        return Weighing(
            available,
            liked,
            lost,
            tables.common(available, query.at),
            tables.of(available, pages, liked),
            tables.weights,
            query.eligibility,
            self._settings,
            query.at,
            available.slots(disliked),
        )

    def _tables(self, derived: Derived, served: Served) -> ChoiceTables:
        """Return the served version's tables of choices, by the codes of the available animals."""
        tables = derived.choices.get(served.version.name)
        if tables is None or tables.model is not served.choices:
            weights = ChoiceWeights.of(served.choices, self._settings.weights)
            tables = ChoiceTables(served.choices, weights)
            derived.choices[served.version.name] = tables
        return tables

    def _answer(
        self,
        kind: str,
        query: Query,
        groups: GroupScores,
        places: list[AnimalPlace],
        standings: list[tuple[dict[str, float], float, float | None]],
    ) -> AnimalsAnswer:
        if query.explain:
            places = self._explained(query, groups.context.events, places, standings)
        answer = AnimalsAnswer(
            query.recommendation_id or new_recommendation_id(query.now),
            groups.served.answered_by(groups.context),
            tuple(places),
        )
        if query.page and not query.continues:  # it is logged already
            return with_logged_ids(answer, query.page)
        if query.page and not places:  # everybody is shown
            return replace(answer, recommendation_id=query.continues[-1])
        self._impressions.add(
            Impression(
                recommendation_id=answer.recommendation_id,
                question=kind,
                user_id=query.visitor.user_id,
                session_id=query.visitor.session_id,
                answered_at=query.now,
                as_of=query.at,
                solution_version=answer.solution_version,
                item_ids=tuple(place.group_id for place in places),
                propensities=tuple(place.propensity for place in places),
                animal_ids=tuple(place.animal_ids for place in places),
                factors=tuple(place.factors for place in places),
            )
        )
        return answer

    def _explained(
        self,
        query: Query,
        seen: Sequence[ContextEvent],
        places: list[AnimalPlace],
        standings: list[tuple[dict[str, float], float, float | None]],
    ) -> list[AnimalPlace]:
        """The places with reasons, from the animals' records as they are now."""
        known = self._animals.get_many([one for place in places for one in place.animal_ids])
        rules, days = query.eligibility, self._settings.newcomer_days
        deeds = self._runtime.deeds_by_animal(query)
        explained = []
        for place, (lifts, shown, far) in zip(places, standings, strict=True):
            here = [known[one] for one in place.animal_ids if one in known]
            group = AnimalGroup.parse(place.group_id)
            parts = dict(zip(PARTS, place.parts, strict=True))
            own = frozenset().union(*(deeds.get(one.animal_id, ()) for one in here))
            standing = AnimalStanding(here, group, lifts, shown, far, place.explored, parts, own)
            reasons = reasons_for(standing, seen, rules, query.at, days) if here else ()
            explained.append(replace(place, reasons=reasons))
        return explained


def _explored(
    weighing: Weighing,
    estimates: Estimates,
    best: Slots,
    groups: GroupScores,
    query: Query,
    due: ExplorationShares,
) -> Explored:
    """The places with exploration, as positions in the order of the available animals."""
    weight = groups.served.settings.exploration_weight
    if weight > 0:
        assert query.recommendation_id is not None
        shares = due.of(weighing, estimates)
        return explore(best.astype(np.intp), shares, weight, query.recommendation_id)
    return Explored(tuple(best.tolist()), (False,) * len(best), (1.0,) * len(best))


def _check(animal_ids: Sequence[str]) -> None:
    if not 1 <= len(animal_ids) <= MAX_RESULTS:
        raise InvalidInput(
            f"itemMetadataList must have 1 to {MAX_RESULTS} entries, not {len(animal_ids)}",
            field="itemMetadataList",
        )
    if len(set(animal_ids)) < len(animal_ids):
        raise InvalidInput("an itemId is in the list twice: send each animal once", field="itemId")
