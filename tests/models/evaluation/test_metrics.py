"""Metrics by hand, by their laws, and by the reference library."""

import json
from collections.abc import Sequence
from itertools import permutations
from random import Random

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pawsonalize.library.comparison import metrics_at
from pawsonalize.models.evaluation.metrics import (
    METRICS,
    MISSED,
    Placements,
    coverage,
    hit_rate,
    judge,
    mean_reciprocal_rank,
    normalized_discounted_cumulative_gain,
    place,
    precision,
    segment_metrics,
)
from tests.models.evaluation.record_ranx import RECORDED, K, drawn


def hits(*ranks: Sequence[int]) -> Placements:
    """Questions whose targets stand at these ranks, from 1."""
    return Placements.of([(np.array(at, np.int64) - 1, np.ones(len(at), np.int64)) for at in ranks])


def everything(scores: Sequence[float], targets: Sequence[int]) -> dict[str, float]:
    placed = Placements.of([place(np.array(scores, float), np.array(targets, np.int64))])
    return {name: float(metric(placed)[0]) for name, metric in METRICS.items()}


def test_hits_at_ranks_2_and_5_of_5_are_worth_what_amazon_documents() -> None:
    assert normalized_discounted_cumulative_gain(hits([2, 5]), 5) == pytest.approx(0.6241, abs=5e-5)
    assert precision(hits([2, 5]), 5) == pytest.approx(0.4)


def test_first_hits_at_ranks_4_2_and_6_are_worth_what_amazon_documents() -> None:
    found = mean_reciprocal_rank(hits([4], [2], [6, 9]), 25)
    assert found.mean() == pytest.approx(0.3056, abs=5e-5)


def test_segments_count_the_best_hundredth_of_users_and_ties_by_their_chance() -> None:
    scores = np.array([[0.9, 0.1, 0.5, 0.0], [0.2, 0.2, 0.1, -np.inf]])
    chose = np.array([[1, 0, 1, 0], [1, 0, 0, 1]], np.bool_)
    # The first item's one user is one of two who chose it, the second's is so in half of all cases.
    assert segment_metrics(scores, chose) == {
        "segment_hit": pytest.approx((1 + 1 / 2) / 2),
        "segment_recall": pytest.approx((1 / 2 + 1 / 4) / 2),
        "segment_coverage": 1 / 4,
    }
    many = np.arange(250.0)[None]  # three users are a hundredth
    assert segment_metrics(many, many > 245)["segment_hit"] == pytest.approx(3)


def test_metrics_have_the_names_of_the_personalize_api() -> None:
    assert list(METRICS)[:7] == [
        "normalized_discounted_cumulative_gain_at_5",
        "normalized_discounted_cumulative_gain_at_10",
        "normalized_discounted_cumulative_gain_at_25",
        "mean_reciprocal_rank_at_25",
        "precision_at_5",
        "precision_at_10",
        "precision_at_25",
    ]


def test_what_stands_behind_the_cut_counts_nothing() -> None:
    assert normalized_discounted_cumulative_gain(hits([6]), 5) == 0
    assert precision(hits([6]), 5) == 0
    assert mean_reciprocal_rank(hits([26]), 25) == 0
    assert hit_rate(hits([11]), 10) == 0
    assert hit_rate(hits([10]), 10) == 1


def test_a_target_that_is_no_candidate_is_a_miss_that_the_ideal_list_still_has() -> None:
    before, tied = place(np.array([0.5, 0.2]), np.array([-1, 0]))
    assert before.tolist() == [MISSED, 0]
    found = everything([0.5, 0.2], [-1, 0])
    assert found["normalized_discounted_cumulative_gain_at_5"] == pytest.approx(1 / 1.63093)
    assert set(everything([0.5, 0.2], [-1]).values()) == {0.0}
    assert tied.tolist() == [1, 1]


def test_a_target_that_must_not_be_recommended_is_a_miss() -> None:
    assert set(everything([-np.inf, 0.2], [0]).values()) == {0.0}


def test_when_all_scores_are_equal_every_order_is_as_likely() -> None:
    found = everything([0.0] * 20, [3])
    assert found["hit_rate_at_10"] == pytest.approx(0.5)
    assert found["precision_at_5"] == pytest.approx(0.25 / 5)
    assert found["mean_reciprocal_rank_at_25"] == pytest.approx(
        sum(1 / r for r in range(1, 21)) / 20
    )


def test_coverage_counts_each_recommended_item_once() -> None:
    assert coverage([np.array([0, 1]), np.array([1, 2])], 4) == 0.75
    assert coverage([], 4) == 0
    assert coverage([], 0) == 0


