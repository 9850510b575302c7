"""Lists to re-rank: every one holds the right answer, and only what is listed is scored."""

import numpy as np

from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.testing.recipe_checks import NOW, training_data
from pawsonalize.train.holdout import (
    Holdout,
    SplitName,
    draw_lists,
    hold_out,
    ranked_lists,
    within_lists,
)


def visits(users: int = 60, items: int = 80) -> TrainingData:
    dice = np.random.default_rng(3)
    return training_data(
        (f"u{user}", f"2-B{dice.integers(items)}-1-1", NOW - (10 - step) * 3_600_000)
        for user in range(users)
        for step in range(10)
    )


def held_out(data: TrainingData) -> Holdout:
    return hold_out(SplitName.TIME, data, np.zeros(len(data.item_ids), np.int64), seed=1)


def test_a_list_holds_the_target_and_others_each_once() -> None:
    holdout = held_out(visits())
    lists = draw_lists(holdout, seed=1, size=20)
    for listed, wanted in zip(lists, holdout.targets, strict=True):
        assert len(listed) == len(set(listed.tolist())) == 20
        assert set(wanted[wanted >= 0].tolist()) <= set(listed.tolist())
    assert len({tuple(listed.tolist()) for listed in lists}) > 1


def test_a_small_catalogue_is_listed_whole() -> None:
    holdout = held_out(visits(items=8))
    assert {len(listed) for listed in draw_lists(holdout, seed=1, size=20)} == {8}


def test_the_same_seed_draws_the_same_lists() -> None:
    holdout = held_out(visits())

    def drawn(seed: int) -> list[list[int]]:
        return [listed.tolist() for listed in draw_lists(holdout, seed)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_a_model_is_asked_as_a_reranking_asks_it() -> None:
    holdout = held_out(visits())
    recipe = recipe_named("personalized-ranking")
    model = recipe.fit(holdout.training, recipe.settings(), 0)
    lists = draw_lists(holdout, seed=1, size=20)
    scores = ranked_lists(holdout, model, lists)(0)
    ids = [holdout.training.item_ids[item] for item in lists[0].tolist()]
    asked = model.score(holdout.contexts[0], ids)
    assert scores[lists[0]].tolist() == asked.tolist()
    assert np.isneginf(np.delete(scores, lists[0])).all()


def test_an_older_model_scores_a_listed_item_it_does_not_know_by_related_items() -> None:
    holdout = held_out(visits())
    recipe = recipe_named("personalized-ranking")
    few = training_data([("a", "2-B1-1-1", NOW - 1)])
    scores = ranked_lists(holdout, recipe.fit(few, recipe.settings(), 0), draw_lists(holdout, 1))(0)
    assert np.count_nonzero(np.isfinite(scores)) == 50


def test_a_baseline_is_asked_for_the_same_lists() -> None:
    holdout = held_out(visits())
    lists = draw_lists(holdout, seed=1, size=20)
    everywhere = np.arange(len(holdout.training.item_ids), dtype=float)
    scores = within_lists(lambda _question: everywhere, lists)(3)
    assert np.flatnonzero(np.isfinite(scores)).tolist() == lists[3].tolist()
    assert scores[lists[3]].tolist() == everywhere[lists[3]].tolist()
