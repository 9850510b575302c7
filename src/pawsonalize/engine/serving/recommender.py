"""Recommends groups for a visitor, and orders lists."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import DEFAULT_EVENT_TYPE, Visitor
from pawsonalize.engine.resources.names import new_recommendation_id
from pawsonalize.engine.serving.availability import SupplyWatch
from pawsonalize.engine.serving.constraints import UNCONSTRAINED, Constraint
from pawsonalize.engine.serving.context import context_of, disliked_animals, taken_off
from pawsonalize.engine.serving.exploration import Explored, explore
from pawsonalize.engine.serving.filters.columns import Mask
from pawsonalize.engine.serving.filters.filtering import AppliedFilter, Asking, Filtering
from pawsonalize.engine.serving.impressions import ImpressionLog
from pawsonalize.engine.serving.promotions import spread
from pawsonalize.engine.serving.ranking import check_ids, known_reasons, ordered, reasons_for
from pawsonalize.engine.serving.served import UNTRAINED, Served, Serving
from pawsonalize.engine.serving.told import NOTHING, Told, known_of
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.recipes.contract import Context, Floats, Seen
from pawsonalize.storage.base import Catalogue, EventLog
from pawsonalize.storage.impressions import RANKING, RECOMMENDATION, Impression

MAX_RESULTS = 500
_NONE: Iterable[tuple[str, ...]] = repeat(())


@dataclass(frozen=True, slots=True)
class Scored:
    """An id with its score, 0 to 1, and short reasons for its place, if any are known.

    `propensity` is the probability of its place, given the items before it (see `Explored`).
    `promotion` is the name of the promotion that put it there.
    """

    item_id: str
    score: float
    reasons: tuple[str, ...] = ()
    explored: bool = False
    propensity: float = 1.0
    promotion: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An ordered answer and the impression id it was logged under."""

    recommendation_id: str
    solution_version: str
    items: tuple[Scored, ...]


@dataclass(frozen=True, slots=True)
class RankingAnswer(Answer):
    """A list in order: `items` by the caller's ids, each of the group in `group_ids`.

    `groups` are the distinct groups, best first; both their scores and the items' sum to 1.
    """

    group_ids: tuple[str, ...]
    groups: tuple[Scored, ...]


@dataclass(frozen=True, slots=True)
class GroupScores:
    """A model's scores of one animal of each group of its catalogue, and their context."""

    served: Served
    context: Context
    scores: Floats


@dataclass(frozen=True, slots=True)
class Candidate:
    """One place of a list to rank: the caller's id, and the group it stands for."""

    item_id: str
    group_id: str


