"""Evaluations of data whose right answer is known."""

from collections.abc import Mapping

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.errors import InvalidInput
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.evaluation.metrics import METRICS, NDCG_AT_5
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.testing.recipe_checks import NOW, described, training_data
from pawsonalize.train.evaluator import (
    Evaluation,
    EvaluationOrder,
    RankerReport,
    SplitReport,
    evaluate,
    evaluate_data,
)
from pawsonalize.train.holdout import SplitName, hold_out, reorder
from tests.event_data import T0, event
from tests.training import LEARNS_QUICKLY

ORDER = EvaluationOrder("user-personalization", NOW, {"learn": False})


def walks(users: int = 600, length: int = 8, items: int = 50, seed: int = 0) -> TrainingData:
    """Users who start anywhere and then nearly always go on to the next item of a circle."""
    dice = np.random.default_rng(seed)
    at = dice.integers(items, size=users)
    rows = []
    for step in range(length):
        rows += [
            (f"u{user}", f"2-B{place}-1-1", NOW - (length - step) * 3_600_000 - user)
            for user, place in enumerate(at.tolist())
        ]
        at = np.where(dice.random(users) < 0.9, at + 1, dice.integers(items, size=users)) % items
    catalogue = [f"2-B{place}-1-1" for place in range(items)]
    attributes = described([("2", f"B{place}") for place in range(items)], ("species", "breed"))
    return training_data(rows, catalogue, attributes)


def run(data: TrainingData, order: EvaluationOrder = ORDER) -> Evaluation:
    return evaluate_data(data, np.zeros(len(data.item_ids), np.int64), order)


def ranker(report: SplitReport, name: str) -> RankerReport:
    return next(one for one in report.rankers if one.name == name)


@pytest.fixture(scope="module")
def walked() -> Evaluation:
    return run(walks())


def test_what_can_be_learned_is_measured_on_both_splits(walked: Evaluation) -> None:
    assert [report.split for report in walked.splits] == ["personalize", "time"]
    for report in walked.splits:
        ours = ranker(report, "user-personalization").metrics[NDCG_AT_5]
        assert ours.low > 0.5
        assert ranker(report, "popularity").lead[NDCG_AT_5].low > 0.3
        assert ranker(report, "random").metrics[NDCG_AT_5].high < 0.2


def test_the_baselines_stand_beside_the_recipe_with_every_metric(walked: Evaluation) -> None:
    assert walked.splits
    for report in walked.splits:
        assert [one.name for one in report.rankers] == [
            "user-personalization",
            "random",
            "popularity",
            "popularity of unseen items",
            "repeat own history",
            "attributes only",
            "item-knn",
            "item-transitions",
            "ease",
        ]
        for one in (*report.rankers, report.shuffled_order):
            assert list(one.metrics) == list(METRICS)
            assert 0 < one.coverage <= 1
        assert {part.kind for part in report.slices} == {"history", "item", "species"}


def test_a_catalogue_of_others_has_a_slice_for_each_attribute_with_few_values() -> None:
    data = walks()
    items = len(data.item_ids)
    names = ("GENRE", "TITLE")
    rows = [("odd" if item % 2 else "even", f"t{item}") for item in range(items)]
    few = described(rows, names)
    titles = (*few.values[1], *(f"unused {title}" for title in range(30)))
    attributes = replace(few, values=(few.values[0], titles))
    (report, *_) = run(replace(data, attributes=attributes)).splits
    assert {part.value for part in report.slices if part.kind == "GENRE"} == {"even", "odd"}
    assert "TITLE" not in {part.kind for part in report.slices}


def test_the_control_shows_that_the_result_rests_on_the_order(walked: Evaluation) -> None:
    assert walked.splits
    for report in walked.splits:
        assert report.shuffled_order.lead[NDCG_AT_5].low > 0.2
        told = " ".join(walked.findings[report.split])
        assert "rests on the order" in told
        assert "is better than popularity" in told
        assert "explain" not in told


def test_a_world_of_repeats_is_called_one() -> None:
    dice = np.random.default_rng(0)
    home = dice.integers(40, size=400)
    data = training_data(
        (
            f"u{user}",
            f"2-B{home[user] if dice.random() < 0.7 else dice.integers(40)}-1-1",
            NOW + step,
        )
        for user in range(400)
        for step in range(6)
    )
    found = run(data, replace(ORDER, splits=(SplitName.PERSONALIZE,)))
    assert any("repeats explain" in sentence for sentence in found.findings["personalize"])


