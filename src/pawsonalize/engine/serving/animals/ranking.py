"""Answers of individual animals: groups from the model, then animals, their order and reasons."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from pawsonalize.domain.errors import InvalidInput, NotFound
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.engine.resources.names import new_recommendation_id
from pawsonalize.engine.serving.animals.available import Shelf, Slots
from pawsonalize.engine.serving.animals.available_watch import ShelfWatch
from pawsonalize.engine.serving.animals.eligibility import ANYBODY, Rules
from pawsonalize.engine.serving.animals.reasons import Standing, reasons_for
from pawsonalize.engine.serving.animals.settings import FACTORS, AnimalSettings, Weights
from pawsonalize.engine.serving.animals.utility import (
    DerivedOfShelves,
    Dues,
    Floats,
    Question,
    Weighed,
    choose,
)
from pawsonalize.engine.serving.context import penalties
from pawsonalize.engine.serving.exploration import Explored, explore
from pawsonalize.engine.serving.filters.filtering import AppliedFilter, Asking
from pawsonalize.engine.serving.impressions import ImpressionLog
from pawsonalize.engine.serving.recommender import MAX_RESULTS, GroupScores, Runtime
from pawsonalize.engine.serving.served import UNTRAINED
from pawsonalize.engine.serving.told import NOTHING, Told
from pawsonalize.recipes.classes.latent import classes_of
from pawsonalize.recipes.contract import Seen
from pawsonalize.storage.animals import Animals
from pawsonalize.storage.impressions import ANIMAL_RANKING, ANIMALS, Impression

PARTS = ("group", *FACTORS)


@dataclass(frozen=True, slots=True)
class Place:
    """One place of an answer: the animal, and the animals that are bonded with it.

    In a recommendation `score` is exp(utility - highest possible utility); in a ranking it is the
    animal's share of exp(utility) over the list. `parts` add up to `utility`, from left to right,
    in the order of `PARTS`; `factors` are the same without their weights. `propensity` is that of
    `Explored`.
    """

    animal_ids: tuple[str, ...]
    group_id: str
    score: float
    utility: float
    parts: tuple[float, ...]
    factors: tuple[float, ...]
    explored: bool = False
    propensity: float = 1.0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnimalAnswer:
    """Animals in order, and the impression id they were logged under."""

    recommendation_id: str
    solution_version: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and for which moment; `now` is the clock's.

    The same `recommendation_id` gives the same places again, as long as the data do not change.
    """

    visitor: Visitor
    at: int
    now: int
    rules: Rules = ANYBODY
    filter: AppliedFilter | None = None
    explain: bool = False
    told: Told = NOTHING
    recommendation_id: str | None = None


