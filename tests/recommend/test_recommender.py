"""The two questions, answered by a model whose weights are known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.animals.tables.animals import Animals, Availability
from pawsonalize.animals.tables.catalogue import Catalogue, Item
from pawsonalize.core.errors import InvalidInput, NotReady
from pawsonalize.core.event import Visitor
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.recipes.artefact import ModelCard
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.data import Arrays, Scores
from pawsonalize.recommend.animals.available import AvailabilityWatch
from pawsonalize.recommend.exploration import ImpressionLog, Novelty, explore, novelty
from pawsonalize.recommend.filtering import Filtering
from pawsonalize.recommend.groups import Answer, Candidate, GroupRecommender, order_places
from pawsonalize.recommend.live_model import LiveModel, LoadedModel, Loader, ServingSettings
from pawsonalize.recommend.query import Promotion, Query
from pawsonalize.recommend.tables import Impression, Impressions
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.defaults import RERANKER
from pawsonalize.resources.filters import AppliedFilter, apply, parse
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.resources.solutions import Cut, Objective, SolutionVersion
from tests.animal_data import animal
from tests.event_data import T0, event

CARD = ModelCard("known", 1, {}, 0, "f", {})
VERSION = SolutionVersion(name="v1", solution="s", recipe="known", cut=Cut(0, T0))
ANYONE = Visitor()


@dataclass
class KnownWeights:
    """A model with the weights it is given; it remembers what it was told of the visitor."""

    weights: dict[str, float]
    contexts: list[Context] = field(default_factory=list)
    card: ModelCard = CARD

    @property
    def item_ids(self) -> tuple[str, ...]:
        return tuple(self.weights)

    def score_catalogue(self, context: Context) -> Scores:
        return self.score(context, self.item_ids)

    def score(self, context: Context, items: Sequence[str]) -> Scores:
        self.contexts.append(context)
        return np.array([self.weights.get(item, 0) for item in items], np.float32)

    def contributions(self, context: Context, items: Sequence[str]) -> dict[str, Scores]:
        return {"popularity": self.score(context, items)}

    def arrays(self) -> Arrays:
        return {}


@dataclass
class Ranked(KnownWeights):
    """The same, with a ranker above what was counted."""

    counted: KnownWeights = field(default_factory=lambda: KnownWeights({}))


class Kept(Impressions):
    """Impressions, kept in memory."""

    def __init__(self) -> None:
        self.impressions: list[Impression] = []

    def append(self, batch: Sequence[Impression]) -> None:
        self.impressions += batch

    def get(self, recommendation_id: str) -> Impression | None:
        found = [one for one in self.impressions if one.recommendation_id == recommendation_id]
        return found[0] if found else None


class Question:
    """A group recommender on an empty log, asked with as little as possible."""

    def __init__(self, filtering: Filtering, live: LiveModel, reranker: LiveModel) -> None:
        self.kept = Kept()
        self.impressions = ImpressionLog(self.kept)
        self.live = live
        self.reranker = reranker
        self.group_recommender = GroupRecommender(filtering, live, self.impressions, reranker)

    def serve(self, weights: dict[str, float], due: Novelty | None = None) -> KnownWeights:
        model = KnownWeights(weights)
        self.live._swap(LoadedModel(VERSION, model, novelty=due))
        return model

    def exploring(self, weight: float) -> GroupRecommender:
        self.live._swap(replace(self.live.current, settings=ServingSettings(weight)))
        return self.group_recommender

    def recommend(self, limit: int) -> list[str]:
        answer = self.group_recommender.recommend(Query(ANYONE, T0, T0, limit=limit))
        return [item.item_id for item in answer.items]

    def rerank(self, *groups: str) -> list[tuple[str, float]]:
        """Places are named by their position, as in `0:a`."""
        candidates = [Candidate(f"{place}:{group}", group) for place, group in enumerate(groups)]
        answer = self.group_recommender.rerank(Query(ANYONE, T0, T0), candidates)
        return [(item.item_id, item.score) for item in answer.items]


@pytest.fixture
def ask(
    log: EventLog, catalogue: Catalogue, live: LiveModel, reranker: LiveModel
) -> Iterator[Question]:
    question = Question(Filtering(log, catalogue), live, reranker)
    yield question
    question.impressions.close()


@pytest.fixture
def reranker(registry: Registry, campaigns: Campaigns, artefacts: ArtefactStore) -> LiveModel:
    return LiveModel(RERANKER, campaigns, Loader(registry, artefacts), ServingSettings())


def names(ranked: list[tuple[str, float]]) -> list[str]:
    return [name for name, _score in ranked]


def test_without_a_model_both_questions_name_the_next_move(ask: Question) -> None:
    with pytest.raises(NotReady, match="pawsonalize train"):
        ask.recommend(1)
    with pytest.raises(NotReady, match="pawsonalize train"):
        ask.rerank("a")


def test_the_best_come_first_and_equals_in_catalogue_order(ask: Question) -> None:
    ask.serve({"a": 1, "b": 3, "c": 1, "d": 2, "e": 1})
    assert ask.recommend(5) == ["b", "d", "a", "c", "e"]
    assert ask.recommend(3) == ["b", "d", "a"], "the limit cuts ties where the full list has them"


def test_an_empty_catalogue_recommends_nothing_and_ranks_in_input_order(ask: Question) -> None:
    ask.serve({})
    assert ask.recommend(10) == []
    assert ask.rerank("b", "a") == [("0:b", 0.5), ("1:a", 0.5)]


@given(weights=st.lists(st.sampled_from([0.0, 0.125, 0.25, 1.0]) | st.floats(0, 1), max_size=40))
def test_every_limit_gives_the_head_of_the_full_order(weights: list[float]) -> None:
    from pawsonalize.recommend.groups import _best

    scores = np.array(weights, np.float32)
    full = sorted(range(len(scores)), key=lambda place: -scores[place])
    for limit in range(1, len(scores) + 2):
        assert _best(scores, limit).tolist() == full[:limit]


@pytest.mark.parametrize("limit", [-1, 0, 501, 2**62])
def test_a_limit_outside_1_to_500_is_refused(ask: Question, limit: int) -> None:
    ask.serve({"a": 1})
    with pytest.raises(InvalidInput, match="1 to 500") as refusal:
        ask.recommend(limit)
    assert refusal.value.field == "limit"


def test_a_ranking_has_every_place_once_with_scores_that_sum_to_1(ask: Question) -> None:
    ask.serve({"a": 0.1, "b": 0.3})
    ranked = ask.rerank("a", "b", "b", "a")
    assert names(ranked) == ["1:b", "2:b", "0:a", "3:a"]
    assert [score for _, score in ranked] == pytest.approx([0.375, 0.375, 0.125, 0.125])


def test_ties_keep_the_inputs_order_and_the_unknown_come_last_in_it(ask: Question) -> None:
    ask.serve({"a": 0.5, "b": 0.5})
    ranked = ask.rerank("x", "b", "y", "a", "x")
    assert names(ranked) == ["1:b", "3:a", "0:x", "2:y", "4:x"]
    assert [score for _, score in ranked] == [0.5, 0.5, 0, 0, 0]


def test_a_list_of_nothing_but_unknowns_keeps_its_order_and_shares_evenly(ask: Question) -> None:
    ask.serve({"a": 1})
    assert ask.rerank("y", "x") == [("0:y", 0.5), ("1:x", 0.5)]


@given(weights=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=500))
def test_shares_sum_to_1_whatever_the_weights(weights: list[float]) -> None:
    _, parts = order_places(np.array(weights, np.float32))
    assert np.isfinite(parts).all()
    assert min(parts) >= 0
    assert sum(parts) == pytest.approx(1)


def test_a_ranking_has_each_group_once_with_scores_of_their_own(ask: Question) -> None:
    ask.serve({"a": 1, "b": 3})
    listed = [Candidate(f"{n}:{group}", group) for n, group in enumerate("axbaxb")]
    answer = ask.group_recommender.rerank(Query(ANYONE, T0, T0), listed)
    assert [(one.item_id, one.score) for one in answer.groups] == [
        ("b", 0.75),
        ("a", 0.25),
        ("x", 0),
    ]
    assert [one.item_id for one in answer.items] == ["2:b", "5:b", "0:a", "3:a", "1:x", "4:x"]
    assert answer.group_ids == ("b", "b", "a", "a", "x", "x")
    assert sum(one.score for one in answer.items) == pytest.approx(1)
    assert answer.items[0].score == pytest.approx(3 / 8)


def test_500_places_are_ranked_and_501_are_not(ask: Question) -> None:
    ask.serve({f"{n}": n for n in range(500)})
    groups = [f"{n}" for n in range(500)]
    assert names(ask.rerank(*groups)) == [f"{n}:{n}" for n in reversed(range(500))]
    with pytest.raises(InvalidInput, match="1 to 500 entries, not 501"):
        ask.rerank(*groups, "one more")


def test_the_same_question_has_the_same_answer(ask: Question) -> None:
    ask.serve({"a": 0.3, "b": 0.3, "c": 0.4})
    assert ask.rerank("c", "b", "a") == ask.rerank("c", "b", "a")
    assert ask.recommend(2) == ask.recommend(2)


def test_the_model_is_told_the_visitors_newest_200_events_up_to_the_moment(
    ask: Question, log: EventLog
) -> None:
    log.append([event(f"e{n}", at=n, item=f"2-B-1-{n}", event_value=n / 2) for n in range(210)])
    model = ask.serve({"a": 1})
    ask.group_recommender.recommend(Query(Visitor("ann"), T0 + 207, T0 + 299, limit=1))
    ask.group_recommender.rerank(Query(Visitor("ann"), T0 + 207, T0 + 299), [Candidate("x", "a")])
    told, again = model.contexts
    assert again.availability is not None
    assert again.availability.tolist() == [1]  # a list holds one animal each
    assert told == msgspec.structs.replace(again, availability=None)
    assert [seen.item for seen in told.events] == [f"2-B-1-{n}" for n in range(207, 7, -1)]
    assert (told.events[0].time, told.events[0].value, told.now) == (T0 + 207, 103.5, T0 + 207)


def test_an_answer_is_kept_as_the_impression_it_made(ask: Question) -> None:
    ask.serve({"a": 0.25, "b": 0.75})
    visitor = Visitor("ann", "s1")
    answer = ask.group_recommender.rerank(
        Query(visitor, T0, T0 + 5), [Candidate("x", "a"), Candidate("y", "b")]
    )
    ask.impressions.close()
    assert answer.recommendation_id.startswith("RID-")
    assert ask.kept.impressions == [
        Impression(answer.recommendation_id, "ranking", "ann", "s1", T0 + 5, T0, "v1", ("y", "x"))
    ]


DUE = novelty(np.zeros(20, np.int64), np.ones(20, np.bool_))


def test_an_answer_is_reproducible_from_its_impression(ask: Question) -> None:
    ask.serve({f"{n}": 20 - n for n in range(20)}, DUE)
    group_recommender = ask.exploring(0.5)
    answers = [group_recommender.recommend(Query(ANYONE, T0, T0, limit=10)) for _ in range(50)]
    ask.impressions.close()
    assert len({answer.items for answer in answers}) > 40
    for answer, kept in zip(answers, ask.kept.impressions, strict=True):
        again = explore(np.arange(10), DUE, 0.5, kept.recommendation_id)
        assert kept.item_ids == tuple(f"{position}" for position in again.positions)
        assert kept.propensities == again.propensities
        assert tuple(item.explored for item in answer.items) == again.explored
        assert tuple(item.propensity for item in answer.items) == again.propensities


def test_explored_items_keep_the_models_score(ask: Question) -> None:
    ask.serve({f"{n}": n for n in range(20)}, DUE)
    answer = ask.exploring(1).recommend(Query(ANYONE, T0, T0, limit=20))
    assert all(item.score == float(item.item_id) for item in answer.items)


def test_without_exploration_every_place_is_certain_and_logged_so(ask: Question) -> None:
    ask.serve({"a": 1, "b": 2}, novelty(np.array([0, 9]), np.array([True, True])))
    ask.recommend(2)
    ask.serve({"a": 1, "b": 2})
    ask.exploring(1).recommend(Query(ANYONE, T0, T0, limit=2))
    ask.impressions.close()
    assert [kept.item_ids for kept in ask.kept.impressions] == [("b", "a"), ("b", "a")]
    assert [kept.propensities for kept in ask.kept.impressions] == [(1, 1), (1, 1)]


def test_a_ranking_explores_nothing_and_logs_no_propensities(ask: Question) -> None:
    ask.serve({f"{n}": n for n in range(20)}, DUE)
    group_recommender = ask.exploring(1)
    list_of_20 = [Candidate(f"{n}", f"{n}") for n in range(20)]
    answer = group_recommender.rerank(Query(ANYONE, T0, T0), list_of_20)
    ask.impressions.close()
    assert [item.item_id for item in answer.items] == [f"{n}" for n in reversed(range(20))]
    assert ask.kept.impressions[0].propensities is None


RANKER = SolutionVersion(name="r1", solution="r", recipe="known", cut=Cut(0, T0))


def test_the_reranker_ranks_once_it_serves_a_model_and_the_recommender_until_then(
    ask: Question,
) -> None:
    ask.serve({"a": 1, "b": 2})
    assert names(ask.rerank("a", "b")) == ["1:b", "0:a"]
    ask.reranker._swap(LoadedModel(RANKER, KnownWeights({"a": 2, "b": 1})))
    assert names(ask.rerank("a", "b")) == ["0:a", "1:b"]
    assert ask.recommend(2) == ["b", "a"], "recommendations are the recommender's own"
    ask.impressions.close()
    assert [kept.solution_version for kept in ask.kept.impressions] == ["v1", "r1", "v1"]


def test_an_answer_is_of_one_version_though_the_campaign_moves_on_meanwhile(ask: Question) -> None:
    class Moving(KnownWeights):
        """Another version goes live while this one scores."""

        def score(self, context: Context, items: Sequence[str]) -> Scores:
            ask.live._swap(LoadedModel(RANKER, KnownWeights({"b": 1, "c": 1})))
            return super().score(context, items)

    ask.live._swap(LoadedModel(VERSION, Moving({"a": 1, "b": 2})))
    answer = ask.group_recommender.recommend(Query(ANYONE, T0, T0, limit=2, explain=True))
    assert answer.solution_version == "v1"
    assert [(item.item_id, item.score) for item in answer.items] == [("b", 2), ("a", 1)]
    assert ask.group_recommender.recommend(Query(ANYONE, T0, T0, limit=2)).solution_version == "r1"


def test_of_what_no_animal_waits_nothing_is_recommended_nor_explored_and_reasons_know_it(
    ask: Question, log: EventLog, animals: Animals, availability: Availability
) -> None:
    animals.put([animal("A1", "2-Husky-3-2")], T0)
    due = novelty(np.zeros(2, np.int64), np.ones(2, np.bool_))
    model = ask.serve({"2-Beagle-2-2": 0.9, "2-Husky-3-2": 0.1}, due)
    ask.exploring(0.9)
    group_recommender = GroupRecommender(
        ask.group_recommender.filtering,
        ask.live,
        ask.impressions,
        availability=AvailabilityWatch(availability),
    )
    for _ in range(20):
        answer = group_recommender.recommend(Query(ANYONE, T0 + 1, T0 + 1, limit=2, explain=True))
        assert [item.item_id for item in answer.items] == ["2-Husky-3-2"]
    scored, explained = model.contexts[-2:]
    assert scored is explained
    assert scored.availability is not None
    assert scored.availability.tolist() == [0, 1]


def applied(text: str) -> AppliedFilter:
    return apply(parse(text), {})


def species(wanted: str) -> AppliedFilter:
    return applied(f'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("{wanted}")')


@pytest.fixture
def filtered(ask: Question, log: EventLog, catalogue: Catalogue) -> GroupRecommender:
    """A group recommender that filters, on a model that likes ten dogs more than three cats."""
    dogs = {f"2-Dog-1-{n}": 10.0 + n for n in range(10)}
    ask.serve(dogs | {f"1-Cat-1-{n}": 1.0 + n for n in range(3)}, novelty_of_all(13))
    return GroupRecommender(Filtering(log, catalogue), ask.live, ask.impressions)


def novelty_of_all(items: int) -> Novelty:
    return novelty(np.zeros(items, np.int64), np.ones(items, np.bool_))


def ids_of(answer: Answer) -> list[str]:
    return [item.item_id for item in answer.items]


CATS_BEST_FIRST = ["1-Cat-1-2", "1-Cat-1-1", "1-Cat-1-0"]


def test_an_objective_favours_items_with_a_higher_value_as_far_as_it_may(
    ask: Question, log: EventLog, catalogue: Catalogue
) -> None:
    prices = {"a": 1.0, "b": 9.0, "c": 5.0, "d": None}
    catalogue.put_items([Item(name, {"PRICE": price}) for name, price in prices.items()])
    group_recommender = GroupRecommender(Filtering(log, catalogue), ask.live, ask.impressions)
    model = KnownWeights({"a": 0.3, "b": 0.2, "c": 0.25, "d": 0.25})
    listed = [Candidate(name, name) for name in ("unknown", "b", "a")]
    for share, best, order in (
        (0.0, ["a", "c", "d", "b"], ["a", "b", "unknown"]),
        (0.9, ["b", "c", "d", "a"], ["b", "a", "unknown"]),
    ):
        version = msgspec.structs.replace(VERSION, objective=Objective("PRICE", share))
        ask.live._swap(LoadedModel(version, model))
        answer = group_recommender.recommend(Query(ANYONE, T0, T0, limit=4))
        assert ids_of(answer) == best
        assert sum(item.score for item in answer.items) == pytest.approx(1)
        ranked = group_recommender.rerank(Query(ANYONE, T0, T0), listed)
        assert [item.item_id for item in ranked.items] == order


def test_a_filter_is_applied_before_the_cut_so_that_nobody_is_missing(
    filtered: GroupRecommender,
) -> None:
    cats = Query(ANYONE, T0, T0, filter=species("1"))
    for limit in (1, 2, 3):
        answer = filtered.recommend(msgspec.structs.replace(cats, limit=limit))
        assert ids_of(answer) == CATS_BEST_FIRST[:limit]
    assert ids_of(filtered.recommend(msgspec.structs.replace(cats, limit=99))) == CATS_BEST_FIRST
    nobody = Query(ANYONE, T0, T0, filter=species("9"))
    assert filtered.recommend(nobody).items == ()


def test_exploration_keeps_to_the_filter_and_misses_nobody(
    ask: Question, filtered: GroupRecommender
) -> None:
    ask.exploring(1)
    for _ in range(20):
        answer = filtered.recommend(Query(ANYONE, T0, T0, limit=3, filter=species("1")))
        assert sorted(ids_of(answer)) == sorted(CATS_BEST_FIRST)
        assert all(item.explored for item in answer.items)


def test_a_filter_and_the_supply_are_kept_to_together(
    ask: Question,
    filtered: GroupRecommender,
    log: EventLog,
    animals: Animals,
    catalogue: Catalogue,
    availability: Availability,
) -> None:
    animals.put([animal("A1", "1-Cat-1-0"), animal("A2", "2-Dog-1-9")], T0)
    group_recommender = GroupRecommender(
        Filtering(log, catalogue),
        ask.live,
        ask.impressions,
        availability=AvailabilityWatch(availability),
    )
    dogs = Promotion("dogs", 50, species("2"))
    query = Query(ANYONE, T0 + 1, T0 + 1, filter=species("1"), promotion=dogs)
    answer = group_recommender.recommend(query)
    assert sorted(ids_of(answer)) == ["1-Cat-1-0", "2-Dog-1-9"]


def test_what_a_filter_says_of_interactions_changes_with_the_next_event(
    filtered: GroupRecommender, log: EventLog
) -> None:
    unseen = applied('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")')
    query = Query(Visitor("ann"), T0 + 9, T0 + 9, limit=1, filter=unseen)
    for best in ("2-Dog-1-9", "2-Dog-1-8"):
        answer = filtered.recommend(query)
        assert ids_of(answer) == [best]
        log.append([event(f"of {best}", item=best)])


def test_a_promotion_gets_its_share_best_first_and_the_rest_keeps_its_order(
    ask: Question, filtered: GroupRecommender
) -> None:
    cats = Promotion("cats", 40, species("1"))
    query = Query(ANYONE, T0, T0, limit=5, promotion=cats)
    for _ in range(20):
        answer = filtered.recommend(query)
        promoted = [item.item_id for item in answer.items if item.promotion == "cats"]
        rest = [item.item_id for item in answer.items if item.promotion is None]
        assert promoted == CATS_BEST_FIRST[:2]
        assert rest == ["2-Dog-1-9", "2-Dog-1-8", "2-Dog-1-7"]
    ask.impressions.close()
    assert len({kept.item_ids for kept in ask.kept.impressions}) > 3, "they stand anywhere"
    assert ask.kept.impressions[0].propensities != (1.0,) * 5


def test_a_promotion_that_lacks_items_leaves_its_places_to_the_rest(
    filtered: GroupRecommender,
) -> None:
    cats = Promotion("cats", 100, species("1"))
    query = Query(ANYONE, T0, T0, limit=5, promotion=cats)
    answer = filtered.recommend(query)
    assert sum(item.promotion == "cats" for item in answer.items) == 3
    assert len(answer.items) == 5
    answer = filtered.recommend(msgspec.structs.replace(query, limit=3))
    assert ids_of(answer) == CATS_BEST_FIRST


def test_the_filter_is_not_for_what_is_promoted(ask: Question, filtered: GroupRecommender) -> None:
    ask.exploring(0.5)
    cats = Promotion("cats", 20, species("1"))
    query = Query(ANYONE, T0, T0, filter=species("2"), promotion=cats)
    for _ in range(20):
        answer = filtered.recommend(query)
        kinds = {(item.item_id[0], item.promotion) for item in answer.items}
        assert kinds == {("1", "cats"), ("2", None)}
        assert len({*ids_of(answer)}) == 10


def test_a_ranking_leaves_out_what_does_not_pass(filtered: GroupRecommender) -> None:
    listed = ["2-Dog-1-1", "1-Cat-1-0", "2-New-1-1", "1-Cat-1-0"]
    candidates = [Candidate(f"{place}", group) for place, group in enumerate(listed)]
    answer = filtered.rerank(Query(ANYONE, T0, T0, filter=species("1")), candidates)
    assert ids_of(answer) == ["1", "3"]
    assert [item.score for item in answer.items] == [0.5, 0.5]
    dogs = filtered.rerank(Query(ANYONE, T0, T0, filter=species("2")), candidates)
    assert ids_of(dogs) == ["0", "2"]
    assert filtered.rerank(Query(ANYONE, T0, T0, filter=species("9")), candidates).items == ()


def test_animals_are_weighed_by_what_was_counted_but_what_is_like_one_by_the_ranker(
    ask: Question,
) -> None:
    model = Ranked({"a": 0.1, "b": 0.9}, counted=KnownWeights({"a": 0.6, "b": 0.4}))
    ask.live._swap(LoadedModel(VERSION, model))
    query = Query(ANYONE, T0, T0)
    assert ask.group_recommender.score_groups(query).scores.tolist() == pytest.approx([0.6, 0.4])
    assert ask.group_recommender.score_groups(query, "a").scores.tolist() == pytest.approx(
        [0.1, 0.9]
    )
    assert ask.recommend(2) == ["b", "a"], "groups are recommended by the ranker"
