"""Recommends groups and actions for a visitor, and orders lists."""

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import repeat
from typing import NamedTuple, ParamSpec, TypeVar

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.core.errors import InvalidInput, PawsonalizeError
from pawsonalize.core.event import DEFAULT_EVENT_TYPE
from pawsonalize.core.limits import check_between
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import DAY, SECOND
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.contract import Context, ContextEvent, Model, counted_model
from pawsonalize.models.recipes.counts.rows import largest
from pawsonalize.models.recipes.data import Scores
from pawsonalize.models.recipes.next_best_action import NextBestActionModel
from pawsonalize.recommend.animals.available import AvailabilityWatch
from pawsonalize.recommend.animals.reasons import group_reasons, known_reasons
from pawsonalize.recommend.exploration import ImpressionLog, explore, spread
from pawsonalize.recommend.filtering import Filtering, Filterings, Mask
from pawsonalize.recommend.live_model import FALLBACK, UNTRAINED, Fixed, LoadedModel, ModelSource
from pawsonalize.recommend.live_tests import (
    AS_SENT,
    Design,
    RunningTest,
    RunningTests,
    TeamDraft,
    mark,
    team_draft,
)
from pawsonalize.recommend.query import Query, context_of, query_context, subtract_dislikes
from pawsonalize.recommend.reasons import Reason
from pawsonalize.recommend.tables import RANKING, RECOMMENDATION
from pawsonalize.resources.filters import AppliedFilter
from pawsonalize.resources.kind import new_recommendation_id

MAX_RESULTS = 500
A = TypeVar("A", bound="Answer")
P = ParamSpec("P")
T = TypeVar("T")
Odds = tuple[float, ...]
log = get_logger()


class Scored(NamedTuple):
    """An id with its score, 0 to 1, and short reasons for its place, if any are known."""

    item_id: str
    score: float
    reasons: tuple[Reason, ...] = ()
    explored: bool = False
    propensity: float = 1.0  # see `Explored`
    promotion: str | None = None  # the one that put it there


class Answer(msgspec.Struct, frozen=True):
    """An ordered answer and the impression id it was logged under."""

    recommendation_id: str
    solution_version: str
    items: tuple[Scored, ...]


class RankingAnswer(Answer, frozen=True):
    """A list in order; the scores of its `items` sum to 1, and so do those of its `groups`."""

    group_ids: tuple[str, ...]  # of the items
    groups: tuple[Scored, ...]  # the distinct ones, best first


class GroupScores(msgspec.Struct, frozen=True):
    """Scores of one animal of each group, by the served model or what it counted."""

    served: LoadedModel
    model: Model
    context: Context
    scores: Scores

    @property
    def used_fallback(self) -> bool:
        """True if they are those of what stands in for a remote model."""
        return self.served.answered_by(self.context) == FALLBACK


class Candidate(msgspec.Struct, frozen=True):
    """One place of a list to rank: the caller's id, and the group it stands for."""

    item_id: str
    group_id: str


