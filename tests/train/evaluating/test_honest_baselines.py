"""The baselines that a gate names, beside a script of plain Python that knows nothing of ours."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from math import log2

import numpy as np
import pytest
from numpy.typing import NDArray

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.evaluation.gate import Evidence, decide
from pawsonalize.models.evaluation.gate_settings import GateSettings
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.contract import Model
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.recommend.query import MAX_CONTEXT_EVENTS
from pawsonalize.testing.recipe_checks import NOW, described, training_data
from pawsonalize.train.evaluator import EvaluationOrder, evaluate_data
from pawsonalize.train.evidence import evidence_on
from pawsonalize.train.holdout import STRONG, Holdout, SplitName, draw_lists, hold_out, item_births
from pawsonalize.train.training_data import training_data as read_training_data
from tests.train.evaluating.test_seed_data import import_all
from tests.train.evaluating.test_seed_data import pytestmark as needs_seed_data

RECIPE, RANKING = "user-personalization", "personalized-ranking"
DAY = 86_400_000
ALL = {"popularity", "popularity of unseen items", "repeat own history"}
UNSEEN = {"popularity of unseen items"}


def tastes(seed: int, *, returns: float, users: int = 90, items: int = 80) -> TrainingData:
    """Visitors with tastes in eight clusters; some look at more than a context holds.

    A share `returns` of their events is about an item that they had before; without it, none is.
    """
    dice = np.random.default_rng(seed)
    cluster, common = dice.integers(8, size=items), 1 / (1 + dice.permutation(items))
    rows: list[tuple[str, str, int]] = []
    for user in range(users):
        weights = common * np.where(cluster == dice.integers(8), 6.0, 1.0)
        many = items - 5 if user < 3 else min(int(dice.exponential(30)) + 2, items - 5)
        chosen = dice.choice(items, many, replace=False, p=weights / weights.sum()).tolist()
        for place in range(1, many):
            if dice.random() < returns:
                chosen[place] = chosen[int(dice.integers(place))]
        moments = NOW - np.sort(dice.integers(1, 60 * DAY, many))[::-1]
        rows += [
            (f"u{user}", f"2-B{item}-1-1", at)
            for item, at in zip(chosen, moments.tolist(), strict=True)
        ]
    names = [f"2-B{item}-1-1" for item in range(items)]
    return training_data(rows, names, described([("2",)] * items, ("species",)))


def scripted_ndcg_at_5(
    name: str,
    training: Sequence[tuple[int, int]],
    cases: Sequence[tuple[list[int], int, list[int]]],
) -> float:
    """NDCG@5 of a baseline by hand: cases are (items had, newest first; right item; candidates)."""
    users = defaultdict(set)
    for user, item in training:
        users[item].add(user)
    total = 0.0
    for had, right, candidates in cases:
        places: dict[int, tuple[int, int] | None] = {}
        for item in candidates:
            places[item] = (0, len(users[item]))
            if item in had and name == "popularity of unseen items":
                places[item] = None
            if item in had and name == "repeat own history":
                places[item] = (1, -had.index(item))
        mine = places.get(right)
        if mine is None:
            continue
        others = [place for place in places.values() if place is not None]
        first = 1 + sum(place > mine for place in others)
        tied = range(first, first + others.count(mine))
        total += sum(1 / log2(rank + 1) for rank in tied if rank <= 5) / len(tied)
    return total / len(cases)


def scripted(name: str, holdout: Holdout, recipe: str) -> float:
    """The same of a hold-out's own events, users and lists."""
    data, split = holdout.data, holdout.split
    there = np.flatnonzero(holdout.there).tolist()
    kept = split.training & holdout.there[data.item]
    training = list(zip(data.user[kept].tolist(), data.item[kept].tolist(), strict=True))
    lists = [there] * len(split)
    if recipe == RANKING:
        lists = [[there[place] for place in listed.tolist()] for listed in draw_lists(holdout, 0)]
    cases = [
        (data.item[start:cut][::-1].tolist(), int(data.item[cut]), listed)
        for start, cut, listed in zip(split.start, split.cut, lists, strict=True)
    ]
    return scripted_ndcg_at_5(name, training, cases)