class Individuals:
    """Recommends, orders and compares animals that are available."""

    def __init__(
        self,
        runtime: Runtime,
        shelf: ShelfWatch,
        animals: Animals,
        impressions: ImpressionLog,
        settings: AnimalSettings,
    ) -> None:
        self._runtime = runtime
        self._shelf = shelf
        self._animals = animals
        self._impressions = impressions
        self._settings = settings
        self._derived = DerivedOfShelves()

    def weigh_by(self, weights: Weights) -> None:
        """Use other weights from the next query on."""
        self._settings = replace(self._settings, weights=weights)

    def asking(self, runtime: Runtime) -> "Individuals":
        """The same animals, ordered by the model of another campaign."""
        other = copy(self)
        other._runtime = runtime
        return other

    def can_order(self, now: int) -> bool:
        """Whether animals can be ordered: by a live model, or by counts of available animals."""
        if self._runtime.can_recommend:
            return True
        return self._runtime.can_answer and len(self._shelf.of(now, now)) > 0

    def recommend(self, asked: Asked, limit: int) -> AnimalAnswer:
        """The best animals for the visitor, except for explored places.

        As many as `limit`, if so many may be shown. Raises InvalidInput for a limit outside 1…500.
        """
        return self._recommended(asked, limit, None)

    def similar(self, animal_id: str, asked: Asked, limit: int) -> AnimalAnswer:
        """Animals for visitors who like this one; NotFound for an unknown animal."""
        animal = self._animals.get(animal_id)
        if animal is None:
            raise NotFound(f"there is no animal {animal_id}: see GET /v1/animals")
        denied = asked.rules.denied
        denied = replace(denied, animals=denied.animals | {animal_id})
        asked = replace(asked, rules=replace(asked.rules, denied=denied))
        return self._recommended(asked, limit, animal.group_at(asked.at).id)

    def rerank(self, animal_ids: Sequence[str], asked: Asked) -> AnimalAnswer:
        """The animals among these that are available and may be shown, best first; scores sum to 1.

        Ties go by longest listed, then by id. InvalidInput for an empty list, more than 500 animals
        or an animal given twice.
        """
        _check(animal_ids)
        shelf = self._shelf.of(asked.at, asked.now)
        groups = self._runtime.score_groups(asked.visitor, asked.at, asked.told, ranking=True)
        disliked = self._runtime.disliked_animals(asked.visitor, groups)
        passed = self._passed(shelf, asked)
        with shelf.lock:
            liking = self._settings.liking
            question = self._question(shelf, groups, asked, liking, passed, disliked)
            found = [shelf.slot(animal_id) for animal_id in animal_ids]
            slots = question.fitting(np.array([one for one in found if one is not None], np.int64))
            utilities = question.weigh(slots).utilities
            order = np.lexsort((shelf.rank[slots], -utilities))
            weighed = question.weigh(slots[order])
            shares = np.exp(weighed.utilities - weighed.utilities.max(initial=-np.inf))
            ids = [(shelf.ids[slot],) for slot in weighed.slots.tolist()]
            places = _places(question, weighed, ids, shares / shares.sum())
            standings = _standings(question, weighed)
        return self._answer(ANIMAL_RANKING, asked, groups, places, standings)

    def fitting(self, asked: Asked) -> list[str]:
        """The animals that may be shown, longest listed first: one for each place."""
        shelf = self._shelf.of(asked.at, asked.now)
        with shelf.lock:
            led = shelf.order[shelf.leads[shelf.order]]
            return [shelf.ids[slot] for slot in led[shelf.judge(asked.rules, led).passing].tolist()]

    def _recommended(self, asked: Asked, limit: int, about: str | None) -> AnimalAnswer:
        if not 1 <= limit <= MAX_RESULTS:
            raise InvalidInput(f"limit must be from 1 to {MAX_RESULTS}", field="limit")
        asked = replace(
            asked, recommendation_id=asked.recommendation_id or new_recommendation_id(asked.now)
        )
        shelf = self._shelf.of(asked.at, asked.now)
        groups = self._runtime.score_groups(asked.visitor, asked.at, asked.told, about)
        counts = self._settings.liking if about is None else self._settings.likeness
        disliked = self._runtime.disliked_animals(asked.visitor, groups)
        passed = self._passed(shelf, asked)
        with shelf.lock:
            question = self._question(shelf, groups, asked, counts, passed, disliked)
            dues = self._derived.of(shelf).dues
            chosen = _explored(question, choose(question, limit), groups, asked, dues)
            slots = shelf.order[list(chosen.positions)]
            weighed = question.weigh(slots)
            ids = [shelf.members(slot) for slot in slots.tolist()]
            shares = np.exp(weighed.utilities - question.bound)
            places = _places(question, weighed, ids, shares, chosen)
            standings = _standings(question, weighed)
        return self._answer(ANIMALS, asked, groups, places, standings)

    def _passed(self, shelf: Shelf, asked: Asked) -> set[str] | None:
        """The groups with available animals that pass the filter; None without a filter.

        This reads the tables, so do not hold the lock: other queries would wait for the tables.
        """
        if asked.filter is None:
            return None
        with shelf.lock:
            names = shelf.codes["group"].names
            there = [names[code] for code in shelf.present.tolist()]
        asking = Asking(asked.visitor, asked.at, asked.now)
        return self._runtime.passing_groups(asked.filter, there, asking)

    def _question(
        self,
        shelf: Shelf,
        groups: GroupScores,
        asked: Asked,
        counts: float,
        passed: set[str] | None,
        disliked: frozenset[str],
    ) -> Question:
        """What to weigh: `counts` is the weight of the model's part in the affinity.

        Disliked groups lose, and the animals `disliked` themselves most of all. Groups that are not
        in `passed` must not be shown; that includes groups that came since.
        """
        codes, derived = shelf.codes["group"], self._derived.of(shelf)
        likings = counts * derived.likings.of(groups, codes, shelf.present)
        if groups.served.version.name == UNTRAINED:
            # Without a model, an unknown visitor is expected to like what others look at.
            usual = derived.likings.in_general(groups, codes, shelf.present)
            likings += self._settings.liking * usual
        taste, classes = self._settings.taste, classes_of(groups.served.model)
        likings += derived.tastes.of(groups.context, codes, shelf.there, taste, classes)
        lost = penalties(groups.context, codes.names)
        likings += 0.0 if lost is None else lost
        found = [slot for one in sorted(disliked) if (slot := shelf.slot(one)) is not None]
        if passed is not None:
            likings[[name not in passed for name in codes.names]] = -np.inf
        against = np.array(found, np.int64)
        return Question(shelf, likings, asked.rules, self._settings, asked.at, against)

    def _answer(
        self,
        question: str,
        asked: Asked,
        groups: GroupScores,
        places: list[Place],
        standings: list[tuple[dict[str, float], float, float | None]],
    ) -> AnimalAnswer:
        if asked.explain:
            places = self._explained(asked, groups.context.events, places, standings)
        answer = AnimalAnswer(
            asked.recommendation_id or new_recommendation_id(asked.now),
            groups.served.version.name,
            tuple(places),
        )
        self._impressions.add(
            Impression(
                recommendation_id=answer.recommendation_id,
                question=question,
                user_id=asked.visitor.user_id,
                session_id=asked.visitor.session_id,
                answered_at=asked.now,
                as_of=asked.at,
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
        asked: Asked,
        seen: Sequence[Seen],
        places: list[Place],
        standings: list[tuple[dict[str, float], float, float | None]],
    ) -> list[Place]:
        """The places with reasons, from the animals' records as they are now."""
        known = self._animals.get_many([one for place in places for one in place.animal_ids])
        explained = []
        for place, (lifts, shown, far) in zip(places, standings, strict=True):
            here = [known[one] for one in place.animal_ids if one in known]
            group = AnimalGroup.parse(place.group_id)
            standing = Standing(here, group, lifts, shown, far, place.explored)
            said = (
                reasons_for(standing, seen, asked.rules, asked.at, self._settings.newcomer_days)
                if here
                else ()
            )
            explained.append(replace(place, reasons=said))
        return explained


def _explored(
    question: Question, chosen: Slots, groups: GroupScores, asked: Asked, dues: Dues
) -> Explored:
    """The places with exploration, as positions in the order of the available animals."""
    best = question.shelf.rank[chosen]
    weight = groups.served.settings.exploration_weight
    if weight > 0:
        assert asked.recommendation_id is not None
        return explore(best.astype(np.intp), dues.of(question), weight, asked.recommendation_id)
    return Explored(tuple(best.tolist()), (False,) * len(best), (1.0,) * len(best))


def _places(
    question: Question,
    weighed: Weighed,
    ids: Sequence[tuple[str, ...]],
    scores: Floats,
    chosen: Explored | None = None,
) -> list[Place]:
    names = question.shelf.codes["group"].names
    groups = question.shelf.column("group", weighed.slots).tolist()
    explored = chosen.explored if chosen else (False,) * len(ids)
    odds = chosen.propensities if chosen else (1.0,) * len(ids)
    return [
        Place(who, names[group], score, utility, tuple(parts), tuple(bare), drawn, propensity)
        for who, group, score, utility, parts, bare, drawn, propensity in zip(
            ids,
            groups,
            scores.tolist(),
            weighed.utilities.tolist(),
            weighed.parts.tolist(),
            weighed.factors(question.settings.weights).tolist(),
            explored,
            odds,
            strict=True,
        )
    ]


def _standings(
    question: Question, weighed: Weighed
) -> list[tuple[dict[str, float], float, float | None]]:
    """How much each part lifts an animal above the others, its times shown and its distance."""
    if not len(weighed.slots):
        return []
    lifts = weighed.parts - weighed.parts.mean(axis=0)
    here = question.rules.place
    take = question.shelf.take(weighed.slots, here)
    shown = take("shown").tolist()
    far: list[float | None] = [None] * len(shown)
    if here is not None:
        found = take("kilometres").tolist()
        far = [None if one != one else one for one in found]  # noqa: PLR0124 - NaN is not itself
    return [
        (dict(zip(PARTS, row, strict=True)), times, away)
        for row, times, away in zip(lifts.tolist(), shown, far, strict=True)
    ]


def _check(animal_ids: Sequence[str]) -> None:
    if not 1 <= len(animal_ids) <= MAX_RESULTS:
        raise InvalidInput(
            f"itemMetadataList must have 1 to {MAX_RESULTS} entries, not {len(animal_ids)}",
            field="itemMetadataList",
        )
    if len(set(animal_ids)) < len(animal_ids):
        raise InvalidInput("an itemId is in the list twice: send each animal once", field="itemId")