# Until the reranker, if there is one, serves a model, the recommender's model ranks. Without
# `impressions` answers are not logged, because no visitor may ever see them. With `strict`, a
# recipe that needs an item refuses a query without one; else the visitor's newest event stands in
# for it. `mark` is logged with the answers of one arm of a live test, and one that `keeps_order`
# leaves a list as it came.
@dataclass(eq=False)
class GroupRecommender:
    """Answers from live models and the visitor's newest events."""

    filtering: Filtering  # of the dataset group, whose log and users it reads as well
    recommender: ModelSource
    impressions: ImpressionLog | None
    reranker: ModelSource | None = None
    availability: AvailabilityWatch | None = None
    _: KW_ONLY
    strict: bool = False
    tests: RunningTests | None = None
    mark: str | None = None
    keeps_order: bool = False

    @property
    def dataset_group(self) -> str:
        """The dataset group whose items it recommends, and whose filters count."""
        return self.filtering.log.dataset_group

    @property
    def served(self) -> LoadedModel:
        """The version that recommends now; NotReady if there is none."""
        return self.recommender.current

    @property
    def can_answer(self) -> bool:
        """True if there is anything to answer from, even if only counts."""
        return self.recommender.is_ready

    @property
    def can_recommend(self) -> bool:
        """True if a trained version recommends now."""
        return self.can_answer and self.served.version.name != UNTRAINED

    @property
    def can_rank(self) -> bool:
        """True if a trained version ranks now."""
        return self.can_recommend or (self.reranker is not None and self.reranker.is_ready)

    def recommend(self, query: Query) -> Answer:
        """The best groups of the catalogue for the visitor; scores sum to 1 over it.

        Best first, except for places that were explored or promoted; the answer's id is the seed. A
        recipe for similar items uses the query's item, which is left out. InvalidInput for a limit
        outside 1…500, and if the item is missing.
        """
        check_between("limit", query.limit, 1, MAX_RESULTS)
        arms = self.arms(query)
        answer = arms and arms.attempt(arms.number, arms.first._recommended, query, arms)
        return answer or self._recommended(query)

    def _recommended(self, query: Query, arms: "Arms | None" = None) -> Answer:
        query = query.with_user(self.filtering.catalogue)
        # Read once: in a moment another version may be served.
        found = self._scored_catalogue(query)
        served, scores = found.served, found.scores
        model, item_ids = served.model, served.model.item_ids
        rival = None
        if arms is not None and arms.rival is not None:
            rival = arms.attempt(1, arms.rival.best_items, query, arms.test.positions)
        name = query.recommendation_id or new_recommendation_id(query.now)
        draft, promotions = self._chosen(found, name, query, rival)
        chosen = draft.explored
        places, odds = list(chosen.positions), chosen.propensities
        ids = [item_ids[place] for place in places]
        reasons: Iterable[tuple[Reason, ...]] = repeat(())
        if query.explain:
            reasons = group_reasons(model.contributions(found.context, ids), found.context.events)
        shown = scores[places].tolist()
        items = tuple(map(Scored, ids, shown, reasons, chosen.explored, odds, promotions))
        version, marked = served.answered_by(found.context), self.mark
        if arms is not None and rival is not None:
            version, marked = arms.version, mark(arms.test.name, draft.teams)
        known = odds if served.version.remote is None else None  # it explores by itself
        return self._logged(
            Answer(name, version, items), served, RECOMMENDATION, query, known, marked
        )

    def arms(self, query: Query, *, ranking: bool = False) -> "Arms | None":
        """The arms of a live test that answer this visitor now; None if they are in none."""
        if self.tests is None or not self.tests.current or query.at != query.now:
            return None
        reranker = self.reranker if ranking and self.reranker and self.reranker.is_ready else None
        test = self.tests.current.get((reranker or self.recommender).name)
        arm = None if test is None else test.arm(query.visitor, query.now)
        if test is None or arm is None or (test.arms[0] is None and not ranking):
            return None
        if test.design is not Design.INTERLEAVE:
            return Arms(test, arm, self._arm(test, arm, mark(test.name, (arm,))))
        return Arms(test, 0, self._arm(test, 0), self._arm(test, 1))

    def _arm(self, test: RunningTest, arm: int, marked: str | None = None) -> "GroupRecommender":
        loaded = test.arms[arm]
        return dataclasses.replace(
            self,
            recommender=Fixed(loaded or test.arms[1]),
            reranker=None,
            tests=None,
            mark=marked,
            keeps_order=loaded is None,
        )

    def best_items(self, query: Query, positions: Mapping[str, int]) -> list[int]:
        """The best items of this version by their positions in another one's catalogue, best first.

        An item that the other catalogue lacks is left out.
        """
        found = self._scored_catalogue(query)
        mask, _ = self._masks(found, query)
        best = _best(found.scores, min(2 * query.limit, len(found.scores)), mask)
        names = (found.served.model.item_ids[place] for place in best.tolist())
        return [positions[name] for name in names if name in positions]

    def _scored_catalogue(self, query: Query) -> "_ScoredCatalogue":
        served = self.served
        model, item_ids, animals = served.model, served.model.item_ids, None
        if self.availability is not None:
            animals = self.availability.of(item_ids, query.at, query.now)
        about = None
        if query.item_id is not None or self.strict:
            recipe = recipe_named(served.version.recipe)
            about = query.item_id if recipe.needs_item else None
            if recipe.needs_item and about is None:
                message = f"{recipe.name} answers what is like an item: name it"
                raise InvalidInput(message, field="itemId")
        context = self._context(served, query, about, animals)
        scores = subtract_dislikes(model.score_catalogue(context), context, item_ids)
        scores = self._favoured(served, scores, item_ids, query)
        available = None if animals is None else animals > 0
        if about is not None and about in item_ids:
            available = np.ones(len(item_ids), np.bool_) if available is None else available
            available[item_ids.index(about)] = False
        return _ScoredCatalogue(served, context, scores, available)

    def rerank(self, query: Query, candidates: Sequence[Candidate]) -> RankingAnswer:
        """The given list, best first for the visitor as of `at`; scores sum to 1 over it.

        Ties keep the input's order, and unknown items come last; items that do not pass the filter
        are left out. InvalidInput for an empty list, more than 500 places or an id given twice.
        """
        check_ids([candidate.item_id for candidate in candidates])
        arms = self.arms(query, ranking=True)
        answer = arms and arms.attempt(arms.number, arms.first._reranked, query, candidates, arms)
        return answer or self._reranked(query, candidates)

    def _reranked(
        self, query: Query, candidates: Sequence[Candidate], arms: "Arms | None" = None
    ) -> RankingAnswer:
        query = query.with_user(self.filtering.catalogue)
        passed = self.passing_groups([each.group_id for each in candidates], query)
        candidates = [each for each in candidates if each.group_id in passed]
        groups = list(dict.fromkeys(candidate.group_id for candidate in candidates))
        served, context, scores = self._score_list(query, groups)
        reasons = known_reasons(served.model, context, groups) if query.explain else {}
        name, marked = new_recommendation_id(query.now), self.mark
        order, shares = self._order_list(scores, groups, candidates)
        version = AS_SENT if self.keeps_order else served.answered_by(context)
        rival = None
        if arms is not None and arms.rival is not None:
            rival = arms.attempt(1, arms.rival._best_places, query, groups, candidates)
        if arms is not None and rival is not None:
            draft = team_draft(order, rival, len(order), name)
            share_of = dict(zip(order, shares, strict=True))
            order = list(draft.explored.positions)
            shares = [share_of[place] for place in order]
            version, marked = arms.version, mark(arms.test.name, draft.teams)
        listed = [candidates[place] for place in order]
        best, of_group = order_places(scores)
        answer = RankingAnswer(
            name,
            version,
            tuple(
                Scored(one.item_id, share, reasons.get(one.group_id, ()))
                for one, share in zip(listed, shares, strict=True)
            ),
            tuple(one.group_id for one in listed),
            tuple(Scored(groups[one], share) for one, share in zip(best, of_group, strict=True)),
        )
        return self._logged(answer, served, RANKING, query, None, marked)

    def _score_list(
        self, query: Query, groups: Sequence[str]
    ) -> tuple[LoadedModel, Context, Scores]:
        served = self._ranking()
        context = self._context(served, query, None, np.ones(len(served.model.item_ids), np.int64))
        scores = subtract_dislikes(served.model.score(context, groups), context, groups)
        return served, context, self._favoured(served, scores, groups, query)

    def _best_places(
        self, query: Query, groups: Sequence[str], candidates: Sequence[Candidate]
    ) -> list[int]:
        """Places of the candidates, best first."""
        _, _, scores = self._score_list(query, groups)
        return self._order_list(scores, groups, candidates)[0]

    def _order_list(
        self, scores: Scores, groups: Sequence[str], candidates: Sequence[Candidate]
    ) -> tuple[list[int], list[float]]:
        """Places of the candidates in order, and their shares."""
        place_of = {group: place for place, group in enumerate(groups)}
        stand_for = np.array([place_of[each.group_id] for each in candidates], np.intp)
        order, shares = order_places(scores[stand_for])
        if not self.keeps_order:
            return order, shares
        share_of = dict(zip(order, shares, strict=True))
        return [*range(len(order))], [share_of[place] for place in range(len(order))]

    def reasons(self, query: Query, item_ids: Sequence[str]) -> dict[str, tuple[Reason, ...]]:
        """Explain why these groups are for the visitor, of those the model knows; logs nothing."""
        return known_reasons(self.served.model, self._context(self.served, query), item_ids)

    def score_groups(
        self, query: Query, about: str | None = None, *, ranking: bool = False
    ) -> GroupScores:
        """Score one animal of each group, `about` an item or by counts alone; logs nothing."""
        served = self._ranking() if ranking else self.served
        # Each place of a list is one animal, however many of its group wait.
        model = counted_model(served.model) if about is None else served.model
        context = self._context(served, query, about, np.ones(len(model.item_ids), np.int64))
        return GroupScores(served, model, context, model.score_catalogue(context))

    def passing_groups(self, groups: Sequence[str], query: Query) -> set[str]:
        """Those of the groups that pass the query's filter; all of them if it has none."""
        if query.filter is None:
            return set(groups)
        return self.filtering.listed(query.filter, groups, query)

    def _masks(self, found: "_ScoredCatalogue", query: Query) -> tuple[Mask | None, Mask | None]:
        """What passes the query's filter, and what its promotion's; None where everything does."""

        # Excluded items are left out before the best are picked, so that the others move up.
        def passing(applied: AppliedFilter | None) -> Mask | None:
            if applied is None:
                return found.available
            mask = self.filtering.items(applied, found.served.model.item_ids, query)
            return mask if found.available is None else mask & found.available

        promotion = query.promotion
        return passing(query.filter), None if promotion is None else passing(promotion.filter)

    def _chosen(
        self, found: "_ScoredCatalogue", seed: str, query: Query, rival: Sequence[int] | None
    ) -> tuple[TeamDraft, Iterable[str | None]]:
        """The places, and the promotion of each, if any; half of them are of a `rival` order."""
        scores, served = found.scores, found.served
        weight = served.settings.exploration_weight

        def drafted(limit: int, mask: Mask | None) -> TeamDraft:
            due = served.novelty
            if due is not None and mask is not None:
                due = due.among(mask)
            best = _best(scores, limit, mask)
            if rival is None:
                return TeamDraft(explore(best, due, weight, seed), ())
            others = [place for place in rival if mask is None or mask[place]]
            return team_draft(best.tolist(), others, len(best), seed, due, weight)

        mask, promotable = self._masks(found, query)
        promotion = query.promotion
        if promotion is None:
            return drafted(query.limit, mask), repeat(None)
        promoted = _best(scores, promotion.places(query.limit), promotable)
        others = np.ones(len(scores), np.bool_) if mask is None else mask.copy()
        others[promoted] = False
        rest = drafted(query.limit - len(promoted), others)
        chosen, is_promoted = spread(promoted.tolist(), rest.explored, seed)
        of_rest = iter(rest.teams)
        teams = tuple(None if each else next(of_rest) for each in is_promoted) if rest.teams else ()
        names = (promotion.name if each else None for each in is_promoted)
        return TeamDraft(chosen, teams), names

    def _favoured(
        self, served: LoadedModel, scores: Scores, item_ids: Sequence[str], query: Query
    ) -> Scores:
        """The scores, each times 1 ± the objective's share by the rank of its item's value."""
        objective = served.version.objective
        if objective is None:
            return scores
        rows = self.filtering.metadata.columns(served.model.item_ids, query.now)
        values = rows.numbers(objective.attribute)
        known = np.sort(values[~np.isnan(values)])
        ranks = np.searchsorted(known, values) / max(len(known) - 1, 1)
        ranks = np.append(np.where(np.isnan(values), 0.5, ranks), 0.5)  # unknown: in the middle
        if item_ids != served.model.item_ids:
            ranks = ranks[[rows.position.get(one, -1) for one in item_ids]]
        weighed = scores * (1 + objective.share * (2 * ranks[: len(scores)] - 1))
        # So that the shares sum to 1 as before.
        return np.asarray(weighed * (scores.sum() / (weighed.sum() or 1.0)))

    def _context(
        self,
        served: LoadedModel,
        query: Query,
        about: str | None = None,
        availability: NDArray[np.int64] | None = None,
    ) -> Context:
        rows = self.filtering
        context = query_context(rows.log, served.reader, query, rows.catalogue)
        if about is not None:
            seen = ContextEvent(about, DEFAULT_EVENT_TYPE, query.at)
            context = replace(context, events=(seen, *context.events))
        return context if availability is None else replace(context, availability=availability)

    def _logged(
        self,
        answer: A,
        served: LoadedModel,
        kind: str,
        query: Query,
        odds: Odds | None,
        marked: str | None,
    ) -> A:
        if self.impressions is not None:
            name, version = answer.recommendation_id, answer.solution_version
            group = served.dataset_group
            more = {"propensities": odds, "dataset_group": group, "live_test": marked}
            shown = (one.item_id for one in answer.items)
            self.impressions.add(query.impression(name, kind, version, shown, **more))
        return answer

    def _ranking(self) -> LoadedModel:
        reranker = self.reranker
        return (reranker if reranker and reranker.is_ready else self.recommender).current