def fit(recipe: str, repeats: bool, data: TrainingData) -> Model:
    kind = recipe_named(recipe)
    return kind.fit(data, kind.settings(learn=False, classes=0, repeats=repeats), 0)


def judged(
    data: TrainingData, recipe: str, *, repeats: bool, born: NDArray[np.int64] | None = None
) -> tuple[Holdout, Evidence]:
    born = np.zeros(len(data.item_ids), np.int64) if born is None else born
    holdout = hold_out(SplitName.TIME, data, born, 0)
    return holdout, evidence_on(holdout, born, recipe, partial(fit, recipe, repeats), None)


def check(holdout: Holdout, evidence: Evidence, names: set[str]) -> None:
    assert evidence.baselines.keys() == names
    for name, compared in evidence.baselines.items():
        assert abs(compared.theirs - scripted(name, holdout, evidence.recipe)) < 1e-9, name


def test_every_baseline_scores_what_a_script_scores(subtests: pytest.Subtests) -> None:
    cases = [(0.3, True, ALL), (0.3, False, UNSEEN), (0.0, True, UNSEEN), (0.0, False, UNSEEN)]
    for returns, repeats, names in cases:
        for recipe in (RECIPE, RANKING):
            for seed in range(3):
                with subtests.test(returns=returns, repeats=repeats, recipe=recipe, seed=seed):
                    holdout, evidence = judged(
                        tastes(seed, returns=returns, items=260), recipe, repeats=repeats
                    )
                    assert (holdout.known > MAX_CONTEXT_EVENTS).any()
                    check(holdout, evidence, names)
                    assert max(one.theirs for one in evidence.baselines.values()) > 0


@needs_seed_data
def test_every_baseline_scores_what_a_script_scores_on_the_seed_data(
    log: EventLog, catalogue: Catalogue
) -> None:
    import_all(log, catalogue)
    data = read_training_data(log, catalogue, through=log.head(), as_of=NOW)
    for recipe in (RECIPE, RANKING):
        for repeats, names in ((True, ALL), (False, UNSEEN)):
            born = item_births(data, catalogue)
            check(*judged(data, recipe, repeats=repeats, born=born), names)


def test_what_visitors_had_helps_no_baseline_where_they_never_return() -> None:
    holdout, evidence = judged(tastes(1, returns=0.0, users=400, items=200), RECIPE, repeats=False)
    popular = evidence.baselines["popularity of unseen items"]
    assert evidence.popularity == popular
    # Popularity that shows again what somebody had is far behind: it would have been beaten.
    assert scripted("popularity", holdout, RECIPE) < popular.theirs - 0.02
    decision = decide(evidence, GateSettings(), NOW)
    assert not decision.promoted
    assert "than popularity of unseen items" in decision.reason


def test_an_evaluation_compares_with_the_same_baselines(subtests: pytest.Subtests) -> None:
    for returns, names in ((0.3, ALL), (0.0, UNSEEN)):
        with subtests.test(returns=returns):
            data = tastes(2, returns=returns)
            settings = {"learn": False, "classes": 0}
            order = EvaluationOrder(RECIPE, NOW, settings, splits=(SplitName.TIME,))
            born = np.zeros(len(data.item_ids), np.int64)
            found = evaluate_data(data, born, order)
            (report,) = found.splits
            others = {one.name for one in report.rankers[1:]} - {
                "random",
                "attributes only",
                *(recipe.name for recipe in STRONG),
            }
            assert others == names
            told = found.findings["time"]
            assert {name for name in names if f" {name} (" in " ".join(told)} == names
            assert any("No baseline recommends" in one for one in told) is (returns == 0)