@pytest.mark.parametrize(
    ("seed", "settings"), [(1, ORDER.settings), (2, ORDER.settings), (3, LEARNS_QUICKLY)]
)
def test_trained_on_shuffled_labels_nothing_is_better_than_popularity(
    seed: int, settings: Mapping[str, object]
) -> None:
    data = walks(users=2_000, seed=seed)  # with fewer, popularity itself is far from chance
    nonsense = reorder(data, np.random.default_rng(seed).permutation(len(data)))
    splits = (SplitName.PERSONALIZE,) if settings is LEARNS_QUICKLY else ORDER.splits
    reports = run(nonsense, replace(ORDER, settings=settings, splits=splits)).splits
    assert [report.split for report in reports] == [*splits]
    for report in reports:
        lead = ranker(report, "popularity").lead[NDCG_AT_5]
        assert lead.low <= 0, report.split


def test_same_data_and_seed_give_the_same_report() -> None:
    data, small = walks(users=60, length=4), replace(ORDER, seed=4)
    assert run(data, small) == run(data, small)
    assert run(data, small) != run(data, replace(small, seed=5))


def test_a_report_is_json_as_it_is(walked: Evaluation) -> None:
    assert msgspec.json.decode(msgspec.json.encode(walked), type=Evaluation) == walked


def test_an_older_model_cannot_hit_candidates_it_does_not_know() -> None:
    data = walks(users=100)
    holdout = hold_out(SplitName.PERSONALIZE, data, np.zeros(len(data.item_ids), np.int64), 0)
    recipe = recipe_named("popularity-count")
    few = training_data([("a", data.item_ids[0], NOW)])
    judged = holdout.judge(recipe.fit(few, recipe.settings(), 0))
    assert {tuple(best.tolist()) for best in judged.best} == {(0,)}


def test_later_events_are_hidden_and_a_wrong_recipe_is_named(
    log: EventLog, catalogue: Catalogue
) -> None:
    log.append([event(f"{n}", user=f"u{n % 20}", session=f"s{n % 20}", at=n) for n in range(200)])
    order = EvaluationOrder("popularity-count", T0 + 99, {})
    assert evaluate(log, catalogue, order).events == 100
    with pytest.raises(InvalidInput, match="popularity-count"):
        evaluate(log, catalogue, replace(order, recipe="magic"))


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([], "no events"),
        ([("a", "x", NOW)], "no user has two events.*no event is left"),
        ([("a", "x", NOW - 1), ("a", "x", NOW)], "personalize: no event is left"),
    ],
)
def test_too_little_data_says_why(events: list[tuple[str, str, int]], message: str) -> None:
    order = ORDER if len(events) < 2 else replace(ORDER, splits=(SplitName.PERSONALIZE,))
    with pytest.raises(InvalidInput, match=message):
        run(training_data(events), order)


def test_a_split_that_is_impossible_does_not_spoil_the_other() -> None:
    found = run(training_data((f"u{n}", f"2-B{n % 3}-1-1", NOW + n) for n in range(20)))
    assert [report.split for report in found.splits] == ["time"]
    assert [(no.split, no.reason) for no in found.skipped] == [
        ("personalize", "no user has two events")
    ]


def test_tiny_data_are_evaluated_or_refused_without_a_crash(subtests: pytest.Subtests) -> None:
    evaluated = 0
    for seed in range(40):
        with subtests.test(seed=seed):
            dice = np.random.default_rng(seed)
            rows = [
                (
                    f"u{dice.integers(1, 6)}",
                    f"{dice.integers(1, 3)}-B-1-{dice.integers(4)}",
                    int(NOW + dice.integers(9)),
                )
                for _ in range(dice.integers(0, 25))
            ]
            try:
                found = run(training_data(rows), replace(ORDER, seed=seed))
            except InvalidInput:
                continue
            evaluated += len(found.splits)
            for report in found.splits:
                values = [value for one in report.rankers for value in one.metrics.values()]
                assert all(0 <= one.low <= one.mean <= one.high <= 1 + 1e-9 for one in values)
    assert evaluated > 10