class Arms(NamedTuple):
    """What answers a visitor in a live test: one arm, or two that draft a page in turns."""

    test: RunningTest
    number: int
    """That of the arm which answers, 0 or 1; of two, 0."""
    first: GroupRecommender
    rival: GroupRecommender | None = None

    @property
    def version(self) -> str:
        """Names of the versions that answer, joined by `+` where there are two."""
        both = (self.first,) if self.rival is None else (self.first, self.rival)
        return "+".join(AS_SENT if one.keeps_order else one.served.version.name for one in both)

    def attempt(
        self, arm: int, answer: Callable[P, T], *given: P.args, **more: P.kwargs
    ) -> T | None:
        """Return what an arm answers, and count it; None if it fails, and the reason is logged.

        A test must cost no visitor an answer: without the arm's, the campaign answers alone. What
        is wrong with the request, or with the storage, is raised.
        """
        counts, begun = self.test.answers[arm], time.perf_counter()
        try:
            found = answer(*given, **more)
        except PawsonalizeError:
            raise
        except Exception as error:  # a model may throw anything
            counts.count(None)
            log.error("an arm failed", live_test=self.test.name, arm=arm, exc_info=error)
            return None
        counts.count(1000 * (time.perf_counter() - begun))
        return found


class _ScoredCatalogue(NamedTuple):
    served: LoadedModel
    context: Context
    scores: Scores
    available: Mask | None  # None: all of it