class Runtime:
    """Answers from live models and the visitor's newest events.

    Each place of a recommendation is explored with the probability of the recommender's campaign.
    Until the reranker, if there is one, serves a model, the recommender's model ranks.
    """

    def __init__(
        self,
        log: EventLog,
        recommender: Serving,
        impressions: ImpressionLog | None,
        reranker: Serving | None = None,
        supply: SupplyWatch | None = None,
        filtering: Filtering | None = None,
        catalogue: Catalogue | None = None,
        *,
        strict: bool = False,
    ) -> None:
        """With `strict`, a recipe that needs an item refuses a query without one.

        Otherwise the visitor's newest event stands in for it. Without `impressions` answers are not
        logged, because no visitor may ever see them.
        """
        self._log = log
        self._recommender = recommender
        self._impressions = impressions
        self._reranker = reranker
        self._supply = supply
        self._filtering = filtering
        self._catalogue = catalogue
        self._strict = strict

    @property
    def recipe(self) -> str:
        """The recipe of the version that recommends now; NotReady if there is none."""
        return self._recommender.current.version.recipe

    @property
    def can_answer(self) -> bool:
        """Whether there is anything to answer from, even if only counts."""
        return self._recommender.is_ready

    @property
    def can_recommend(self) -> bool:
        """Whether a trained version recommends now."""
        return self.can_answer and self.served.version.name != UNTRAINED

    @property
    def can_rank(self) -> bool:
        """Whether a trained version ranks now."""
        reranker = self._reranker
        return self.can_recommend or (reranker is not None and reranker.is_ready)

    @property
    def served(self) -> Served:
        """The version that recommends now; NotReady if there is none."""
        return self._recommender.current

    def recommend(
        self,
        visitor: Visitor,
        limit: int,
        at: int,
        now: int,
        *,
        constraint: Constraint = UNCONSTRAINED,
        told: Told = NOTHING,
        explain: bool = False,
        item_id: str | None = None,
    ) -> Answer:
        """The best groups of the catalogue for the visitor as of `at`; scores sum to 1 over it.

        Best first, except for places that were explored or promoted; the answer's id is the seed.
        `now` is the moment of the query, `told` what the request says of the visitor. `explain`
        adds reasons. A recipe for similar items uses `item_id`, which is left out itself; other
        recipes ignore it. As many as `limit`, if so many pass the filter. InvalidInput for a limit
        outside 1…500, and if the item is missing.
        """
        if not 1 <= limit <= MAX_RESULTS:
            raise InvalidInput(f"limit must be from 1 to {MAX_RESULTS}", field="limit")
        served = self._recommender.current
        supply = self._supply_of(served, at, now)
        about = self._item_in_question(served, item_id)
        context = replace(self._context(served, visitor, told, at, about), supply=supply)
        scores = served.model.score_catalogue(context)
        scores = taken_off(scores, context, served.model.item_ids)
        name = new_recommendation_id(now)
        there = _there(served.model.item_ids, supply, about)
        asking = Asking(visitor, at, now, item_id)
        chosen, promotions = self._chosen(served, scores, limit, name, there, constraint, asking)
        places = list(chosen.positions)
        ids = [served.model.item_ids[place] for place in places]
        reasons = reasons_for(served.model.contributions(context, ids)) if explain else _NONE
        odds = chosen.propensities
        shown = scores[places].tolist()
        items = tuple(map(Scored, ids, shown, reasons, chosen.explored, odds, promotions))
        answer = Answer(name, served.version.name, items)
        self._log_answer(answer, served, RECOMMENDATION, visitor, at, now, odds)
        return answer

    def rerank(
        self,
        visitor: Visitor,
        candidates: Sequence[Candidate],
        at: int,
        now: int,
        *,
        filtered_by: AppliedFilter | None = None,
        told: Told = NOTHING,
        explain: bool = False,
    ) -> RankingAnswer:
        """The given list, best first for the visitor as of `at`; scores sum to 1 over it.

        Ties keep the input's order. Unknown items come last, in that order; items that do not pass
        the filter are left out. `explain` adds reasons. InvalidInput for an empty list, more than
        500 places or an id given twice.
        """
        check_ids([candidate.item_id for candidate in candidates], MAX_RESULTS)
        if filtered_by is not None:
            groups = [candidate.group_id for candidate in candidates]
            passed = self._filters().listed(filtered_by, groups, Asking(visitor, at, now))
            candidates = [each for each in candidates if each.group_id in passed]
        served = self._ranking()
        groups = list(dict.fromkeys(candidate.group_id for candidate in candidates))
        one_of_each = np.ones(len(served.model.item_ids), np.int64)
        context = replace(self._context(served, visitor, told, at), supply=one_of_each)
        scores = taken_off(served.model.score(context, groups), context, groups)
        reasons = known_reasons(served.model, context, groups) if explain else {}
        place_of = {group: place for place, group in enumerate(groups)}
        stand_for = np.array([place_of[each.group_id] for each in candidates], np.intp)
        order, shares = ordered(scores[stand_for])
        listed = [candidates[place] for place in order]
        best, of_group = ordered(scores)
        answer = RankingAnswer(
            new_recommendation_id(now),
            served.version.name,
            tuple(
                Scored(one.item_id, share, reasons.get(one.group_id, ()))
                for one, share in zip(listed, shares, strict=True)
            ),
            tuple(one.group_id for one in listed),
            tuple(Scored(groups[one], share) for one, share in zip(best, of_group, strict=True)),
        )
        self._log_answer(answer, served, RANKING, visitor, at, now)
        return answer

    def score_groups(
        self,
        visitor: Visitor,
        at: int,
        told: Told = NOTHING,
        about: str | None = None,
        *,
        ranking: bool = False,
    ) -> GroupScores:
        """The score of one animal of each group for the visitor as of `at`; logs nothing.

        With `about`, that item counts as the visitor's newest. `ranking` uses the reranker.
        """
        served = self._ranking() if ranking else self._recommender.current
        one_of_each = np.ones(len(served.model.item_ids), np.int64)
        context = replace(self._context(served, visitor, told, at, about), supply=one_of_each)
        return GroupScores(served, context, served.model.score_catalogue(context))

    def disliked_animals(self, visitor: Visitor, groups: GroupScores) -> frozenset[str]:
        """The animals that the visitor disliked, as of the moment of those scores."""
        return disliked_animals(self._log, visitor, groups.context)

    def passing_groups(
        self, applied: AppliedFilter, groups: Sequence[str], asking: Asking
    ) -> set[str]:
        """The groups that pass the filter."""
        return self._filters().listed(applied, groups, asking)

    def _chosen(
        self,
        served: Served,
        scores: Floats,
        limit: int,
        seed: str,
        there: Mask | None,
        constraint: Constraint,
        asking: Asking,
    ) -> tuple[Explored, Iterable[str | None]]:
        """The places, and the promotion of each, if any.

        Excluded items are left out before the best are picked, so that the others move up.
        """
        mask = self._passing(served, there, constraint.filter, asking)
        promotion = constraint.promotion
        if promotion is None:
            return _explored(served, _best(scores, limit, mask), seed, mask), repeat(None)
        fitting = self._passing(served, there, promotion.filter, asking)
        promoted = _best(scores, promotion.places(limit), fitting)
        others = np.ones(len(scores), np.bool_) if mask is None else mask.copy()
        others[promoted] = False
        rest = _explored(served, _best(scores, limit - len(promoted), others), seed, others)
        chosen, is_promoted = spread(promoted.tolist(), rest, seed)
        return chosen, (promotion.name if each else None for each in is_promoted)

    def _passing(
        self, served: Served, there: Mask | None, applied: AppliedFilter | None, asking: Asking
    ) -> Mask | None:
        if applied is None:
            return there
        passing = self._filters().items(applied, served.model.item_ids, asking)
        return passing if there is None else passing & there

    def _filters(self) -> Filtering:
        assert self._filtering is not None, "who takes filters gives what applies them"
        return self._filtering

    def _item_in_question(self, served: Served, item_id: str | None) -> str | None:
        if item_id is None and not self._strict:
            return None
        recipe = recipe_named(served.version.recipe)
        if not recipe.needs_item:
            return None
        if item_id is None:
            raise InvalidInput(
                f"{recipe.name} answers what is like an item: name it", field="itemId"
            )
        return item_id

    def _context(
        self, served: Served, visitor: Visitor, told: Told, at: int, about: str | None = None
    ) -> Context:
        """The visitor's context; the item of the query, if any, counts as the newest."""
        known = known_of(served.reader, visitor, told, at, self._catalogue)
        context = context_of(self._log, visitor, at, known.facets, known.wishes)
        if about is None:
            return context
        return replace(context, events=(Seen(about, DEFAULT_EVENT_TYPE, at), *context.events))

    def _supply_of(self, served: Served, at: int, now: int) -> NDArray[np.int64] | None:
        return None if self._supply is None else self._supply.of(served.model.item_ids, at, now)

    def _ranking(self) -> Served:
        reranker = self._reranker
        return (reranker if reranker and reranker.is_ready else self._recommender).current

    def _log_answer(
        self,
        answer: Answer,
        served: Served,
        question: str,
        visitor: Visitor,
        at: int,
        now: int,
        propensities: tuple[float, ...] | None = None,
    ) -> None:
        if self._impressions is None:
            return
        self._impressions.add(
            Impression(
                recommendation_id=answer.recommendation_id,
                question=question,
                user_id=visitor.user_id,
                session_id=visitor.session_id,
                answered_at=now,
                as_of=at,
                solution_version=answer.solution_version,
                item_ids=tuple(item.item_id for item in answer.items),
                propensities=propensities,
                dataset_group=served.dataset_group,
            )
        )