_SCORES = st.lists(st.integers(0, 2), min_size=1, max_size=5)


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    scores = draw(_SCORES)
    places = st.integers(-1, len(scores) - 1)
    return scores, draw(st.lists(places, min_size=1, max_size=len(scores), unique=True))


@given(questions())
def test_a_tie_is_worth_the_mean_over_all_orders(question: tuple[list[int], list[int]]) -> None:
    scores, targets = question
    orders = [
        place(np.array(scores) + np.array(order) / 100, np.array(targets, np.int64))
        for order in permutations(range(len(scores)))
    ]
    expected = everything(scores, targets)
    for name, metric in METRICS.items():
        assert metric(Placements.of(orders)).mean() == pytest.approx(expected[name])


@given(questions())
def test_every_metric_lies_between_0_and_1(question: tuple[list[int], list[int]]) -> None:
    assert all(-1e-12 <= value <= 1 + 1e-12 for value in everything(*question).values())


@given(st.integers(1, 40))
def test_a_perfect_ranking_is_worth_1(n_targets: int) -> None:
    found = everything(np.arange(60, 0, -1).tolist(), list(range(n_targets)))
    assert {*found} == {*METRICS}
    for name, value in found.items():
        depth = int(name.rsplit("_", 1)[1])
        most = min(n_targets, depth) / depth if name.startswith("precision") else 1
        assert value == pytest.approx(most)


@given(st.lists(questions(), min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_users_changes_nothing(
    asked: list[tuple[list[int], list[int]]], chance: Random
) -> None:
    order = list(range(len(asked)))
    chance.shuffle(order)

    def values(numbers: Sequence[int]) -> NDArray[np.float64]:
        chosen = [asked[number] for number in numbers]
        wanted = [np.array(targets, np.int64) for _, targets in chosen]
        return judge(lambda q: np.array(chosen[q][0], float), wanted).values()

    assert np.array_equal(values(range(len(asked)))[order], values(order))


def test_a_slice_counts_only_its_targets() -> None:
    placed = hits([1, 3], [2], [4])
    part = placed.only(np.array([False, True, False, True]))
    assert part.n_questions == 2
    assert mean_reciprocal_rank(part, 25) == pytest.approx([1 / 3, 1 / 4])


def test_the_best_of_a_judgement_come_first_and_equals_in_catalogue_order() -> None:
    scores = np.array([0.1, 0.4, -np.inf, 0.4, 0.2] + [0.1] * 40)
    found = judge(lambda _: scores, [np.array([0])])
    assert found.best[0].tolist() == [1, 3, 4, 0, *range(5, 26)]
    assert found.best_scores[0][0] == 0.4
    assert coverage(found.best, 100) == 0.25


def test_the_reference_library_trec_eval_agrees_on_500_rankings() -> None:
    dice = np.random.default_rng(5)
    names = {
        "ndcg_cut_5": "normalized_discounted_cumulative_gain_at_5",
        "ndcg_cut_10": "normalized_discounted_cumulative_gain_at_10",
        "ndcg_cut_25": "normalized_discounted_cumulative_gain_at_25",
        "recip_rank": "mean_reciprocal_rank_at_25",
        "P_5": "precision_at_5",
        "P_10": "precision_at_10",
        "P_25": "precision_at_25",
        "success_10": "hit_rate_at_10",
    }
    right, run, expected = {}, {}, {}
    for query in map(str, range(500)):
        scores = dice.permutation(int(dice.integers(1, 60))).astype(float)
        targets = dice.permutation(80)[: dice.integers(1, 30)]
        within = np.where(targets < len(scores), targets, -1)
        expected[query] = everything(scores.tolist(), within.tolist())
        right[query] = {str(item): 1 for item in targets}
        # trec_eval's reciprocal rank has no cut-off, so it gets the 25 best only.
        best = np.argsort(-scores)[:25]
        run[query] = {str(item): scores[item] for item in best}
    found = pytrec_eval.RelevanceEvaluator(right, set(names)).evaluate(run)
    assert set(names.values()) == set(METRICS)
    for query, values in found.items():
        assert {names[name]: value for name, value in values.items()} == pytest.approx(
            expected[query]
        )


def test_the_metrics_of_comparisons_are_those_of_ranx() -> None:
    recorded = json.loads(RECORDED.read_text())  # by ranx 0.3.21, of the same draws
    placed = Placements.of([place(scores, targets) for scores, targets in drawn()])
    assert list(metrics_at(K)) == list(recorded)
    for name, metric in metrics_at(K).items():
        np.testing.assert_allclose(metric(placed), recorded[name], rtol=0, atol=1e-9)