def check_ids(item_ids: Sequence[str]) -> None:
    """InvalidInput for an empty list, one of more than 500 ids, or an id given twice."""
    if not 1 <= len(item_ids) <= MAX_RESULTS:
        raise InvalidInput(
            f"itemMetadataList must have 1 to {MAX_RESULTS} entries, not {len(item_ids)}",
            field="itemMetadataList",
        )
    seen = set()
    for place, item_id in enumerate(item_ids):
        if item_id in seen:
            raise InvalidInput(
                f"itemId {item_id} is in the list twice: send each animal once",
                field=f"itemMetadataList[{place}].itemId",
            )
        seen.add(item_id)


def order_places(scores: Scores) -> tuple[list[int], list[float]]:
    """Places by score, best first, ties in order, and their shares; even ones if all are 0."""
    parts = np.asarray(scores, np.float64)
    total = parts.sum()
    parts = parts / total if total > 0 else np.full(len(parts), 1 / max(1, len(parts)))
    order = np.argsort(-parts, kind="stable")
    return order.tolist(), parts[order].tolist()


def _best(scores: Scores, limit: int, available: Mask | None = None) -> NDArray[np.intp]:
    """Positions of the best scores in the mask, best first; equal ones in catalogue order."""
    if available is not None:
        known = np.flatnonzero(available)
        return known[_best(scores[known], limit)]
    return largest(scores, limit) if limit else np.empty(0, np.intp)