def _best(scores: Floats, limit: int, there: NDArray[np.bool_] | None = None) -> NDArray[np.intp]:
    """Positions of the highest scores, best first; equal scores in catalogue order.

    Only positions in the mask `there`, if there is one.
    """
    if there is not None:
        known = np.flatnonzero(there)
        return known[_best(scores[known], limit)]
    if limit == 0:
        return np.empty(0, np.intp)
    if limit < len(scores):
        # The limit-th highest value; everything above it is in, ties are cut by position.
        threshold = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        chosen = np.flatnonzero(scores >= threshold)
    else:
        chosen = np.arange(len(scores))
    return chosen[np.argsort(-scores[chosen], kind="stable")][:limit]


def _there(
    item_ids: Sequence[str], supply: NDArray[np.int64] | None, about: str | None
) -> NDArray[np.bool_] | None:
    """Which items may be in the answer: the available ones, except the query's own."""
    if about is None or about not in item_ids:
        return None if supply is None else supply > 0
    there = np.ones(len(item_ids), np.bool_) if supply is None else supply > 0
    there[item_ids.index(about)] = False
    return there


def _explored(
    served: Served, best: NDArray[np.intp], seed: str, there: NDArray[np.bool_] | None
) -> Explored:
    weight = served.settings.exploration_weight
    if weight > 0 and served.novelty is not None:
        due = served.novelty if there is None else served.novelty.among(there)
        return explore(best, due, weight, seed)
    return Explored(tuple(best.tolist()), (False,) * len(best), (1.0,) * len(best))