MAX_ACTIONS = 100
QUESTION = "action recommendation"
_REPEATS_WITHIN = 500  # a user's newest interactions, in which repeats are looked for


# A score is the probability that the user takes the action, times its share of the greatest VALUE.
class ActionAnswer(msgspec.Struct, frozen=True):
    """Actions, best first, each with its score, 0 to 1."""

    recommendation_id: str
    actions: tuple[tuple[str, float], ...]


class ActionRecommending(msgspec.Struct, frozen=True):
    """Suggests actions by probability times VALUE, but for expired ones and early repeats."""

    # VALUE is 1 if none is given, EXPIRATION_TIMESTAMP in epoch seconds, REPEAT_FREQUENCY in days.

    filterings: Filterings
    impressions: ImpressionLog

    def recommend(self, served: LoadedModel, query: Query) -> ActionAnswer:
        """The best actions for the visitor, up to the limit; InvalidInput for 0 or over 100."""
        model, now, visitor = served.model, query.now, query.visitor
        if not isinstance(model, NextBestActionModel):
            raise InvalidInput(
                f"{served.version.recipe} recommends items: ask a campaign of next-best-action"
            )
        check_between("numResults", query.limit, 1, MAX_ACTIONS)
        actions, ids = self.filterings.of(served.dataset_group), model.item_ids
        probabilities = model.probabilities(context_of(actions.log, visitor, now))
        columns = actions.metadata.columns(ids, now)
        # An action without the column never expires, and needs no rest.
        expires = np.nan_to_num(columns.numbers("EXPIRATION_TIMESTAMP"), nan=np.inf) * SECOND
        rests = np.nan_to_num(columns.numbers("REPEAT_FREQUENCY"), nan=0.0) * DAY
        last = np.full(len(ids), -np.inf)
        for action, _, sent_at, _ in actions.log.recent(visitor, now, _REPEATS_WITHIN):
            if (place := columns.position.get(action)) is not None:
                last[place] = max(last[place], sent_at)
        may = (expires > now) & (now - last >= rests)
        if query.filter is not None:
            may &= actions.items(query.filter, ids, query)
        values = np.nan_to_num(columns.numbers("VALUE"), nan=1.0)
        scores = probabilities * values / values.max(initial=1.0)
        order = np.argsort(-scores, kind="stable")
        best = order[may[order]][: query.limit].tolist()
        name = new_recommendation_id(now)
        answer = ActionAnswer(name, tuple((ids[one], float(scores[one])) for one in best))
        shown, group = (action for action, _ in answer.actions), served.dataset_group
        version = served.version.name
        self.impressions.add(query.impression(name, QUESTION, version, shown, dataset_group=group))
        return answer
